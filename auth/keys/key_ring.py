"""The keys of access tokens: which one signs, and which ones verify."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jwt

from auth.keys.key_files import UnusableKeyError
from config.jwt_secret import JwtSecret

ISSUER = "hasura-auth"
"""Nhost Auth's value of `iss`, which Hasura's configuration may check."""
CLAIMS_NAMESPACE = "https://hasura.io/jwt/claims"
ED25519 = "EdDSA"
_SHARED_KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Minimum length in bytes: that of the digest (RFC 7518, section 3.2)."""
_RSA_BITS = 2048
"""RFC 7518, section 3.3."""
_CURVES = {"ES256": " (curve P-256)", "ES384": " (curve P-384)", "ES512": " (curve P-521)"}
"""RFC 7518, section 3.4; PyJWT accepts only these."""
_SECRET = "HASURA_GRAPHQL_JWT_SECRET"  # noqa: S105 - a name


@dataclass(frozen=True)
class SigningKey:
    """One key, and the only algorithm that it may be used with."""

    kid: str | None
    algorithm: str
    private: Any = field(repr=False)
    public: Any = field(repr=False)
    made_at: int = 0
    """Seconds since 1970, by the clock of the machine that created it."""

    def jwk(self) -> dict[str, Any] | None:
        """Return the public key as a JWK (RFC 7517); None if it is a shared secret."""
        if self.algorithm.startswith("HS"):
            return None
        named = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        return _to_jwk(self.algorithm, self.public) | named


@dataclass(frozen=True)
class Wording:
    """The claims that are the same in all tokens, and how tokens are validated."""

    issuer: str = ISSUER
    claims_namespace: str = CLAIMS_NAMESPACE
    audience: str | tuple[str, ...] | None = None
    """The `aud` claim; a token for another audience is rejected."""
    allowed_skew: int = 0
    """Seconds for which a token is accepted after its expiry."""


class KeyRing:
    """The signing keys: the last one signs; those whose tokens may still be valid verify.

    Checks its source at every use, so that a running server notices new and revoked keys.
    """

    def __init__(
        self,
        source: Callable[[], object],
        load: Callable[[], list[SigningKey]],
        *,
        token_life: int,
        wording: Wording | None = None,
    ) -> None:
        """Load the keys.

        `load` returns the keys in order; if it returns none or raises OSError, the keys loaded
        before stay in use. `source` is a cheap function whose result changes when that of `load`
        does. `token_life` is in seconds.
        """
        said = wording or Wording()
        self.issuer, self.audience = said.issuer, said.audience
        self.claims_namespace = said.claims_namespace
        self.allowed_skew = said.allowed_skew
        self._source, self._load = source, load
        self.token_life = token_life
        self._seen, self._keys = source(), load()

    def expect_token_life(self, seconds: int) -> None:
        """Keep replaced keys for at least as long as tokens of this lifetime are valid.

        Tokens that were signed before a shorter lifetime was chosen stay valid.
        """
        self.token_life = max(self.token_life, seconds)

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return self._loaded()[-1]

    def in_use(self, now: datetime) -> list[SigningKey]:
        """Return the keys that verify: the last one, and the others until their tokens expire.

        A key counts as replaced when the first key after it was created. If a wrong clock once
        dated a key in the future, this delays nothing as soon as there is a newer key.
        """
        keys, replaced_at = self._loaded(), float("inf")
        oldest = now.timestamp() - self.token_life
        found: dict[str | None, SigningKey] = {}
        for key in reversed(keys):
            if replaced_at > oldest:
                found.setdefault(key.kid, key)
            replaced_at = min(replaced_at, key.made_at)
        return list(reversed(found.values()))

    def _loaded(self) -> list[SigningKey]:
        with suppress(OSError):  # a file was deleted during the read: retry next time
            source = self._source()
            if source != self._seen:
                self._keys = self._load() or self._keys
                self._seen = source
        return self._keys


def given_key_ring(secret: JwtSecret, *, token_life: int) -> KeyRing:
    """Return a ring with the one key of HASURA_GRAPHQL_JWT_SECRET. Raises UnusableKeyError."""
    key = _given_key(secret)
    return KeyRing(
        lambda: None,
        lambda: [key],
        token_life=token_life,
        wording=Wording(
            issuer=secret.issuer or ISSUER,
            claims_namespace=secret.claims_namespace or CLAIMS_NAMESPACE,
            audience=secret.audience,
            allowed_skew=secret.allowed_skew,
        ),
    )


def _given_key(secret: JwtSecret) -> SigningKey:
    algorithm = ED25519 if secret.type == "Ed25519" else secret.type
    shared = secret.key.get_secret_value()
    if algorithm.startswith("HS"):
        _refuse_weak_shared_key(secret, shared)
        return SigningKey(secret.kid, algorithm, shared.encode(), shared.encode())
    if "PRIVATE KEY" in shared:
        raise UnusableKeyError(
            f"{_SECRET}: key is a private key; put it into signing_key, and its public half here"
        )
    pem = secret.signing_key.get_secret_value() if secret.signing_key else ""
    prepare = jwt.get_algorithm_by_name(algorithm).prepare_key
    try:
        private = prepare(pem)
        _refuse_short_rsa_key(secret, private)
        public = prepare(shared) if shared else private.public_key()
        trial = jwt.encode({}, private, algorithm)
        jwt.decode(trial, public, [algorithm])
    except jwt.InvalidSignatureError:
        raise UnusableKeyError(f"{_SECRET}: key is not the public half of signing_key") from None
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError):
        raise UnusableKeyError(
            f"{_SECRET}: expected signing_key to be a private key for {secret.type}"
            f"{_CURVES.get(secret.type, '')} in PEM form, and key its public half"
        ) from None
    kid = secret.kid or thumbprint(algorithm, public)
    return SigningKey(kid, algorithm, private, public)


def _refuse_weak_shared_key(secret: JwtSecret, shared: str) -> None:
    if secret.signing_key is not None:
        raise UnusableKeyError(f"{_SECRET}: {secret.type} has one key for both, and no signing_key")
    if "-----BEGIN" in shared or shared.startswith(("ssh-", "ecdsa-")):
        # Anybody who knows the public key could sign with it: RFC 8725, section 2.1.
        raise UnusableKeyError(
            f"{_SECRET}: key is in PEM form, and {secret.type} wants a shared secret; set the type "
            "to RS…, ES… or Ed25519"
        )
    needed = _SHARED_KEY_BYTES[secret.type]
    if len(shared.encode()) < needed:
        raise UnusableKeyError(
            f"{_SECRET}: expected a key of {needed} bytes or more for {secret.type}"
        )


def _refuse_short_rsa_key(secret: JwtSecret, key: Any) -> None:
    if secret.type.startswith("RS") and key.key_size < _RSA_BITS:
        raise UnusableKeyError(f"{_SECRET}: expected an RSA key of {_RSA_BITS} bits or more")


def _to_jwk(algorithm: str, public: Any) -> dict[str, Any]:
    return dict(jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True))


def thumbprint(algorithm: str, public: Any) -> str:
    """Return the key's JWK thumbprint (RFC 7638), the same on every machine."""
    jwk = _to_jwk(algorithm, public)
    members = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
