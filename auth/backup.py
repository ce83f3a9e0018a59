"""Backups of all stored data, made while the server runs, and restoring them.

A backup is a folder: a consistent snapshot of the SQLite database, the key files, the configuration
file, and a manifest of them, written last. Environment variables are not part of it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from auth.keys import signing_keys
from auth.keys.key_files import ENCRYPTION_KEYS_FILE
from config import Settings
from models import database, sqlite_files

DATABASE, MANIFEST, CONFIGURATION = "postern.db", "backup.json", "nhost.toml"
_FORMAT = 1
_IN_USE = ".in-use"
"""A file in the data folder; every server that uses the folder holds a shared lock on it."""


class BackupError(Exception):
    """A backup cannot be made or restored; the message says why."""


@dataclass(frozen=True)
class Backup:
    """What is in a backup."""

    files: tuple[str, ...]
    users: int | None
    """None if the backup has no database, as with PostgreSQL."""


@contextmanager
def in_use(data_dir: Path) -> Iterator[None]:
    """Mark the data folder as used by a server; inside of the block, no restore can run.

    Raises BackupError while a restore runs. A read-only folder is not protected.
    """
    with _lock(data_dir, fcntl.LOCK_SH, "a backup is being restored into it"):
        yield


def make(settings: Settings, folder: Path, now: datetime, configuration: Path | None) -> Backup:
    """Write a backup into a new or empty folder, and check the integrity of the copied database.

    The database is copied before the keys, so the backup's keys open all secrets in it.
    Raises BackupError, UnusableDatabaseError, UnusableKeyError, OSError and sqlite3.Error; then the
    folder is left empty.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty")
    folder.chmod(0o700)
    try:
        users = None
        if source := database.sqlite_file(settings):
            sqlite_files.copy(source, folder / DATABASE)
            _sync(folder / DATABASE)
            users = sqlite_files.count_users(folder / DATABASE)
        _copy_keys(settings, folder)
        if configuration is not None:
            _copy(configuration, folder / CONFIGURATION)
        files = {str(path.relative_to(folder)): _digest(path) for path in _files_in(folder)}
        manifest = {"format": _FORMAT, "madeAt": now.isoformat(), "users": users, "files": files}
        _write(folder / MANIFEST, json.dumps(manifest, indent=2).encode() + b"\n")
    except BaseException:
        _empty(folder)
        raise
    return Backup(tuple(sorted(files)), users)


def read(folder: Path) -> Backup:
    """Check that a backup is complete and unchanged, and return what is in it.

    Raises BackupError, UnusableDatabaseError and OSError.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files: dict[str, str] = dict(manifest["files"])
        known = manifest["format"] == _FORMAT
    except FileNotFoundError:
        raise BackupError(f"{folder} holds no backup: it has no {MANIFEST}") from None
    except (ValueError, LookupError, TypeError):
        raise BackupError(f"{folder / MANIFEST} cannot be read") from None
    if not known:
        raise BackupError(f"{folder} was made by another version of Postern")
    for name, digest in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise BackupError(f"{path} is missing")
        if _digest(path) != digest:
            raise BackupError(f"{path} is not as it was written")
    users = sqlite_files.count_users(folder / DATABASE) if DATABASE in files else None
    return Backup(tuple(sorted(files)), users)


def restore(settings: Settings, folder: Path, now: datetime, *, force: bool) -> Path | None:
    """Restore the database and the keys of a backup; return the folder with the previous ones.

    With `force`, existing files are moved into that folder; nothing is deleted.
    Raises BackupError if the backup is incomplete or changed, if a server or another process uses
    the data, or if files exist and `force` is off. Raises UnusableDatabaseError, OSError and
    sqlite3.Error.
    """
    backup, data_dir = read(folder), settings.data_dir
    target = database.sqlite_file(settings)
    if (DATABASE in backup.files) != (target is not None):
        raise BackupError("the backup and DATABASE_URL are of different kinds of database")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(data_dir, fcntl.LOCK_EX, "a server is using it; stop it first"):
        there = _already_there(data_dir, target)
        if there and not force:
            raise BackupError(f"{there[0]} is there already; --force moves it out of the way")
        if target is not None and sqlite_files.is_open_elsewhere(target):
            raise BackupError(f"{target} is open in another process; stop it first")
        there = _already_there(data_dir, target)  # SQLite may have removed the log just now
        aside = data_dir / f"before-restore-{now:%Y%m%dT%H%M%S}"
        _put_back(backup, folder, data_dir, target, there, aside)
    return aside if there else None


def _put_back(
    backup: Backup,
    folder: Path,
    data_dir: Path,
    target: Path | None,
    there: list[Path],
    aside: Path,
) -> None:
    """Move existing files aside and copy the backup; on failure, put everything back."""
    moved: list[Path] = []
    try:
        if there:
            aside.mkdir(mode=0o700)
        for path in there:
            shutil.move(path, aside / path.name)
            moved.append(path)
        _copy_files(backup, folder, data_dir, target)
    except BaseException:
        for path in _already_there(data_dir, target):
            if path in moved or path not in there:
                _remove(path)
        for path in moved:
            shutil.move(aside / path.name, path)
        if there:
            aside.rmdir()
        raise


def _copy_files(backup: Backup, folder: Path, data_dir: Path, target: Path | None) -> None:
    for name in backup.files:
        if name == DATABASE and target is not None:
            _copy(folder / name, target)
        elif name != CONFIGURATION:
            (data_dir / name).parent.mkdir(mode=0o700, exist_ok=True)
            _copy(folder / name, data_dir / name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _copy_keys(settings: Settings, folder: Path) -> None:
    if settings.jwt_secret is None:
        (folder / signing_keys.FOLDER).mkdir(mode=0o700)
        for key in signing_keys.files(settings.data_dir / signing_keys.FOLDER):
            signing_keys.read_key(key)
            _copy(key, folder / signing_keys.FOLDER / key.name)
    if settings.encryption_keys is None:
        _copy(settings.data_dir / ENCRYPTION_KEYS_FILE, folder / ENCRYPTION_KEYS_FILE)


def _already_there(data_dir: Path, target: Path | None) -> list[Path]:
    paths = [data_dir / ENCRYPTION_KEYS_FILE, data_dir / signing_keys.FOLDER]
    if target is not None:  # SQLite would apply a leftover log to the restored database
        paths += [target, *(target.with_name(target.name + end) for end in ("-wal", "-shm"))]
    return [path for path in paths if path.exists()]


@contextmanager
def _lock(data_dir: Path, kind: int, held: str) -> Iterator[None]:
    file: IO[Any] | None = None
    with contextlib.suppress(OSError):
        file = (data_dir / _IN_USE).open("w")
    with file or contextlib.nullcontext():
        try:
            if file is not None:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"{data_dir}: {held}") from None
        yield


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_bytes())


def _write(target: Path, content: bytes) -> None:
    opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        _remove(path)
