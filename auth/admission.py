"""Admission: a proof of who somebody is -> Session | MfaTicket | a refusal.

Every way in proves who somebody is and calls `admit`. Only this module knows which accounts may not
sign in, which factors are required, how tickets work and what opens a session.

All answers to a ticket take one path. One statement takes an attempt from the ticket, counts a
failure for the user, and returns what the answer is checked against. For a right answer, the
statement that opens the session deletes the ticket and clears the failures.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import uuid4

from tortoise.expressions import F

from auth import events, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor, trusted_devices
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
from models.transactions import UndoneError, atomic

TICKET_PREFIX = "mfaTotp:"
"""The prefix of Nhost's tickets. What a Postern ticket is good for is its stored `Purpose`."""
ENROLMENT_LIFE = 15 * 60
"""Seconds for which a ticket to set up a factor is valid: time to install an app."""

P = TypeVar("P")
T = TypeVar("T")


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


@dataclass(frozen=True)
class Taken:
    """A ticket from which an attempt was taken, and the attempt, which counts as failed so far."""

    ticket: StoredTicket
    attempt: Attempt

    @property
    def attempts_left(self) -> int:
        """How many other attempts the ticket has."""
        return self.ticket.attempts_left - 1  # the row was loaded before the attempt was taken

    async def undo(self) -> None:
        """Give the attempt back, since the answer could not be checked."""
        async with atomic():
            stored = StoredTicket.filter(id=self.ticket.id)
            await stored.update(attempts_left=F("attempts_left") + 1)
            await self.attempt.undo()


@dataclass(frozen=True)
class Step(Generic[P, T]):
    """What the tickets of one purpose are for: how an answer is checked, and what it allows."""

    purpose: Purpose
    wrong: ErrorCode
    """The refusal of a wrong answer."""
    open: Callable[[Postern, Caller, str], Awaitable[StoredTicket]]
    """Returns the ticket without taking an attempt, or raises why it cannot be used."""
    looks_like_one: Callable[[str], bool]
    """Whether something has the form of an answer; anything else costs no attempt."""
    check: Callable[[Postern, User, str], Awaitable[P | None]]
    """Returns what the answer proves, if anything; an error of it costs no attempt."""
    accept: Callable[[Taken, P], Awaitable[T | None]]
    """Spends ticket and proof; None if one of them no longer holds. An error costs no attempt."""


def kept_out(postern: Postern, user: User) -> ErrorCode | None:
    """Return why the user may not sign in even with right credentials; None if they may."""
    reason, settings = current.kept_out(postern, user), postern.settings
    if reason is None and user.has_second_factor and not second_factor.usable(settings, user):
        return ErrorCode.DISABLED_ENDPOINT
    return reason


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
        factors = second_factor.usable(postern.settings, user)
        ticket = MfaTicket(_new_ticket(), postern.settings.mfa_ticket_expires_in, factors)
        return await _issue(proven, ticket, Purpose.SIGN_IN)
    if await second_factor.is_due(postern, user):
        may = second_factor.to_set_up(postern.settings, user)
        ticket = MfaTicket(_new_ticket(), ENROLMENT_LIFE, (), may)
        return await _issue(proven, ticket, Purpose.ENROL)
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
    await trusted_devices.forget_all(user.id)
    had_password = user.has_password
    await user.refresh_from_db()  # the answer shows what is left
    if had_password:
        await events.record(postern, caller, EventType.PASSWORD_REMOVED, user.id)
        await notices.post(postern, caller, user, EventType.PASSWORD_REMOVED)


async def redeem(
    postern: Postern,
    caller: Caller,
    ticket: str,
    factor: SecondFactor,
    answer: str,
    *,
    trust_device: bool = False,
) -> Session:
    """Redeem a sign-in ticket with an answer to a second factor.

    With `trust_device`, the session has the token of a browser that the user trusts from now on.

    Raises AuthError: INVALID_TICKET (unknown, expired, redeemed, or too many wrong answers); the
    factor's `wrong` (wrong or already used; the ticket keeps its other attempts) or `missing` (all
    factors were turned off in the meantime); DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT,
    TOO_MANY_REQUESTS. Raises VaultError if no encryption key opens the secret.
    """
    await _refuse_unless_enabled(postern, ticket, factor)

    async def opened(postern: Postern, caller: Caller, ticket: str) -> StoredTicket:
        return await open_ticket(postern, caller, ticket, factor)

    async def check(postern: Postern, owner: User, answer: str) -> Proof | None:
        return await factor.check(postern, owner, answer) if factor.belongs_to(owner) else None

    step = Step(
        purpose=Purpose.SIGN_IN,
        wrong=factor.wrong,
        open=opened,
        looks_like_one=factor.looks_like_one,
        check=check,
        accept=_trusting_session_for if trust_device else _session_for,
    )
    return await try_answer(postern, caller, ticket, step, answer)


async def _trusting_session_for(taken: Taken, proof: Proof) -> Session | None:
    """Open the session, and trust the browser that has shown the factor, together."""
    attempt = taken.attempt
    async with atomic():
        session = await _session_for(taken, proof)
        if session is None:
            return None
        token = await trusted_devices.trust(attempt.postern, attempt.caller, taken.ticket.user)
        return replace(session, device_token=token)


