"""Atomic changes through the ORM, and what may only be said once they have happened."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from tortoise.transactions import in_transaction

_waiting: ContextVar[list[Callable[[], None]] | None] = ContextVar("after_commit", default=None)

# SQLite takes it at the first write, and fails if somebody else has written since the first read.
_TAKE_THE_WRITE_LOCK = "DELETE FROM throttles WHERE FALSE"


@asynccontextmanager
async def atomic() -> AsyncIterator[None]:
    """All database writes inside of the block happen together, or none does.

    Inside of another such block it is a part of that one.
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
    """Whether the code that runs now is inside of such a block."""
    return _waiting.get() is not None


def after_commit(callback: Callable[[], None]) -> None:
    """Call it once the atomic change around has been committed, at once where there is none.

    A change that is rolled back takes the callback with it.
    """
    waiting = _waiting.get()
    if waiting is None:
        callback()
    else:
        waiting.append(callback)
