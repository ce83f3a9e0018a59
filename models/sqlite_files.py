"""Files of SQLite databases: copying a database in use, and checking its integrity."""

import contextlib
import os
import sqlite3
from pathlib import Path


class UnusableDatabaseError(Exception):
    """The file is missing, damaged or not a Postern database; the message says which."""


def copy(source: Path, target: Path) -> None:
    """Copy a database, which may be in use, to one file: a consistent snapshot.

    Raises UnusableDatabaseError, OSError (the target exists) and sqlite3.Error.
    """
    if not source.is_file():
        raise UnusableDatabaseError(f"there is no database at {source}")
    os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
    opened = sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True)
    with contextlib.closing(opened), contextlib.closing(sqlite3.connect(target)) as made:
        opened.execute("PRAGMA busy_timeout = 30000")
        opened.backup(made)
        made.execute("PRAGMA journal_mode = DELETE")  # one file, with no log beside it


def count_users(path: Path) -> int:
    """Check a database and return how many users it has. Raises UnusableDatabaseError."""
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as opened:
            ((answer,), *_) = opened.execute("PRAGMA integrity_check").fetchall()
            broken = opened.execute("PRAGMA foreign_key_check").fetchone()
            (users,) = opened.execute("SELECT count(*) FROM users").fetchone()
    except sqlite3.Error as error:
        raise UnusableDatabaseError(f"{path} is not a database of Postern: {error}") from None
    if answer != "ok" or broken:
        raise UnusableDatabaseError(f"{path} is damaged")
    return int(users)


def is_open_elsewhere(path: Path) -> bool:
    """Return whether another process has a database in WAL mode open.

    Servers use WAL mode, and SQLite leaves WAL mode only if no other process has the file open. A
    database that nobody else uses is left in DELETE mode.
    """
    if not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as opened:
            opened.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:
        return False  # not a database, so nobody is using it
    return False


def journal_mode(path: Path) -> str:
    """Return the journal mode that the header names (SQLite file format, section 1.3.2)."""
    with path.open("rb") as file:
        header = file.read(20)
    return "WAL" if header[18:20] == b"\x02\x02" else "DELETE"
