"""Files of SQLite databases: copying one that is in use, and telling whether one is whole."""

import contextlib
import os
import sqlite3
from pathlib import Path


class UnusableDatabaseError(Exception):
    """The file is missing, damaged or not a database of Postern; the message says which."""


def copy(source: Path, target: Path) -> None:
    """Copy a database that others write to, as of one moment, whole; it becomes one file.

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
    """How many users a database has. Raises UnusableDatabaseError unless it is whole."""
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
    """Whether another process has the database open, whoever it is.

    Only somebody who is alone with a database can take it out of the mode that servers use.
    """
    if not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as opened:
            opened.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:
        return False  # not a database: nobody can be using it
    return False


def journal_mode(path: Path) -> str:
    """How a database keeps its journal, as its header says (file format, section 1.3.2)."""
    with path.open("rb") as file:
        header = file.read(20)
    return "WAL" if header[18:20] == b"\x02\x02" else "DELETE"
