"""Flow: the operator's actions on users, beyond what users do themselves.

Each change records an event, with the operator and the reason. Nothing here checks who calls: that
is left to the command line.
"""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from tortoise.expressions import Q

from auth import email_addresses, events, passwords
from auth.accounts.new_password import end_what_was_begun
from auth.caller import Operator
from auth.events import EventType
from auth.factors import recovery_codes, second_factor
from auth.factors.second_factor import FACTORS
from auth.limits import throttling
from auth.mail import links, notices, outbox, tickets
from auth.mail.kinds import RESET_PASSWORD
from auth.postern import Postern
from auth.sessions import ending
from models import MfaTicket, SecurityEvent, Throttle, User, UserSession
from models.hot_paths import users
from models.mail_ticket import MailPurpose
from models.transactions import atomic

BATCH = 500
"""How many users' sessions one transaction ends."""
ROLES_MAX, ROLE_MAX = 100, 255
"""Maximum number of a user's roles, and of characters of each."""


@dataclass(frozen=True)
class Wanted:
    """Which users the operator looks for; each switch narrows the search."""

    text: str = ""
    """A part of the e-mail address, the display name or the id."""
    disabled: bool = False
    unverified: bool = False
    with_factor: bool = False
    without_factor: bool = False


@dataclass(frozen=True)
class Details:
    """What the operator may see of a user."""

    user: User
    sessions: list[UserSession]
    recovery_codes_left: int
    waits: dict[str, int]
    """Until when attempts are refused, in seconds since 1970, for `password` and `code`."""
    events: list[SecurityEvent]


async def find(address_or_id: str) -> User | None:
    """Return the user with this id, or with this e-mail address in any spelling."""
    user_id = parsed_id(address_or_id)
    if user_id is not None:
        return await User.get_or_none(id=user_id)
    return await User.get_or_none(email=email_addresses.normalise(address_or_id))


def parsed_id(text: str) -> UUID | None:
    """Return the text as an id, or None if it is not one."""
    try:
        return UUID(text)
    except ValueError:
        return None


async def search(wanted: Wanted, *, limit: int) -> list[User]:
    """Return up to `limit` matching users, the newest first."""
    found = User.all().order_by("-created_at", "id").limit(limit)
    if text := wanted.text:
        matches = Q(email__icontains=text) | Q(display_name__icontains=text)
        found = found.filter(matches | Q(id__icontains=text))
    if wanted.disabled:
        found = found.filter(disabled=True)
    if wanted.unverified:
        found = found.filter(email_verified=False)
    if wanted.with_factor:
        found = found.filter(has_second_factor=True)
    if wanted.without_factor:
        found = found.filter(has_second_factor=False)
    return await found


async def details(user: User, now: int, *, latest: int = 10) -> Details:
    """Return what the operator may see of a user at `now`, in seconds since 1970."""
    keys = _throttles(user)
    waiting = await Throttle.filter(key__in=list(keys.values()), allowed_at__gt=now)
    until = {throttle.key: throttle.allowed_at for throttle in waiting}
    return Details(
        user=user,
        sessions=await UserSession.filter(user_id=user.id).order_by("-last_used_at"),
        recovery_codes_left=await recovery_codes.left(user),
        waits={what: until[key] for what, key in keys.items() if key in until},
        events=await events.latest(user=user, limit=latest),
    )


async def set_password(postern: Postern, operator: Operator, user: User, password: str) -> None:
    """Replace a user's password, end their sessions and tickets, and clear the failure count.

    Raises AuthError: INVALID_REQUEST, PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON, TOO_MANY_REQUESTS.
    """
    passwords.refuse_unfit(password, email=user.email, settings=postern.settings)
    password_hash = await postern.passwords.hash(password)
    async with atomic():
        await User.filter(id=user.id).update(password_hash=password_hash)
        await Throttle.filter(key=_throttles(user)["password"]).delete()
        await end_what_was_begun(postern, operator, user)
        await events.record(postern, operator, EventType.PASSWORD_SET, user.id)
        await notices.post(postern, operator, user, EventType.PASSWORD_SET)


async def reset_link(postern: Postern, operator: Operator, user: User) -> str:
    """Return a link with which the user sets a new password; it is good once, for an hour.

    The operator hands it over, and cannot choose the password.
    """
    async with atomic():
        await users.lock(user.id)
        purpose = MailPurpose.RESET_PASSWORD
        ticket = await tickets.issue(postern, user, purpose, user.email)
        await events.record(postern, operator, EventType.RESET_SENT, user.id)
    return links.link(postern.settings, purpose, ticket, postern.settings.client_url)


