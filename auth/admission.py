"""Admission: a proof of who somebody is -> Session | MfaTicket | a refusal.

Every way in proves who somebody is and calls `admit`. Only this module knows which accounts may not
sign in, which factors are required, and what a sign-in gets: a session or a ticket.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from auth import events, tokens
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor, trusted_devices
from auth.factors.factor_type import FactorType
from auth.limits.throttling import Attempt
from auth.mail import notices
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.opening import Session
from models import MfaTicket as StoredTicket
from models import Passkey, User, UserSession
from models.hot_paths import sign_ins
from models.hot_paths.sign_ins import NewTicket
from models.mfa_ticket import Purpose
from models.proofs import Proof
from models.transactions import UndoneError, atomic

TICKET_PREFIX = "mfaTotp:"
"""The prefix of Nhost's tickets. What a Postern ticket is good for is its stored `Purpose`."""
ENROLMENT_LIFE = 15 * 60
"""Seconds for which a ticket to set up a factor is valid: time to install an app."""


@dataclass(frozen=True)
class MfaTicket:
    """A sign-in that waits for its second factor."""

    ticket: str = field(repr=False)
    expires_in: int
    factors: tuple[FactorType, ...]
    """The factors that the user has."""
    enrolment: tuple[FactorType, ...] = ()
    """The factors that the user may set up with the ticket, who has none and needs one."""


@dataclass(frozen=True)
class Proven:
    """Who somebody is, as proven by a way in."""

    user: User
    still_true: Proof
    """What must still be true, and is spent, when the user is admitted."""
    attempt: Attempt
    """The attempt that succeeded."""
    claims: bool = False
    """Whether it is the first proof that the user has the address: what was there before ends."""


def kept_out(postern: Postern, user: User) -> ErrorCode | None:
    """Return why the user may not sign in even with right credentials; None if they may."""
    reason, settings = current.kept_out(postern, user), postern.settings
    if reason is None and user.has_second_factor and not second_factor.usable(settings, user):
        return ErrorCode.DISABLED_ENDPOINT
    return reason


async def has_way_in(postern: Postern, user: User) -> bool:
    """Return whether the user has a first factor that is not switched off."""
    settings = postern.settings
    by_mail = (settings.otp_email_enabled or settings.passwordless_enabled) and (
        settings.mail != "off"
    )
    if user.has_password or by_mail:
        return True
    alone = Passkey.filter(user_id=user.id, verifies_user=True)
    return settings.passkeys_enabled and await alone.exists()


async def admit(proven: Proven) -> Session | MfaTicket | None:
    """Open a session, or issue a ticket if the user has a second factor, or needs one now.

    Returns None if the user has changed since, the proof was spent in the meantime, or the attempt
    was not counted and is no longer allowed.
    Raises AuthError: DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT.
    """
    if reason := kept_out(proven.attempt.postern, proven.user):
        raise AuthError(reason, tells_of_account=True)
    return await (_admit_first(proven) if proven.claims else _admit(proven))


async def _admit_first(proven: Proven) -> Session | MfaTicket | None:
    """Admit whoever is the first to prove the address; what was there before ends."""
    with suppress(UndoneError):
        async with atomic():
            attempt = proven.attempt
            await second_factor.forget_unverified_passkeys(
                attempt.postern, attempt.caller, proven.user
            )
            proven.user.email_verified = True
            answer = await _admit(proven)
            if answer is None:
                raise UndoneError
            await _end_what_was_before(proven, answer)
            return answer
    return None


async def _admit(proven: Proven) -> Session | MfaTicket | None:
    user, postern = proven.user, proven.attempt.postern
    if user.has_second_factor and not proven.still_true.kind.is_multi_factor:
        life = postern.settings.mfa_ticket_expires_in
        ticket = MfaTicket(_new_ticket(), life, second_factor.usable(postern.settings, user))
        return await _issue(proven, ticket, Purpose.SIGN_IN)
    if await second_factor.is_due(postern, user):
        may = second_factor.to_set_up(postern.settings, user)
        ticket = MfaTicket(_new_ticket(), ENROLMENT_LIFE, factors=(), enrolment=may)
        return await _issue(proven, ticket, Purpose.ENROL)
    proof = proven.still_true
    return await opening.open_session(proven.attempt, proven.user, proof.methods, proof)


def _new_ticket() -> str:
    return TICKET_PREFIX + tokens.opaque_token()


async def _issue(proven: Proven, ticket: MfaTicket, purpose: Purpose) -> MfaTicket | None:
    attempt = proven.attempt
    postern, caller = attempt.postern, attempt.caller
    stored = NewTicket(
        id=uuid4(),
        digest=tokens.digest(ticket.ticket),
        purpose=purpose,
        methods=proven.still_true.methods,
        attempts=postern.settings.mfa_ticket_attempts,
        expires_at=postern.now() + timedelta(seconds=ticket.expires_in),
    )
    if not await sign_ins.issue_ticket(attempt.admission(proven.user, proven.still_true), stored):
        return None
    events.log(postern, caller, EventType.TICKET_ISSUED, proven.user.id)
    return ticket


async def _end_what_was_before(proven: Proven, answer: Session | MfaTicket) -> None:
    """End the sessions and sign-ins of whoever used the account before its address was verified.

    Anybody can sign up with somebody else's address, and wait for its owner to use the account.
    """
    user, postern, caller = proven.user, proven.attempt.postern, proven.attempt.caller
    sessions, tickets = UserSession.filter(user_id=user.id), StoredTicket.filter(user_id=user.id)
    if isinstance(answer, Session):
        sessions = sessions.exclude(id=answer.session_id)
    else:
        tickets = tickets.exclude(digest=tokens.digest(answer.ticket))
    await sessions.delete()
    await tickets.delete()
    await trusted_devices.forget_all(user.id)
    had_password = user.has_password
    await user.refresh_from_db()  # the answer shows what is left
    if had_password:
        await events.record(postern, caller, EventType.PASSWORD_REMOVED, user.id)
        await notices.post(postern, caller, user, EventType.PASSWORD_REMOVED)
