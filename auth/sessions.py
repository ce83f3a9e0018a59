"""Flow: sessions, from opening one to knowing who comes with its access token.

A session is a row and the family of refresh tokens that hang on it; ending it deletes the row, so
whatever was issued for it is worth nothing within the same second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.expressions import Q
from tortoise.transactions import in_transaction

from auth import events, throttling, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.postern import Postern
from models import RefreshToken, User, UserSession


@dataclass(frozen=True)
class Session:
    """A user who is signed in, and the tokens that prove it."""

    access_token: str = field(repr=False)
    access_token_expires_in: int
    refresh_token: str = field(repr=False)
    refresh_token_id: UUID
    session_id: UUID
    user: User


@dataclass(frozen=True)
class SignedIn:
    """Who comes with a valid access token, and when they last showed a credential."""

    user: User
    session: UserSession
    authenticated_at: datetime


async def open_session(
    postern: Postern, caller: Caller, user: User, methods: Sequence[str]
) -> Session:
    """Sign the user in. Only for callers that have seen every factor this user has.

    To be called in the transaction that makes sure that those factors are still the user's.
    """
    now = postern.now()
    session = await UserSession.create(
        user=user,
        methods=list(methods),
        created_at=now,
        authenticated_at=now,
        last_used_at=now,
        expires_at=now + timedelta(seconds=postern.settings.refresh_token_expires_in),
        address=caller.address,
        user_agent=caller.user_agent,
    )
    await events.record(postern, caller, EventType.SIGNED_IN, user.id)
    return await hand_out(postern, session)


async def hold_unchanged(postern: Postern, user: User) -> bool:
    """Whether the account is still as it was when its credentials were checked.

    To be called first in the transaction that lets the user in: it holds the user's row until the
    end. Whoever changes the password, disables the user or turns the factor on at the same time
    comes before (and it is False) or after (and ends what was opened).
    """
    unchanged = User.filter(
        id=user.id,
        password_hash=user.password_hash,
        totp_activated_at__isnull=user.active_mfa_type is None,
        disabled=False,
    )
    return bool(await unchanged.update(last_signed_in_at=postern.now()))


async def hand_out(postern: Postern, session: UserSession, *, elevated: bool = False) -> Session:
    """Fresh tokens for a session whose user is loaded."""
    expires_in = postern.settings.access_token_expires_in
    refresh_token = tokens.opaque_token()
    stored = await RefreshToken.create(session=session, digest=tokens.digest(refresh_token))
    access_token = tokens.access_token(
        postern.key_ring,
        session.user,
        session,
        now=postern.now(),
        expires_in=expires_in,
        elevated=elevated,
    )
    return Session(access_token, expires_in, refresh_token, stored.id, session.id, session.user)


async def refresh_session(postern: Postern, caller: Caller, refresh_token: str) -> Session:
    """Exchange a refresh token for a new one and a fresh access token (RFC 9700, section 4.14.2).

    The old token is replaced; used again within the grace (`AUTH_REFRESH_TOKEN_REUSE_INTERVAL`),
    as by two tabs at once, it is answered with another of the same family; used after it, the
    whole session ends. The session's own end does not move.
    Raises AuthError: INVALID_REFRESH_TOKEN, DISABLED_USER, TOO_MANY_REQUESTS (only for tokens that
    are wrong: a good one is never held up by what others do).
    """
    presented = await RefreshToken.get_or_none(digest=tokens.digest(refresh_token)).select_related(
        "session__user"
    )
    if presented is None:
        await throttling.failed(postern, caller)
        raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)
    refuse_disabled(presented.session.user)
    if not _replaced_a_while_ago(postern, presented):
        fresh = await _rotate(postern, caller, presented)
        if fresh is not None:
            return fresh
    await _end_reused(postern, caller, presented)
    raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)


async def sign_out(
    postern: Postern, caller: Caller, refresh_token: str | None, *, everywhere: bool
) -> None:
    """End the session of this refresh token, else that of the access token, or all of the user's.

    A token that is not known any more is no error: its session is over, as was asked.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER (without a refresh token, or everywhere).
    """
    if everywhere:
        user = (await signed_in(postern, caller)).user
        await end_all(postern, caller, user)
    elif refresh_token is not None:
        token = await RefreshToken.get_or_none(digest=tokens.digest(refresh_token)).select_related(
            "session"
        )
        if token is not None:
            await _end(postern, caller, token.session)
    else:
        await _end(postern, caller, (await signed_in(postern, caller)).session)


async def revoke_session(postern: Postern, caller: Caller, session_id: str) -> bool:
    """End one of the signed-in user's sessions; False if they have no such session.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER.
    """
    user = (await signed_in(postern, caller)).user
    try:
        session = await UserSession.get_or_none(id=UUID(session_id), user_id=user.id)
    except ValueError:
        return False
    return session is not None and await _end(postern, caller, session)


async def end_all(postern: Postern, caller: Caller, user: User, *, but: UUID | None = None) -> None:
    """End all sessions of the user, or all but one."""
    async with in_transaction():
        await UserSession.filter(user_id=user.id).exclude(id=but).delete()
        await events.record(postern, caller, EventType.ALL_SESSIONS_ENDED, user.id)


async def sessions_of(postern: Postern, user: User) -> list[UserSession]:
    """The user's sessions that are alive, the last used first."""
    alive = _alive(postern)
    return await UserSession.filter(alive, user_id=user.id).order_by("-last_used_at", "id")


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
    session = await UserSession.get_or_none(
        _alive(postern), id=claims.session_id, user_id=claims.user_id
    ).select_related("user")
    if session is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    refuse_disabled(session.user)
    return SignedIn(session.user, session, claims.authenticated_at)


