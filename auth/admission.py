"""Admission: a proof of who somebody is -> Session | MfaTicket | a refusal.

Every way in proves who somebody is and calls `admit`. Only this module knows which accounts may not
sign in, which factors are required, how tickets work and what opens a session.

All answers to a ticket take one path. One statement takes an attempt from the ticket, counts a
failure for the user, and returns what the answer is checked against. For a right answer, the
statement that opens the session deletes the ticket and clears the failures.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import uuid4

from tortoise.expressions import F

from auth import events, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor
from auth.factors.factor_type import FactorType
from auth.factors.second_factor import SecondFactor
from auth.keys.vault import VaultError
from auth.limits import throttling
from auth.limits.throttling import Attempt
from auth.mail import notices
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.opening import Session
from models import MfaTicket as StoredTicket
from models import User, UserSession
from models.hot_paths import sign_ins, tickets
from models.hot_paths.sign_ins import NewTicket
from models.hot_paths.tickets import Required
from models.mfa_ticket import Purpose
from models.proofs import Proof
from models.transactions import atomic

TICKET_PREFIX = "mfaTotp:"
"""The prefix of Nhost's tickets. What a Postern ticket is good for is its stored `Purpose`."""


@dataclass(frozen=True)
class MfaTicket:
    """A sign-in that waits for its second factor."""

    ticket: str = field(repr=False)
    expires_in: int
    factors: tuple[FactorType, ...]
    """The factors that the user has."""


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


@dataclass(frozen=True)
class _Taken:
    """A ticket from which an attempt was taken, and the attempt, which counts as failed so far."""

    ticket: StoredTicket
    attempt: Attempt

    @property
    def attempts_left(self) -> int:
        return self.ticket.attempts_left - 1  # the row was loaded before the attempt was taken

    async def undo(self) -> None:
        """Give the attempt back, since the answer could not be checked."""
        async with atomic():
            stored = StoredTicket.filter(id=self.ticket.id)
            await stored.update(attempts_left=F("attempts_left") + 1)
            await self.attempt.undo()


def kept_out(postern: Postern, user: User) -> ErrorCode | None:
    """Return why the user may not sign in even with right credentials; None if they may."""
    reason, settings = current.kept_out(postern, user), postern.settings
    if reason is None and user.has_second_factor and not second_factor.usable(settings, user):
        return ErrorCode.DISABLED_ENDPOINT
    return reason


async def admit(proven: Proven) -> Session | MfaTicket | None:
    """Open a session, or issue a ticket if the user has a second factor.

    Returns None if the user has changed since, the proof was spent in the meantime, or the attempt
    was not counted and is no longer allowed.
    Raises AuthError: DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT.
    """
    if reason := kept_out(proven.attempt.postern, proven.user):
        raise AuthError(reason, tells_of_account=True)
    return await (_admit_first(proven) if proven.claims else _admit(proven))


async def _admit_first(proven: Proven) -> Session | MfaTicket | None:
    """Admit whoever is the first to prove the address; what was there before ends."""
    with suppress(_ChangedError):
        async with atomic():
            attempt = proven.attempt
            await second_factor.forget_unverified_passkeys(
                attempt.postern, attempt.caller, proven.user
            )
            proven.user.email_verified = True
            answer = _unless_changed(await _admit(proven))
            await _end_what_was_before(proven, answer)
            return answer
    return None


class _ChangedError(Exception):
    """Undoes the transaction around."""


def _unless_changed(answer: Session | MfaTicket | None) -> Session | MfaTicket:
    if answer is None:
        raise _ChangedError
    return answer


async def _admit(proven: Proven) -> Session | MfaTicket | None:
    if proven.user.has_second_factor and not proven.still_true.kind.is_multi_factor:
        return await _issue_ticket(proven)
    proof = proven.still_true
    return await opening.open_session(proven.attempt, proven.user, proof.methods, proof)


async def _end_what_was_before(proven: Proven, answer: Session | MfaTicket) -> None:
    """End the sessions and sign-ins of whoever used the account before its address was verified.

    Anybody can sign up with somebody else's address, and wait for its owner to use the account.
    """
    user, postern, caller = proven.user, proven.attempt.postern, proven.attempt.caller
    sessions, tickets_ = UserSession.filter(user_id=user.id), StoredTicket.filter(user_id=user.id)
    if isinstance(answer, Session):
        sessions = sessions.exclude(id=answer.session_id)
    else:
        tickets_ = tickets_.exclude(digest=tokens.digest(answer.ticket))
    await sessions.delete()
    await tickets_.delete()
    had_password = user.has_password
    await user.refresh_from_db()  # the answer shows what is left
    if had_password:
        await events.record(postern, caller, EventType.PASSWORD_REMOVED, user.id)
        await notices.post(postern, caller, user, EventType.PASSWORD_REMOVED)


