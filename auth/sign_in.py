"""Flow: password -> Session | MfaTicket;  ticket + code -> Session."""

from dataclasses import dataclass, field
from datetime import timedelta

from tortoise.expressions import F
from tortoise.transactions import in_transaction

from auth import email as addresses
from auth import mfa, passwords, sessions, tokens
from auth.errors import AuthError, ErrorCode
from auth.postern import Postern
from auth.sessions import Session
from models import MfaTicket as StoredTicket
from models import User

TICKET_PREFIX = "mfaTotp:"
"""What a ticket is good for stands in it, so that no other door ever takes it."""


@dataclass(frozen=True)
class MfaTicket:
    """A sign-in that waits for its second factor."""

    ticket: str = field(repr=False)
    expires_in: int


async def sign_in_email_password(
    postern: Postern, email: str, password: str
) -> Session | MfaTicket:
    """A session for the right password, or a ticket where the user has a second factor.

    Raises AuthError: INVALID_EMAIL_PASSWORD (after the same work, account or none),
    DISABLED_USER (told only to whoever knows the password), DISABLED_ENDPOINT (the user has a
    factor and the operator has switched factors off), INVALID_REQUEST, TOO_MANY_REQUESTS.
    """
    passwords.refuse_oversized(password)
    user = await User.get_or_none(email=addresses.normalise(email))
    matches = await postern.passwords.verify(user.password_hash if user else None, password)
    if user is None or not matches:
        raise AuthError(ErrorCode.INVALID_EMAIL_PASSWORD)
    sessions.refuse_disabled(user)
    await _rehash_if_outdated(postern, user, password)
    if user.active_mfa_type is None:
        return await sessions.issue(postern, user, tokens.PASSWORD)
    mfa.refuse_unless_enabled(postern)
    return await _issue_ticket(postern, user)


async def verify_sign_in_mfa_totp(postern: Postern, ticket: str, otp: str) -> Session:
    """Redeem a sign-in ticket with a one-time code.

    Raises AuthError: INVALID_TICKET (unknown, expired, redeemed, or too many wrong codes),
    INVALID_TOTP (wrong or already used; the ticket stays good for the attempts left),
    DISABLED_MFA_TOTP (the factor was turned off meanwhile), DISABLED_USER, DISABLED_ENDPOINT.
    """
    mfa.refuse_unless_enabled(postern)
    opened = await _take_attempt(postern, ticket)
    user = opened.user
    sessions.refuse_disabled(user)
    wrong_code = AuthError(ErrorCode.INVALID_TOTP, attemptsLeft=opened.attempts_left)
    step = mfa.matching_time_step(postern, user, otp)
    if step is None:
        raise wrong_code
    async with in_transaction():
        if not await mfa.spend_time_step(user, step):
            raise wrong_code
        if not await StoredTicket.filter(id=opened.id).delete():
            raise AuthError(ErrorCode.INVALID_TICKET)
        return await sessions.issue(postern, user, tokens.PASSWORD_AND_TOTP)


async def _rehash_if_outdated(postern: Postern, user: User, password: str) -> None:
    if postern.passwords.needs_rehash(user.password_hash):
        fresh = await postern.passwords.hash(password)
        await User.filter(id=user.id, password_hash=user.password_hash).update(password_hash=fresh)


async def _issue_ticket(postern: Postern, user: User) -> MfaTicket:
    settings = postern.settings
    ticket = TICKET_PREFIX + tokens.opaque_token()
    await StoredTicket.create(
        user=user,
        digest=tokens.digest(ticket),
        attempts_left=settings.mfa_ticket_attempts,
        expires_at=postern.now() + timedelta(seconds=settings.mfa_ticket_expires_in),
    )
    return MfaTicket(ticket, settings.mfa_ticket_expires_in)


async def _take_attempt(postern: Postern, ticket: str) -> StoredTicket:
    """The ticket, with one attempt fewer: taken before the code is looked at.

    Otherwise any number of codes could be tried at the same instant.
    """
    digest = tokens.digest(ticket)
    taken = await StoredTicket.filter(
        digest=digest, attempts_left__gt=0, expires_at__gt=postern.now()
    ).update(attempts_left=F("attempts_left") - 1)
    opened = await StoredTicket.get_or_none(digest=digest).select_related("user") if taken else None
    if opened is None:
        raise AuthError(ErrorCode.INVALID_TICKET)
    return opened
