"""Signed access tokens; opaque tokens and their digests."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from auth.keys import jws
from auth.keys.key_ring import KeyRing
from models import User

CLOCK_SKEW = 60
"""Seconds by which the clock of the machine that issued a token may be ahead of this one."""


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
    methods: tuple[str, ...]
    """How the user had signed in when the token was issued: `amr`."""


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
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + expires_in,
        "jti": str(uuid4()),
        "sid": str(session.id),
        "amr": session.methods,
        "auth_time": int(session.authenticated_at.timestamp()),
        ring.claims_namespace: dict(hasura),
    }
    if ring.audience is not None:
        claims["aud"] = ring.audience if isinstance(ring.audience, str) else list(ring.audience)
    return jws.sign(key, claims)


def read(token: str, ring: KeyRing, now: datetime) -> Claims:
    """Verify an access token and return its claims. Raises InvalidTokenError for any defect."""
    try:
        claims = jws.verified(token, ring.in_use(now))
        if claims["iss"] != ring.issuer or not _is_meant(claims.get("aud"), ring.audience):
            raise InvalidTokenError
        if not claims["iat"] - CLOCK_SKEW <= now.timestamp() < claims["exp"] + ring.allowed_skew:
            raise InvalidTokenError
        return Claims(
            user_id=UUID(claims["sub"]),
            session_id=UUID(claims["sid"]),
            authenticated_at=datetime.fromtimestamp(claims["auth_time"], UTC),
            methods=tuple(claims.get("amr", ())),
        )
    except (
        jws.InvalidSignatureError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        OSError,  # a time that the system cannot have
    ):
        raise InvalidTokenError from None


def _is_meant(audience: object, ours: str | tuple[str, ...] | None) -> bool:
    """Whether a token with this `aud` is meant for this server (RFC 7519, section 4.1.3)."""
    if ours is None:
        return audience is None
    known = {ours} if isinstance(ours, str) else set(ours)
    return not known.isdisjoint(audience if isinstance(audience, list) else [audience])
