"""HTTP/1.1: httptools reads the usual requests, h11 all others, with the same deadlines."""

import re
from abc import abstractmethod
from typing import Any

import h11
import httptools
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cli.connections import Deadlines

USUAL_HEAD = 16 * 1024
"""Bytes of the longest head that httptools reads; h11 reads up to 64 KiB."""
_USUAL = re.compile(
    rb"(?:GET|HEAD|POST|OPTIONS) /[!\"$-~]* HTTP/1\.1\r\n"
    rb"(?:(?!(?i:transfer-encoding|upgrade|expect|proxy-connection):)"
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)+"
    rb"\r\n"
)
_BEGUN = re.compile(rb"[A-Z][^\r\n]*(?:\r\n[^\r\n]*)*\r?")
"""What a usual head may begin with."""
_ODD_SPACE = re.compile(rb"[\t ]\r\n")
_HOST = re.compile(rb"\r\nhost:", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length:([^\r]*)", re.IGNORECASE)
_DIGITS = re.compile(rb" ?([0-9]{1,9})")


def length_of_body(head: bytes) -> int | None:
    """Return how many bytes follow this head, or None if it is not one that httptools may read.

    httptools is quick, and lenient: it loses a body after an offer to upgrade (which Java's client
    always makes), takes a request with two hosts or none, and leaves spaces at the end of a value.
    """
    if not _USUAL.fullmatch(head) or _ODD_SPACE.search(head) or len(_HOST.findall(head)) != 1:
        return None
    lengths = _LENGTH.findall(head)
    if not lengths:
        return 0
    digits = _DIGITS.fullmatch(lengths[0])
    return int(digits[1]) if digits and len(lengths) == 1 else None


class OddProtocol(Deadlines, H11Protocol):
    """h11, for connections on which an unusual request has arrived."""

    def awaits_more(self) -> bool:
        """Return whether a request has to arrive, or the rest of one."""
        return self.conn.their_state in {h11.IDLE, h11.SEND_BODY}

    def has_begun_another(self) -> bool:
        """Return whether a part of the next request has arrived."""
        return bool(self.conn.trailing_data[0])

    def take_over(self, connection: "UsualProtocol", received: bytes) -> None:
        """Go on with a connection, from the first bytes of a request."""
        deadlines = connection.deadlines()
        connection.let_go()
        connection.transport.set_protocol(self)
        self.connection_made(connection.transport)
        self.keep(*deadlines)
        if connection.flow.write_paused:
            self.pause_writing()
        self.data_received(received)


class _OneAtATime(HttpToolsProtocol):
    """httptools, which is given one request at a time: the next one waits for the response.

    httptools itself reads whatever has arrived: 2 KB of objects for 20 bytes of a request.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.unread = b""
        """What has arrived of the next requests, or of this one's head."""
        self.missing = 0
        """Bytes that the request still lacks, once its head is known."""

    def data_received(self, data: bytes) -> None:
        """Handle a part of a request, or of several."""
        self._unset_keepalive_if_required()
        self.unread += data
        self._read_on()

    def on_response_complete(self) -> None:
        """Go on with the next request, if it has arrived."""
        super().on_response_complete()
        if self.unread:
            self._unset_keepalive_if_required()
            self._read_on()

    def is_answering(self) -> bool:
        """Return whether a response is being made to a request that has arrived."""
        return self.cycle is not None and not self.cycle.response_complete and not self.missing

    @abstractmethod
    def hand_over(self) -> None:
        """Let another protocol read what has not been read."""

    def _read_on(self) -> None:
        while self.unread and not self.transport.is_closing():
            if self.is_answering():
                self.flow.pause_reading()
                return
            if not self.missing and not self._measure():
                return
            part, self.unread = self.unread[: self.missing], self.unread[self.missing :]
            self.missing -= len(part)
            try:
                self.parser.feed_data(part)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self.send_400_response("Invalid HTTP request received.")

    def _measure(self) -> bool:
        """Find the end of the request that begins; False if it is not for httptools to read now."""
        end = self.unread.find(b"\r\n\r\n", 0, USUAL_HEAD) + 4
        if end < 4 and len(self.unread) < USUAL_HEAD and _BEGUN.fullmatch(self.unread):
            return False
        length = None if end < 4 else length_of_body(self.unread[:end])
        if length is None:
            self.hand_over()
            return False
        self.missing = end + length
        return True


class UsualProtocol(Deadlines, _OneAtATime):
    """httptools for usual requests; from the first other one on, h11 reads the connection."""

    def awaits_more(self) -> bool:
        """Return whether a request has to arrive, or the rest of one."""
        return not self.is_answering()

    def has_begun_another(self) -> bool:
        """Return whether a part of the next request has arrived."""
        return bool(self.unread)

    def hand_over(self) -> None:
        """Let h11 read from here on."""
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        received, self.unread = self.unread, b""
        OddProtocol(
            config=self.config,
            server_state=self.server_state,
            app_state=self.app_state,
            held=self.held,
        ).take_over(self, received)
