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
"""96 random bits: good for 2**32 seals with one key (NIST SP 800-38D, section 8.3)."""


class VaultError(Exception):
    """Something sealed cannot be opened: no key fits, it was sealed for another, or it changed."""


class Vault:
    """Seals with its first key and opens with any of them.

    What is sealed is bound to a context, such as whose it is and what for; it opens only in the
    same one, so that a sealed secret moved to another user's row is worth nothing.
    """

    def __init__(
        self,
        keys: Sequence[bytes],
        changed: Callable[[], Sequence[bytes] | None] = lambda: None,
    ) -> None:
        """`keys` are 32 bytes each, the one to seal with first. Without any, nothing is sealed.

        `changed` is cheap, and answers other keys once there are other ones.
        """
        self._use(keys)
        self._changed = changed

    @property
    def current(self) -> str:
        """The id of the key that seals. Raises VaultError where there is none."""
        self._look()
        if not self._raw:
            raise VaultError("there is no encryption key")
        return _key_id(self._raw[0])

    @property
    def is_empty(self) -> bool:
        """Whether there is no key at all."""
        self._look()
        return not self._raw

    def has(self, key_id: str) -> bool:
        """Whether a key with this id is among the keys."""
        self._look()
        return key_id in self._keys

    def is_current(self, sealed: str) -> bool:
        """Whether something was sealed with the key that seals now."""
        return sealed.startswith(f"{self.current}.")

    def derived_keys(self, purpose: str) -> list[bytes]:
        """A key of 32 bytes for another purpose from each of the keys, the one in use first.

        HMAC-SHA256 as the extract-and-expand of one block (RFC 5869): the keys are uniform.
        """
        self._look()
        return [hmac.digest(key, purpose.encode(), "sha256") for key in self._raw]

    def seal(self, secret: str, context: str) -> str:
        """`secret` encrypted, as text: the key's id, a dot, nonce and ciphertext in Base64."""
        nonce, key_id = os.urandom(_NONCE_BYTES), self.current
        sealed = self._keys[key_id].encrypt(nonce, secret.encode(), context.encode())
        return f"{key_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, context: str) -> str:
        """What was sealed. Raises VaultError, which does not say more than that it failed."""
        self._look()
        key_id, _, body = sealed.partition(".")
        try:
            raw = base64.b64decode(body, validate=True)
            nonce, ciphertext = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            return self._keys[key_id].decrypt(nonce, ciphertext, context.encode()).decode()
        except KeyError:
            raise VaultError(f"no key with the id {key_id[:8]!r} in AUTH_ENCRYPTION_KEYS") from None
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
