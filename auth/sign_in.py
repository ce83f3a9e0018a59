"""Flow: password -> Session | MfaTicket;  ticket + code -> Session."""

from dataclasses import dataclass, field
from datetime import timedelta

from tortoise.expressions import F
from tortoise.transactions import in_transaction

from auth import accounts, events, factors, passwords, sessions, throttling, tokens
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
    user = await accounts.find(email)
    attempt = await throttling.try_password(postern, caller, email, user)
    matches = await postern.passwords.verify(user.password_hash if user else None, password)
    if user is None or not matches:
        await events.record(postern, caller, EventType.SIGN_IN_FAILED, user.id if user else None)
        raise AuthError(ErrorCode.INVALID_EMAIL_PASSWORD)
    await attempt.give_back()
    if code := sessions.kept_out(postern, user):
        await attempt.forget()
        await events.record(postern, caller, EventType.SIGN_IN_FAILED, user.id)
        raise AuthError(code)
    await _rehash_if_outdated(postern, user, password)
    if user.active_mfa_type is not None:
        await attempt.forget()
        factors.refuse_unless_enabled(postern)
        async with in_transaction():
            if not await sessions.hold_unchanged(postern, user):
                raise AuthError(ErrorCode.INVALID_EMAIL_PASSWORD)
            return await _issue_ticket(postern, caller, user)
    session = await sessions.open_at_once(
        postern,
        caller,
        user,
        tokens.PASSWORD,
        _BY_PASSWORD,
        password_hash=user.password_hash,
        throttle=attempt.key,
    )
    if session is None:
        raise AuthError(ErrorCode.INVALID_EMAIL_PASSWORD)
    return session


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


async def _rehash_if_outdated(postern: Postern, user: User, password: str) -> None:
    if postern.passwords.needs_rehash(user.password_hash):
        fresh = await postern.passwords.hash(password)
        same = User.filter(id=user.id, password_hash=user.password_hash)
        if await same.update(password_hash=fresh):
            user.password_hash = fresh


async def _issue_ticket(postern: Postern, caller: Caller, user: User) -> MfaTicket:
    settings = postern.settings
    ticket = TICKET_PREFIX + tokens.opaque_token()
    await StoredTicket.create(
        user=user,
        digest=tokens.digest(ticket),
        attempts_left=settings.mfa_ticket_attempts,
        expires_at=postern.now() + timedelta(seconds=settings.mfa_ticket_expires_in),
    )
    await events.record(postern, caller, EventType.TICKET_ISSUED, user.id)
    return MfaTicket(ticket, settings.mfa_ticket_expires_in)


_TO_BE_TRIED = Read(
    StoredTicket,
    "user",
    where=f"""
        mfa_tickets.digest = :digest AND attempts_left > 0 AND mfa_tickets.expires_at > :now
        AND totp_activated_at IS NOT NULL AND NOT disabled AND {throttling.ALLOWED}""",
)
_BY_PASSWORD = Change(
    """
        SELECT id FROM users WHERE id = :user AND password_hash = :password_hash
        AND totp_activated_at IS NULL AND NOT disabled""",
    account="UPDATE users SET last_signed_in_at = :now WHERE id = :user AND {so_far} RETURNING id",
    **sessions.OPENING,
    forgotten="DELETE FROM throttles WHERE key = :throttle AND {so_far}",
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
