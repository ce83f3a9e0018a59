"""Finding the session of an access token, and exchanging a refresh token for its successor."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from models.hot_paths.sign_ins import Origin
from models.hot_paths.steps import SESSION_IS_ALIVE
from models.refresh_token import RefreshToken
from models.sql import AtomicChange, Query
from models.user_session import UserSession


@dataclass(frozen=True)
class Use:
    """When and from where a refresh token is used."""

    origin: Origin
    now: datetime
    idle_since: datetime
    """The session is alive only if it was last used after this time."""


@dataclass(frozen=True)
class NewToken:
    """A refresh token to store."""

    id: UUID
    digest: str = field(repr=False)


async def find_alive(
    session_id: UUID, user_id: UUID, now: datetime, idle_since: datetime
) -> UserSession | None:
    """Return the session with its user, if it belongs to this user and is alive."""
    return await _ALIVE.one(
        session=str(session_id), user=str(user_id), now=now, idle_since=idle_since
    )


async def find_presented(digest: str) -> RefreshToken | None:
    """Return the refresh token with this digest, with session and user, unless it is revoked."""
    return await _PRESENTED.one(digest=digest)


async def rotate(
    use: Use, digest: str, successor: NewToken, *, verified: bool, with_factor: bool
) -> RefreshToken | None:
    """Store the successor of the token with this digest; return the token, with session and user.

    With `verified` and `with_factor`, only for a user whose address is verified, or who has a
    second factor. Returns None and changes nothing if this is not so, if the token is unknown, has
    a successor or is revoked, if its session is over, or its user is disabled.
    """
    return await _ROTATION.take(
        **_values(use),
        presented=digest,
        successor=str(successor.id),
        digest=successor.digest,
        verified=verified,
        with_factor=with_factor,
    )


async def repeat(
    use: Use, presented: RefreshToken, successor_id: UUID, grace_since: datetime
) -> bool:
    """Record that a rotated token was presented again, for the successor that it already has.

    Returns False if the successor was used itself and the token was rotated before
    `grace_since`, if one of the two was revoked, or if the session is over.
    """
    happened = await _REPETITION.run(
        **_values(use),
        presented=presented.digest,
        successor=str(successor_id),
        grace_since=grace_since,
    )
    return bool(happened)


def _values(use: Use) -> dict[str, object]:
    return {
        "now": use.now,
        "idle_since": use.idle_since,
        "address": use.origin.address,
        "user_agent": use.origin.user_agent,
    }


_ALIVE = Query(
    UserSession,
    "user",
    where=f"user_sessions.id = :session AND user_id = :user AND {SESSION_IS_ALIVE}",
)
_PRESENTED = Query(
    RefreshToken, "session", "user", where="refresh_tokens.digest = :digest AND revoked_at IS NULL"
)
# The session's row is locked first, as it is by a change that ends the session. So a new token
# belongs to a session that is alive, or is deleted with it.
_OF_THE_PRESENTED = "(SELECT session_id FROM refresh_tokens WHERE digest = :presented)"
_USED = f"""
    UPDATE user_sessions SET last_used_at = :now, address = :address, user_agent = :user_agent
    WHERE id = {_OF_THE_PRESENTED} AND {{previous}} RETURNING id"""
_ROTATION = AtomicChange(
    Query(
        RefreshToken,
        "session",
        "user",
        where=f"""
            refresh_tokens.digest = :presented AND rotated_at IS NULL AND revoked_at IS NULL
            AND {SESSION_IS_ALIVE} AND NOT disabled AND (email_verified OR NOT :verified)
            AND (has_second_factor OR NOT :with_factor)""",
    ),
    locks="user_sessions, refresh_tokens",
    steps={
        "session": _USED,
        "issued": f"""
            INSERT INTO refresh_tokens (id, session_id, digest)
            SELECT :successor, {_OF_THE_PRESENTED}, :digest WHERE {{previous}} RETURNING id""",
        "rotated": """
            UPDATE refresh_tokens SET rotated_at = :now
            WHERE digest = :presented AND {previous} RETURNING id""",
    },
)
_REPETITION: AtomicChange[RefreshToken] = AtomicChange(
    f"""
        SELECT user_sessions.id FROM user_sessions
        JOIN refresh_tokens AS presented ON presented.session_id = user_sessions.id
        JOIN refresh_tokens AS successor ON successor.session_id = user_sessions.id
        WHERE presented.digest = :presented AND successor.id = :successor AND {SESSION_IS_ALIVE}
        AND presented.revoked_at IS NULL AND successor.revoked_at IS NULL
        AND (successor.rotated_at IS NULL OR presented.rotated_at > :grace_since)""",
    steps={"session": _USED},
)
