"""The keys that sign access tokens: which one signs, and which ones verify."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jwt

from auth.key_files import UnusableKeyError
from config.values import JwtSecret

ISSUER = "hasura-auth"
"""What Nhost Auth calls itself in `iss`, and what Hasura set-ups may check."""
CLAIMS_NAMESPACE = "https://hasura.io/jwt/claims"
ED25519 = "EdDSA"
_SHARED_KEY_BYTES = 32
"""RFC 7518, section 3.2, for HS256; Hasura asks for the same."""


@dataclass(frozen=True)
class SigningKey:
    """One key, and the only algorithm that it is used with."""

    kid: str | None
    algorithm: str
    private: Any = field(repr=False)
    public: Any = field(repr=False)
    made_at: int = 0
    """Seconds since 1970, by the clock of the machine that made it."""

    def jwk(self) -> dict[str, Any] | None:
        """The public key as a JWK (RFC 7517); None for a secret shared with the verifiers."""
        if self.algorithm.startswith("HS"):
            return None
        named = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        return _to_jwk(self.algorithm, self.public) | named


class KeyRing:
    """The signing keys in force: the last one signs, and those verify whose tokens may live.

    Looks at its source whenever it is asked, so that a running server notices a new key and a
    revoked one.
    """

    def __init__(
        self,
        source: Callable[[], object],
        load: Callable[[], list[SigningKey]],
        *,
        token_life: int,
        issuer: str = ISSUER,
        claims_namespace: str = CLAIMS_NAMESPACE,
    ) -> None:
        """`source` is cheap and differs when `load` would; `token_life` is in seconds.

        `load` answers the keys in their order. Where it answers none or raises OSError, the keys
        loaded before stay in force.
        """
        self.issuer = issuer
        self.claims_namespace = claims_namespace
        self._source, self._load = source, load
        self._token_life = token_life
        self._seen, self._keys = source(), load()

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return self._loaded()[-1]

    def in_use(self, now: datetime) -> list[SigningKey]:
        """The keys that verify: the last one, and each other until its last token expires.

        A key was replaced when the first key after it was made. A clock that was wrong once, and
        made a key in the future, delays nothing as soon as there is a newer key.
        """
        keys, replaced_at = self._loaded(), float("inf")
        oldest = now.timestamp() - self._token_life
        found: dict[str | None, SigningKey] = {}
        for key in reversed(keys):
            if replaced_at > oldest:
                found.setdefault(key.kid, key)
            replaced_at = min(replaced_at, key.made_at)
        return list(reversed(found.values()))

    def _loaded(self) -> list[SigningKey]:
        with suppress(OSError):  # deleted while it was read: look again next time
            source = self._source()
            if source != self._seen:
                self._keys = self._load() or self._keys
                self._seen = source
        return self._keys


def given_key_ring(secret: JwtSecret, *, token_life: int) -> KeyRing:
    """The one key of HASURA_GRAPHQL_JWT_SECRET. Raises UnusableKeyError."""
    key = _given_key(secret)
    return KeyRing(
        lambda: None,
        lambda: [key],
        token_life=token_life,
        issuer=secret.issuer or ISSUER,
        claims_namespace=secret.claims_namespace or CLAIMS_NAMESPACE,
    )


def _given_key(secret: JwtSecret) -> SigningKey:
    name = "HASURA_GRAPHQL_JWT_SECRET"
    algorithm = ED25519 if secret.type == "Ed25519" else secret.type
    shared = secret.key.get_secret_value()
    if algorithm.startswith("HS"):
        if len(shared.encode()) < _SHARED_KEY_BYTES:
            raise UnusableKeyError(f"{name}: expected a key of {_SHARED_KEY_BYTES} bytes or more")
        return SigningKey(secret.kid, algorithm, shared, shared)
    pem = secret.signing_key.get_secret_value() if secret.signing_key else ""
    prepare = jwt.get_algorithm_by_name(algorithm).prepare_key
    try:
        private = prepare(pem)
        public = prepare(shared) if shared else private.public_key()
        trial = jwt.encode({}, private, algorithm)
        jwt.decode(trial, public, [algorithm])
    except jwt.InvalidSignatureError:
        raise UnusableKeyError(f"{name}: key is not the public half of signing_key") from None
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError):
        raise UnusableKeyError(
            f"{name}: expected signing_key to be a private key for {secret.type} in PEM form, and "
            "key its public half"
        ) from None
    kid = secret.kid or thumbprint(algorithm, public)
    return SigningKey(kid, algorithm, private, public)


def _to_jwk(algorithm: str, public: Any) -> dict[str, Any]:
    return dict(jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True))


def thumbprint(algorithm: str, public: Any) -> str:
    """The key's name for itself, the same on every machine (RFC 7638)."""
    jwk = _to_jwk(algorithm, public)
    members = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
