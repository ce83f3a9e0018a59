"""The keys that Postern makes for itself on its first run and keeps in its data folder."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.values import parse_encryption_keys

SIGNING_KEY_FILE = "signing-key.pem"
ENCRYPTION_KEYS_FILE = "encryption-keys"


class KeyFileError(Exception):
    """A key file that cannot be used; the message names it and never shows what is in it."""


def signing_key(folder: Path) -> Ed25519PrivateKey:
    """The Ed25519 key that signs access tokens; made when there is none. Raises KeyFileError."""
    path = folder / SIGNING_KEY_FILE
    try:
        key = serialization.load_pem_private_key(_load_or_create(path, _new_pem), password=None)
    except (ValueError, TypeError):
        raise KeyFileError(f"{path}: expected an Ed25519 private key in PEM form") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: expected an Ed25519 key, found one of another kind")
    return key


def encryption_keys(folder: Path) -> list[bytes]:
    """The keys that seal secrets, the one in use first; one is made when there is none.

    The file reads like AUTH_ENCRYPTION_KEYS, so that keys can rotate here too.
    Raises KeyFileError.
    """
    path = folder / ENCRYPTION_KEYS_FILE
    try:
        keys = parse_encryption_keys(_load_or_create(path, _new_encryption_key).decode())
    except ValueError:
        raise KeyFileError(f"{path}: expected keys of 32 bytes in Base64, one a line") from None
    return [key.get_secret_value() for key in keys]


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _new_encryption_key() -> bytes:
    return base64.b64encode(secrets.token_bytes(32)) + b"\n"


def _load_or_create(path: Path, create: Callable[[], bytes]) -> bytes:
    """The file's content; made first, for its owner alone, when it is not there.

    The file appears whole or not at all, and of two processes that make it at once both go on
    with the same one.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(create())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
