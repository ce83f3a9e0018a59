"""Flow: sessions, from opening one to knowing who comes with its access token.

A session is a row and the family of refresh tokens that hang on it; ending it deletes the row, so
whatever was issued for it is worth nothing within the same second.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from tortoise.transactions import in_transaction

from auth import events, throttling, tokens
from auth.caller import Caller
from auth.claims import custom_claims
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.postern import Postern
from auth.tokens import SessionClaims
from models import RefreshToken, User, UserSession
from models.statements import Change, Read


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


@dataclass
class _Opened:
    """A session that a `Change` has opened."""

    id: UUID
    methods: list[str]
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


OPENING = {
    "session": """
        INSERT INTO user_sessions (id, user_id, methods, created_at, authenticated_at,
            last_used_at, expires_at, address, user_agent)
        SELECT :session, :user, :methods, :now, :now,
            :now, :expires_at, :address, :user_agent WHERE {so_far} RETURNING id""",
    "token": """
        INSERT INTO refresh_tokens (id, session_id, digest)
        SELECT :token, :session, :digest WHERE {so_far} RETURNING id""",
    "event": events.APPENDED,
}
"""The last steps of a `Change` that signs a user in: what `open_session` does, in one go."""


async def open_at_once(
    postern: Postern,
    caller: Caller,
    user: User,
    methods: Sequence[str],
    change: Change,
    **values: object,
) -> Session | None:
    """What `open_session` answers, by a `Change` that ends with `OPENING`.

    The change makes sure that every factor that was seen is still the user's; None if one is not.
    """
    now, refresh_token = postern.now(), tokens.opaque_token()
    session, token_id = _Opened(uuid4(), list(methods), now), uuid4()
    happened = await change.run(
        session=str(session.id),
        user=str(user.id),
        methods=json.dumps(session.methods),
        now=now,
        expires_at=now + timedelta(seconds=postern.settings.refresh_token_expires_in),
        address=caller.address,
        user_agent=caller.user_agent,
        token=str(token_id),
        digest=tokens.digest(refresh_token),
        event=EventType.SIGNED_IN.name,
        **values,
    )
    if not happened:
        return None
    events.log(postern, caller, EventType.SIGNED_IN, user.id)
    return _handed_out(postern, user, session, refresh_token, token_id)


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
    refresh_token = tokens.opaque_token()
    stored = await RefreshToken.create(session=session, digest=tokens.digest(refresh_token))
    user = session.user
    return _handed_out(postern, user, session, refresh_token, stored.id, elevated=elevated)


def _handed_out(
    postern: Postern,
    user: User,
    session: SessionClaims,
    refresh_token: str,
    refresh_token_id: UUID,
    *,
    elevated: bool = False,
) -> Session:
    expires_in = postern.settings.access_token_expires_in
    extra = custom_claims(user, postern.settings.jwt_custom_claims)
    if elevated:
        extra["x-hasura-auth-elevated"] = str(user.id)  # as Nhost marks such a session
    access_token = tokens.access_token(
        postern.key_ring,
        user,
        session,
        now=postern.now(),
        expires_in=expires_in,
        extra=extra,
    )
    return Session(access_token, expires_in, refresh_token, refresh_token_id, session.id, user)


async def refresh_session(postern: Postern, caller: Caller, refresh_token: str) -> Session:
    """Exchange a refresh token for a new one and a fresh access token (RFC 9700, section 4.14.2).

    The old token is replaced; used again within the grace (`AUTH_REFRESH_TOKEN_REUSE_INTERVAL`),
    as by two tabs at once, it is answered with another of the same family; used after it, the
    whole session ends. The session's own end does not move.
    Raises AuthError: INVALID_REFRESH_TOKEN, DISABLED_USER, UNVERIFIED_USER, TOO_MANY_REQUESTS (only
    for tokens that are wrong: a good one is never held up by what others do).
    """
    digest = tokens.digest(refresh_token)
    presented = await _PRESENTED.one(digest=digest)
    if presented is None:
        await throttling.failed(postern, caller)
        raise AuthError(ErrorCode.INVALID_REFRESH_TOKEN)
    refuse_kept_out(postern, presented.session.user)
    fresh = await _rotate(postern, caller, presented)
    if fresh is not None:
        return fresh
    stale = await RefreshToken.get_or_none(digest=digest).select_related("session__user")
    if stale is not None and _replaced_a_while_ago(postern, stale):
        await _end_reused(postern, caller, stale)
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
    alive = UserSession.filter(
        user_id=user.id, expires_at__gt=postern.now(), last_used_at__gt=_idle_since(postern)
    )
    return await alive.order_by("-last_used_at", "id")


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
    session = await _ALIVE.one(
        session=str(claims.session_id),
        user=str(claims.user_id),
        now=postern.now(),
        idle_since=_idle_since(postern),
    )
    if session is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    refuse_kept_out(postern, session.user)
    return SignedIn(session.user, session, claims.authenticated_at)


async def recently_signed_in(
    postern: Postern, caller: Caller, *, at_least: bool = False
) -> SignedIn:
    """Who comes with the access token, having shown a credential not long ago.

    With `at_least`, within a quarter of an hour though the operator asks for less or nothing.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, ELEVATED_CLAIM_REQUIRED.
    """
    viewer = await signed_in(postern, caller)
    max_age, mode = postern.settings.elevation_max_age, postern.settings.elevation_mode
    if mode == "disabled" or (mode == "recommended" and viewer.user.active_mfa_type is None):
        max_age = 0
    if at_least:
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


def _idle_since(postern: Postern) -> datetime:
    """When a session must have been used last, at least, to be alive."""
    timeout = postern.settings.session_inactivity_timeout
    return postern.now() - timedelta(seconds=timeout) if timeout else _LONG_AGO


_QUARTER_OF_AN_HOUR = 15 * 60
_LONG_AGO, _NEVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_IS_ALIVE = "user_sessions.expires_at > :now AND user_sessions.last_used_at > :idle_since"
_ALIVE = Read(
    UserSession, "user", where=f"user_sessions.id = :session AND user_id = :user AND {_IS_ALIVE}"
)
_PRESENTED = Read(RefreshToken, "session", "user", where="refresh_tokens.digest = :digest")
# The session's row is taken first, as by whoever ends it: what is handed out belongs to a session
# that is alive, or ends with it.
_ROTATION = Change(
    f"""
        SELECT user_sessions.id FROM user_sessions
        JOIN refresh_tokens ON refresh_tokens.session_id = user_sessions.id
        WHERE refresh_tokens.id = :presented AND {_IS_ALIVE}
        AND (rotated_at IS NULL OR rotated_at > :grace_since)""",  # noqa: S608 - our own words
    session="""
        UPDATE user_sessions SET last_used_at = :now, address = :address, user_agent = :user_agent
        WHERE id = :session AND {so_far} RETURNING id""",
    issued="""
        INSERT INTO refresh_tokens (id, session_id, digest)
        SELECT :token, :session, :digest WHERE {so_far} RETURNING id""",
    rotated="""
        UPDATE refresh_tokens SET rotated_at = :now
        WHERE id = :presented AND rotated_at IS NULL AND {so_far}""",
)


def _replaced_a_while_ago(postern: Postern, token: RefreshToken) -> bool:
    return token.rotated_at is not None and token.rotated_at <= _grace_since(postern)


def _grace_since(postern: Postern) -> datetime:
    """When a refresh token must have been replaced, at least, to be good once more."""
    grace = postern.settings.refresh_token_reuse_interval
    return postern.now() - timedelta(seconds=grace) if grace else _NEVER


async def _rotate(postern: Postern, caller: Caller, presented: RefreshToken) -> Session | None:
    """The next tokens of the family.

    None where its session is over, or it has been replaced and the grace is over too.
    """
    session, refresh_token, token_id = presented.session, tokens.opaque_token(), uuid4()
    rotated = await _ROTATION.run(
        presented=str(presented.id),
        session=str(session.id),
        now=postern.now(),
        idle_since=_idle_since(postern),
        grace_since=_grace_since(postern),
        address=caller.address,
        user_agent=caller.user_agent,
        token=str(token_id),
        digest=tokens.digest(refresh_token),
    )
    if not rotated:
        return None
    return _handed_out(postern, session.user, session, refresh_token, token_id)


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
