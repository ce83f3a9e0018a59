"""Connections to PostgreSQL: as many as the pool has, lent to everybody, whatever happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tortoise import connections
from tortoise.exceptions import OperationalError

from config import load
from models import database, postgres
from models.sql import execute
from models.transactions import atomic
from tests.support import environment

pytestmark = pytest.mark.anyio
SIZE = 2
BACKENDS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'"""


@pytest.fixture
async def client(tmp_path: Path, postgres_database: dict[str, str]) -> AsyncIterator[Any]:
    settings, _ = load(
        environment(tmp_path, AUTH_DATABASE_POOL_SIZE=str(SIZE), **postgres_database)
    )
    async with database.connected(settings):
        yield connections.get("default")


async def quick(client: Any) -> None:
    await client.fetch("SELECT $1::int", [1])


async def slow(client: Any) -> None:
    await client.fetch("SELECT pg_sleep(0.01)", [])


async def wrong(client: Any) -> None:
    with pytest.raises(OperationalError):
        await client.fetch("SELECT 1 / no_such_column", [])


async def given_up(client: Any) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.02):
            await client.fetch("SELECT pg_sleep(5)", [])


async def in_a_transaction(_client: Any) -> None:
    async with atomic():
        await execute("SELECT pg_sleep(0.01)")
        await execute("SELECT 1")


async def undone(_client: Any) -> None:
    with suppress(RuntimeError):
        async with atomic():
            await execute("SELECT 1")
            raise RuntimeError


async def by_the_orm(client: Any) -> None:
    await client.execute_query("SELECT 1")


async def test_nobody_waits_for_ever_and_the_pool_has_its_size(client: Any) -> None:
    kinds = [quick, slow, wrong, given_up, in_a_transaction, undone, by_the_orm]
    async with asyncio.timeout(30):
        await asyncio.gather(*(kind(client) for kind in kinds * 12))
        await asyncio.gather(*(kind(client) for kind in (quick, in_a_transaction) * SIZE))
    _, ((backends,),) = await client.execute_query(BACKENDS)
    assert backends <= SIZE


async def test_a_statement_that_is_given_up_leaves_nothing_to_the_next(client: Any) -> None:
    for _ in range(10):
        await asyncio.gather(given_up(client), given_up(client))
        assert [await client.fetch("SELECT $1::int", [n]) for n in range(4)] == [
            [(n,)] for n in range(4)
        ]


async def test_closing_waits_for_statements_and_not_longer(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    settings, _ = load(environment(tmp_path, **postgres_database))
    async with database.connected(settings):
        client: Any = connections.get("default")
        waiting = asyncio.create_task(client.fetch("SELECT pg_sleep(0.5)", []))
        await asyncio.sleep(0.2)
        closes_at = asyncio.get_running_loop().time()
    assert waiting.done()
    assert await waiting
    assert asyncio.get_running_loop().time() - closes_at < 5, "Tortoise gives up after ten"
    with pytest.raises(asyncpg.InterfaceError):
        await client.fetch("SELECT 1", [])


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall may have forgotten it without a word, and the statement would wait in vain."""
    backend = "SELECT pg_backend_pid()"
    first = await client.fetch(backend, [])
    assert await client.fetch(backend, []) == first
    monkeypatch.setattr(postgres, "_KEPT_SECONDS", -1)
    assert await client.fetch(backend, []) != first
