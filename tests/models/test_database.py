import sqlite3
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tortoise import Tortoise, connections
from tortoise.exceptions import OperationalError, TransactionManagementError
from tortoise.migrations.autodetector import MigrationAutodetector

from config import Settings, load
from models import User, database
from tests.support import ROOT, environment, postern

pytestmark = pytest.mark.anyio


async def test_the_migrations_make_what_the_models_say(settings: Settings) -> None:
    """There is no `makemigrations --check`, so this asks what it would write."""
    settings.data_dir.mkdir()
    async with database.connected(settings):
        apps = Tortoise.apps
        assert apps is not None
        wanted = await MigrationAutodetector(apps, database._APPS).changes()
    assert not wanted, "run: make migrations NAME=what_changed"


async def test_migrating_twice_changes_nothing(settings: Settings) -> None:
    settings.data_dir.mkdir()
    assert await database.migrate(settings)
    assert not await database.migrate(settings)
    async with database.connected(settings):
        assert await User.all().count() == 0


def test_processes_that_migrate_at_once_do_not_collide(
    tmp_path: Path, database_settings: dict[str, str]
) -> None:
    env = environment(tmp_path / "var", **database_settings)
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda _: postern("migrate", env=env), range(4)))
    assert [process.returncode for process in ended] == [0] * 4, ended
    assert sum("Applied" in process.stdout for process in ended) == 1


async def test_sqlite_is_opened_for_many_readers_and_patient_writers(tmp_path: Path) -> None:
    settings, _ = load(environment(tmp_path))
    async with database.connected(settings):
        connection = connections.get("default")
        found = {
            pragma: (await connection.execute_query_dict(f"PRAGMA {pragma}"))[0]
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert [list(row.values()) for row in found.values()] == [["wal"], [2], [1], [5000]]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://joe:hunter2@db.test:5433/auth", "auth on db.test:5433 (PostgreSQL)"),
        ("postgresql://joe:hunter2@db.test/auth", "auth on db.test:5432 (PostgreSQL)"),
        ("sqlite:///data/auth.db", "/data/auth.db (SQLite)"),
    ],
)
async def test_the_database_is_described_without_its_password(url: str, shown: str) -> None:
    assert database.describe(load({"DATABASE_URL": url})[0]) == shown


async def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "my data? 100% #1"
    folder.mkdir()
    await database.migrate(load(environment(folder))[0])
    assert (folder / "postern.db").exists()


@pytest.mark.parametrize(
    ("error", "unavailable"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.DiskFullError(), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.CannotConnectNowError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.ConnectionDoesNotExistError(), True),
        (asyncpg.InvalidPasswordError(), True),
        (asyncpg.InternalClientError("got result for unknown protocol state 3"), True),
        (TransactionManagementError(asyncpg.IdleInTransactionSessionTimeoutError()), True),
        (asyncpg.UndefinedTableError(), False),
        (asyncpg.exceptions._base.DataError("invalid input for query argument"), False),
        (OperationalError(sqlite3.OperationalError("no such table")), False),
        (ValueError(), False),
    ],
    ids=repr,
)
def test_a_database_that_is_away_is_told_from_a_wrong_statement(
    error: Exception, unavailable: bool
) -> None:
    assert database.is_unavailable(error) is unavailable


def credentials(query: str, **changes: str) -> dict[str, Any]:
    url = f"postgres://joe:hunter2@db.example.com:5433/auth{query}"
    settings, _ = load({"DATABASE_URL": url, "AUTH_CONFIG": "config/nhost.toml"} | changes)
    found: dict[str, Any] = database.orm_config(settings)["connections"]["default"]["credentials"]
    return found


def test_a_process_holds_as_many_connections_as_the_operator_says() -> None:
    assert credentials("")["maxsize"] == 10
    assert credentials("", AUTH_DATABASE_POOL_SIZE="3")["maxsize"] == 3
    assert credentials("?maxsize=7")["maxsize"] == "7"


def test_tls_is_asked_for_in_the_words_of_postgresql() -> None:
    assert "ssl" not in credentials("")
    assert credentials("?sslmode=require")["ssl"] == "require"
    authorities = ROOT / "tests" / "models" / "authority.pem"
    checked = credentials(f"?sslmode=verify-full&sslrootcert={authorities}")["ssl"]
    assert (checked.verify_mode, checked.check_hostname) == (ssl.CERT_REQUIRED, True)
    unnamed = credentials(f"?sslmode=verify-ca&sslrootcert={authorities}")["ssl"]
    assert (unnamed.verify_mode, unnamed.check_hostname) == (ssl.CERT_REQUIRED, False)
