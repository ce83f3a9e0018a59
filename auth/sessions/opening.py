"""Opening a session, and handing out new tokens for one.

A session is a row and the family of refresh tokens that hang on it; ending it deletes the row, so
whatever was issued for it is worth nothing within the same second.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tortoise.expressions import F

from auth import events, tokens
from auth.caller import Caller
from auth.claims import custom_claims
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.postern import Postern
from auth.tokens import SessionClaims
from models import RefreshToken, User, UserSession
from models.statements import Change
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


_SIGN_INS_AT_ONCE = 64
"""Of one user at the same instant, in all processes: with more room than that, who finds too many
sessions ends them."""
