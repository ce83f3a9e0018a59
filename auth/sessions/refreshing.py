"""Flow: exchange a refresh token for its successor (rotation), and detect reuse of a stolen one.

The successor of a refresh token is derived from it with a secret key. So a client that presents the
same token again (a second tab, or after a lost response) gets the same successor, and a session
never has two chains of tokens, though only digests are stored.
"""

import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from auth import events, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor, trusted_devices
from auth.limits import throttling
from auth.mail import notices
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.opening import Session
from models import RefreshToken, UserSession
from models.hot_paths import sessions, users
from models.hot_paths.sessions import NewToken, Use
from models.transactions import atomic

_PURPOSE = "postern refresh token successor"
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


async def refresh_session(postern: Postern, caller: Caller, refresh_token: str) -> Session:
    """Exchange a refresh token for its successor and a new access token (RFC 9700, 4.14.2).

    A token that is presented again returns the same successor: always within the grace period
    (`AUTH_REFRESH_TOKEN_REUSE_INTERVAL`); later only while the successor was never presented, so
    that a client can recover from a lost response. Otherwise the session ends, with an event. The
    session's expiry does not move.
    Raises AuthError: INVALID_REFRESH_TOKEN, DISABLED_USER, UNVERIFIED_USER, TOO_MANY_REQUESTS (only
    for a wrong token: other clients' failures never delay a valid one).
    """
    needed = postern.settings.requires_factor_of_some
    fresh = await _rotate(postern, caller, refresh_token, with_factor=needed)
    if fresh is not None:
        return fresh
    digest = tokens.digest(refresh_token)
    presented = await sessions.find_presented(digest)
    if presented is None:
        await throttling.failed(postern, caller)
        raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)
    current.refuse_kept_out(postern, presented.session.user)
    await _refuse_without_factor(postern, caller, presented.session)
    if presented.rotated_at is None:  # the user needs no factor, or not yet
        fresh = await _rotate(postern, caller, refresh_token, with_factor=False)
        if fresh is not None:
            return fresh
        presented = await sessions.find_presented(digest)  # rotated by another request, or ended
    if presented is None or presented.rotated_at is None:
        raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)
    return await _answer_again(postern, caller, presented, refresh_token)


async def _refuse_without_factor(postern: Postern, caller: Caller, session: UserSession) -> None:
    """End the session of a user who needs a second factor by now: signing in sets one up.

    Raises AuthError: INVALID_REFRESH_TOKEN.
    """
    if not await second_factor.is_due(postern, session.user):
        return
    async with atomic():
        await users.lock(session.user.id)
        if await UserSession.filter(id=session.id).delete():
            await events.record(postern, caller, EventType.SESSION_ENDED, session.user.id)
    raise AuthError(
        ErrorCode.INVALID_REFRESH_TOKEN,
        "Your account needs a second factor. Please sign in again to set it up.",
    )


def successors(postern: Postern, refresh_token: str) -> list[str]:
    """Return the 128-bit successor that each encryption key gives; the current key's comes first.

    HMAC-SHA256 is a pseudo-random function (RFC 2104): without the key, a token reveals nothing of
    the next one.
    """
    keys = postern.vault.derived_keys(_PURPOSE)
    macs = (hmac.digest(key, refresh_token.encode(), "sha256") for key in keys)
    return [str(UUID(bytes=mac[:16])) for mac in macs]


async def _rotate(
    postern: Postern, caller: Caller, refresh_token: str, *, with_factor: bool
) -> Session | None:
    """Issue the successor in one statement, which decides everything; None if it must not be."""
    successor, token_id = successors(postern, refresh_token)[0], uuid4()
    rotated = await sessions.rotate(
        _use(postern, caller),
        tokens.digest(refresh_token),
        NewToken(token_id, tokens.digest(successor)),
        verified=postern.settings.email_verified_required,
        with_factor=with_factor,
    )
    if rotated is None:
        return None
    session = rotated.session
    return opening.handed_out(postern, session.user, session, successor, token_id)


async def _answer_again(
    postern: Postern, caller: Caller, presented: RefreshToken, refresh_token: str
) -> Session:
    """Return the same successor again, or end the session if the token may be stolen."""
    session = presented.session
    by_digest = {tokens.digest(text): text for text in successors(postern, refresh_token)}
    alive = RefreshToken.filter(session_id=session.id, revoked_at__isnull=True)
    stored = await alive.filter(digest__in=list(by_digest)).first()
    if stored is None:  # the session has just ended, or the key is gone
        raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)
    use, grace_since = _use(postern, caller), _grace_since(postern)
    if await sessions.repeat(use, presented, stored.id, grace_since):
        return opening.handed_out(
            postern, session.user, session, by_digest[stored.digest], stored.id
        )
    async with atomic():
        await users.lock(session.user.id)
        successor = await alive.filter(id=stored.id).first()  # as it is now, not before `repeat`
        in_grace = presented.rotated_at is None or presented.rotated_at > grace_since
        stolen = successor and successor.rotated_at and not in_grace
        if stolen and await UserSession.filter(id=session.id).delete():
            reused = EventType.REFRESH_TOKEN_REUSED
            await events.record(postern, caller, reused, session.user.id)
            await notices.post(postern, caller, session.user, reused)
            await trusted_devices.forget_all(session.user.id)
    raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)


def _use(postern: Postern, caller: Caller) -> Use:
    return Use(caller.origin, postern.now(), current.idle_since(postern))


def _grace_since(postern: Postern) -> datetime:
    """Return the time after which a token must have been rotated to be within its grace period."""
    grace = postern.settings.refresh_token_reuse_interval
    return postern.now() - timedelta(seconds=grace) if grace else _NEVER
