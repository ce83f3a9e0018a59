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

from auth.keys.key_files import UnusableKeyError
from config.jwt_secret import JwtSecret

ISSUER = "hasura-auth"
"""What Nhost Auth calls itself in `iss`, and what Hasura set-ups may check."""
CLAIMS_NAMESPACE = "https://hasura.io/jwt/claims"
ED25519 = "EdDSA"
_SHARED_KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""RFC 7518, section 3.2: as long as the digest."""
_RSA_BITS = 2048
"""RFC 7518, section 3.3."""
_CURVES = {"ES256": " (curve P-256)", "ES384": " (curve P-384)", "ES512": " (curve P-521)"}
"""RFC 7518, section 3.4; PyJWT takes no other."""
_SECRET = "HASURA_GRAPHQL_JWT_SECRET"  # noqa: S105 - a name


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


@dataclass(frozen=True)
class Wording:
    """What tokens say beside who their user is, and what is asked of those that come back."""

    issuer: str = ISSUER
    claims_namespace: str = CLAIMS_NAMESPACE
    audience: str | tuple[str, ...] | None = None
    """For whom they are; one for others is refused."""
    allowed_skew: int = 0
    """Seconds that one is taken after its end."""


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
        wording: Wording | None = None,
    ) -> None:
        """`source` is cheap and differs when `load` would; `token_life` is in seconds.

        `load` answers the keys in their order. Where it answers none or raises OSError, the keys
        loaded before stay in force.
        """
        said = wording or Wording()
        self.issuer, self.audience = said.issuer, said.audience
        self.claims_namespace = said.claims_namespace
        self.allowed_skew = said.allowed_skew
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
        return SigningKey(secret.kid, algorithm, shared, shared)
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
        # Who knows a public key could sign with it: RFC 8725, section 2.1.
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
    """The key's name for itself, the same on every machine (RFC 7638)."""
    jwk = _to_jwk(algorithm, public)
    members = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
