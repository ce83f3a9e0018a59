"""PostgreSQL: replace dead connections, and repeat what cannot have been committed.

A statement is repeated only if it changes nothing (a SELECT outside of a transaction, or BEGIN), or
if it was not sent the first time. A change that was sent may have been committed, even if the
connection was lost; it is never repeated.
"""

import asyncio
import select
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import PoolConnectionWrapper, TransactionContextPooled
from tortoise.backends.base_postgres.client import translate_exceptions
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError

_PAUSE = 0.1
"""Seconds before the second attempt to connect: a restarting server needs a moment."""
_KEPT_SECONDS = 300
"""Seconds that an unused connection is kept, as by asyncpg's pool: firewalls forget idle ones."""
_LOST = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # when a backend is killed while it answers
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
_PARTS_OF_THE_DSN = {"host", "port", "user", "password", "database"}
_NO_WAY_IN = (*_LOST, asyncpg.TooManyConnectionsError)


class PostgresClient(AsyncpgDBClient):
    """Tortoise's client for asyncpg, for a server whose connections may end at any moment."""

    _pool: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.room = asyncio.Semaphore(self.pool_maxsize)
        self._kept: deque[tuple[float, Any]] = deque()
        self._is_closed = False

    async def create_pool(self, **kwargs: Any) -> asyncpg.Pool:
        """Open the pool of connections to `dsn`.

        A pooler may run each statement in another session, and a statement that was prepared in
        one session does not exist in the next. So with a pooler, no prepared statement is kept.
        """
        given = {name: kwargs[name] for name in kwargs.keys() - _PARTS_OF_THE_DSN}
        try:
            if "statement_cache_size" not in given and await _is_pooled(given):
                given["statement_cache_size"] = 0
            return await asyncpg.create_pool(**given)
        except asyncpg.InvalidCatalogNameError as error:
            raise DBConnectionError(str(error)) from error

    async def lend(self) -> Any:
        """Return a connection that the server has not closed, as far as this machine knows.

        The pool takes as long for that as a statement. So connections that have just been used are
        kept ready outside of the pool. Those in use and those kept are together never more than the
        pool has, so nobody waits for the pool.
        Raises asyncpg.InterfaceError after `close`.
        """
        await self.room.acquire()
        try:
            await self._open()
            while self._kept:
                kept_at, connection = self._kept.pop()
                if kept_at > time.monotonic() - _KEPT_SECONDS and not _has_arrived(connection):
                    return connection
                await self._drop(connection)
            return await _acquire(self._pool)
        except BaseException:
            self.room.release()
            raise

    async def take_back(self, connection: Any, *, keep: bool = False) -> None:
        """Let others have a lent connection; `keep` it ready if its statement has ended."""
        try:
            if self._is_closed or not keep:
                await self._pool.release(connection)
                return
            now = time.monotonic()
            self._kept.append((now, connection))
            if self._kept[0][0] < now - _KEPT_SECONDS:
                await self._drop(self._kept.popleft()[1])
        finally:
            self.room.release()

    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        """Lend a connection for the length of the block."""
        return _LiveConnection(self, self._pool_init_lock)

    @translate_exceptions
    async def fetch(self, query: str, values: list[Any]) -> Any:
        """Run a statement, outside of transactions; return the rows found, as `execute_query`."""
        return await _again_if_lost(self._fetched, query, values)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> Any:
        """Run a statement; return how many rows it found or changed, and the rows found."""
        return await _again_if_lost(super().execute_query, query, values)

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> Any:
        """Run a statement; return the rows found."""
        return await _again_if_lost(super().execute_query_dict, query, values)

    async def _fetched(self, query: str, values: list[Any]) -> Any:
        connection, ended = await self.lend(), False
        try:
            rows = await connection.fetch(query, *values)
            ended = True
        finally:
            await self.take_back(connection, keep=ended)
        return rows

    async def close(self) -> None:
        """Close all connections, once they are not in use."""
        self._is_closed = True
        while self._kept:
            await self._pool.release(self._kept.pop()[1])
        await super().close()

    async def _open(self) -> None:
        if self._is_closed:
            raise asyncpg.InterfaceError("the connections are closed")
        if not self._pool:
            async with self._pool_init_lock:
                if not self._pool:
                    await self.create_connection(with_db=True)

    async def _drop(self, connection: Any) -> None:
        with suppress(asyncpg.InterfaceError):  # it was closed, and is in the pool by now
            connection.terminate()
        await self._pool.release(connection)

    def _in_transaction(self) -> TransactionContextPooled:
        return _LiveTransaction(self, self._pool_init_lock)


client_class = PostgresClient
"""Where Tortoise looks for the class of an engine."""


async def _is_pooled(given: dict[str, Any]) -> bool:
    """Return whether a pooler such as PgBouncer is in between: the backend's id is another one."""
    connection = await asyncpg.connect(
        given["dsn"], timeout=given["timeout"], statement_cache_size=0
    )
    try:
        session = await connection.fetchval("SELECT pg_backend_pid()")
        return bool(session != connection.get_server_pid())
    finally:
        await connection.close(timeout=given["timeout"])


class _LiveConnection(PoolConnectionWrapper[Any]):
    client: PostgresClient

    async def __aenter__(self) -> Any:
        self.connection = await self.client.lend()
        return self.connection

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> None:
        await self.client.take_back(self.connection, keep=error is None)


class _LiveTransaction(TransactionContextPooled):
    def __init__(self, lender: PostgresClient, pool_init_lock: asyncio.Lock) -> None:
        super().__init__(TransactionWrapper(lender), pool_init_lock)
        self._lender = lender

    async def __aenter__(self) -> Any:
        try:
            await self._begin()
        except _LOST:  # only BEGIN was sent, which changes nothing
            await self._begin()
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> None:
        try:
            await super().__aexit__(kind, error, traceback)  # it returns the connection to the pool
        finally:
            self._lender.room.release()

    async def _begin(self) -> None:
        self.client._connection = await self._lender.lend()
        try:
            await self.client.begin()
        except BaseException:
            await self._lender.take_back(self.client._connection)
            raise


async def _again_if_lost(
    run: Callable[[str, Any], Awaitable[Any]], query: str, values: list[Any] | None
) -> Any:
    try:
        return await run(query, values)
    except _LOST as error:
        if not _may_be_repeated(query, error):
            raise
        return await run(query, values)


async def _acquire(pool: asyncpg.Pool) -> Any:
    """Return a connection that the server has not closed, as far as this machine knows.

    If data has arrived on an idle connection, the server has closed it: it sends the reason first.
    """
    for _ in range(pool.get_max_size()):
        connection = await _connection(pool)
        if not _has_arrived(connection):
            return connection
        connection.terminate()
        await pool.release(connection)
    return await _connection(pool)


async def _connection(pool: asyncpg.Pool) -> Any:
    try:
        return await pool.acquire()
    except _NO_WAY_IN:
        await asyncio.sleep(_PAUSE)
        return await pool.acquire()


def _has_arrived(connection: Any) -> bool:
    try:
        if connection.is_closed():
            return True
    except asyncpg.InterfaceError:  # it was closed, and is in the pool by now
        return True
    poll = select.poll()
    poll.register(connection._transport.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))


def _may_be_repeated(query: str, error: Exception) -> bool:
    """Return whether a statement that failed with a lost connection can be repeated: a SELECT.

    For an invalid argument, asyncpg raises an InterfaceError that is a ValueError too.
    """
    return query.lstrip()[:6].upper() == "SELECT" and not isinstance(error, ValueError)
