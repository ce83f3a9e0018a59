"""The keys that sign access tokens: where they come from, and when they retire."""

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth.key_files import UnusableKeyError, create
from config.values import JwtSecret

SIGNING_KEYS_FOLDER = "signing-keys"
ISSUER = "hasura-auth"
"""What Nhost Auth calls itself in `iss`, and what Hasura set-ups may check."""
CLAIMS_NAMESPACE = "https://hasura.io/jwt/claims"
_FIRST_KEY = "0.pem"
"""The first key has this name everywhere, so that processes that start at once make one key."""
_ED25519 = "EdDSA"
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
    """Seconds since 1970."""

    def jwk(self) -> dict[str, Any] | None:
        """The public key as a JWK (RFC 7517); None for a secret shared with the verifiers."""
        if self.algorithm.startswith("HS"):
            return None
        named = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        return _to_jwk(self.algorithm, self.public) | named


class KeyRing:
    """The signing keys in force: the newest one signs, and those verify whose tokens may live.

    Looks at its source whenever it is asked, so that a running server notices a new key.
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
        """`source` is cheap and differs when `load` would; `token_life` is in seconds."""
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
        """The keys that verify: the newest, and each older one until its last token expires."""
        keys = self._loaded()
        oldest = now.timestamp() - self._token_life
        return [key for key, newer in pairwise(keys) if newer.made_at > oldest] + keys[-1:]

    def _loaded(self) -> list[SigningKey]:
        source = self._source()
        if source != self._seen:
            with suppress(FileNotFoundError):  # deleted while it was read: look again next time
                self._keys = self._load()
                self._seen = source
        return self._keys


def own_key_ring(folder: Path, *, token_life: int) -> KeyRing:
    """Ed25519 keys in a folder, a file each; one is made when there is none.

    Raises UnusableKeyError.
    """
    keys = folder / SIGNING_KEYS_FOLDER
    keys.mkdir(mode=0o700, exist_ok=True)
    if not _key_files(keys):
        create(keys / _FIRST_KEY, _new_pem())
    return KeyRing(
        lambda: _key_files(keys),
        lambda: [_read_key(keys / name) for name in _key_files(keys)],
        token_life=token_life,
    )


def rotate_signing_key(folder: Path, now: datetime, *, token_life: int) -> SigningKey:
    """Make a new key that signs from now on, and delete those that verify nothing any more.

    Raises UnusableKeyError, also where the last rotation was in the same second.
    """
    ring = own_key_ring(folder, token_life=token_life)
    keys = folder / SIGNING_KEYS_FOLDER
    kept = {key.kid for key in ring.in_use(now)}
    path = keys / f"{int(now.timestamp())}.pem"
    if not create(path, _new_pem()):
        raise UnusableKeyError(f"{path}: a key was made this very second")
    for name in _key_files(keys):
        if name != path.name and _read_key(keys / name).kid not in kept:
            (keys / name).unlink()
    return ring.current


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
    algorithm = _ED25519 if secret.type == "Ed25519" else secret.type
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
    kid = secret.kid or _thumbprint(_to_jwk(algorithm, public))
    return SigningKey(kid, algorithm, private, public)


def _key_files(folder: Path) -> list[str]:
    names = os.listdir(folder)  # noqa: PTH208 - asked for at every request
    return sorted(
        (name for name in names if name.removesuffix(".pem").isdecimal()),
        key=lambda name: int(name.removesuffix(".pem")),
    )


def _read_key(path: Path) -> SigningKey:
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise UnusableKeyError(f"{path}: expected an Ed25519 private key in PEM form")
    public = private.public_key()
    kid = _thumbprint(_to_jwk(_ED25519, public))
    return SigningKey(kid, _ED25519, private, public, int(path.stem))


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _to_jwk(algorithm: str, public: Any) -> dict[str, Any]:
    return dict(jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True))


def _thumbprint(jwk: dict[str, Any]) -> str:
    """The key's name for itself, the same on every machine (RFC 7638)."""
    members = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
