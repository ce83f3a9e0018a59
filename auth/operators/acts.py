"""Flow: the operator's actions on users, beyond what users do themselves.

Each change records an event, with the operator and the reason, and most tell the user by a notice.
`acting` checks again that the operator is one; the command line is trusted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from auth import email_addresses, events, new_accounts, passwords
from auth.accounts.new_password import end_what_was_begun
from auth.caller import Operator
from auth.events import EventType
from auth.factors import second_factor
from auth.factors.second_factor import FACTORS
from auth.limits import throttling
from auth.mail import links, notices, outbox, tickets
from auth.mail.kinds import INVITATION, RESET_PASSWORD
from auth.new_accounts import Wishes
from auth.operators.acting import acting
from auth.postern import Postern
from auth.sessions import ending
from models import MfaTicket, SecurityEvent, Throttle, TrustedDevice, User, UserSession
from models.hot_paths import users
from models.mail_ticket import MailPurpose
from models.transactions import atomic

BATCH = 500
"""How many users' sessions one transaction ends."""
ROLES_MAX, ROLE_MAX = 100, 255
"""Maximum number of a user's roles, and of characters of each."""


@asynccontextmanager
async def _act(
    postern: Postern, operator: Operator, user: User, kind: EventType
) -> AsyncIterator[None]:
    """Run the block in the transaction of an act; then record and tell."""
    async with acting(postern, operator, user):
        yield
        await events.record(postern, operator, kind, user.id)
        await notices.post(postern, operator, user, kind)


async def create_user(postern: Postern, operator: Operator, email: str, wishes: Wishes) -> User:
    """Create an account without a password, and send its user a link for one.

    Nobody but the user ever knows the password. The access lists do not apply.
    Raises AuthError: MAIL_NOT_CONFIGURED, INVALID_REQUEST, ROLE_NOT_ALLOWED,
    DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES, EMAIL_ALREADY_IN_USE.
    """
    outbox.refuse_without_mail(postern)
    user = new_accounts.described(postern.settings, email_addresses.required(email), wishes)
    user.disabled = False
    async with acting(postern, operator):
        await new_accounts.store(postern, operator, user)
        await outbox.request(postern, INVITATION, user.email, {})
    return user


async def set_password(postern: Postern, operator: Operator, user: User, password: str) -> None:
    """Replace a user's password, end their sessions and tickets, and clear the failure count.

    Raises AuthError: INVALID_REQUEST, PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON, TOO_MANY_REQUESTS.
    """
    passwords.refuse_unfit(password, email=user.email, settings=postern.settings)
    password_hash = await postern.passwords.hash(password)
    async with _act(postern, operator, user, EventType.PASSWORD_SET):
        await User.filter(id=user.id).update(password_hash=password_hash)
        await Throttle.filter(key=throttling.keys_of(user)["password"]).delete()
        await end_what_was_begun(postern, operator, user)


async def reset_link(postern: Postern, operator: Operator, user: User) -> str:
    """Return a link with which the user sets a new password; it is good once, for an hour.

    The operator hands it over, and cannot choose the password.
    """
    async with acting(postern, operator, user):
        purpose = MailPurpose.RESET_PASSWORD
        ticket = await tickets.issue(postern, user, purpose, user.email)
        await events.record(postern, operator, EventType.RESET_SENT, user.id)
    return links.link(postern.settings, purpose, ticket, postern.settings.client_url)


async def send_reset(postern: Postern, operator: Operator, user: User) -> None:
    """Send the user a link for a new password, which the operator never sees.

    Raises AuthError: MAIL_NOT_CONFIGURED.
    """
    outbox.refuse_without_mail(postern)
    async with acting(postern, operator, user):
        await outbox.request(postern, RESET_PASSWORD, user.email, {})
        await events.record(postern, operator, EventType.RESET_SENT, user.id)


async def reset_mfa(postern: Postern, operator: Operator, user: User) -> bool:
    """Delete the user's factors without a code; return False and record nothing if there is none.

    A pending enrolment is deleted too, and so are tickets that wait for a factor. All sessions
    end.
    """
    async with acting(postern, operator, user):
        had_factor = await User.exists(id=user.id, has_second_factor=True)
        await second_factor.remove(user, *FACTORS)
        if had_factor:
            await ending.end_all(postern, operator, user)  # a thief's session too
            await events.record(postern, operator, EventType.FACTOR_RESET, user.id)
            await notices.post(postern, operator, user, EventType.FACTOR_RESET)
    return had_factor


async def delete_user(postern: Postern, operator: Operator, user: User) -> None:
    """Delete a user with sessions, factors, recovery codes, failure counts and events.

    The events are deleted because they tell where the user signed in from. One event without a user
    is added: that the account with this id was deleted. A mail tells the user.
    Raises AuthError: LAST_OPERATOR.
    """
    async with acting(postern, operator, user):
        await SecurityEvent.filter(user_id=user.id).delete()
        await Throttle.filter(key__in=list(throttling.keys_of(user).values())).delete()
        await User.filter(id=user.id).delete()
        await events.record(postern, operator, EventType.USER_DELETED, detail=str(user.id))
        await notices.post_farewell(postern, operator, user, EventType.USER_DELETED)


