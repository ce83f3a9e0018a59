"""Flow: sign out of one session or of all."""

from uuid import UUID

from auth import events, tokens
from auth.caller import Caller
from auth.events import EventType
from auth.factors import trusted_devices
from auth.postern import Postern
from auth.sessions import current
from models import RefreshToken, User, UserSession
from models.hot_paths import users
from models.transactions import atomic


async def sign_out(
    postern: Postern, caller: Caller, refresh_token: str | None, *, everywhere: bool
) -> None:
    """End the session of the refresh token, else of the access token; or all the user's sessions.

    An unknown refresh token is not an error: its session has already ended.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER; each only without a refresh
    token, or with `everywhere`.
    """
    if everywhere:
        user = (await current.signed_in(postern, caller)).user
        await end_all(postern, caller, user)
    elif refresh_token is not None:
        token = await RefreshToken.get_or_none(digest=tokens.digest(refresh_token)).select_related(
            "session"
        )
        if token is not None:
            await _end(postern, caller, token.session)
    else:
        await _end(postern, caller, (await current.signed_in(postern, caller)).session)


async def revoke_session(postern: Postern, caller: Caller, session_id: str) -> bool:
    """End one of the signed-in user's sessions; return False if the user has no such session.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER.
    """
    user = (await current.signed_in(postern, caller)).user
    try:
        session = await UserSession.get_or_none(id=UUID(session_id), user_id=user.id)
    except ValueError:
        return False
    return session is not None and await _end(postern, caller, session)


async def revoke_trusted_device(postern: Postern, caller: Caller, device_id: str) -> bool:
    """Stop trusting a browser of the signed-in user; return False if there is no such one.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER.
    """
    user = (await current.signed_in(postern, caller)).user
    try:
        wanted = UUID(device_id)
    except ValueError:
        return False
    return await trusted_devices.revoke(postern, caller, user, wanted)


async def end_all(postern: Postern, caller: Caller, user: User, *, but: UUID | None = None) -> None:
    """End all sessions of the user, except the one with the id `but`, and trust no browser."""
    async with atomic():
        await users.lock(user.id)
        await UserSession.filter(user_id=user.id).exclude(id=but).delete()
        await trusted_devices.forget_all(user.id)
        await events.record(postern, caller, EventType.ALL_SESSIONS_ENDED, user.id)


async def _end(postern: Postern, caller: Caller, session: UserSession) -> bool:
    user_id: UUID = session.user_id  # type: ignore[attr-defined] # Tortoise adds it
    async with atomic():
        await users.lock(user_id)
        ended = await UserSession.filter(id=session.id).delete()
        if ended:
            await events.record(postern, caller, EventType.SESSION_ENDED, user_id)
    return bool(ended)
