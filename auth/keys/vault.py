"""Encryption of secrets at rest: AES-256-GCM (NIST SP 800-38D), with keys that can rotate."""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
"""96 random bits: safe for 2**32 encryptions with one key (NIST SP 800-38D, section 8.3)."""


class VaultError(Exception):
    """A secret cannot be opened: its key is missing, its context is another, or it was changed."""


class Vault:
    """Encrypts with its first key and decrypts with any of its keys.

    A sealed secret is bound to a context, such as its user and purpose, and opens only with the
    same context. So it is worthless if it is copied to another user's row.
    """

    def __init__(
        self,
        keys: Sequence[bytes],
        changed: Callable[[], Sequence[bytes] | None] = lambda: None,
    ) -> None:
        """Use these keys, of 32 bytes each; the first one encrypts. Without keys, `seal` fails.

        `changed` is called at every use, so it must be cheap. It returns the new keys once the keys
        have changed, else None.
        """
        self._use(keys)
        self._changed = changed

    @property
    def current(self) -> str:
        """The id of the key that encrypts. Raises VaultError if there is none."""
        self._look()
        if not self._raw:
            raise VaultError("there is no encryption key")
        return _key_id(self._raw[0])

    @property
    def is_empty(self) -> bool:
        """Whether there is no key at all."""
        self._look()
        return not self._raw

    @property
    def key_ids(self) -> list[str]:
        """The ids of the keys, the one that encrypts first."""
        self._look()
        return [_key_id(key) for key in self._raw]

    def has(self, key_id: str) -> bool:
        """Return whether a key with this id is among the keys."""
        self._look()
        return key_id in self._keys

    def is_current(self, sealed: str) -> bool:
        """Return whether this was sealed with the current key."""
        return sealed.startswith(f"{self.current}.")

    def derived_keys(self, purpose: str) -> list[bytes]:
        """Derive a key of 32 bytes for another purpose from each key, the current one first.

        HMAC-SHA256 serves as HKDF with one block (RFC 5869), since the keys are uniformly random.
        """
        self._look()
        return [hmac.digest(key, purpose.encode(), "sha256") for key in self._raw]

    def seal(self, secret: str, context: str) -> str:
        """Encrypt `secret`; return the key's id, a dot, and nonce and ciphertext in Base64."""
        nonce, key_id = os.urandom(_NONCE_BYTES), self.current
        sealed = self._keys[key_id].encrypt(nonce, secret.encode(), context.encode())
        return f"{key_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, context: str) -> str:
        """Decrypt what `seal` returned. Raises VaultError, which tells at most a key's id."""
        self._look()
        key_id, _, body = sealed.partition(".")
        try:
            raw = base64.b64decode(body, validate=True)
            nonce, ciphertext = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            return self._keys[key_id].decrypt(nonce, ciphertext, context.encode()).decode()
        except KeyError:
            raise VaultError(f"no encryption key has the id {key_id[:8]!r}") from None
        except (InvalidTag, binascii.Error, ValueError):
            raise VaultError("a sealed secret cannot be opened") from None

    def _look(self) -> None:
        if keys := self._changed():
            self._use(keys)

    def _use(self, keys: Sequence[bytes]) -> None:
        self._raw = list(keys)
        self._keys = {_key_id(key): AESGCM(key) for key in keys}


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"postern encryption key id" + key).hexdigest()[:8]
