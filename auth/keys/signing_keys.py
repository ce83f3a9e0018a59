"""The signing keys in the data folder, one file each: created, rotated and revoked here.

A file's name is a number, and the key with the highest number signs. The number has no other
meaning: the time of creation is in the file, and the `kid` is derived from the key itself.
"""

import fcntl
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth.keys.key_files import UnusableKeyError, create
from auth.keys.key_ring import ED25519, KeyRing, SigningKey, thumbprint

FOLDER = "signing-keys"
_FIRST_KEY = "0.pem"
"""The fixed name of the first key, so that processes that start at once create one key."""
_NAME = re.compile(r"([0-9]{1,40})\.pem")
_MADE = re.compile(rb"Made: ([0-9]{1,12})\n")
"""The line before the key in its file: the time of creation in seconds since 1970 (RFC 7468,
section 2, allows such a line). Without it, the older of the name and the file's time counts."""

_LOOK_SECONDS = 1
"""Seconds after which each key file is looked at, even if the folder seems unchanged."""
_RECENT_SECONDS = 3
"""Seconds within which two changes may have the same time; on some file systems, two."""

logger = logging.getLogger("postern")


@dataclass(frozen=True)
class Rotation:
    """The state after a rotation."""

    signing: str
    """The `kid` of the key that signs."""
    verifying: tuple[str, ...]
    """The `kid`s of the keys that verify, the signing one last."""
    gone: tuple[str, ...]
    """The `kid`s of the keys that this rotation deleted."""


def own_key_ring(folder: Path, *, token_life: int) -> KeyRing:
    """Return a ring of the Ed25519 keys in a folder; create a key if there is none.

    Raises UnusableKeyError even if only one of several keys is broken. Later, the ring skips an
    unusable file (such as one that is being copied) and logs a warning.
    """
    keys = folder / FOLDER
    keys.mkdir(mode=0o700, exist_ok=True)
    if not files(keys):
        create(keys / _FIRST_KEY, _new_pem())
    for path in files(keys):
        read_key(path)
    return KeyRing(_watched(keys), lambda: _usable_keys(keys), token_life=token_life)


def rotate(folder: Path, now: datetime, *, token_life: int, revoke: bool = False) -> Rotation:
    """Create a new key that signs from now on, and delete keys whose tokens have all expired.

    With `revoke`, all other keys are deleted at once: Postern then rejects every access token that
    they signed. Simultaneous rotations run one after another; the key of the last one signs.
    Raises UnusableKeyError, and OSError if the folder cannot be written.
    """
    ring = own_key_ring(folder, token_life=token_life)
    keys = folder / FOLDER
    with _one_at_a_time(keys):
        before = {str(key.kid) for key in _usable_keys(keys)}
        made = read_key(_make(keys, now)).kid
        kept = {made} if revoke else {key.kid for key in ring.in_use(now)}
        for path in files(keys):
            if read_key(path).kid not in kept:
                path.unlink()
        _write_to_disk(keys)
        verifying = tuple(str(key.kid) for key in ring.in_use(now))
        signing = str(ring.current.kid)
    return Rotation(signing, verifying, tuple(sorted(before - set(verifying))))


def files(keys: Path) -> list[Path]:
    """Return the key files in this folder; the signing key's is the last. Others are ignored."""
    found = (path for path in keys.iterdir() if _NAME.fullmatch(path.name))
    return sorted(found, key=lambda path: int(path.stem))


def read_key(path: Path) -> SigningKey:
    """Read a key file. Raises OSError, and UnusableKeyError, which never shows the content."""
    content = path.read_bytes()
    try:
        private = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise UnusableKeyError(f"{path}: expected an Ed25519 private key in PEM form")
    public = private.public_key()
    made = _MADE.match(content)
    made_at = int(made[1]) if made else min(int(path.stem), int(path.stat().st_mtime))
    return SigningKey(thumbprint(ED25519, public), ED25519, private, public, made_at)


def _make(keys: Path, now: datetime) -> Path:
    """Write a new key to a file whose number is higher than all others, whatever the clock says."""
    seconds = int(now.timestamp())
    last = int(files(keys)[-1].stem)
    path = keys / f"{max(last + 1, seconds)}.pem"
    if not _NAME.fullmatch(path.name):
        raise UnusableKeyError(f"{keys / str(last)}.pem: no higher number is left; rename this key")
    if not create(path, b"Made: %d\n" % seconds + _new_pem()):
        raise UnusableKeyError(f"{path}: somebody else has just made this file")
    return path


def _usable_keys(keys: Path) -> list[SigningKey]:
    found = []
    for path in files(keys):
        try:
            found.append(read_key(path))
        except UnusableKeyError as error:
            logger.warning("a signing key is passed over: %s", error)
    return found


def _watched(keys: Path) -> Callable[[], object]:
    """Return a function whose result changes when one of the key files does.

    Every request calls it. It looks at the folder, whose time changes when a file is created,
    replaced or deleted. It looks at each file only if that time is new or recent, since a second
    change may have the same time, and once a second, since a file may be overwritten in place.
    """
    folder, looked_at, seen = str(keys), time.monotonic(), (0.0, _state(keys))

    def state() -> object:
        nonlocal looked_at, seen
        changed_at, now = os.stat(folder).st_mtime, time.monotonic()  # noqa: PTH116 - it is faster
        if (
            changed_at != seen[0]
            or now - looked_at > _LOOK_SECONDS
            or time.time() - changed_at < _RECENT_SECONDS
        ):
            looked_at, seen = now, (changed_at, _state(keys))
        return seen[1]

    return state


def _state(keys: Path) -> list[tuple[str, int, int, int]]:
    with os.scandir(keys) as entries:
        states = [(entry.name, entry.stat()) for entry in entries if _NAME.fullmatch(entry.name)]
    return sorted((name, at.st_ino, at.st_mtime_ns, at.st_size) for name, at in states)


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@contextmanager
def _one_at_a_time(keys: Path) -> Iterator[None]:
    with (keys / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_to_disk(folder: Path) -> None:
    """Flush a folder to the disk, so that deleted files stay deleted after a power loss."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
