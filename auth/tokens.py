"""Signed access tokens; opaque tokens and their digests."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import jwt
from jwt.types import Options

from auth.keys.key_ring import KeyRing, SigningKey
from models import User

CLOCK_SKEW = 60
"""Seconds by which the clock of the machine that issued a token may be ahead of this one."""
_CHECKS: Options = {
    "require": ["sub", "iss", "iat", "exp", "sid", "auth_time"],
    "verify_iat": False,  # these two are checked with the `now` parameter
    "verify_exp": False,
}


class SessionClaims(Protocol):
    """What an access token says of its session."""

    id: Any
    methods: list[str]
    authenticated_at: datetime


class InvalidTokenError(Exception):
    """An access token is malformed, expired, or signed with an unknown key."""


@dataclass(frozen=True)
class Claims:
    """The claims of an access token whose signature was verified."""

    user_id: UUID
    session_id: UUID
    authenticated_at: datetime


def opaque_token() -> str:
    """Return 128 random bits in UUID form (8-4-4-4-12 lower-case hex digits)."""
    return str(UUID(bytes=secrets.token_bytes(16)))


def digest(token: str) -> str:
    """Return the SHA-256 of an opaque token, which is all that is stored of it.

    A plain hash is enough, since 128 random bits cannot be guessed. A prefix that names the token's
    purpose is part of the hashed text.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def access_token(
    ring: KeyRing,
    user: User,
    session: SessionClaims,
    *,
    now: datetime,
    expires_in: int,
    hasura: Mapping[str, object],
) -> str:
    """Return a JWT for this user in this session, valid for `expires_in` seconds.

    It has the claims that Hasura and Nhost's clients read (`auth.claims`), and OpenID Connect's
    claims for the session (`sid`), how its user signed in (`amr`) and when (`auth_time`).
    """
    key = ring.current
    claims = {
        "sub": str(user.id),
        "iss": ring.issuer,
        "iat": now,
        "exp": now + timedelta(seconds=expires_in),
        "jti": str(uuid4()),
        "sid": str(session.id),
        "amr": session.methods,
        "auth_time": int(session.authenticated_at.timestamp()),
        ring.claims_namespace: dict(hasura),
    }
    if ring.audience is not None:
        claims["aud"] = ring.audience if isinstance(ring.audience, str) else list(ring.audience)
    headers = {"kid": key.kid} if key.kid else None
    return jwt.encode(claims, key.private, algorithm=key.algorithm, headers=headers)


def read(token: str, ring: KeyRing, now: datetime) -> Claims:
    """Verify an access token and return its claims. Raises InvalidTokenError for any defect."""
    try:
        key = _key_for(token, ring, now)
        claims = jwt.decode(
            token,
            key.public,
            algorithms=[key.algorithm],  # the key's, never the token's (RFC 8725, section 3.1)
            issuer=ring.issuer,
            audience=ring.audience,
            options=_CHECKS,
        )
        if not claims["iat"] - CLOCK_SKEW <= now.timestamp() < claims["exp"] + ring.allowed_skew:
            raise InvalidTokenError
        return Claims(
            user_id=UUID(claims["sub"]),
            session_id=UUID(claims["sid"]),
            authenticated_at=datetime.fromtimestamp(claims["auth_time"], UTC),
        )
    except (
        jwt.InvalidTokenError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ):
        raise InvalidTokenError from None


def _key_for(token: str, ring: KeyRing, now: datetime) -> SigningKey:
    kid = jwt.get_unverified_header(token).get("kid")
    for key in ring.in_use(now):
        if key.kid == kid:
            return key
    raise InvalidTokenError
