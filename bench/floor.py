"""The lower bound of a verification's cost: a bare ASGI route and one committed write.

`uvicorn bench.floor:app` with FLOOR_DATABASE: a URL of PostgreSQL, or a file for SQLite.
"""

import os
from typing import Any
from uuid import uuid4

import aiosqlite
import asyncpg

TABLE = "CREATE TABLE IF NOT EXISTS floor (id VARCHAR(36) PRIMARY KEY, at BIGINT)"
_database = os.environ["FLOOR_DATABASE"]
_connected: Any = None


async def _connect() -> None:
    global _connected  # noqa: PLW0603 - the smallest possible application
    if "://" in _database:
        _connected = await asyncpg.create_pool(_database, min_size=1, max_size=10)
    else:
        _connected = await aiosqlite.connect(_database, isolation_level=None)
        await _connected.execute("PRAGMA journal_mode=WAL")
    await _connected.execute(TABLE)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await _connect()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    if "://" in _database:
        await _connected.execute("INSERT INTO floor VALUES ($1, $2)", str(uuid4()), 1)
    else:
        await _connected.execute("INSERT INTO floor VALUES (?, ?)", (str(uuid4()), 1))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'"OK"'})
