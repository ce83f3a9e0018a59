"""SQLite: what waits for it at the same moment is done in one visit, and committed at once.

A process has one connection, which lives on a thread of its own. The way there and back takes
longer than a statement, and each commit waits for the disk; one at a time, every request would wait
for those of all the others. (PostgreSQL has many connections, and groups commits by itself.)
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.backends.sqlite.client import translate_exceptions

Call = Callable[[sqlite3.Connection], Any]
"""Statements, run one after another on the connection's thread."""
Visit = Callable[[sqlite3.Connection, Sequence[Call]], list[Any]]
"""How some calls are made: the answer to each, or the exception that it gets instead."""


class Together:
    """Calls of many requests; all that have come while SQLite was busy are made in one visit."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._waiting: dict[BaseDBAsyncClient, list[tuple[Call, asyncio.Future[Any]]]] = {}
        self._visits: set[asyncio.Task[None]] = set()

    @translate_exceptions
    async def make(self, client: BaseDBAsyncClient, call: Call) -> Any:
        """The answer to this call. Whoever gives up waiting does not keep it from being made.

        Raises what the ORM would: OperationalError, IntegrityError.
        """
        answer = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, []).append((call, answer))
        if len(self._waiting[client]) == 1:
            visit = asyncio.create_task(self._pay_visit(client))
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)
        return await answer

    async def _pay_visit(self, client: BaseDBAsyncClient) -> None:
        waiting = self._waiting[client]
        try:
            async with client.acquire_connection() as sqlite:
                del self._waiting[client]  # who comes from now on waits for the next visit
                calls = [call for call, _ in waiting]
                answers = await sqlite._execute(partial(self._visit, sqlite._conn, calls))
        except BaseException as error:  # cancelled at the end, too: nobody waits for ever
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


def each_alone(connection: sqlite3.Connection, calls: Sequence[Call]) -> list[Any]:
    """A visit of calls that change nothing."""
    return [_answer(connection, call) for call in calls]


def all_at_once(connection: sqlite3.Connection, calls: Sequence[Call]) -> list[Any]:
    """A visit of calls that change something, each or nothing of it: one transaction for all.

    Where one of them fails each gets a transaction to itself, so that nobody else notices; but not
    where it is the database that fails, which is asked once, and not by each in turn.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        answers = [call(connection) for call in calls]
        connection.execute("COMMIT")
    except Exception as error:
        connection.rollback()
        if len(calls) == 1 or isinstance(error, sqlite3.OperationalError):
            return [error] * len(calls)
        return [answer for call in calls for answer in all_at_once(connection, [call])]
    return answers


def _answer(connection: sqlite3.Connection, call: Call) -> Any:
    try:
        return call(connection)
    except Exception as error:
        return error
