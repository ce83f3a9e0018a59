"""How several workers share one listening socket: they take turns."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import uvloop

TURN = 0.001
"""Seconds for which a worker leaves new connections to the others, after it has accepted some."""
PATIENCE = 8
"""Turns in a row, each with another connection waiting, after which a turn takes one more."""
STARVED = 1
"""Seconds until the next attempt when no file can be opened."""

logger = logging.getLogger("postern")


class Turns:
    """Accepts one connection at a time, and leaves the next one to whoever else is waiting for it.

    All workers wait for the next connection, and the one that wakes up first would take all that
    arrive at once: of a proxy's sixteen connections, one worker often gets all, and hashes
    passwords while the others are idle. If connections are always waiting, all workers are behind,
    and each takes more and more in its turn.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, make: Callable[[], Any], listening: socket.socket
    ) -> None:
        self._loop, self._make, self._listening = loop, make, listening
        self._full_turns = 0
        self._next_turn: asyncio.TimerHandle | None = None
        self._made: set[asyncio.Task[Any]] = set()
        listening.settimeout(0)
        self._wait()

    def close(self) -> None:
        """Accept no more connections."""
        self._loop.remove_reader(self._listening)
        if self._next_turn is not None:
            self._next_turn.cancel()

    async def wait_closed(self) -> None:
        """Return at once: connections are not the server's."""

    def _wait(self) -> None:
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        accepted, at_once, pause = 0, 1 + self._full_turns // PATIENCE, TURN
        try:
            while accepted < at_once:
                connection, _ = self._listening.accept()
                accepted += 1
                made = self._loop.create_task(self._serve(connection))
                self._made.add(made)
                made.add_done_callback(self._made.discard)
        except (BlockingIOError, ConnectionAbortedError):
            if not accepted:  # somebody else was faster
                self._full_turns = 0
                return
        except OSError as error:
            logger.error("no connection can be accepted: %s", error.strerror)  # noqa: TRY400
            pause = STARVED
        self._full_turns = self._full_turns + 1 if accepted == at_once else 0
        self._loop.remove_reader(self._listening)
        self._next_turn = self._loop.call_later(pause, self._wait)

    async def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        try:
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:  # the client has gone already
            connection.close()


class WorkerLoop(uvloop.Loop):
    """The event loop of one of several workers."""

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], *, sock: socket.socket, **_: Any
    ) -> Turns:
        """Serve the connections of a listening socket, by turns with other workers."""
        return Turns(self, protocol_factory, sock)
