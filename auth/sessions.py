"""Flow: sessions, from opening one to knowing who comes with its access token.

A session is a row and the family of refresh tokens that hang on it; ending it deletes the row, so
whatever was issued for it is worth nothing within the same second.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from tortoise.expressions import F, Q

from auth import events, paging, tokens
from auth.caller import Caller
from auth.claims import custom_claims
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.paging import Page
from auth.postern import Postern
from auth.tokens import SessionClaims
from models import RefreshToken, User, UserSession
from models.statements import Change, Read
from models.transactions import atomic


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
    return await _hand_out(postern, session)


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
    "displaced": """
        DELETE FROM user_sessions WHERE id IN (
            SELECT id FROM user_sessions WHERE user_id = :user AND id <> :session
            ORDER BY created_at DESC, id LIMIT 1000000 OFFSET :others)
        AND {so_far} RETURNING id""",
    "displacement": events.APPENDED.replace(":event", ":displaced"),
}
"""The last steps of a `Change` that signs a user in: what `open_session` does, in one go; and the
end of the oldest sessions, where there are too many."""


async def open_at_once(
    postern: Postern,
    caller: Caller,
    user: User,
    methods: Sequence[str],
    change: Change[User],
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
        displaced=EventType.SESSION_DISPLACED.name,
        others=postern.settings.sessions_per_user - 1,
        **values,
    )
    if not happened:
        return None
    events.log(postern, caller, EventType.SIGNED_IN, user.id)
    if "displaced" in happened:
        events.log(postern, caller, EventType.SESSION_DISPLACED, user.id)
    if "displaced" in happened or postern.settings.sessions_per_user <= _SIGN_INS_AT_ONCE:
        await _displace_more(postern, caller, user)
    return handed_out(postern, user, session, refresh_token, token_id)


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


async def reissue(postern: Postern, session: UserSession, *, elevated: bool = False) -> Session:
    """The same session with a random refresh token; all that it had before are dead at once.

    For every change of a credential, in its atomic change: whoever holds an older token must not
    get on. The user's row is taken first.
    Raises AuthError: UNAUTHENTICATED (the session has ended meanwhile).
    """
    if not await UserSession.filter(id=session.id).update(last_used_at=postern.now()):
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    older = RefreshToken.filter(session_id=session.id, revoked_at__isnull=True)
    await older.update(revoked_at=postern.now())
    return await _hand_out(postern, session, elevated=elevated)


async def _hand_out(postern: Postern, session: UserSession, *, elevated: bool = False) -> Session:
    """Fresh tokens for a session whose user is loaded."""
    refresh_token = tokens.opaque_token()
    stored = await RefreshToken.create(session=session, digest=tokens.digest(refresh_token))
    user = session.user
    return handed_out(postern, user, session, refresh_token, stored.id, elevated=elevated)


async def _displace_more(postern: Postern, caller: Caller, user: User) -> None:
    """End the oldest sessions of a user who has too many still.

    Sign-ins at the same instant do not see each other's sessions; here one comes after the other.
    """
    newest = UserSession.filter(user_id=user.id).order_by("-created_at", "id")
    async with atomic():
        await User.filter(id=user.id).update(disabled=F("disabled"))  # holds the user's row
        over = await newest.offset(postern.settings.sessions_per_user).values_list("id", flat=True)
        if over:
            await UserSession.filter(id__in=over).delete()
            await events.record(postern, caller, EventType.SESSION_DISPLACED, user.id)


def handed_out(
    postern: Postern,
    user: User,
    session: SessionClaims,
    refresh_token: str,
    refresh_token_id: UUID,
    *,
    elevated: bool = False,
) -> Session:
    """The session as its user gets it: a new access token, and this refresh token."""
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
    async with atomic():
        await UserSession.filter(user_id=user.id).exclude(id=but).delete()
        await events.record(postern, caller, EventType.ALL_SESSIONS_ENDED, user.id)


async def page_of(
    postern: Postern, user: User, *, first: int | None = None, after: str | None = None
) -> Page[UserSession]:
    """At most `first` of the user's sessions that are alive (1 to 100, 20), the last used first.

    Raises AuthError: INVALID_REQUEST.
    """
    first = paging.size(first)
    alive = UserSession.filter(
        user_id=user.id, expires_at__gt=postern.now(), last_used_at__gt=idle_since(postern)
    )
    if after is not None:
        used_at, session_id = _position(after)
        alive = alive.filter(
            Q(last_used_at__lt=used_at) | Q(last_used_at=used_at, id__gt=session_id)
        )
    found = await alive.order_by("-last_used_at", "id").limit(first + 1)
    return Page.cut(found, first=first, after=after)


def cursor(session: UserSession) -> str:
    """The session's place in the list, as clients hand it back."""
    return paging.cursor(f"{session.last_used_at.isoformat()} {session.id}")


def _position(cursor: str) -> tuple[datetime, UUID]:
    used_at, _, session_id = paging.position(cursor).partition(" ")
    try:
        return datetime.fromisoformat(used_at).astimezone(UTC), UUID(session_id)
    except (ValueError, OverflowError):
        raise paging.invalid_cursor() from None


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
        idle_since=idle_since(postern),
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


def idle_since(postern: Postern) -> datetime:
    """When a session must have been used last, at least, to be alive."""
    timeout = postern.settings.session_inactivity_timeout
    return postern.now() - timedelta(seconds=timeout) if timeout else _LONG_AGO


_QUARTER_OF_AN_HOUR = 15 * 60
_SIGN_INS_AT_ONCE = 64
"""Of one user at the same instant, in all processes: with more room than that, who finds too many
sessions ends them."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
IS_ALIVE = "user_sessions.expires_at > :now AND user_sessions.last_used_at > :idle_since"
"""A condition of a statement, with the time `now` and what `idle_since` answers."""
_ALIVE = Read(
    UserSession, "user", where=f"user_sessions.id = :session AND user_id = :user AND {IS_ALIVE}"
)


async def _end(postern: Postern, caller: Caller, session: UserSession) -> bool:
    async with atomic():
        ended = await UserSession.filter(id=session.id).delete()
        if ended:
            user_id: UUID = session.user_id  # type: ignore[attr-defined] # Tortoise adds it
            await events.record(postern, caller, EventType.SESSION_ENDED, user_id)
    return bool(ended)
