"""Connections: how many a client may hold, and how long it may take to send and to read."""

import asyncio
import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from api.client_address import is_trusted
from auth.limits.rate_limits import network_of
from auth.limits.throttle_log import throttle_log
from auth.network_addresses import Network

REQUEST_SECONDS = 15
"""Seconds that a client may take to send a request, from its connection or first byte."""
WRITE_SECONDS = 15
"""Seconds that a client may take to read what fills its connection's buffer, about 64 KiB."""
REFUSED_SECONDS = 10
"""Seconds for which further refused connections of an address are not logged."""
COPIED = 16 * 1024
"""Bytes of the longest body that is copied to be sent with its head."""
_BODY = json.dumps(
    {"status": 429, "error": "too-many-requests", "message": "Too many connections."}
).encode()
_TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"retry-after: 1\r\ncontent-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class OpenConnections:
    """How many connections each client address holds to this process.

    A trusted proxy holds the connections of all its clients, so its connections are not counted.
    """

    def __init__(self, limit: int, trusted: Sequence[Network]) -> None:
        self._limit, self._trusted = limit, tuple(trusted)
        self._held: Counter[str] = Counter()

    def open(self, peer: str | None) -> str | None:
        """Count a connection, and return the network that it counts for; None for a trusted proxy.

        Raises TooManyConnectionsError, and then counts nothing.
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
        """Count one connection less."""
        self._held[network] -= 1
        if not self._held[network]:
            del self._held[network]


class TooManyConnectionsError(Exception):
    """An address already holds the maximum of connections."""


class HeadWithBody:
    """A transport that sends a response's head together with what follows it, in one system call.

    Uvicorn writes them one after the other, and each write wakes the client up.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._head = transport, b""

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the transport has."""
        return getattr(self._transport, name)

    def write(self, data: bytes | memoryview) -> None:
        """Send the data, after the head that waits for it; let a head wait."""
        head, self._head = self._head, b""
        if not head and data[:9] == b"HTTP/1.1 " and data[9:10] != b"1":  # not 100 Continue
            self._head = bytes(data)
        elif len(data) <= COPIED:
            self._transport.write(head + data if head else data)
        else:
            if head:
                self._transport.write(head)
            self._transport.write(data)

    def flush(self) -> None:
        """Send a head that no body follows."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Send what waits, and close the connection."""
        self.flush()
        self._transport.close()


class Deadlines(asyncio.Protocol):
    """Deadlines for sending a request and reading a response, before a protocol of Uvicorn's.

    Uvicorn closes connections that are idle between two requests. But it waits for ever for a
    request that never comes or comes a byte at a time, and for a client that does not read its
    response: a few thousand of these would lock everybody else out. A closed connection waits until
    the client has read what is left, so slow clients are cut off.
    """

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    client: tuple[str, int] | None
    cycle: Any

    def __init__(self, *arguments: Any, held: OpenConnections, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.held = held
        self._counted_as: str | None = None
        self._is_over = False
        self._sending: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """Count a new connection, or refuse it."""
        if not isinstance(transport, HeadWithBody):
            transport = cast("asyncio.Transport", HeadWithBody(transport))
        super().connection_made(transport)
        try:
            self._counted_as = self.held.open(self.client[0] if self.client else None)
        except TooManyConnectionsError:
            self._is_over = True
            transport.write(_TOO_MANY)
            transport.close()
            self._expect_it_to_read()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Handle a part of a request."""
        if not self._is_over:
            super().data_received(data)
            self._watch()

    def eof_received(self) -> None:
        """Handle the end of sending; the connection closes after the client has read the rest."""
        self._expect_it_to_read()

    def pause_writing(self) -> None:
        """Start the deadline for reading, since the buffer is full."""
        super().pause_writing()
        self._expect_it_to_read()

    def resume_writing(self) -> None:
        """Stop the deadline for reading, since the client has read."""
        self._cancel_reading()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Start or stop the deadline for reading, after a response was written to the buffer."""
        cast("HeadWithBody", self.transport).flush()
        super().on_response_complete()  # type: ignore[misc] # Uvicorn's
        if self._is_over:
            return
        if self.transport.get_write_buffer_size():
            self._expect_it_to_read()
        else:
            self._cancel_reading()
        if self.has_begun_another():
            self._watch()

    def send_400_response(self, msg: str) -> None:
        """Refuse malformed HTTP, and drop the response to a request that is still running."""
        super().send_400_response(msg)  # type: ignore[misc] # Uvicorn's
        self._expect_it_to_read()
        if self.cycle is not None:
            self.cycle.disconnected = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection and its timers."""
        self.let_go()
        super().connection_lost(exc)

    @abstractmethod
    def awaits_more(self) -> bool:
        """Return whether a request has to arrive, or the rest of one."""

    @abstractmethod
    def has_begun_another(self) -> bool:
        """Return whether a part of the next request has arrived."""

    def deadlines(self) -> tuple[float | None, float | None]:
        """Return when the client has to have sent its request, and to have read its response."""
        return (
            self._sending.when() if self._sending else None,
            self._reading.when() if self._reading else None,
        )

    def keep(self, sending: float | None, reading: float | None) -> None:
        """Go on with the deadlines of the protocol that has handled the connection until now."""
        if sending is not None:
            self._cancel_sending()
            self._sending = self.loop.call_at(sending, self.transport.abort)
        if reading is not None:
            self._cancel_reading()
            self._reading = self.loop.call_at(reading, self._cut_off)

    def let_go(self) -> None:
        """Handle and count the connection no more, and stop all deadlines."""
        self._is_over = True
        self._cancel_sending()
        self._cancel_reading()
        if self._counted_as is not None:
            self.held.close(self._counted_as)
            self._counted_as = None

    def _watch(self) -> None:
        """Start the deadline while a request arrives; stop it once the request is complete."""
        if self._is_over or not self.awaits_more():
            self._cancel_sending()
        elif self._sending is None:
            self._sending = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _expect_it_to_read(self) -> None:
        """Start the deadline for reading."""
        if self._reading is None:
            self._reading = self.loop.call_later(WRITE_SECONDS, self._cut_off)

    def _cut_off(self) -> None:
        """Abort a connection whose client has not read, or which should be closed by now."""
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
