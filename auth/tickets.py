"""Answers to a ticket: what a sign-in still waits for, or a required factor that is set up.

All answers take one path. One statement takes an attempt from the ticket, counts a failure for the
user, and returns what the answer is checked against. For a right answer, the statement that opens
the session deletes the ticket and clears the failures.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from tortoise.expressions import F

from auth import events, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor, trusted_devices
from auth.factors.second_factor import SecondFactor
from auth.keys.vault import VaultError
from auth.limits import throttling
from auth.limits.throttling import Attempt
from auth.mail import notices
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.opening import Session
from models import MfaTicket as StoredTicket
from models import User
from models.hot_paths import tickets as stored_tickets
from models.hot_paths.tickets import Required
from models.mfa_ticket import Purpose
from models.proofs import Proof
from models.transactions import atomic

P = TypeVar("P")
T = TypeVar("T")


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


async def open_with(taken: Taken, user: User, proof: Proof) -> Session | None:
    """Open the session of a ticket, spending ticket and proof; None if one no longer holds.

    Call it in the transaction that has just set up the factor of which the proof is.
    """
    ticket = taken.ticket
    methods = tuple(dict.fromkeys((*ticket.methods.split(), *proof.methods)))
    return await opening.open_session(taken.attempt, user, methods, proof, ticket=ticket)


async def _refuse_unless_enabled(postern: Postern, ticket: str, factor: SecondFactor) -> None:
    """Raise AuthError: DISABLED_ENDPOINT, unless the ticket's owner may use the factor anyway."""
    if factor.is_enabled(postern.settings):
        return
    found = await StoredTicket.filter(digest=tokens.digest(ticket)).select_related("user").first()
    second_factor.refuse_unless_enabled(postern, factor, found.user if found else None)


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
    return await stored_tickets.take_attempt(
        tokens.digest(ticket),
        required,
        postern.now(),
        pace=throttling.pace(settings) if settings.rate_limit_enable else None,
        throttle=throttle,
    )


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


async def _trusting_session_for(taken: Taken, proof: Proof) -> Session | None:
    """Open the session, and trust the browser that has shown the factor, together."""
    attempt = taken.attempt
    async with atomic():
        session = await _session_for(taken, proof)
        if session is None:
            return None
        token = await trusted_devices.trust(attempt.postern, attempt.caller, taken.ticket.user)
        return replace(session, device_token=token)
