"""Where a request's time goes, as a picture: `.venv/bin/python -m bench.profile`.

A part of `make bench`. While wrk sends requests to one worker, on PostgreSQL if there is one, the
worker is sampled (`bench.sampled`). A bar is the processor time of a request: the worker's, divided
as the samples are, and PostgreSQL's. The floor is `bench.floor` with the same HTTP parser.
"""

import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.load import HERE, NOTHING, Bench, databases, floor, wrk
from bench.picture import Bar, Part, picture
from bench.processor_time import postgres, used

OPERATIONS = ("me", "refreshSession", "verifySignInMfaTotp")
CONNECTIONS = 16
PICTURE = HERE / "time.svg"
SAMPLED = (sys.executable, "-m", "bench.sampled")
LAYERS = {
    "HTTP: uvicorn, httptools": (r"uvicorn/protocols/|h11/|cli/(http1|connections)\.py", "#4e79a7"),
    "headers, Starlette": (r"starlette/|api/(app|cors|http|client_address)\.py", "#a0cbe8"),
    "GraphQL: plans, Strawberry": (r"strawberry/|graphql/|api/", "#f28e2b"),
    "database: asyncpg, rows": (r"tortoise/|asyncpg/|models/", "#59a14f"),
    "access token: Ed25519": (r"jwt/|auth/(tokens|claims|keys/(jws|key_ring|sign))", "#b07aa1"),
    "code: pyotp, AES-GCM": (r"pyotp/|auth/(factors/\w+|keys/(vault|key_files))\.py", "#e15759"),
    "limits": (r"limits/", "#edc948"),
    "event's log line": (r"logging/|cli/logs\.py|auth/events\.py", "#9c755f"),
    "flow": (r"auth/", "#76b7b2"),
    "event loop and sockets": (r".", "#bab0ac"),
}
"""A sample belongs to the innermost call that one of these patterns matches."""
DATABASE = "PostgreSQL", "#2f4b2f"


def layer_of(stack: str) -> str:
    for call in reversed(stack.split(";")):
        for name, (pattern, _) in list(LAYERS.items())[:-1]:
            if re.search(rf"\((?:{pattern})", call):
                return name
    return list(LAYERS)[-1]


def counted(samples: str) -> Counter[str]:
    layers: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        layers[layer_of(stack)] += int(count)
    return layers


def timed(pid: int, send: Callable[[], dict[str, float]]) -> tuple[float, float]:
    """Return the milliseconds of a processor for each request: the worker's and PostgreSQL's."""
    send()
    before, before_there = used([pid]), used(postgres())
    answered = send()["requests"]
    here, there = used([pid]) - before, used(postgres()) - before_there
    return 1000 * here / answered, 1000 * there / answered


def sampled(pid: int, file: Path, send: Callable[[], dict[str, float]]) -> Counter[str]:
    """Return the samples of each layer."""
    os.kill(pid, signal.SIGUSR1)
    send()
    os.kill(pid, signal.SIGUSR2)
    while not file.exists():
        time.sleep(0.1)
    layers = counted(file.read_text())
    file.unlink()
    return layers


def bar(name: str, here: float, there: float, layers: Counter[str]) -> Bar:
    parts = [
        Part(layer, here * layers[layer] / layers.total(), colour)
        for layer, (_, colour) in LAYERS.items()
        if layers[layer]
    ]
    return Bar(name, [*parts, Part(DATABASE[0], there, DATABASE[1])], f"{here + there:.2f} ms")


def bars() -> Iterator[Bar]:
    """Measure the floor and each operation."""
    with databases() as found, TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "samples"
        kind = "PostgreSQL" if "PostgreSQL" in found else "SQLite"
        stored = found[kind].get("DATABASE_URL", str(folder / "floor.db"))
        os.environ["SAMPLES"] = str(file)
        with floor("httptools", stored, SAMPLED) as (url, pid):

            def nothing() -> dict[str, float]:
                return wrk(url, NOTHING, CONNECTIONS, folder)

            yield bar("the floor", *timed(pid, nothing), sampled(pid, file, nothing))
        chosen = found[kind] | {"SAMPLES": str(file)}
        with Bench.running(kind, chosen, 1, SAMPLED) as bench:
            pid = bench.server.process.pid
            for operation in OPERATIONS:

                def send(operation: str = operation) -> dict[str, float]:
                    requests = bench.requests(operation)
                    return wrk(bench.server.url, requests, CONNECTIONS, bench.folder)

                yield bar(operation, *timed(pid, send), sampled(pid, file, send))


def main() -> None:
    """Load, sample, draw, and print the shares."""
    drawn = list(bars())
    PICTURE.write_text(picture(drawn, "Processor time of a request, one worker"))
    for each in drawn:
        print(each.name, each.label)
        for part in sorted(each.parts, key=lambda part: -part.length):
            print(f"    {part.length:.3f} ms  {part.name}")


if __name__ == "__main__":
    main()