async def recently_signed_in(postern: Postern, caller: Caller) -> SignedIn:
    """Who comes with the access token, having shown a credential not long ago.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, ELEVATED_CLAIM_REQUIRED.
    """
    viewer = await signed_in(postern, caller)
    max_age = postern.settings.elevation_max_age
    if max_age and viewer.authenticated_at + timedelta(seconds=max_age) < postern.now():
        raise AuthError(ErrorCode.ELEVATED_CLAIM_REQUIRED)
    return viewer


def refuse_disabled(user: User) -> None:
    """Raises AuthError: DISABLED_USER. For callers that have seen this user's credentials."""
    if user.disabled:
        raise AuthError(ErrorCode.DISABLED_USER)


def _alive(postern: Postern) -> Q:
    now, timeout = postern.now(), postern.settings.session_inactivity_timeout
    if not timeout:
        return Q(expires_at__gt=now)
    return Q(expires_at__gt=now, last_used_at__gt=now - timedelta(seconds=timeout))


def _replaced_a_while_ago(postern: Postern, token: RefreshToken) -> bool:
    grace = timedelta(seconds=postern.settings.refresh_token_reuse_interval)
    return token.rotated_at is not None and token.rotated_at + grace <= postern.now()


async def _rotate(postern: Postern, caller: Caller, presented: RefreshToken) -> Session | None:
    """The next tokens of the family; None where the token has been replaced and there is no grace.

    The session's row is taken first, as by whoever ends it: what is handed out belongs to a session
    that is alive, or ends with it.
    """
    now, session = postern.now(), presented.session
    async with in_transaction():
        used = {"last_used_at": now, "address": caller.address, "user_agent": caller.user_agent}
        if not await UserSession.filter(_alive(postern), id=session.id).update(**used):
            raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)
        unused = RefreshToken.filter(id=presented.id, rotated_at__isnull=True)
        rotated = await unused.update(rotated_at=now)
        if not rotated and not postern.settings.refresh_token_reuse_interval:
            return None
        return await hand_out(postern, session)


async def _end_reused(postern: Postern, caller: Caller, token: RefreshToken) -> None:
    async with in_transaction():
        if await UserSession.filter(id=token.session.id).delete():
            user = token.session.user
            await events.record(postern, caller, EventType.REFRESH_TOKEN_REUSED, user.id)


async def _end(postern: Postern, caller: Caller, session: UserSession) -> bool:
    async with in_transaction():
        ended = await UserSession.filter(id=session.id).delete()
        if ended:
            user_id: UUID = session.user_id  # type: ignore[attr-defined] # Tortoise adds it
            await events.record(postern, caller, EventType.SESSION_ENDED, user_id)
    return bool(ended)
