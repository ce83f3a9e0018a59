"""HTTP/1.1 on the socket: requests that no honest client sends."""

import socket

import pytest

from tests.support import Server

GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
POST = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
ASKED = b'{"query": "{ __typename }"}'
LENGTH = b"content-length: %d\r\n" % len(ASKED)
CHUNKED = b"transfer-encoding: chunked\r\n"


def answers(server: Server, *sent: bytes) -> tuple[list[bytes], bool]:
    """Return the statuses of the responses, and whether the server closes the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    received, closed = b"", False
    with socket.create_connection((host, int(port)), timeout=0.5) as connection:
        try:
            for part in sent:
                connection.sendall(part)
            while more := connection.recv(65536):
                received += more
            closed = True
        except ConnectionError:
            closed = True
        except TimeoutError:
            pass
    return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]], closed


@pytest.mark.parametrize(
    "request_",
    [
        b"get /healthz HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        GET + b"host: y\r\n\r\n",
        POST + b"content-length: 4\r\ncontent-length: 5\r\n\r\n12345",
        POST + b"content-length: +27\r\n\r\n" + ASKED,
        POST + b"content-length: -1\r\n\r\n" + ASKED,
        POST + b"content-length: 99999999999999999999999\r\n\r\n" + ASKED,
        POST + b"content-length : 27\r\n\r\n" + ASKED,
        POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + CHUNKED + b"transfer-encoding: identity\r\n\r\n0\r\n\r\n",
        POST + CHUNKED + b"\r\n0x1\r\n1\r\n0\r\n\r\n",
        POST.replace(b"json", b"x") + CHUNKED + b"\r\n0x1\r\n1\r\n0\r\n\r\n",
        GET + b"a: b\0c\r\n\r\n",
        GET + b"a: b\rc\r\n\r\n",
        GET.replace(b"healthz", b"\xff") + b"\r\n",
        b"\x16\x03\x01 this is TLS",
    ],
)
def test_ambiguous_requests_are_refused(shared_server: Server, request_: bytes) -> None:
    """If proxy and server disagree on where a request ends, another one can be smuggled in."""
    assert answers(shared_server, request_) == ([b"400"], True)
    assert "Traceback" not in shared_server.log()


def test_a_body_may_arrive_in_pieces(shared_server: Server) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in ASKED) + b"0\r\n\r\n"
    for request in (POST + LENGTH + b"\r\n" + ASKED, POST + CHUNKED + b"\r\n" + chunks):
        assert answers(shared_server, request) == ([b"200"], False)
        assert answers(shared_server, *[bytes([byte]) for byte in request]) == ([b"200"], False)


def test_an_upgrade_offer_is_ignored(shared_server: Server) -> None:
    """Java's client sends this with every request."""
    offer = b"connection: upgrade\r\nupgrade: h2c\r\n"
    request = POST + offer + LENGTH + b"\r\n" + ASKED
    assert answers(shared_server, request) == ([b"200"], False)


def test_a_client_that_expects_it_is_told_to_go_on(shared_server: Server) -> None:
    request = POST + b"expect: 100-continue\r\n" + LENGTH + b"\r\n"
    assert answers(shared_server, request) == ([b"100"], False)
    assert answers(shared_server, request, ASKED) == ([b"100", b"200"], False)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\n"])
def test_a_head_may_end_with_line_feeds_alone(shared_server: Server, end: bytes) -> None:
    """RFC 9112, section 2.2."""
    assert answers(shared_server, b"GET /healthz HTTP/1.1\r\nhost: x" + end) == ([b"200"], False)


USUAL = POST + LENGTH + b"\r\n" + ASKED
ODD = POST + CHUNKED + b"\r\n1b\r\n" + ASKED + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("requests", [[USUAL, ODD], [ODD, USUAL], [USUAL, USUAL, ODD, USUAL]])
def test_requests_are_the_same_wherever_they_are_split(
    shared_server: Server, requests: list[bytes]
) -> None:
    """From the first unusual request on, another parser reads the connection."""
    sent, expected = b"".join(requests), ([b"200"] * len(requests), False)
    assert answers(shared_server, sent) == expected
    for at in range(1, len(sent), 41):
        assert answers(shared_server, sent[:at], sent[at:]) == expected, at


def test_a_request_head_is_limited_in_size(shared_server: Server) -> None:
    long = GET + b"a: " + b"b" * 80_000
    assert answers(shared_server, long) == ([b"400"], True)
    assert answers(shared_server, *[long[at : at + 9999] for at in range(0, len(long), 9999)])[1]
    assert answers(shared_server, GET + b"a: " + b"b" * 30_000 + b"\r\n\r\n") == ([b"200"], False)


def test_pipelined_requests_are_answered_in_order(shared_server: Server) -> None:
    assert answers(shared_server, (GET + b"\r\n") * 100) == ([b"200"] * 100, False)
