"""The connection to the database, and the migration of its tables."""

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
"""Bytes of SQLite's journal that are kept and overwritten. Tortoise's default truncates the journal
after each checkpoint, and a commit that makes a file longer waits twice as long for the disk."""
_SQLITE_TABLES = "SELECT 1 FROM sqlite_schema LIMIT 1"
_POSTGRES_TABLES = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1"
_CONNECT_TIMEOUT, _STATEMENT_TIMEOUT = 5, 30
"""Seconds that PostgreSQL may take to accept a connection, and to run one statement."""
_READY_TIMEOUT = 2
"""Seconds within which the database must answer to count as ready."""
_MIGRATION_LOCK = 0x706F7374
"""An arbitrary number that no other program locks on the database server ("post")."""
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
"""For `tortoise makemigrations`, which reads the models and needs no database."""


def orm_config(settings: Settings) -> dict[str, Any]:
    """Return Tortoise's configuration for the database that the settings name."""
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
    """Return whether the error means that the database cannot be reached or written to now.

    The cause is not the statement: for example, the disk is full, another process holds the
    lock, or the server is shutting down.
    """
    cause = error.args[0] if isinstance(error, BaseORMException) and error.args else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_UNAVAILABLE
    # For an invalid argument, asyncpg raises an InterfaceError that is a ValueError too.
    return isinstance(cause, _UNAVAILABLE) and not isinstance(cause, ValueError)


def describe(settings: Settings) -> str:
    """Describe for a person where the data is stored, without the database's password."""
    if path := sqlite_file(settings):
        return f"{path.resolve()} (SQLite)"
    url = settings.database_url
    return f"{parse_database_url(url.get_secret_value()).shown} (PostgreSQL)" if url else ""


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of the SQLite database, or None on PostgreSQL."""
    path = _sqlite_path(orm_config(settings))
    return Path(path) if path else None


@asynccontextmanager
async def connected(settings: Settings, *, read_only: bool = False) -> AsyncIterator[None]:
    """Connect the models to the database for the length of the block, in every task.

    With `read_only`, nothing is written to an SQLite file, and its journal mode is not changed.
    Raises sqlite3.Error if the file cannot be opened or is not an SQLite database.
    """
    config = orm_config(settings)
    if path := _sqlite_path(config):
        if read_only:
            chosen = config["connections"]["default"]["credentials"]
            chosen |= {"journal_mode": sqlite_files.journal_mode(Path(path)), "query_only": "ON"}
        await asyncio.to_thread(_open_once, path)
    # Uvicorn handles requests in other contexts than the one that starts the application.
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()


async def migrate(settings: Settings) -> list[str]:
    """Bring the tables up to date; return the names of the applied migrations, oldest first.

    Several processes may run this at once: one migrates, the others wait and find nothing to do.
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
    """Return the migrations that are not applied yet, oldest first. Changes nothing."""
    # If the database cannot be reached, the loader reports no migrations: raise the error first.
    await connections.get("default").execute_query("SELECT 1")
    loader = MigrationExecutor(connections.get("default"), _APPS).loader
    await loader.build_graph()
    missing = set(loader.disk_migrations) - loader.applied_migrations
    return sorted(key.name for key in missing)


async def is_empty() -> bool:
    """Return whether no migration has been applied yet; then there are no users either."""
    loader = MigrationExecutor(connections.get("default"), _APPS).loader
    await loader.build_graph()
    return not loader.applied_migrations


async def is_foreign() -> bool:
    """Return whether the connected database has tables, but none of Postern's."""
    connection = connections.get("default")
    is_sqlite = connection.capabilities.dialect == "sqlite"
    _, tables = await connection.execute_query(_SQLITE_TABLES if is_sqlite else _POSTGRES_TABLES)
    return bool(tables) and await is_empty()


async def is_ready() -> bool:
    """Return whether the database answers within two seconds."""
    try:
        async with asyncio.timeout(_READY_TIMEOUT):
            await connections.get("default").execute_query("SELECT 1")
    except Exception as error:
        if not is_unavailable(error):
            raise
        return False
    return True


async def _leave_as_it_is(_connection: object) -> None:
    """Do nothing when a connection returns to the pool: Postern never changes its settings.

    By default asyncpg asks the server to reset them, which takes as long as a statement.
    """


def _of_the_pool(parameters: Mapping[str, str]) -> dict[str, int]:
    """Return the URL's numbers under asyncpg's names. As in libpq, 0 means no timeout."""
    numbers = {name: int(value) for name, value in parameters.items()}
    seconds = numbers.pop("connect_timeout", 0)
    return numbers | ({"timeout": seconds} if seconds else {})


def _sqlite_path(config: dict[str, Any]) -> str | None:
    path: str | None = config["connections"]["default"]["credentials"].get("file_path")
    return path


def _open_once(path: str) -> None:
    """Raise what is wrong with the file. Opened by Tortoise, it would block all later calls."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")


@asynccontextmanager
async def _one_at_a_time(config: dict[str, Any]) -> AsyncIterator[None]:
    """Let one process at a time into the block, among all that share the database."""
    if path := _sqlite_path(config):
        file = await asyncio.to_thread(_lock_file, Path(f"{path}.lock"))
        with file:
            yield
    else:
        # A lock of the transaction: a pooler may lend the session to others in the meantime.
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
