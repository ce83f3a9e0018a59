import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx2
import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE

from auth.postern import Postern, open_postern
from config import Settings, load
from models import database
from tests.support import CHEAP_HASHING, Client, Clock, Server, environment, running_server

# SQLite always; PostgreSQL too where the environment names a server (its databases come and go).
POSTGRES = os.environ.get("TEST_DATABASE_URL")
DATABASES = ["sqlite", *(["postgres"] if POSTGRES else [])]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=DATABASES)
def database_settings(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings that name an empty database: one of each kind that there is."""
    if request.param == "sqlite":
        yield {}
        return
    name = f"postern_test_{secrets.token_hex(6)}"
    asyncio.run(_on_postgres(f"CREATE DATABASE {name}"))
    try:
        yield {"DATABASE_URL": f"{str(POSTGRES).rsplit('/', 1)[0]}/{name}"}
    finally:
        asyncio.run(_on_postgres(f"DROP DATABASE {name} WITH (FORCE)"))


async def _on_postgres(statement: str) -> None:
    connection = await asyncpg.connect(POSTGRES)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
def settings(tmp_path: Path, database_settings: dict[str, str]) -> Settings:
    """As shipped, on an empty database, but for hashing: that is cheap."""
    return load(environment(tmp_path / "var", **CHEAP_HASHING, **database_settings))[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def postern(settings: Settings, clock: Clock) -> AsyncIterator[Postern]:
    """A Postern in this process, on a real database, whose clock the test moves."""
    EXECUTOR_CACHE.clear()  # its statements are in the dialect of the test before
    opened = replace(open_postern(settings), now=clock)
    await database.migrate(settings)
    async with database.connected(settings):
        yield opened
    opened.passwords.close()


@pytest.fixture
def server(tmp_path: Path, database_settings: dict[str, str]) -> Iterator[Server]:
    """A server process of the test's own."""
    with running_server(tmp_path / "var", **database_settings) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        yield Client(http)
