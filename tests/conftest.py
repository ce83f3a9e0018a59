import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx2
import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE

import models
from auth.postern import Postern, open_postern
from config import Settings, load, read
from models import database
from tests.support import (
    CHEAP_HASHING,
    Client,
    Clock,
    Server,
    environment,
    postgres_to_test_on,
    running_server,
)

# Always SQLite; PostgreSQL too if there is one (tests create and drop its databases).
POSTGRES = postgres_to_test_on()
NO_POSTGRES = "no PostgreSQL: TEST_DATABASE_URL names none, and none is here"
MODELS = [getattr(models, name) for name in models.__all__]
DATABASES = ["sqlite", *(["postgres"] if POSTGRES else [])]


def pytest_xdist_auto_num_workers() -> int:
    """For `--numprocesses=auto`: half of the time, tests wait for servers, clocks and browsers."""
    return (os.cpu_count() or 1) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report the databases of this run, since they depend on the machine."""
    terminalreporter.write_line(f"databases: {', '.join(DATABASES)}")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=DATABASES)
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_settings(database_kind: str) -> Iterator[dict[str, str]]:
    """Settings that name an empty database, once for each available kind."""
    if database_kind == "sqlite":
        yield {}
        return
    with _postgres_database() as chosen:
        yield chosen


@pytest.fixture
def postgres_database() -> Iterator[dict[str, str]]:
    """Settings that name an empty PostgreSQL database, for what SQLite cannot do."""
    if not POSTGRES:
        pytest.skip(NO_POSTGRES)
    with _postgres_database() as chosen:
        yield chosen


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database to copy, since migrating takes longer."""
    folder = tmp_path_factory.mktemp("template")
    asyncio.run(database.migrate(load(environment(folder))[0]))
    return folder / "postern.db"


@pytest.fixture(scope="session")
def reused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A migrated PostgreSQL database to empty, since creating another one takes longer."""
    if not POSTGRES:
        pytest.skip(NO_POSTGRES)
    with _postgres_database() as chosen:
        folder = tmp_path_factory.mktemp("reused")
        asyncio.run(database.migrate(load(environment(folder, **chosen))[0]))
        yield chosen


@pytest.fixture
def migrated_postgres(reused: dict[str, str]) -> dict[str, str]:
    """Settings that name a migrated PostgreSQL database without rows."""
    # With few rows, this takes a hundredth of what TRUNCATE takes.
    emptied = "; ".join(f"DELETE FROM {model._meta.db_table}" for model in MODELS)
    asyncio.run(_on_postgres(emptied, reused["DATABASE_URL"]))
    return reused


@pytest.fixture
def migrated_database(
    tmp_path: Path, database_kind: str, request: pytest.FixtureRequest
) -> dict[str, str]:
    """Settings that name a migrated database without rows, for a data directory `var`."""
    if database_kind == "sqlite":
        (tmp_path / "var").mkdir(mode=0o700)
        shutil.copy(request.getfixturevalue("template"), tmp_path / "var" / "postern.db")
        return {}
    chosen: dict[str, str] = request.getfixturevalue("migrated_postgres")
    return chosen


@contextmanager
def _postgres_database() -> Iterator[dict[str, str]]:
    name = f"postern_test_{secrets.token_hex(6)}"
    asyncio.run(_on_postgres(f"CREATE DATABASE {name}"))
    try:
        yield {"DATABASE_URL": f"{str(POSTGRES).rsplit('/', 1)[0]}/{name}"}
    finally:
        asyncio.run(_on_postgres(f"DROP DATABASE {name} WITH (FORCE)"))


async def _on_postgres(statement: str, url: str | None = POSTGRES) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture(autouse=True)
def _dialect() -> None:
    """Clear Tortoise's cached statements, which have the previous test's dialect."""
    EXECUTOR_CACHE.clear()


@pytest.fixture
def settings(tmp_path: Path, database_settings: dict[str, str]) -> Settings:
    """The shipped settings, on an empty database."""
    return load(environment(tmp_path / "var", **database_settings))[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def postern(
    tmp_path: Path, migrated_database: dict[str, str], clock: Clock
) -> AsyncIterator[Postern]:
    """A Postern in this process, on a real database, with a clock that the test moves.

    It has the shipped settings, except for cheap hashing.
    """
    chosen = read(environment(tmp_path / "var", **CHEAP_HASHING, **migrated_database))
    opened = replace(open_postern(chosen), now=clock)
    async with database.connected(opened.settings):
        yield opened
    opened.passwords.close()


@pytest.fixture
def server(tmp_path: Path, migrated_database: dict[str, str]) -> Iterator[Server]:
    """A server process for this test only."""
    with running_server(tmp_path / "var", **migrated_database) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        yield Client(http)
