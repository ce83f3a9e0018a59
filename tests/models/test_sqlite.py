import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError

from config import load
from models import database
from models.sqlite import Batches, Call, plain, writer
from tests.support import environment

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[BaseDBAsyncClient]:
    """A database with a table of unique numbers."""
    async with database.connected(load(environment(tmp_path))[0]):
        client = connections.get("default")
        await client.execute_script("CREATE TABLE numbers (n INTEGER UNIQUE)")
        yield client


@pytest.fixture
async def said(client: BaseDBAsyncClient) -> list[str]:
    """Record the statements that the database gets from now on."""
    statements: list[str] = []
    async with client.acquire_connection() as connection:
        await connection.set_trace_callback(statements.append)
    return statements


def insert(n: int) -> Call:
    def call(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO numbers VALUES (?)", [n])
        return n

    return call


def fail(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO numbers VALUES (1000)")
    raise LookupError("after it has changed something")


async def made_at_once(client: BaseDBAsyncClient, batches: Batches, *calls: Call) -> list[Any]:
    """Return the results of calls that arrive while the database is busy."""
    async with client.acquire_connection():
        answers = asyncio.gather(
            *(batches.run(client, call) for call in calls), return_exceptions=True
        )
        await asyncio.sleep(0.01)
    return await answers


async def numbers(client: BaseDBAsyncClient) -> list[int]:
    rows = await client.execute_query_dict("SELECT n FROM numbers ORDER BY n")
    return [row["n"] for row in rows]


async def test_changes_that_wait_together_share_one_commit(
    client: BaseDBAsyncClient, said: list[str]
) -> None:
    batches = Batches(writer)
    answers = await made_at_once(client, batches, *map(insert, range(20)))
    assert answers == await numbers(client) == [*range(20)]
    assert said.count("COMMIT") == 1


async def test_calls_during_a_batch_run_in_the_next_one(
    client: BaseDBAsyncClient, said: list[str]
) -> None:
    batches, begun, go_on = Batches(writer), threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> Any:
        begun.set()
        go_on.wait()
        return insert(0)(connection)

    first = asyncio.create_task(batches.run(client, slow))
    await asyncio.to_thread(begun.wait)
    others = asyncio.gather(*(batches.run(client, insert(n)) for n in (1, 2)))
    await asyncio.sleep(0.01)
    go_on.set()
    assert [await first, *await others] == await numbers(client) == [0, 1, 2]
    assert said.count("COMMIT") == 2


async def test_a_failed_change_does_not_affect_the_others(client: BaseDBAsyncClient) -> None:
    batches = Batches(writer)
    calls = [insert(1), insert(2), fail, insert(2), insert(3)]
    one, two, failed, twice, three = await made_at_once(client, batches, *calls)
    assert (one, two, three) == (1, 2, 3)
    assert isinstance(failed, LookupError)
    assert isinstance(twice, IntegrityError)
    assert await numbers(client) == [1, 2, 3]


async def test_a_failed_read_does_not_affect_the_others(client: BaseDBAsyncClient) -> None:
    def read(connection: sqlite3.Connection) -> Any:
        return connection.execute("SELECT 1").fetchone()[0]

    def wrong(connection: sqlite3.Connection) -> Any:
        connection.execute("SELECT nonsense")

    answers = await made_at_once(client, Batches(plain), read, wrong, read)
    assert answers[::2] == [1, 1]
    assert isinstance(answers[1], OperationalError)


async def test_a_locked_database_fails_the_batch_once(
    client: BaseDBAsyncClient, said: list[str], tmp_path: Path
) -> None:
    await client.execute_script("PRAGMA busy_timeout = 1")
    batches = Batches(writer)
    other = sqlite3.connect(tmp_path / "postern.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answers = await made_at_once(client, batches, *map(insert, range(5)))
    assert [database.is_unavailable(answer) for answer in answers] == [True] * 5
    assert said.count("BEGIN IMMEDIATE") == 1
    other.close()
    assert await batches.run(client, insert(7)) == 7
    assert await numbers(client) == [7]


async def test_a_cancelled_call_does_not_affect_the_others(client: BaseDBAsyncClient) -> None:
    batches = Batches(writer)
    async with client.acquire_connection():
        first, second = (asyncio.create_task(batches.run(client, insert(n))) for n in (1, 2))
        await asyncio.sleep(0.01)
        first.cancel()
    assert await second == 2
    assert first.cancelled()


async def test_a_database_that_cannot_be_opened_is_retried(
    client: BaseDBAsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> NoReturn:
        raise DBConnectionError("away")

    batches = Batches(writer)
    with monkeypatch.context() as patch:
        patch.setattr(client, "acquire_connection", away)
        for _ in range(2):
            with pytest.raises(DBConnectionError):
                await batches.run(client, insert(1))
    assert await batches.run(client, insert(1)) == 1


async def test_reads_in_a_transaction_see_its_changes(client: BaseDBAsyncClient) -> None:
    async with client._in_transaction() as inside:
        await inside.execute_query("INSERT INTO numbers VALUES (1)")
        with pytest.raises(OperationalError):
            await inside.execute_query("SELECT nonsense")
        found = await Batches(plain).run(
            inside, lambda sqlite: sqlite.execute("SELECT n FROM numbers").fetchall()
        )
    assert [tuple(row) for row in found] == [(1,)]