async def redeem(
    postern: Postern, caller: Caller, ticket: str, factor: SecondFactor, answer: str
) -> Session:
    """Redeem a sign-in ticket with an answer to a second factor.

    Raises AuthError: INVALID_TICKET (unknown, expired, redeemed, or too many wrong answers); the
    factor's `wrong` (wrong or already used; the ticket keeps its other attempts) or `missing` (all
    factors were turned off in the meantime); DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT,
    TOO_MANY_REQUESTS. Raises VaultError if no encryption key opens the secret.
    """
    second_factor.refuse_unless_enabled(postern, factor)
    if not factor.looks_like_one(answer):  # costs no attempt
        opened = await open_ticket(postern, caller, ticket, factor)
        raise AuthError(factor.wrong, attemptsLeft=opened.attempts_left)
    taken = await _take_attempt(postern, caller, ticket, factor)
    try:
        owner = taken.ticket.user
        proof = await factor.check(postern, owner, answer) if factor.belongs_to(owner) else None
    except (AuthError, VaultError):
        await taken.undo()
        raise
    session = proof and await _session_for(taken, proof)
    if session:
        return session
    if proof and not await StoredTicket.exists(id=taken.ticket.id):
        raise AuthError(ErrorCode.INVALID_TICKET)
    await taken.attempt.failed(EventType.WRONG_CODE)
    if taken.attempts_left == 0:
        user_id = taken.ticket.user.id
        await events.record(postern, caller, EventType.ATTEMPTS_EXHAUSTED, user_id)
    raise AuthError(factor.wrong, attemptsLeft=taken.attempts_left)


async def _issue_ticket(proven: Proven) -> MfaTicket | None:
    attempt, now = proven.attempt, proven.attempt.postern.now()
    postern, caller = attempt.postern, attempt.caller
    text, life = TICKET_PREFIX + tokens.opaque_token(), postern.settings.mfa_ticket_expires_in
    ticket = NewTicket(
        id=uuid4(),
        digest=tokens.digest(text),
        purpose=Purpose.SIGN_IN,
        methods=proven.still_true.methods,
        attempts=postern.settings.mfa_ticket_attempts,
        expires_at=now + timedelta(seconds=life),
    )
    if not await sign_ins.issue_ticket(attempt.admission(proven.user, proven.still_true), ticket):
        return None
    events.log(postern, caller, EventType.TICKET_ISSUED, proven.user.id)
    return MfaTicket(text, life, second_factor.usable(postern.settings, proven.user))


async def _take_attempt(
    postern: Postern, caller: Caller, ticket: str, factor: SecondFactor
) -> _Taken:
    """Take an attempt from the ticket and count it as failed, before the answer is checked.

    A refusal here takes no attempt from the ticket.
    Raises AuthError: as `open_ticket` does.
    """
    taken = await _take(postern, ticket)
    if taken is not None:
        return _Taken(taken, replace(_attempt_at(postern, caller, taken), counted=True))
    attempt = _attempt_at(postern, caller, await open_ticket(postern, caller, ticket, factor))
    if not await attempt.is_where_known():
        raise await attempt.refused()
    # The account is attacked from elsewhere: the user's known networks have counts of their own.
    attempt = attempt.where_known()
    taken = await _take(postern, ticket, attempt.key)
    if taken is None:
        raise await attempt.refused()
    return _Taken(taken, replace(attempt, counted=True))


def _attempt_at(postern: Postern, caller: Caller, ticket: StoredTicket) -> Attempt:
    user_id = ticket.user.id
    return throttling.begun(postern, caller, throttling.codes_of(user_id), user_id)


async def _take(postern: Postern, ticket: str, throttle: str | None = None) -> StoredTicket | None:
    settings = postern.settings
    required = Required(
        Purpose.SIGN_IN, with_factor=True, verified=settings.email_verified_required
    )
    return await tickets.take_attempt(
        tokens.digest(ticket),
        required,
        postern.now(),
        pace=throttling.pace(settings) if settings.rate_limit_enable else None,
        throttle=throttle,
    )


async def open_ticket(
    postern: Postern, caller: Caller, ticket: str, factor: SecondFactor
) -> StoredTicket:
    """Return the ticket of a user who may sign in and has a second factor; take no attempt.

    Raises AuthError: INVALID_TICKET, the factor's `missing`, DISABLED_USER, UNVERIFIED_USER,
    TOO_MANY_REQUESTS.
    """
    usable = StoredTicket.filter(
        digest=tokens.digest(ticket),
        purpose=Purpose.SIGN_IN,
        attempts_left__gt=0,
        expires_at__gt=postern.now(),
    )
    found = await usable.select_related("user").first()
    if found is None:
        await throttling.failed(postern, caller)
        raise AuthError(ErrorCode.INVALID_TICKET)
    current.refuse_kept_out(postern, found.user)
    second_factor.refuse_without_any(found.user, factor)
    return found


async def _session_for(taken: _Taken, proof: Proof) -> Session | None:
    """Open the session, spending ticket and answer; None if either was used or changed since."""
    ticket, attempt = taken.ticket, taken.attempt
    methods = tuple(dict.fromkeys((*ticket.methods.split(), *proof.methods)))
    if not proof.kind.event:
        return await opening.open_session(attempt, ticket.user, methods, proof, ticket=ticket)
    postern, caller, kind = attempt.postern, attempt.caller, EventType[proof.kind.event]
    async with atomic():
        session = await opening.open_session(attempt, ticket.user, methods, proof, ticket=ticket)
        if session:
            events.log(postern, caller, kind, ticket.user.id)
            await notices.post(postern, caller, ticket.user, kind)
    return session
