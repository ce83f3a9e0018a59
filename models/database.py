"""The connection to the database, and bringing its tables up to date."""

import asyncio
import contextlib
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import asyncpg
from tortoise import Tortoise, connections
from tortoise.exceptions import BaseORMException, DBConnectionError
from tortoise.migrations.executor import MigrationExecutor

from config import Settings
from config.database_url import parse_database_url
from models import sqlite_files

_BUSY_TIMEOUT = 5000
"""Milliseconds that a statement waits for another process to finish writing (SQLite)."""
_JOURNAL_KEPT = 2**26
"""Bytes of SQLite's journal that stay to be written over; Tortoise would cut it down each time it
is through, and a commit that makes a file longer waits for the disk twice as long."""
_SQLITE_TABLES = "SELECT 1 FROM sqlite_schema LIMIT 1"
_POSTGRES_TABLES = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1"
_CONNECT_TIMEOUT, _STATEMENT_TIMEOUT = 5, 30
"""Seconds that PostgreSQL may take to let us in, and to do one thing."""
_READY_TIMEOUT = 2
"""Seconds within which a database that is there answers."""
_MIGRATION_LOCK = 0x706F7374
"""Any number that nothing else on the database server locks ("post")."""
_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
}
_UNAVAILABLE = (
    DBConnectionError,
    OSError,  # TimeoutError too
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # when a backend is killed while it answers
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,  # the password was changed
    asyncpg.exceptions.InsufficientResourcesError,  # the disk is full, too many connections
    asyncpg.exceptions.LockNotAvailableError,
    asyncpg.exceptions.OperatorInterventionError,  # the server is going down or coming up
    asyncpg.exceptions.ReadOnlySQLTransactionError,
    asyncpg.exceptions.TransactionRollbackError,  # a deadlock
)
_APPS = {"models": {"models": ["models"], "migrations": "models.migrations"}}

ORM = {"connections": {"default": "sqlite://:memory:"}, "apps": _APPS}
"""For `tortoise makemigrations`, which looks at the models and at no database."""


def orm_config(settings: Settings) -> dict[str, Any]:
    """Tortoise's configuration for the database of these settings."""
    url = settings.database_url
    address = parse_database_url(url.get_secret_value()) if url else None
    path = address.sqlite if address else str(settings.data_dir / "postern.db")
    chosen = address.parameters if address else {}
    if path is not None:
        connection: dict[str, Any] = {
            "engine": "tortoise.backends.sqlite",
            "credentials": {
                "file_path": path,
                "journal_mode": "WAL",
                "busy_timeout": _BUSY_TIMEOUT,
                "journal_size_limit": _JOURNAL_KEPT,
            }
            | dict(chosen),
        }
    else:
        connection = {
            "engine": "models.postgres",
            "credentials": {
                "dsn": address.dsn if address else "",
                "maxsize": settings.database_pool_size,
                "timeout": _CONNECT_TIMEOUT,
                "command_timeout": _STATEMENT_TIMEOUT,
                "reset": _leave_as_it_is,
            }
            | _of_the_pool(chosen),
        }
    return {"connections": {"default": connection}, "apps": _APPS, "use_tz": True}


def is_unavailable(error: BaseException) -> bool:
    """Whether an error says that the database cannot be reached or written just now.

    Then the statement was not to blame: the disk is full, another process holds the lock, the
    server is away or going down.
    """
    cause = error.args[0] if isinstance(error, BaseORMException) and error.args else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_UNAVAILABLE
    # asyncpg's word for an argument that does not fit is an InterfaceError, and a ValueError too.
    return isinstance(cause, _UNAVAILABLE) and not isinstance(cause, ValueError)


def describe(settings: Settings) -> str:
    """Where the data lies, for a person: without the password of the database."""
    if path := sqlite_file(settings):
        return f"{path.resolve()} (SQLite)"
    url = settings.database_url
    return f"{parse_database_url(url.get_secret_value()).shown} (PostgreSQL)" if url else ""


def sqlite_file(settings: Settings) -> Path | None:
    """The file of the SQLite database; None on PostgreSQL."""
    path = _sqlite_path(orm_config(settings))
    return Path(path) if path else None


