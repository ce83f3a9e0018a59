"""Signed access tokens; opaque tokens and their digests."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models import User

ISSUER = "hasura-auth"
"""What Nhost Auth calls itself in `iss`, and what Hasura set-ups may check."""
CLAIMS_NAMESPACE = "https://hasura.io/jwt/claims"
_ALGORITHM = "EdDSA"
"""RFC 8037 with an Ed25519 key; pinned, so that a token cannot choose its own check (RFC 8725)."""

PASSWORD = ("pwd",)
PASSWORD_AND_TOTP = ("pwd", "otp", "mfa")
"""Authentication methods of a session, by the names of RFC 8176."""


class InvalidTokenError(Exception):
    """An access token that is malformed, expired, or signed by nobody we know."""


def opaque_token() -> str:
    """128 random bits in UUID form (8-4-4-4-12 lower-case hex digits)."""
    return str(UUID(bytes=secrets.token_bytes(16)))


def digest(token: str) -> str:
    """What is stored of an opaque token: its SHA-256.

    Plain, since 128 random bits cannot be guessed from it; a prefix that names the token's
    purpose is part of what is digested.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def access_token(
    key: Ed25519PrivateKey, user: User, *, methods: Sequence[str], now: datetime, expires_in: int
) -> str:
    """A JWT with the claims that Hasura and Nhost's clients read, good for `expires_in` seconds.

    `methods` says how the user signed in, in the words of RFC 8176 (`amr`).
    """
    claims = {
        "sub": str(user.id),
        "iss": ISSUER,
        "iat": now,
        "exp": now + timedelta(seconds=expires_in),
        "jti": str(uuid4()),
        "amr": list(methods),
        CLAIMS_NAMESPACE: {
            "x-hasura-user-id": str(user.id),
            "x-hasura-default-role": user.default_role,
            "x-hasura-allowed-roles": user.roles,
            "x-hasura-user-is-anonymous": "false",
        },
    }
    return jwt.encode(claims, key, algorithm=_ALGORITHM)


def user_id_of(token: str, key: Ed25519PrivateKey) -> UUID:
    """Whose access token this is. Raises InvalidTokenError, whatever is wrong with it."""
    try:
        claims = jwt.decode(
            token,
            key.public_key(),
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            options={"require": ["sub", "iss", "iat", "exp"]},
        )
        return UUID(claims["sub"])
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise InvalidTokenError from None
