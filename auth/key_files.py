"""Key files: made for their owner alone, whole or not at all."""

import base64
import os
import secrets
from pathlib import Path

from config.values import parse_encryption_keys

ENCRYPTION_KEYS_FILE = "encryption-keys"


class UnusableKeyError(Exception):
    """A key that cannot be used; the message says where it stands and never shows it."""


def encryption_keys(folder: Path) -> list[bytes]:
    """The keys that seal secrets, the one in use first; one is made when there is none.

    The file reads like AUTH_ENCRYPTION_KEYS, so that keys can rotate here too.
    Raises UnusableKeyError.
    """
    path = folder / ENCRYPTION_KEYS_FILE
    if not path.exists():
        create(path, base64.b64encode(secrets.token_bytes(32)) + b"\n")
    try:
        keys = parse_encryption_keys(path.read_bytes().decode())
    except ValueError:
        raise UnusableKeyError(f"{path}: expected keys of 32 bytes in Base64, one a line") from None
    return [key.get_secret_value() for key in keys]


def create(path: Path, content: bytes) -> bool:
    """Make a file with mode 0600; False, and nothing is changed, if it is there.

    It appears whole or not at all, and of two processes that make it at once one does.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