@asynccontextmanager
async def connected(settings: Settings, *, read_only: bool = False) -> AsyncIterator[None]:
    """The models usable inside of the block, from every task.

    With `read_only`, nothing is written to an SQLite file, not even how it keeps its journal.
    Raises sqlite3.Error for an SQLite file that cannot be opened or is none.
    """
    config = orm_config(settings)
    if path := _sqlite_path(config):
        if read_only:
            chosen = config["connections"]["default"]["credentials"]
            chosen |= {"journal_mode": sqlite_files.journal_mode(Path(path)), "query_only": "ON"}
        await asyncio.to_thread(_open_once, path)
    # Uvicorn answers requests in other contexts than the one that starts the application.
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()


async def migrate(settings: Settings) -> list[str]:
    """Bring the tables up to date and name the migrations that this took, oldest first.

    Safe to run from several processes at once: the later ones wait, and find nothing to do.
    """
    applied: list[str] = []

    def note(event: str, _app: str, name: str) -> None:
        if event == "apply_done":
            applied.append(name)

    async with connected(settings), _one_at_a_time(orm_config(settings)):
        executor = MigrationExecutor(connections.get("default"), _APPS)
        await executor.migrate(direction="forward", progress=note)
    return applied


async def pending() -> list[str]:
    """The migrations that the connected database still has to take, oldest first. Only looks."""
    # The loader takes a database that cannot be reached for one without migrations: ask it first.
    await connections.get("default").execute_query("SELECT 1")
    loader = MigrationExecutor(connections.get("default"), _APPS).loader
    await loader.build_graph()
    missing = set(loader.disk_migrations) - loader.applied_migrations
    return sorted(key.name for key in missing)


async def is_empty() -> bool:
    """Whether the connected database has taken no migration yet, and so no user is there."""
    loader = MigrationExecutor(connections.get("default"), _APPS).loader
    await loader.build_graph()
    return not loader.applied_migrations


async def is_foreign() -> bool:
    """Whether the connected database has tables, but none of Postern's."""
    connection = connections.get("default")
    is_sqlite = connection.capabilities.dialect == "sqlite"
    _, tables = await connection.execute_query(_SQLITE_TABLES if is_sqlite else _POSTGRES_TABLES)
    return bool(tables) and await is_empty()


async def is_ready() -> bool:
    """Whether the database answers."""
    try:
        async with asyncio.timeout(_READY_TIMEOUT):
            await connections.get("default").execute_query("SELECT 1")
    except Exception as error:
        if not is_unavailable(error):
            raise
        return False
    return True


async def _leave_as_it_is(_connection: object) -> None:
    """Nothing, between two users of a connection: no statement of ours changes its settings.

    Asyncpg would ask the server to reset them each time, which takes as long as a statement.
    """


def _of_the_pool(parameters: Mapping[str, str]) -> dict[str, int]:
    """The numbers of the URL in asyncpg's words; no timeout is written 0, as libpq does."""
    numbers = {name: int(value) for name, value in parameters.items()}
    seconds = numbers.pop("connect_timeout", 0)
    return numbers | ({"timeout": seconds} if seconds else {})


def _sqlite_path(config: dict[str, Any]) -> str | None:
    path: str | None = config["connections"]["default"]["credentials"].get("file_path")
    return path


def _open_once(path: str) -> None:
    """Raise what is wrong with the file; opened by Tortoise, it would block all that follows."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")


@asynccontextmanager
async def _one_at_a_time(config: dict[str, Any]) -> AsyncIterator[None]:
    """One process at a time inside of the block, across all that share the database."""
    if path := _sqlite_path(config):
        file = await asyncio.to_thread(_lock_file, Path(f"{path}.lock"))
        with file:
            yield
    else:
        # Of the transaction, not of the session, which a pooler lends to others meanwhile.
        async with (
            connections.get("default").acquire_connection() as connection,
            connection.transaction(),
        ):
            await connection.execute(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            yield


def _lock_file(path: Path) -> IO[str]:
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file
