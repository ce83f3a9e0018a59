"""Who comes with an access token, and whether they may act."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auth import tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.postern import Postern
from models import User, UserSession
from models.hot_paths import sessions


@dataclass(frozen=True)
class SignedIn:
    """Who comes with a valid access token, and when they last showed a credential."""

    user: User
    session: UserSession
    authenticated_at: datetime


async def me(postern: Postern, caller: Caller) -> SignedIn | None:
    """Who comes with the access token; None for a visitor who brings none.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER.
    """
    return None if caller.access_token is None else await signed_in(postern, caller)


async def signed_in(postern: Postern, caller: Caller) -> SignedIn:
    """Who comes with the access token.

    Raises AuthError: UNAUTHENTICATED (none, malformed, expired, forged, or its session is over),
    DISABLED_USER.
    """
    if caller.access_token is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    try:
        claims = tokens.read(caller.access_token, postern.key_ring, postern.now())
    except tokens.InvalidTokenError:
        raise AuthError(ErrorCode.UNAUTHENTICATED) from None
    session = await sessions.find_alive(
        claims.session_id, claims.user_id, postern.now(), idle_since(postern)
    )
    if session is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    refuse_kept_out(postern, session.user)
    return SignedIn(session.user, session, claims.authenticated_at)


async def recently_signed_in(postern: Postern, caller: Caller, *, always: bool = False) -> SignedIn:
    """Who comes with the access token, having shown a credential not long ago.

    With `always`, within a quarter of an hour though the operator asks for less or nothing.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, ELEVATED_CLAIM_REQUIRED.
    """
    viewer = await signed_in(postern, caller)
    max_age, mode = postern.settings.elevation_max_age, postern.settings.elevation_mode
    if mode == "disabled" or (mode == "recommended" and not viewer.user.has_second_factor):
        max_age = 0
    if always:
        max_age = min(max_age or _QUARTER_OF_AN_HOUR, _QUARTER_OF_AN_HOUR)
    if max_age and viewer.authenticated_at + timedelta(seconds=max_age) < postern.now():
        raise AuthError(ErrorCode.ELEVATED_CLAIM_REQUIRED)
    return viewer


def kept_out(postern: Postern, user: User) -> ErrorCode | None:
    """Why the user may not come in though the credentials are right, if so."""
    if user.disabled:
        return ErrorCode.DISABLED_USER
    if postern.settings.email_verified_required and not user.email_verified:
        return ErrorCode.UNVERIFIED_USER
    return None


def refuse_kept_out(postern: Postern, user: User) -> None:
    """Raises AuthError: DISABLED_USER, UNVERIFIED_USER.

    For callers that have seen this user's credentials.
    """
    if code := kept_out(postern, user):
        raise AuthError(code)


def idle_since(postern: Postern) -> datetime:
    """When a session must have been used last, at least, to be alive."""
    timeout = postern.settings.session_inactivity_timeout
    return postern.now() - timedelta(seconds=timeout) if timeout else _LONG_AGO


_QUARTER_OF_AN_HOUR = 15 * 60


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
