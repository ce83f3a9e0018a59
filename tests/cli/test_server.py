"""How the server uses the network."""

import contextlib
import socket
import statistics
import sys
import time
from pathlib import Path

import pytest

from cli import server
from config.processors import processors
from tests.support import Server, running_workers, workers_of


def test_no_part_of_a_response_is_delayed() -> None:
    """Nagle's algorithm would delay the body of each response by 40 ms."""
    with (
        server._listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()[:2]),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


THREADS = "AUTH_PASSWORD_ARGON2_THREADS"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_share_simultaneous_connections(tmp_path: Path) -> None:
    """Otherwise a worker that is awake accepts most of them, and hashes while the other is idle.

    On a busy machine the other worker may not wake up in time, so the test tries several times.
    """
    medians: list[float] = []
    with running_workers(tmp_path / "var", 2) as running:
        while len(medians) < 10 and max(medians, default=0) < 8:
            time.sleep(1)
            fewer = [min(connections_of_each_worker(running, burst=32)) for _ in range(25)]
            medians.append(statistics.median(fewer))
    assert max(medians) >= 8, medians


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("chosen", "each"), [({}, max(1, processors() // 2)), ({THREADS: "3"}, 3)])
def test_workers_share_the_hashing_threads_out_unless_the_operator_has_chosen(
    tmp_path: Path, chosen: dict[str, str], each: int
) -> None:
    with running_workers(tmp_path / "var", 2, **chosen) as running:
        assert f"Hashing   {each} at once in each of 2 workers" in running.log()
        (worker, _) = workers_of(running)
        environment = Path(f"/proc/{worker}/environ").read_bytes()
        assert f"{THREADS}={each}".encode() in environment.split(b"\0")


def connections_of_each_worker(running: Server, burst: int) -> list[int]:
    """Open `burst` connections at once; return how many each worker gets."""
    host, port = running.url.removeprefix("http://").split(":")
    with contextlib.ExitStack() as opened:
        for _ in range(burst):
            client = opened.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex((host, int(port)))
        deadline = time.monotonic() + 10
        while sum(held := connections_held(running, int(port))) < burst:
            assert time.monotonic() < deadline, held
            time.sleep(0.02)
    return held


def connections_held(running: Server, port: int) -> list[int]:
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    here = [line for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "01"]
    return [
        len({f"socket:[{line[9]}]" for line in here} & files_of(pid)) for pid in workers_of(running)
    ]


def files_of(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(str(link.readlink()))
    return found
