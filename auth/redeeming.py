"""Flow: ticket and code -> Session.

There is one path for every guess. One statement takes an attempt from the ticket, counts a failure
for the user, and hands out what the code is checked against. A right code gives both back in the
statement that opens the session.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from tortoise.expressions import F

from auth import events, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import one_time_codes, recovery_codes, second_factor
from auth.factors.second_factor import Proof
from auth.keys.vault import VaultError
from auth.limits import throttling
from auth.limits.throttling import Attempt
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.opening import Session
from models import MfaTicket, Throttle, User
from models.statements import Change, Read
from models.transactions import atomic


async def verify_sign_in_mfa_totp(
    postern: Postern, caller: Caller, ticket: str, otp: str
) -> Session:
    """Redeem a sign-in ticket with a one-time code.

    Raises AuthError: INVALID_TICKET (unknown, expired, redeemed, or too many wrong codes),
    INVALID_TOTP (wrong or already used; the ticket stays good for the attempts left),
    DISABLED_MFA_TOTP (the factor was turned off meanwhile), DISABLED_USER, UNVERIFIED_USER,
    DISABLED_ENDPOINT, TOO_MANY_REQUESTS.
    """
    return await _redeem(postern, caller, ticket, otp, _TOTP)


async def verify_sign_in_mfa_recovery_code(
    postern: Postern, caller: Caller, ticket: str, recovery_code: str
) -> Session:
    """Redeem a sign-in ticket with a recovery code, which is used up.

    Raises AuthError: INVALID_TICKET, INVALID_RECOVERY_CODE (wrong or already used; the ticket
    stays good for the attempts left), DISABLED_MFA_TOTP, DISABLED_USER, UNVERIFIED_USER,
    DISABLED_ENDPOINT, TOO_MANY_REQUESTS.
    """
    postern.passwords.refuse_when_busy()
    return await _redeem(postern, caller, ticket, recovery_code, _RECOVERY_CODE)


async def _check_totp(postern: Postern, user: User, code: str) -> Proof | None:
    return second_factor.check_totp(postern, user, code)


@dataclass(frozen=True)
class _Kind:
    """A kind of code: what it looks like, how it is checked and spent, and what a wrong one is."""

    looks_like_one: Callable[[str], bool]
    check: Callable[[Postern, User, str], Awaitable[Proof | None]]
    redemption: Change[User]
    wrong: ErrorCode


@dataclass(frozen=True)
class _Taken:
    """A ticket of which an attempt has been taken, and the attempt, which counts as failed."""

    ticket: MfaTicket
    attempt: Attempt

    @property
    def attempts_left(self) -> int:
        return self.ticket.attempts_left - 1  # it is loaded as it was before

    async def undo(self) -> None:
        """Give the attempt back: its code could not be checked."""
        async with atomic():
            tickets = MfaTicket.filter(id=self.ticket.id)
            await tickets.update(attempts_left=F("attempts_left") + 1)
            failures = Throttle.filter(key=self.attempt.key, failures__gt=0)
            await failures.update(failures=F("failures") - 1, allowed_at=0)


async def _redeem(postern: Postern, caller: Caller, ticket: str, code: str, kind: _Kind) -> Session:
    second_factor.refuse_unless_enabled(postern)
    if not kind.looks_like_one(code):  # it costs no attempt
        opened = await _opened(postern, caller, ticket)
        raise AuthError(kind.wrong, attemptsLeft=opened.attempts_left)
    taken = await _take_attempt(postern, caller, ticket)
    try:
        proof = await kind.check(postern, taken.ticket.user, code)
    except (AuthError, VaultError):
        await taken.undo()
        raise
    session = proof and await _session_for(taken, proof, kind.redemption)
    if session:
        return session
    if proof and not await MfaTicket.exists(id=taken.ticket.id):
        raise AuthError(ErrorCode.INVALID_TICKET)
    await taken.attempt.failed(EventType.WRONG_CODE)
    if taken.attempts_left == 0:
        user_id = taken.ticket.user.id
        await events.record(postern, caller, EventType.ATTEMPTS_EXHAUSTED, user_id)
    raise AuthError(kind.wrong, attemptsLeft=taken.attempts_left)


async def _take_attempt(postern: Postern, caller: Caller, ticket: str) -> _Taken:
    """Take an attempt from the ticket and count it as failed, before the code is looked at.

    What is refused for another reason costs the ticket nothing.
    Raises AuthError: INVALID_TICKET, DISABLED_MFA_TOTP, DISABLED_USER, UNVERIFIED_USER,
    TOO_MANY_REQUESTS.
    """
    taken = await _take(postern, ticket)
    if taken is None:
        opened = await _opened(postern, caller, ticket)
        attempt = _attempt_at(postern, caller, opened)
        if not await attempt.is_where_known():
            raise await attempt.refused()
        # Under attack from elsewhere: where the user has signed in before, another count is kept.
        attempt = attempt.where_known()
        taken = await _take(postern, ticket, attempt.key)
        if taken is None:
            raise await attempt.refused()
        return _Taken(taken, attempt)
    return _Taken(taken, _attempt_at(postern, caller, taken))


def _attempt_at(postern: Postern, caller: Caller, ticket: MfaTicket) -> Attempt:
    user_id = ticket.user.id
    return throttling.begun(postern, caller, throttling.codes_of(user_id), user_id)


async def _take(postern: Postern, ticket: str, throttle: str | None = None) -> MfaTicket | None:
    """The ticket with its user, one attempt fewer and one failure more; None if there is no leave.

    The failure is counted for the user's codes, wherever they come from, unless `throttle` says
    under what.
    """
    settings, now = postern.settings, postern.now()
    counted = throttling.counting(settings, _COUNTED_UNDER)
    return await _taking(counted if settings.rate_limit_enable else None).take(
        digest=tokens.digest(ticket),
        now=now,
        verified_only=settings.email_verified_required,
        throttle=throttle,
        seconds=int(now.timestamp()),
    )


async def _opened(postern: Postern, caller: Caller, ticket: str) -> MfaTicket:
    """The ticket, whose user may sign in and has a factor; nothing is taken.

    Raises AuthError: INVALID_TICKET, DISABLED_MFA_TOTP, DISABLED_USER, UNVERIFIED_USER,
    TOO_MANY_REQUESTS.
    """
    usable = MfaTicket.filter(
        digest=tokens.digest(ticket), attempts_left__gt=0, expires_at__gt=postern.now()
    )
    opened = await usable.select_related("user").first()
    if opened is None:
        await throttling.failed(postern, caller)
        raise AuthError(ErrorCode.INVALID_TICKET)
    current.refuse_kept_out(postern, opened.user)
    second_factor.refuse_unless_active(opened.user)
    return opened


async def _session_for(taken: _Taken, proof: Proof, redemption: Change[User]) -> Session | None:
    """The session that ticket and code are good for; None if either was used or changed since."""
    attempt, user = taken.attempt, taken.ticket.user
    session = await opening.open_at_once(
        attempt.postern,
        attempt.caller,
        user,
        (*tokens.PASSWORD, *tokens.SECOND_FACTOR),
        redemption,
        ticket=str(taken.ticket.id),
        totp_secret=user.totp_secret,
        time_step=proof.time_step,
        recovery_digest=proof.recovery_digest,
        recovery_code_used=EventType.RECOVERY_CODE_USED.name,
        throttle=attempt.key,
        counted=True,
        seconds=int(attempt.postern.now().timestamp()),
    )
    if session and proof.recovery_digest:
        events.log(attempt.postern, attempt.caller, EventType.RECOVERY_CODE_USED, user.id)
    return session


_USABLE = Read(
    MfaTicket,
    "user",
    where="""
        mfa_tickets.digest = :digest AND attempts_left > 0 AND mfa_tickets.expires_at > :now
        AND totp_activated_at IS NOT NULL AND NOT disabled
        AND (email_verified OR NOT :verified_only)""",
)
_COUNTED_UNDER = f"""
    COALESCE(CAST(:throttle AS TEXT), '{throttling.CODES}' ||
        (SELECT CAST(user_id AS TEXT) FROM mfa_tickets WHERE digest = :digest))"""  # noqa: S608


@lru_cache
def _taking(counted: str | None) -> Change[MfaTicket]:
    taken = """
        UPDATE mfa_tickets SET attempts_left = attempts_left - 1
        WHERE digest = :digest AND {so_far} RETURNING id"""
    if counted is None:
        return Change(_USABLE, ticket=taken)
    return Change(_USABLE, throttle=counted, ticket=taken)


_UNCHANGED = """
    mfa_tickets.id = :ticket AND mfa_tickets.expires_at > :now AND totp_secret = :totp_secret
    AND totp_activated_at IS NOT NULL AND NOT disabled"""
_TICKET = "DELETE FROM mfa_tickets WHERE id = :ticket AND {so_far} RETURNING id"
_TOTP = _Kind(
    one_time_codes.looks_like_one,
    _check_totp,
    Change(
        f"""
            SELECT users.id FROM users JOIN mfa_tickets ON mfa_tickets.user_id = users.id
            WHERE {_UNCHANGED} AND totp_last_step < :time_step""",  # noqa: S608 - our own words
        allowed=throttling.NO_FAILURE,
        account="""
            UPDATE users SET totp_last_step = :time_step, last_signed_in_at = :now
            WHERE id = :user AND {so_far} RETURNING id""",
        ticket=_TICKET,
        **opening.OPENING,
    ),
    ErrorCode.INVALID_TOTP,
)
_RECOVERY_CODE = _Kind(
    recovery_codes.looks_like_one,
    second_factor.check_recovery_code,
    Change(
        f"""
            SELECT users.id FROM users JOIN mfa_tickets ON mfa_tickets.user_id = users.id
            JOIN recovery_codes ON recovery_codes.user_id = users.id
            WHERE {_UNCHANGED} AND recovery_codes.digest = :recovery_digest""",  # noqa: S608
        allowed=throttling.NO_FAILURE,
        account="""
            UPDATE users SET last_signed_in_at = :now
            WHERE id = :user AND {so_far} RETURNING id""",
        code="""
            DELETE FROM recovery_codes WHERE user_id = :user AND digest = :recovery_digest
            AND {so_far} RETURNING id""",
        used=events.APPENDED.replace(":event", ":recovery_code_used"),
        ticket=_TICKET,
        **opening.OPENING,
    ),
    ErrorCode.INVALID_RECOVERY_CODE,
)
