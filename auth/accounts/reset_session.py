"""A reset link in Nhost's shape: what looks like a session, and can do nothing but set a password.

Nhost's clients follow a reset link, exchange a refresh token, and set a password with the access
token that they get. Here both tokens carry the ticket of the mail: no session is opened, and the
access token's signature is one that nobody accepts.
"""

import secrets
from dataclasses import dataclass, field

import jwt

from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.mail import tickets
from auth.postern import Postern
from models import User
from models.mail_ticket import MailPurpose

LIFE = 15 * 60
"""Seconds that the access token says it lives; the ticket decides."""
_CLAIM = "postern-ticket"


@dataclass(frozen=True)
class ResetSession:
    """The tokens of a reset, for clients that expect a session."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    id: str
    user: User


def is_refresh_token(token: str) -> bool:
    """Return whether this is the refresh token of a reset: the ticket itself."""
    return token.startswith(f"{MailPurpose.RESET_PASSWORD.value}:")


async def open_reset_session(postern: Postern, caller: Caller, ticket: str) -> ResetSession:
    """Return the tokens of a reset; nothing is spent or stored.

    Raises AuthError: INVALID_REFRESH_TOKEN (also for a user with a second factor, who uses the
    ticket itself), DISABLED_USER, TOO_MANY_REQUESTS.
    """
    try:
        found = await tickets.find(postern, caller, ticket, MailPurpose.RESET_PASSWORD)
    except AuthError as error:
        if error.code is not ErrorCode.INVALID_TICKET:
            raise
        raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN) from None
    if found.user.has_second_factor:
        raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)
    now = int(postern.now().timestamp())
    claims = {"sub": str(found.user.id), "iat": now, "exp": now + LIFE, _CLAIM: ticket}
    nobodys_key = secrets.token_bytes(32)
    token = jwt.encode(claims, nobodys_key, algorithm="HS256")
    return ResetSession(token, ticket, str(found.id), found.user)


def ticket_in(access_token: str | None) -> str | None:
    """Return the ticket that the access token of a reset carries; None for any other token."""
    try:
        claims = jwt.decode(access_token or "", options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    ticket = claims.get(_CLAIM)
    looks_right = isinstance(ticket, str) and ticket.isascii() and is_refresh_token(ticket)
    return ticket if looks_right else None
