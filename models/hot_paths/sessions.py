"""Finding the session of an access token, and exchanging a refresh token for its successor."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.hot_paths.sign_ins import Origin
from models.hot_paths.steps import SESSION_IS_ALIVE
from models.refresh_token import RefreshToken
from models.sql import AtomicChange, Query
from models.user_session import UserSession


@dataclass(frozen=True)
class Use:
    """A presented refresh token, and when and from where it is used."""

    token: RefreshToken
    origin: Origin
    now: datetime
    idle_since: datetime
    """The session is alive only if it was last used after this time."""


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


async def rotate(use: Use, successor_id: UUID, successor_digest: str) -> bool:
    """Store a token's successor; False if it has one, is revoked, or its session is over."""
    return bool(await _ROTATION.run(**_values(use, successor_id), digest=successor_digest))


async def repeat(use: Use, successor_id: UUID, grace_since: datetime) -> bool:
    """Record that a rotated token was presented again, for the successor that it already has.

    Returns False if the successor was used itself and the token was rotated before
    `grace_since`, if one of the two was revoked, or if the session is over.
    """
    return bool(await _REPETITION.run(**_values(use, successor_id), grace_since=grace_since))


def _values(use: Use, successor_id: UUID) -> dict[str, object]:
    return {
        "presented": str(use.token.id),
        "successor": str(successor_id),
        "session": str(use.token.session.id),
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
_USED = """
    UPDATE user_sessions SET last_used_at = :now, address = :address, user_agent = :user_agent
    WHERE id = :session AND {previous} RETURNING id"""
_ROTATION: AtomicChange[RefreshToken] = AtomicChange(
    f"""
        SELECT user_sessions.id FROM user_sessions
        JOIN refresh_tokens ON refresh_tokens.session_id = user_sessions.id
        WHERE refresh_tokens.id = :presented AND rotated_at IS NULL AND revoked_at IS NULL
        AND {SESSION_IS_ALIVE}""",
    steps={
        "session": _USED,
        "issued": """
            INSERT INTO refresh_tokens (id, session_id, digest)
            SELECT :successor, :session, :digest WHERE {previous} RETURNING id""",
        "rotated": """
            UPDATE refresh_tokens SET rotated_at = :now
            WHERE id = :presented AND {previous} RETURNING id""",
    },
)
_REPETITION: AtomicChange[RefreshToken] = AtomicChange(
    f"""
        SELECT user_sessions.id FROM user_sessions
        JOIN refresh_tokens AS presented ON presented.session_id = user_sessions.id
        JOIN refresh_tokens AS successor ON successor.session_id = user_sessions.id
        WHERE presented.id = :presented AND successor.id = :successor AND {SESSION_IS_ALIVE}
        AND presented.revoked_at IS NULL AND successor.revoked_at IS NULL
        AND (successor.rotated_at IS NULL OR presented.rotated_at > :grace_since)""",
    steps={"session": _USED},
)
