"""Slow clients are disconnected, and lock nobody else out."""

import random
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from api.http import BODY_SECONDS
from cli.connections import REQUEST_SECONDS
from tests.support import Server, running_server

HEAD = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("slow") / "var") as running:
        yield running


def drip(server: Server, at_once: bytes, byte: bytes) -> tuple[float, bytes]:
    """Send something, then a byte a second; return when the server disconnects, and its answer."""
    host, port = server.url.removeprefix("http://").split(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port))) as connection:
        connection.settimeout(1)
        connection.sendall(at_once)
        said = b""
        while time.monotonic() - began < 3 * REQUEST_SECONDS:
            try:
                received = connection.recv(65536)
                if not received:
                    break
                said += received
            except TimeoutError:
                if byte:
                    connection.sendall(byte)
            except ConnectionError:
                break
    return time.monotonic() - began, said


def test_slow_heads_and_bodies_are_disconnected(server: Server) -> None:
    request = HEAD + b"content-length: 1000\r\n\r\n"
    ways = {
        "nothing": (b"", b""),
        "a head by bytes": (HEAD + b"x-a: ", b"a"),
        "heads by bytes": (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nG", b""),
        "a body by bytes": (request, b" "),
        "half a body": (request + b"{", b""),
        "a body nobody reads": (request.replace(b"/graphql", b"/nowhere"), b" "),
    }
    with ThreadPoolExecutor(len(ways)) as pool:
        ended = dict(
            zip(ways, pool.map(lambda way: drip(server, *way), ways.values()), strict=True)
        )
    for way, (seconds, said) in ended.items():
        assert seconds < REQUEST_SECONDS + 3, way
        if "body" in way and "nobody" not in way:
            assert said.startswith(b"HTTP/1.1 408"), way
            assert b'"INVALID_REQUEST"' in said
            assert seconds >= BODY_SECONDS - 1
    assert "Traceback" not in server.log()


def test_three_thousand_slow_clients_lock_nobody_out(server: Server) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    host, port = server.url.removeprefix("http://").split(":")
    sources = [f"127.0.1.{number}" for number in range(1, 11)]
    idle = [
        socket.create_connection((host, int(port)), source_address=(random.choice(sources), 0))
        for _ in range(min(3000, most - 100))
    ]
    try:
        for connection in idle:
            connection.sendall(HEAD)
        answer = httpx2.post(f"{server.url}/graphql", json={"query": "{ __typename }"}, timeout=5)
        assert answer.json() == {"data": {"__typename": "Query"}}
    finally:
        for connection in idle:
            connection.close()
