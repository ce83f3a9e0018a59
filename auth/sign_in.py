"""Flow: password -> Session | MfaTicket;  ticket + code -> Session."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from tortoise.expressions import F
from tortoise.transactions import in_transaction

from auth import email as addresses
from auth import events, factors, passwords, sessions, throttling, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import Proof
from auth.postern import Postern
from auth.rate_limits import Limit
from auth.sessions import Session
from auth.throttling import Attempt
from models import MfaTicket as StoredTicket
from models import User
from models.statements import Change, Read

TICKET_PREFIX = "mfaTotp:"
"""What a ticket is good for stands in it, so that no other door ever takes it."""


@dataclass(frozen=True)
class MfaTicket:
    """A sign-in that waits for its second factor."""

    ticket: str = field(repr=False)
    expires_in: int


async def sign_in_email_password(
    postern: Postern, caller: Caller, email: str, password: str
) -> Session | MfaTicket:
    """A session for the right password, or a ticket where the user has a second factor.

    Raises AuthError: INVALID_EMAIL_PASSWORD (after the same work, account or none),
    DISABLED_USER, UNVERIFIED_USER (told only to whoever knows the password), DISABLED_ENDPOINT
    (the user has a factor and the operator has switched factors off), INVALID_REQUEST,
    TOO_MANY_REQUESTS.
    """
    passwords.refuse_oversized(password)
    postern.passwords.refuse_when_busy()
    await postern.rate_limits.spend(Limit.GUESSES, caller.address)
    found, attempt = await _look_up(postern, caller, email)
    matches = await postern.passwords.verify(found.password_hash if found else None, password)
    wrong = _why_not(postern, found) if found and matches else ErrorCode.INVALID_EMAIL_PASSWORD
    # Right or wrong, it is one conditional statement on one count: of many at the same instant, no
    # more have an effect than if each had been counted before it was looked at. Where that comes
    # to nothing the attempt is counted like any other, right or wrong, so that it takes as long.
    if found and wrong is None:
        answer = await _let_in(attempt, found)
        if answer is None and not attempt.counted:
            attempt = await attempt.count()
            answer = await _let_in(attempt, found)
        if answer is not None:
            await attempt.give_back()
            await _rehash_if_outdated(postern, found, password)
            return answer
    elif not attempt.counted and not await attempt.count_here():
        attempt = await attempt.count()
    if matches and wrong:
        await attempt.succeeded()
    await events.record(postern, caller, EventType.SIGN_IN_FAILED, found.id if found else None)
    raise AuthError(wrong or ErrorCode.INVALID_EMAIL_PASSWORD)


async def verify_sign_in_mfa_totp(
    postern: Postern, caller: Caller, ticket: str, otp: str
) -> Session:
    """Redeem a sign-in ticket with a one-time code.

    Raises AuthError: INVALID_TICKET (unknown, expired, redeemed, or too many wrong codes),
    INVALID_TOTP (wrong or already used; the ticket stays good for the attempts left),
    DISABLED_MFA_TOTP (the factor was turned off meanwhile), DISABLED_USER, DISABLED_ENDPOINT,
    TOO_MANY_REQUESTS.
    """
    session = await _redeem_at_once(postern, caller, ticket, otp)
    if session is not None:
        return session
    opened, attempt = await _take_attempt(postern, caller, ticket)
    proof = factors.check_totp(postern, opened.user, otp)
    return await _redeem(opened, attempt, proof, ErrorCode.INVALID_TOTP)


async def verify_sign_in_mfa_recovery_code(
    postern: Postern, caller: Caller, ticket: str, recovery_code: str
) -> Session:
    """Redeem a sign-in ticket with a recovery code, which is used up.

    Raises AuthError: INVALID_TICKET, INVALID_RECOVERY_CODE (wrong or already used; the ticket
    stays good for the attempts left), DISABLED_MFA_TOTP, DISABLED_USER, DISABLED_ENDPOINT,
    TOO_MANY_REQUESTS.
    """
    opened, attempt = await _take_attempt(postern, caller, ticket)
    proof = await factors.check_recovery_code(postern, opened.user, recovery_code)
    return await _redeem(opened, attempt, proof, ErrorCode.INVALID_RECOVERY_CODE)


async def _look_up(postern: Postern, caller: Caller, email: str) -> tuple[User | None, Attempt]:
    """Whose address it is, if anybody's, and the attempt; counted, unless it is allowed as it is.

    Raises AuthError: TOO_MANY_REQUESTS.
    """
    address = addresses.normalise(email)
    subject = throttling.password_of(address or email)
    found, allowed = await _WITH_ADDRESS.one_and_answer(
        email=address,
        throttle=throttling.key_of(subject),
        seconds=int(postern.now().timestamp()),
    )
    attempt = throttling.begun(postern, caller, subject, found.id if found else uuid4())
    return found, attempt if allowed else await attempt.count()


def _why_not(postern: Postern, user: User) -> ErrorCode | None:
    """Why the right password does not let the user in, if so."""
    if user.active_mfa_type is not None and not postern.settings.mfa_enabled:
        return sessions.kept_out(postern, user) or ErrorCode.DISABLED_ENDPOINT
    return sessions.kept_out(postern, user)


async def _let_in(attempt: Attempt, user: User) -> Session | MfaTicket | None:
    """What the right password is good for, if the user is still as they were found.

    None too for an attempt that has not been counted and is not allowed any more.
    """
    seen: dict[str, object] = {
        "password_hash": user.password_hash,
        "throttle": attempt.key,
        "counted": attempt.counted,
        "seconds": int(attempt.postern.now().timestamp()),
    }
    if user.active_mfa_type is not None:
        return await _issue_ticket(attempt, user, seen)
    return await sessions.open_at_once(
        attempt.postern, attempt.caller, user, tokens.PASSWORD, _BY_PASSWORD, **seen
    )


async def _issue_ticket(attempt: Attempt, user: User, seen: dict[str, object]) -> MfaTicket | None:
    postern, caller, kind = attempt.postern, attempt.caller, EventType.TICKET_ISSUED
    ticket, life = TICKET_PREFIX + tokens.opaque_token(), postern.settings.mfa_ticket_expires_in
    now = postern.now()
    issued = await _TICKET.run(
        ticket=str(uuid4()),
        user=str(user.id),
        digest=tokens.digest(ticket),
        attempts_left=postern.settings.mfa_ticket_attempts,
        expires_at=now + timedelta(seconds=life),
        now=now,
        event=kind.name,
        address=caller.address,
        user_agent=caller.user_agent,
        **seen,
    )
    if not issued:
        return None
    events.log(postern, caller, kind, user.id)
    return MfaTicket(ticket, life)


async def _rehash_if_outdated(postern: Postern, user: User, password: str) -> None:
    """Make the hash anew, with the parameters in force; if the server is too busy, another time."""
    if postern.passwords.needs_rehash(user.password_hash):
        with suppress(AuthError):
            fresh = await postern.passwords.hash(password)
            same = User.filter(id=user.id, password_hash=user.password_hash)
            await same.update(password_hash=fresh)


_TO_BE_TRIED = Read(
    StoredTicket,
    "user",
    where=f"""
        mfa_tickets.digest = :digest AND attempts_left > 0 AND mfa_tickets.expires_at > :now
        AND totp_activated_at IS NOT NULL AND NOT disabled AND {throttling.CODE_ALLOWED}""",
)
_WITH_ADDRESS = Read(User, where="email = :email", question=throttling.PASSWORD_ALLOWED)
_AS_FOUND = """
    SELECT id FROM users
    WHERE id = :user AND password_hash = :password_hash AND NOT disabled"""
_BY_PASSWORD = Change(
    f"{_AS_FOUND} AND totp_activated_at IS NULL",
    allowed=throttling.NO_FAILURE,
    account="UPDATE users SET last_signed_in_at = :now WHERE id = :user AND {so_far} RETURNING id",
    **sessions.OPENING,
)
_TICKET = Change(
    f"{_AS_FOUND} AND totp_activated_at IS NOT NULL",
    allowed=throttling.NO_FAILURE,
    ticket="""
        INSERT INTO mfa_tickets (id, user_id, digest, attempts_left, expires_at)
        SELECT :ticket, :user, :digest, :attempts_left, :expires_at WHERE {so_far} RETURNING id""",
    event=events.APPENDED,
)
_BY_TICKET = Change(
    """
        SELECT users.id FROM users JOIN mfa_tickets ON mfa_tickets.user_id = users.id
        WHERE mfa_tickets.id = :ticket AND attempts_left > 0 AND mfa_tickets.expires_at > :now
        AND totp_secret = :totp_secret AND totp_last_step < :time_step
        AND totp_activated_at IS NOT NULL AND NOT disabled""",
    allowed=throttling.NO_FAILURE,
    account="""
        UPDATE users SET totp_last_step = :time_step, last_signed_in_at = :now
        WHERE id = :user AND {so_far} RETURNING id""",
    ticket="DELETE FROM mfa_tickets WHERE id = :ticket AND {so_far} RETURNING id",
    **sessions.OPENING,
)


async def _redeem_at_once(
    postern: Postern, caller: Caller, ticket: str, otp: str
) -> Session | None:
    """The session for a right code, by one read and one change; None for everything else.

    What a refusal costs is left to `_take_attempt`, and so is what to say of it. Only a right code
    has an effect here, and it has it while the ticket has an attempt left and the user's throttle
    allows one, which the change makes sure of: of guesses at the same instant, no more count than
    if each had taken its attempt first. A code that may not be tried is not looked at, either: the
    time that takes would tell whether it is right.
    """
    factors.refuse_unless_enabled(postern)
    await postern.rate_limits.spend(Limit.GUESSES, caller.address)
    session = await _session_at_once(postern, caller, ticket, otp)
    await postern.rate_limits.give_back(Limit.GUESSES, caller.address)
    return session


async def _session_at_once(
    postern: Postern, caller: Caller, ticket: str, otp: str
) -> Session | None:
    now = postern.now()
    seconds = int(now.timestamp())
    opened = await _TO_BE_TRIED.one(digest=tokens.digest(ticket), now=now, seconds=seconds)
    if opened is None or sessions.kept_out(postern, opened.user):
        return None
    proof = factors.check_totp(postern, opened.user, otp)
    if proof is None:
        return None
    return await sessions.open_at_once(
        postern,
        caller,
        opened.user,
        (*tokens.PASSWORD, *tokens.SECOND_FACTOR),
        _BY_TICKET,
        ticket=str(opened.id),
        totp_secret=opened.user.totp_secret,
        time_step=proof.time_step,
        throttle=throttling.key_of(throttling.codes_of(opened.user.id)),
        counted=False,
        seconds=seconds,
    )


async def _take_attempt(
    postern: Postern, caller: Caller, ticket: str
) -> tuple[StoredTicket, Attempt]:
    """The ticket, with one attempt fewer: taken before the code is looked at.

    Otherwise any number of codes could be tried at the same instant. An attempt that the user's
    throttle refuses costs the ticket nothing.
    """
    factors.refuse_unless_enabled(postern)
    digest = tokens.digest(ticket)
    usable = StoredTicket.filter(digest=digest, attempts_left__gt=0, expires_at__gt=postern.now())
    async with in_transaction():
        taken = await usable.update(attempts_left=F("attempts_left") - 1)
        found = StoredTicket.get_or_none(digest=digest).select_related("user")
        opened = await found if taken else None
        attempt = await throttling.try_code(postern, caller, opened.user) if opened else None
    if opened is None or attempt is None:
        await throttling.failed(postern, caller)
        raise AuthError(ErrorCode.INVALID_TICKET)
    sessions.refuse_kept_out(postern, opened.user)
    factors.refuse_unless_active(opened.user)
    return opened, attempt


async def _redeem(
    ticket: StoredTicket, attempt: Attempt, proof: Proof | None, wrong: ErrorCode
) -> Session:
    """Spend the code and the ticket for a session; all three happen, or none."""
    postern, caller, user = attempt.postern, attempt.caller, ticket.user
    session = proof and await _session_for(ticket, attempt, proof)
    if session:
        await attempt.give_back()
        return session
    await events.record(postern, caller, EventType.WRONG_CODE, user.id)
    if ticket.attempts_left == 0:
        await events.record(postern, caller, EventType.ATTEMPTS_EXHAUSTED, user.id)
    raise AuthError(wrong, attemptsLeft=ticket.attempts_left)


async def _session_for(ticket: StoredTicket, attempt: Attempt, proof: Proof) -> Session | None:
    """The session that ticket and code are good for; None if the code was accepted before."""
    postern, caller, user = attempt.postern, attempt.caller, ticket.user
    async with in_transaction():
        if not await factors.spend(user, proof, last_signed_in_at=postern.now()):
            return None
        if not await StoredTicket.filter(id=ticket.id).delete():
            raise AuthError(ErrorCode.INVALID_TICKET)
        if proof.recovery_digest:
            await events.record(postern, caller, EventType.RECOVERY_CODE_USED, user.id)
        methods = (*tokens.PASSWORD, *tokens.SECOND_FACTOR)
        session = await sessions.open_session(postern, caller, user, methods)
        await attempt.forget()
        return session
