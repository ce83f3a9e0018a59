"""How the server meets the network."""

import contextlib
import socket
import statistics
import sys
import time
from pathlib import Path

import pytest

from cli import server
from tests.support import Server, running_workers, workers_of


def test_no_part_of_an_answer_waits_for_the_part_before_it() -> None:
    """Nagle's algorithm would hold the body of each answer back for 40 ms."""
    with (
        server._listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()[:2]),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_share_the_connections_that_come_at_once(tmp_path: Path) -> None:
    """Whoever is awake would take most of them, and hash for them all while the other sleeps."""
    with running_workers(tmp_path / "var", 2) as running:
        deadline = time.monotonic() + 30
        while not min(connections_of_each_worker(running, burst=32)):
            assert time.monotonic() < deadline, "the second worker does not come"
        shares = [min(connections_of_each_worker(running, burst=32)) for _ in range(7)]
    assert statistics.median(shares) >= 10, shares


def connections_of_each_worker(running: Server, burst: int) -> list[int]:
    """How many of `burst` connections that are opened at once each worker gets."""
    workers = workers_of(running)
    before = [sockets_of(pid) for pid in workers]
    host, port = running.url.removeprefix("http://").split(":")
    with contextlib.ExitStack() as opened:
        for _ in range(burst):
            client = opened.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex((host, int(port)))
        time.sleep(0.3)
        after = [sockets_of(pid) for pid in workers]
    time.sleep(0.2)  # they are closed there too
    return [now - then for now, then in zip(after, before, strict=True)]


def sockets_of(pid: int) -> int:
    return sum("socket:" in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir())