async def try_answer(
    postern: Postern, caller: Caller, ticket: str, step: Step[P, T], answer: str
) -> T:
    """Check an answer to a ticket, for which an attempt is taken before; return what it allows.

    Raises AuthError: INVALID_TICKET, the step's `wrong`, TOO_MANY_REQUESTS, and what its functions
    raise. Raises VaultError.
    """
    if not step.looks_like_one(answer):
        opened = await step.open(postern, caller, ticket)
        raise AuthError(step.wrong, attemptsLeft=opened.attempts_left)
    taken = await _take_attempt(postern, caller, ticket, step)
    try:
        proof = await step.check(postern, taken.ticket.user, answer)
        done = None if proof is None else await step.accept(taken, proof)
    except (AuthError, VaultError):
        await taken.undo()
        raise
    if done is not None:
        return done
    if proof is not None and not await StoredTicket.exists(id=taken.ticket.id):
        raise AuthError(ErrorCode.INVALID_TICKET)
    await taken.attempt.failed(EventType.WRONG_CODE)
    if taken.attempts_left == 0:
        user_id = taken.ticket.user.id
        await events.record(postern, caller, EventType.ATTEMPTS_EXHAUSTED, user_id)
    raise AuthError(step.wrong, attemptsLeft=taken.attempts_left)


async def _refuse_unless_enabled(postern: Postern, ticket: str, factor: SecondFactor) -> None:
    """Raise AuthError: DISABLED_ENDPOINT, unless the ticket's owner may use the factor anyway."""
    if factor.is_enabled(postern.settings):
        return
    found = await StoredTicket.filter(digest=tokens.digest(ticket)).select_related("user").first()
    second_factor.refuse_unless_enabled(postern, factor, found.user if found else None)


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


async def _take_attempt(postern: Postern, caller: Caller, ticket: str, step: Step[P, T]) -> Taken:
    """Take an attempt from the ticket and count it as failed, before the answer is checked.

    A refusal here takes no attempt from the ticket.
    Raises AuthError: as the step's `open` does, TOO_MANY_REQUESTS.
    """
    taken = await _take(postern, ticket, step.purpose)
    if taken is not None:
        return Taken(taken, replace(_attempt_at(postern, caller, taken), counted=True))
    attempt = _attempt_at(postern, caller, await step.open(postern, caller, ticket))
    if not await attempt.is_where_known():
        raise await attempt.refused()
    # The account is attacked from elsewhere: the user's known networks have counts of their own.
    attempt = attempt.where_known()
    taken = await _take(postern, ticket, step.purpose, attempt.key)
    if taken is None:
        raise await attempt.refused()
    return Taken(taken, replace(attempt, counted=True))


def _attempt_at(postern: Postern, caller: Caller, ticket: StoredTicket) -> Attempt:
    user_id = ticket.user.id
    return throttling.begun(postern, caller, throttling.codes_of(user_id), user_id)


async def _take(
    postern: Postern, ticket: str, purpose: Purpose, throttle: str | None = None
) -> StoredTicket | None:
    settings = postern.settings
    required = Required(
        purpose,
        with_factor=purpose is Purpose.SIGN_IN,
        verified=settings.email_verified_required,
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
    found = await _open(postern, caller, ticket, Purpose.SIGN_IN)
    second_factor.refuse_without_any(found.user, factor)
    return found


async def open_enrolment(postern: Postern, caller: Caller, ticket: str) -> StoredTicket:
    """Return the ticket of a user who may sign in once a factor is set up; take no attempt.

    Raises AuthError: INVALID_TICKET (also if the user has a factor by now), DISABLED_USER,
    UNVERIFIED_USER, TOO_MANY_REQUESTS.
    """
    found = await _open(postern, caller, ticket, Purpose.ENROL)
    if found.user.has_second_factor:
        raise AuthError(ErrorCode.INVALID_TICKET)
    return found


async def _open(postern: Postern, caller: Caller, ticket: str, purpose: Purpose) -> StoredTicket:
    usable = StoredTicket.filter(
        digest=tokens.digest(ticket),
        purpose=purpose,
        attempts_left__gt=0,
        expires_at__gt=postern.now(),
    )
    found = await usable.select_related("user").first()
    if found is None:
        await throttling.failed(postern, caller)
        raise AuthError(ErrorCode.INVALID_TICKET)
    current.refuse_kept_out(postern, found.user)
    return found


async def open_with(taken: Taken, user: User, proof: Proof) -> Session | None:
    """Open the session of a ticket, spending ticket and proof; None if one no longer holds.

    Call it in the transaction that has just set up the factor of which the proof is.
    """
    ticket = taken.ticket
    methods = tuple(dict.fromkeys((*ticket.methods.split(), *proof.methods)))
    return await opening.open_session(taken.attempt, user, methods, proof, ticket=ticket)


async def _session_for(taken: Taken, proof: Proof) -> Session | None:
    """Open the session, spending ticket and answer; None if either was used or changed since."""
    ticket, attempt = taken.ticket, taken.attempt
    if not proof.kind.event:
        return await open_with(taken, ticket.user, proof)
    postern, caller, kind = attempt.postern, attempt.caller, EventType[proof.kind.event]
    async with atomic():
        session = await open_with(taken, ticket.user, proof)
        if session:
            events.log(postern, caller, kind, ticket.user.id)
            await notices.post(postern, caller, ticket.user, kind)
    return session
