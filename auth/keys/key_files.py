"""Key files: made for their owner alone, whole or not at all."""

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
    """A key that cannot be used; the message says where it stands and never shows it."""


def encryption_keys(folder: Path, *, make: bool = True) -> list[bytes]:
    """The keys that seal secrets, the one in use first; one is made when there is none.

    Without `make` none is made, and there may be none. The file reads like AUTH_ENCRYPTION_KEYS, so
    that keys can rotate here too.
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
    """A function that answers the keys each time their file has changed since, else None.

    A file that cannot be used, as while somebody edits it, is no change.
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
    """Put a new key in front of those that are there; what they sealed still opens.

    Raises UnusableKeyError, and OSError where the file cannot be written.
    """
    path = folder / ENCRYPTION_KEYS_FILE
    with (folder / f".{ENCRYPTION_KEYS_FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two keys that are added at once, none is lost
        keys = [secrets.token_bytes(32), *encryption_keys(folder)]
        draft = _draft(path, b"".join(base64.b64encode(key) + b"\n" for key in keys))
        draft.replace(path)


def create(path: Path, content: bytes) -> bool:
    """Make a file with mode 0600; False, and nothing is changed, if it is there.

    It appears whole or not at all, and of two processes that make it at once one does.
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
    """A file beside `path`, written to the disk and for its owner alone."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked for at every request
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
