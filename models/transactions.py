"""Transactions through the ORM, and callbacks that run after the commit."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from tortoise.transactions import in_transaction

_waiting: ContextVar[list[Callable[[], None]] | None] = ContextVar("after_commit", default=None)

# SQLite locks at the first write, and fails if another process has written since the first read.
_TAKE_THE_WRITE_LOCK = "DELETE FROM throttles WHERE FALSE"


class UndoneError(Exception):
    """Undoes the `atomic()` block that it leaves; catch it around the block."""


@asynccontextmanager
async def atomic() -> AsyncIterator[None]:
    """Commit all database writes of the block together, or none.

    A block inside of another `atomic()` block is part of the outer transaction.
    """
    if is_inside():
        yield
        return
    callbacks: list[Callable[[], None]] = []
    outside = _waiting.set(callbacks)
    try:
        async with in_transaction() as connection:
            if connection.capabilities.dialect == "sqlite":
                await connection.execute_query(_TAKE_THE_WRITE_LOCK)
            yield
    finally:
        _waiting.reset(outside)
    for callback in callbacks:
        callback()


def is_inside() -> bool:
    """Return whether the current task is inside of an `atomic()` block."""
    return _waiting.get() is not None


def after_commit(callback: Callable[[], None]) -> None:
    """Call `callback` after the current transaction commits; at once if there is none.

    If the transaction is rolled back, the callback is not called.
    """
    waiting = _waiting.get()
    if waiting is None:
        callback()
    else:
        waiting.append(callback)
