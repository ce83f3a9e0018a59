"""Clients that do not read cost little memory and are cut off; no address gets all connections."""

import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from api.pages import static_files
from cli.connections import REQUEST_SECONDS
from tests.support import CHEAP_HASHING, Server, running_server, running_workers, workers_of

FILE = b"GET /graphiql/graphiql.js HTTP/1.1\r\nhost: x\r\n"
OTHER_ADDRESS = "127.0.0.2"
"""On Linux, all of 127.0.0.0/8 is this machine."""


def open_connection(server: Server, source: str = "127.0.0.1") -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=5, source_address=(source, 0))


@contextmanager
def not_reading(server: Server, count: int, request: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as opened:
        connections = [opened.enter_context(open_connection(server)) for _ in range(count)]
        for connection in connections:
            connection.sendall(request + b"\r\n")
        yield connections


def memory_of(server: Server) -> int:
    """Return the server's memory in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1]) // 1024


def connections_of(server: Server) -> int:
    return sockets_of(server.process.pid)


def sockets_of(pid: int) -> int:
    links = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(each.readlink()))
        except FileNotFoundError:
            continue
    return sum(link.startswith("socket:") for link in links)


def left_of(server: Server, quiet: int, reading: Sequence[socket.socket] = ()) -> int:
    """Wait until all connections are closed, for a minute at most; return how many are still open.

    Meanwhile a byte is read from each of `reading` every half second.
    """
    deadline = time.monotonic() + 60
    while (left := connections_of(server) - quiet) > 0 and time.monotonic() < deadline:
        time.sleep(0.5)
        for connection in reading:
            with suppress(OSError):
                connection.recv(1)
    return max(0, left)


def test_clients_that_do_not_read_share_one_file_and_are_disconnected(tmp_path: Path) -> None:
    """With a copy of the file for each, they would take 2,000 MiB."""
    with running_server(tmp_path / "var") as server:
        before, quiet = memory_of(server), connections_of(server)
        with not_reading(server, 300, FILE):
            time.sleep(5)
            assert memory_of(server) - before < 150, f"{before} -> {memory_of(server)} MiB"
            assert connections_of(server) >= 300
            assert not left_of(server, quiet)


def test_a_client_that_reads_byte_by_byte_is_disconnected(tmp_path: Path) -> None:
    with running_server(tmp_path / "var") as server:
        quiet = connections_of(server)
        requests = [FILE, FILE + b"connection: close\r\n", FILE + b"accept-encoding: gzip\r\n"]
        with ExitStack() as opened:
            connections = [opened.enter_context(open_connection(server)) for _ in requests]
            for connection, request in zip(connections, requests, strict=True):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(request + b"\r\n")
            assert not left_of(server, quiet, connections)
        assert "Traceback" not in server.log()


def test_a_slow_but_steady_client_gets_the_whole_response(server: Server) -> None:
    with open_connection(server) as connection:
        connection.sendall(FILE + b"connection: close\r\n\r\n")
        received = b""
        while part := connection.recv(256 * 1024):
            received += part
            time.sleep(0.05)
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()
    assert body == static_files._plain("graphiql.js")


def test_connections_of_one_address_are_limited(tmp_path: Path) -> None:
    with running_server(tmp_path / "var", AUTH_CONNECTIONS_PER_ADDRESS="20") as server:
        with ExitStack() as opened:
            for _ in range(20):
                opened.enter_context(open_connection(server))
            time.sleep(0.5)
            with open_connection(server) as refused:
                answer = refused.recv(4096)
                assert answer.startswith(b"HTTP/1.1 429 ")
                assert b"application/json" in answer
            with open_connection(server, OTHER_ADDRESS) as welcome:
                welcome.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                assert welcome.recv(4096).startswith(b"HTTP/1.1 200 ")
        time.sleep(0.5)
        assert httpx2.get(f"{server.url}/healthz").status_code == 200
        assert server.log().count('"limit": "connections"') == 1


def test_connections_of_a_trusted_proxy_are_not_limited(tmp_path: Path) -> None:
    chosen = {"AUTH_CONNECTIONS_PER_ADDRESS": "1", "AUTH_TRUSTED_PROXIES": "127.0.0.0/8"}
    with running_server(tmp_path / "var", **chosen) as server, ExitStack() as opened:
        for _ in range(30):
            connection = opened.enter_context(open_connection(server))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("seconds", [None, 1])
def test_an_idle_connection_stays_open_between_requests(
    tmp_path: Path, seconds: int | None
) -> None:
    """For longer than the deadline of a request, up to the configured time."""
    chosen = {} if seconds is None else {"AUTH_KEEP_ALIVE_TIMEOUT": f"{seconds}s"}
    with running_server(tmp_path / "var", **chosen) as server, open_connection(server) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        received = b""
        while not received.endswith(b'"OK"'):
            received += client.recv(4096)
        client.settimeout(REQUEST_SECONDS + 5)
        if seconds is None:
            with pytest.raises(TimeoutError):
                client.recv(1)
        else:
            assert client.recv(1) == b""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts connections as Linux does")
def test_workers_share_connections_that_arrive_at_once(tmp_path: Path) -> None:
    """Otherwise the worker that wakes up first takes nearly all, and the other one is idle."""
    with running_workers(tmp_path / "var", 2, **CHEAP_HASHING) as server:
        host, port = server.url.removeprefix("http://").split(":")
        least = most = 0
        for _ in range(10):
            before = [sockets_of(pid) for pid in workers_of(server)]
            with ExitStack() as opened:
                for _ in range(16):
                    connection = opened.enter_context(socket.socket())
                    connection.settimeout(0)
                    connection.connect_ex((host, int(port)))
                time.sleep(0.3)
                after = [sockets_of(pid) for pid in workers_of(server)]
            held = sorted(now - then for now, then in zip(after, before, strict=True))
            least, most = least + held[0], most + held[1]
            time.sleep(0.3)
        assert least > most / 4, f"{least} and {most}"
