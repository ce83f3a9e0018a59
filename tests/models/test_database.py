import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
from tortoise import Tortoise, connections
from tortoise.exceptions import OperationalError, TransactionManagementError
from tortoise.migrations.autodetector import MigrationAutodetector

from config import ConfigError, Settings, load
from models import User, database
from tests.support import CHEAP_HASHING, Client, environment, free_port, postern, running_server

pytestmark = pytest.mark.anyio


async def test_the_migrations_match_the_models(settings: Settings) -> None:
    """There is no `makemigrations --check`, so this checks what it would write."""
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
def test_an_unavailable_database_differs_from_a_wrong_statement(
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
    with pytest.raises(ConfigError, match="set AUTH_DATABASE_POOL_SIZE"):
        credentials("?maxsize=1")


def test_the_driver_gets_the_parameters_of_libpq_as_they_are() -> None:
    tls = "sslmode=verify-full&sslrootcert=%2Fetc%2Fa%20b.pem&application_name=postern"
    found = credentials(f"?connect_timeout=3&{tls}&statement_cache_size=0")
    assert found["dsn"] == f"postgres://joe:hunter2@db.example.com:5433/auth?{tls}"
    assert (found["timeout"], found["statement_cache_size"]) == (3, 0)
    assert credentials("")["timeout"] == 5


@pytest.mark.parametrize(
    "change",
    [
        ("/{name}", "/{name}?application_name=postern%20test&options=-cstatement_timeout%3D9000"),
        ("/{name}", "/?dbname={name}&connect_timeout=3"),
        ("127.0.0.1:5432/", "127.0.0.1:1,127.0.0.1:5432/"),
        ("/{name}", "/{name}?sslmode=disable&target_session_attrs=primary"),
    ],
    ids=str,
)
async def test_a_url_of_libpq_leads_to_the_database(
    tmp_path: Path, postgres_database: dict[str, str], change: tuple[str, str]
) -> None:
    url = postgres_database["DATABASE_URL"]
    old, new = (part.format(name=url.rpartition("/")[2]) for part in change)
    chosen, _ = load(environment(tmp_path, DATABASE_URL=url.replace(old, new)))
    assert await database.migrate(chosen)


PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")


@contextmanager
def pgbouncer(url: str, folder: Path, mode: str) -> Iterator[str]:
    """The URL of a PgBouncer in front of the database."""
    parts, port = urlsplit(url), free_port()
    login = f" user={parts.username}" + (f" password={parts.password}" if parts.password else "")
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host={parts.hostname} port={parts.port or 5432}{login}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {mode}\ndefault_pool_size = {4 if mode == 'transaction' else 12}\n"
    )
    folder.chmod(0o755)
    configuration.chmod(0o644)
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [str(PGBOUNCER), *user, str(configuration)], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"postgres://127.0.0.1:{port}{parts.path}?user={parts.username}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_pgbouncer_may_be_in_between(
    tmp_path: Path, postgres_database: dict[str, str], mode: str
) -> None:
    with (
        pgbouncer(postgres_database["DATABASE_URL"], tmp_path, mode) as url,
        running_server(
            tmp_path / "var", **CHEAP_HASHING, AUTH_RATE_LIMIT_ENABLE="false", DATABASE_URL=url
        ) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
        ThreadPoolExecutor(12) as many,
    ):
        users = [Client(http) for _ in range(24)]
        emails = [f"user-{number}@example.com" for number in range(24)]
        list(many.map(Client.sign_up, users, emails))
        list(many.map(Client.enrol, users))
        assert [me["email"] for me in many.map(lambda user: user.call("me"), users)] == emails
        assert len(list(many.map(users[0].ticket, emails))) == 24
        assert "Traceback" not in server.log()


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
def test_pgbouncer_that_pools_statements_is_refused_in_one_line(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    with pgbouncer(postgres_database["DATABASE_URL"], tmp_path, "statement") as url:
        ended = postern("serve", env=environment(tmp_path / "var", DATABASE_URL=url))
    assert ended.returncode == 1
    assert "transaction blocks not allowed in statement pooling mode" in ended.stderr
    assert ended.stderr.count("\n") == 1
