"""Flow: sessions, from issuing one to knowing who comes with its access token."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from auth import tokens
from auth.errors import AuthError, ErrorCode
from auth.postern import Postern
from models import RefreshToken, User


@dataclass(frozen=True)
class Session:
    """A user who is signed in, and the tokens that prove it."""

    access_token: str = field(repr=False)
    access_token_expires_in: int
    refresh_token: str = field(repr=False)
    refresh_token_id: UUID
    user: User


async def issue(postern: Postern, user: User, methods: Sequence[str]) -> Session:
    """Sign the user in. Only for callers that have seen every factor this user has."""
    settings, now = postern.settings, postern.now()
    refresh_token = tokens.opaque_token()
    stored = await RefreshToken.create(
        user=user,
        digest=tokens.digest(refresh_token),
        expires_at=now + timedelta(seconds=settings.refresh_token_expires_in),
    )
    access_token = tokens.access_token(
        postern.signing_key,
        user,
        methods=methods,
        now=now,
        expires_in=settings.access_token_expires_in,
    )
    return Session(access_token, settings.access_token_expires_in, refresh_token, stored.id, user)


async def me(postern: Postern, access_token: str | None) -> User | None:
    """Who comes with this access token; None for a visitor who brings none.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER.
    """
    return None if access_token is None else await signed_in_user(postern, access_token)


async def signed_in_user(postern: Postern, access_token: str | None) -> User:
    """Who comes with this access token.

    Raises AuthError: UNAUTHENTICATED (none, malformed, expired, forged, or its user is gone),
    DISABLED_USER.
    """
    if access_token is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    try:
        user = await User.get_or_none(id=tokens.user_id_of(access_token, postern.signing_key))
    except tokens.InvalidTokenError:
        user = None
    if user is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    refuse_disabled(user)
    return user


def refuse_disabled(user: User) -> None:
    """Raises AuthError: DISABLED_USER. For callers that have seen this user's credentials."""
    if user.disabled:
        raise AuthError(ErrorCode.DISABLED_USER)