async def set_roles(
    postern: Postern, operator: Operator, user: User, roles: list[str], default_role: str
) -> None:
    """Set a user's roles and default role. Access tokens contain them after the next refresh.

    Raises ValueError if `refuse_unfit_roles` does. Raises AuthError: LAST_OPERATOR.
    """
    refuse_unfit_roles(roles, default_role)
    async with _act(postern, operator, user, EventType.ROLES_CHANGED):
        await User.filter(id=user.id).update(roles=roles, default_role=default_role)


def refuse_unfit_roles(roles: list[str], default_role: str) -> None:
    """Raise ValueError, which says why these cannot be a user's roles."""
    if len(roles) > ROLES_MAX:
        raise ValueError(f"more than {ROLES_MAX} roles")
    if any(not role.strip() or not role.isprintable() for role in [*roles, default_role]):
        raise ValueError("a role that is empty or has a control character")
    if any(len(role) > ROLE_MAX for role in [*roles, default_role]):
        raise ValueError(f"a role of more than {ROLE_MAX} characters")
    if default_role not in roles:
        raise ValueError("a default role that is not among the roles")


async def set_metadata(
    postern: Postern, operator: Operator, user: User, metadata: dict[str, Any] | None
) -> None:
    """Replace the user's metadata; `metadata` is a result of `auth.metadata.parse` or None."""
    async with _act(postern, operator, user, EventType.METADATA_CHANGED):
        await User.filter(id=user.id).update(metadata=metadata)


async def end_sessions(postern: Postern, operator: Operator, user: User) -> None:
    """End all sessions, tickets and trusted browsers of a user."""
    async with acting(postern, operator, user):
        await MfaTicket.filter(user_id=user.id).delete()
        await ending.end_all(postern, operator, user)
        await notices.post(postern, operator, user, EventType.ALL_SESSIONS_ENDED)


async def end_session(postern: Postern, operator: Operator, user: User, session_id: UUID) -> bool:
    """End one session of a user; return False if the user has no such session."""
    async with acting(postern, operator, user):
        ended = await UserSession.filter(id=session_id, user_id=user.id).delete()
        if ended:
            await events.record(postern, operator, EventType.SESSION_ENDED, user.id)
            await notices.post(postern, operator, user, EventType.ALL_SESSIONS_ENDED)
    return bool(ended)


async def end_everybodys_sessions(postern: Postern, operator: Operator) -> int:
    """End all sessions, tickets and trusted browsers of everybody; return how many had any.

    Works in batches, so that a running server is not blocked. A user who signs in meanwhile may
    stay signed in.
    """
    last, count = UUID(int=0), 0
    batch = User.all().order_by("id").limit(BATCH)
    while ids := await batch.filter(id__gt=last).values_list("id", flat=True):
        last = UUID(str(ids[-1]))
        having: set[UUID] = set()
        for kind in (MfaTicket, UserSession, TrustedDevice):
            theirs = kind.filter(user_id__in=ids).distinct()
            having |= {UUID(str(row)) for row in await theirs.values_list("user_id", flat=True)}
        async with atomic():
            await users.lock(*having)
            await MfaTicket.filter(user_id__in=having).delete()
            await UserSession.filter(user_id__in=having).delete()
            await TrustedDevice.filter(user_id__in=having).delete()
            for user_id in having:
                await events.record(postern, operator, EventType.ALL_SESSIONS_ENDED, user_id)
        count += len(having)
    return count


async def set_email_verified(postern: Postern, operator: Operator, user: User) -> None:
    """Mark the e-mail address as verified, on the operator's word."""
    async with _act(postern, operator, user, EventType.EMAIL_VERIFIED):
        await User.filter(id=user.id).update(email_verified=True)


async def set_disabled(postern: Postern, operator: Operator, user: User, *, disabled: bool) -> None:
    """Disable a user and end all that was begun (sessions, sign-ins, links), or enable the user.

    Raises AuthError: LAST_OPERATOR.
    """
    kind = EventType.USER_DISABLED if disabled else EventType.USER_ENABLED
    async with _act(postern, operator, user, kind):
        await User.filter(id=user.id).update(disabled=disabled)
        if disabled:
            await end_what_was_begun(postern, operator, user)


async def lift_throttle(postern: Postern, operator: Operator, user: User) -> bool:
    """Clear the user's failure counts, so that nobody has to wait; False if nobody had to."""
    keys = list(throttling.keys_of(user).values())
    async with acting(postern, operator, user):
        lifted = await Throttle.filter(key__in=keys).delete()
        if lifted:
            await events.record(postern, operator, EventType.THROTTLE_LIFTED, user.id)
            await notices.post(postern, operator, user, EventType.THROTTLE_LIFTED)
    return bool(lifted)
