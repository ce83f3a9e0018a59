"""Key files: readable by their owner only, and written atomically."""

import base64
import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from config.values import parse_encryption_keys

ENCRYPTION_KEYS_FILE = "encryption-keys"


class UnusableKeyError(Exception):
    """A key cannot be used; the message says where the key is, and never contains it."""


def encryption_keys(folder: Path, *, make: bool = True) -> list[bytes]:
    """Return the keys that encrypt secrets, the current one first; create one if there is none.

    With `make=False`, no key is created, and the list may be empty. The file has the format of
    AUTH_ENCRYPTION_KEYS, so that its keys can rotate too.
    Raises UnusableKeyError.
    """
    path = folder / ENCRYPTION_KEYS_FILE
    if not path.exists():
        if not make:
            return []
        create(path, base64.b64encode(secrets.token_bytes(32)) + b"\n")
    try:
        keys = parse_encryption_keys(path.read_bytes().decode())
    except ValueError:
        raise UnusableKeyError(f"{path}: expected keys of 32 bytes in Base64, one a line") from None
    return [key.get_secret_value() for key in keys]


def watched_encryption_keys(folder: Path) -> Callable[[], list[bytes] | None]:
    """Return a function that returns the keys if their file has changed since its last call.

    Otherwise the function returns None, also while the file is unusable, such as during an edit.
    """
    path = folder / ENCRYPTION_KEYS_FILE
    seen = _state(path)

    def changed() -> list[bytes] | None:
        nonlocal seen
        state = _state(path)
        if state == seen:
            return None
        with contextlib.suppress(UnusableKeyError, OSError):
            keys, seen = encryption_keys(folder, make=False), state
            return keys
        return None

    return changed


def add_encryption_key(folder: Path) -> None:
    """Add a new key before the existing ones, which still open what they sealed.

    Raises UnusableKeyError, and OSError if the file cannot be written.
    """
    path = folder / ENCRYPTION_KEYS_FILE
    with (folder / f".{ENCRYPTION_KEYS_FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two keys added at once are both kept
        keys = [secrets.token_bytes(32), *encryption_keys(folder)]
        draft = _draft(path, b"".join(base64.b64encode(key) + b"\n" for key in keys))
        draft.replace(path)


def create(path: Path, content: bytes) -> bool:
    """Create a file with mode 0600; return False and change nothing if it exists.

    The file appears whole or not at all. If two processes create it at once, one succeeds.
    """
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _draft(path: Path, content: bytes) -> Path:
    """Write a file beside `path`, flushed to the disk and readable by its owner only."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - runs at every request
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
