"""The connection to the database, and bringing its tables up to date."""

import asyncio
import contextlib
import fcntl
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import asyncpg
from tortoise import Tortoise, connections
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.exceptions import BaseORMException, DBConnectionError
from tortoise.migrations.executor import MigrationExecutor

from config import Settings

_BUSY_TIMEOUT = 5000
"""Milliseconds that a statement waits for another process to finish writing (SQLite)."""
_JOURNAL_KEPT = 2**26
"""Bytes of SQLite's journal that stay to be written over; Tortoise would cut it down each time it
is through, and a commit that makes a file longer waits for the disk twice as long."""
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
    if settings.database_url is None:
        path = str(settings.data_dir / "postern.db")
        connection: dict[str, Any] = {
            "engine": "tortoise.backends.sqlite",
            "credentials": {"file_path": path},
        }
    else:
        connection = expand_db_url(settings.database_url.get_secret_value())
    credentials = connection["credentials"]
    if "file_path" in credentials:
        credentials.setdefault("busy_timeout", _BUSY_TIMEOUT)
        credentials.setdefault("journal_size_limit", _JOURNAL_KEPT)
    else:
        connection["engine"] = "models.postgres"
        credentials.setdefault("maxsize", settings.database_pool_size)
        credentials.setdefault("timeout", _CONNECT_TIMEOUT)
        credentials.setdefault("command_timeout", _STATEMENT_TIMEOUT)
        credentials["reset"] = _leave_as_it_is
        _use_tls(credentials)
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
    credentials = orm_config(settings)["connections"]["default"]["credentials"]
    return f"{credentials['database']} on {credentials['host']}:{credentials['port']} (PostgreSQL)"


def sqlite_file(settings: Settings) -> Path | None:
    """The file of the SQLite database; None on PostgreSQL."""
    path = _sqlite_path(orm_config(settings))
    return Path(path) if path else None


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[None]:
    """The models usable inside of the block, from every task.

    Raises sqlite3.Error for an SQLite file that cannot be opened or is none.
    """
    config = orm_config(settings)
    if path := _sqlite_path(config):
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
    loader = MigrationExecutor(connections.get("default"), _APPS).loader
    await loader.build_graph()
    missing = set(loader.disk_migrations) - loader.applied_migrations
    return sorted(key.name for key in missing)


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


def _use_tls(credentials: dict[str, Any]) -> None:
    """The words of PostgreSQL's own clients, `sslmode` and `sslrootcert`, in those of asyncpg."""
    mode, root = credentials.pop("sslmode", None), credentials.pop("sslrootcert", None)
    if root:
        context = ssl.create_default_context(cafile=root)
        context.check_hostname = mode != "verify-ca"
        credentials["ssl"] = context
    elif mode:
        credentials["ssl"] = mode


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
        async with connections.get("default").acquire_connection() as connection:
            await connection.execute(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})")
            try:
                yield
            finally:
                await connection.execute(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})")


def _lock_file(path: Path) -> IO[str]:
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file