async def send_reset(postern: Postern, operator: Operator, user: User) -> None:
    """Send the user a link for a new password, which the operator never sees.

    Raises AuthError: MAIL_NOT_CONFIGURED.
    """
    outbox.refuse_without_mail(postern)
    async with atomic():
        await outbox.request(postern, RESET_PASSWORD, user.email, {})
        await events.record(postern, operator, EventType.RESET_SENT, user.id)


async def reset_mfa(postern: Postern, operator: Operator, user: User) -> bool:
    """Delete the user's factors without a code; return False and record nothing if there is none.

    A pending enrolment is deleted too, and so are tickets that wait for a factor. All sessions
    end.
    """
    async with atomic():
        with_factor = User.filter(id=user.id, has_second_factor=True)
        had_factor = await with_factor.update(has_second_factor=True)  # locks the user's row
        await second_factor.remove(user, *FACTORS)
        if had_factor:
            await ending.end_all(postern, operator, user)  # a thief's session too
            await events.record(postern, operator, EventType.FACTOR_RESET, user.id)
            await notices.post(postern, operator, user, EventType.FACTOR_RESET)
    return bool(had_factor)


async def delete_user(postern: Postern, operator: Operator, user: User) -> None:
    """Delete a user with sessions, factors, recovery codes, failure counts and events.

    The events are deleted because they tell where the user signed in from. One event without a user
    is added: that the account with this id was deleted.
    """
    named = replace(operator, user_agent=f"{operator.user_agent}: deleted {user.id}")
    async with atomic():
        await User.filter(id=user.id).update(disabled=True)  # lock the user's row first
        await SecurityEvent.filter(user_id=user.id).delete()
        await Throttle.filter(key__in=list(_throttles(user).values())).delete()
        await User.filter(id=user.id).delete()
        await events.record(postern, named, EventType.USER_DELETED)


async def set_roles(
    postern: Postern, operator: Operator, user: User, roles: list[str], default_role: str
) -> None:
    """Set a user's roles and default role. Access tokens contain them after the next refresh.

    Raises ValueError if `refuse_unfit_roles` does.
    """
    refuse_unfit_roles(roles, default_role)
    async with atomic():
        await User.filter(id=user.id).update(roles=roles, default_role=default_role)
        await events.record(postern, operator, EventType.ROLES_CHANGED, user.id)


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
    async with atomic():
        await User.filter(id=user.id).update(metadata=metadata)
        await events.record(postern, operator, EventType.METADATA_CHANGED, user.id)


async def end_sessions(postern: Postern, operator: Operator, user: User) -> None:
    """End all sessions and tickets of a user."""
    async with atomic():
        await users.lock(user.id)
        await MfaTicket.filter(user_id=user.id).delete()
        await ending.end_all(postern, operator, user)


async def end_everybodys_sessions(postern: Postern, operator: Operator) -> int:
    """End all sessions and tickets of all users; return how many users had any.

    Works in batches, so that a running server is not blocked. A user who signs in meanwhile may
    stay signed in.
    """
    last, count = UUID(int=0), 0
    batch = User.all().order_by("id").limit(BATCH)
    while ids := await batch.filter(id__gt=last).values_list("id", flat=True):
        last = UUID(str(ids[-1]))
        having: set[UUID] = set()
        for kind in (MfaTicket, UserSession):
            theirs = kind.filter(user_id__in=ids).distinct()
            having |= {UUID(str(row)) for row in await theirs.values_list("user_id", flat=True)}
        async with atomic():
            await users.lock(*having)
            await MfaTicket.filter(user_id__in=having).delete()
            await UserSession.filter(user_id__in=having).delete()
            for user_id in having:
                await events.record(postern, operator, EventType.ALL_SESSIONS_ENDED, user_id)
        count += len(having)
    return count


def _throttles(user: User) -> dict[str, str]:
    return {
        "password": throttling.key_of(throttling.password_of(user.email)),
        "code": throttling.key_of(throttling.codes_of(user.id)),
        "mailed code": throttling.key_of(throttling.mailed_codes_of(user.email)),
    }


async def set_email_verified(postern: Postern, operator: Operator, user: User) -> None:
    """Mark the e-mail address as verified, on the operator's word."""
    async with atomic():
        await User.filter(id=user.id).update(email_verified=True)
        await events.record(postern, operator, EventType.EMAIL_VERIFIED, user.id)


async def set_disabled(postern: Postern, operator: Operator, user: User, *, disabled: bool) -> None:
    """Disable a user and end all that was begun (sessions, sign-ins, links), or enable the user."""
    kind = EventType.USER_DISABLED if disabled else EventType.USER_ENABLED
    async with atomic():
        await User.filter(id=user.id).update(disabled=disabled)
        if disabled:
            await end_what_was_begun(postern, operator, user)
        await events.record(postern, operator, kind, user.id)
        if disabled:
            await notices.post(postern, operator, user, kind)
