"""Connections: how long a client may take for each part of a request, and how many it may hold."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.client_address import Network, is_trusted
from auth.limits.rate_limits import network_of
from auth.limits.throttle_log import throttle_log

REQUEST_SECONDS = 15
"""How long a client may take to send a request, from connecting or from its first byte."""
WRITE_SECONDS = 15
"""How long a client may take to read what fills the buffer of its connection, some 64 KiB."""
REFUSED_SECONDS = 10
"""For how long the log is silent about further refused connections of an address."""
A_MOMENT = 1e-9
"""Seconds, the least that one can sleep: really some 60 µs, in which another worker wakes up."""
_BODY = json.dumps(
    {"status": 429, "error": "too-many-requests", "message": "Too many connections."}
).encode()
_TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"retry-after: 1\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class OpenConnections:
    """How many connections each client address holds to this process.

    A trusted proxy holds those of all its clients, and is not counted.
    """

    def __init__(self, limit: int, trusted: Sequence[Network]) -> None:
        self._limit, self._trusted = limit, tuple(trusted)
        self._held: Counter[str] = Counter()

    def open(self, peer: str | None) -> str | None:
        """Count one more, and return under which name; None for a trusted proxy, which is not.

        Raises TooManyConnectionsError; nothing is counted then.
        """
        if is_trusted(peer, self._trusted):
            return None
        network = network_of(peer)
        if self._held[network] >= self._limit:
            throttle_log.refused("connections", network, REFUSED_SECONDS)
            raise TooManyConnectionsError
        self._held[network] += 1
        return network

    def close(self, network: str) -> None:
        """Count one less."""
        self._held[network] -= 1
        if not self._held[network]:
            del self._held[network]


class TooManyConnectionsError(Exception):
    """An address holds as many connections as it may."""


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, to clients that get to the point.

    Uvicorn closes connections that are idle between two requests, but waits for ever for one that
    comes a byte at a time, or never, and for a client that does not read its answer: a few thousand
    of those, and nobody else is let in.
    Closing a connection waits until the client has read what is left, so late clients are cut off.
    """

    def __init__(self, *arguments: Any, held: OpenConnections, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._held = held
        self._counted_as: str | None = None
        self._refused = False
        self._sending: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """A client is there."""
        super().connection_made(transport)
        try:
            self._counted_as = self._held.open(self.client[0] if self.client else None)
        except TooManyConnectionsError:
            self._refused = True
            transport.write(_TOO_MANY)
            transport.close()
            self._expect_it_to_read()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """A part of a request is there, or all of it."""
        if not self._refused:
            super().data_received(data)
            self._watch()

    def eof_received(self) -> None:
        """The client sends no more; the connection closes once it has read the rest."""
        self._expect_it_to_read()

    def pause_writing(self) -> None:
        """The buffer is full: the client has to read before more is written."""
        super().pause_writing()
        self._expect_it_to_read()

    def resume_writing(self) -> None:
        """The client has read."""
        self._cancel_reading()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """An answer is written, or in the buffer."""
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._expect_it_to_read()
        else:
            self._cancel_reading()
        if self.conn.trailing_data[0]:  # the next request has begun already
            self._watch()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; what else would be answered on this connection is nothing now."""
        super().send_400_response(msg)
        self._expect_it_to_read()
        if self.cycle is not None:
            self.cycle.disconnected = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._cancel_sending()
        self._cancel_reading()
        if self._counted_as is not None:
            self._held.close(self._counted_as)
            self._counted_as = None
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Keep the deadline of a request that is coming; there is none once it is here."""
        if self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._cancel_sending()
        elif self._sending is None:
            self._sending = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _expect_it_to_read(self) -> None:
        if self._reading is None:
            self._reading = self.loop.call_later(WRITE_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        """End a connection whose client has not read, or which should have closed by now."""
        self._reading = None
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()

    def _cancel_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _cancel_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


class ConsiderateProtocol(ImpatientProtocol):
    """The same for one of several workers, which leaves connections to the others.

    All wait for the next one, and whoever is awake already would take all that come at once: of a
    proxy's sixteen, often all, and while one worker hashes passwords for them the others sleep.
    """

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """A client is there, and the next one is somebody else's if there is anybody."""
        super().connection_made(transport)
        time.sleep(A_MOMENT)
