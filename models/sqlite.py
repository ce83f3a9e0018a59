"""SQLite: calls that wait at the same moment run as one batch, with one commit.

A process has one connection, on a thread of its own. Switching to that thread takes longer than a
statement, and each commit waits for the disk. Without batches, each request would wait for the
commits of all others. (PostgreSQL has many connections, and groups commits itself.)
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.sqlite.client import translate_exceptions

Call = Callable[[sqlite3.Connection], Any]
"""A function that runs statements on the connection's thread."""
Runner = Callable[[sqlite3.Connection, Sequence[Call]], list[Any]]
"""Runs the calls of a batch; returns for each call its result, or its exception."""


class Batches:
    """Calls of many requests. Calls that arrive while SQLite is busy run in the next batch."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._waiting: dict[BaseDBAsyncClient, list[tuple[Call, asyncio.Future[Any]]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    @translate_exceptions
    async def run(self, client: BaseDBAsyncClient, call: Call) -> Any:
        """Run the call in the next batch and return its result. Cancelling does not stop the call.

        Raises the ORM's exceptions: OperationalError, IntegrityError.
        """
        answer = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, []).append((call, answer))
        if len(self._waiting[client]) == 1:
            batch = asyncio.create_task(self._run_batch(client))
            self._running.add(batch)
            batch.add_done_callback(self._running.discard)
        return await answer

    async def _run_batch(self, client: BaseDBAsyncClient) -> None:
        waiting = self._waiting[client]
        try:
            async with client.acquire_connection() as sqlite:
                del self._waiting[client]  # later calls run in the next batch
                calls = [call for call, _ in waiting]
                answers = await sqlite._execute(partial(self._runner, sqlite._conn, calls))
        except BaseException as error:  # also if cancelled at shutdown: nobody waits for ever
            if self._waiting.get(client) is waiting:
                del self._waiting[client]
            answers = [error] * len(waiting)
        for (_, future), answer in zip(waiting, answers, strict=True):
            if future.done():  # nobody waits for it any more
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def plain(connection: sqlite3.Connection, calls: Sequence[Call]) -> list[Any]:
    """Run a batch of calls that change nothing, or that belong to a transaction already begun."""
    return [_answer(connection, call) for call in calls]


def writer(connection: sqlite3.Connection, calls: Sequence[Call]) -> list[Any]:
    """Run a batch of atomic changes in one transaction.

    If one of them fails, all run again, each in its own transaction; so the others succeed.
    If the database itself fails, the batch fails as a whole and is not repeated.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        answers = [call(connection) for call in calls]
        connection.execute("COMMIT")
    except Exception as error:
        connection.rollback()
        if len(calls) == 1 or isinstance(error, sqlite3.OperationalError):
            return [error] * len(calls)
        return [answer for call in calls for answer in writer(connection, [call])]
    return answers


def _answer(connection: sqlite3.Connection, call: Call) -> Any:
    try:
        return call(connection)
    except Exception as error:
        return error
