"""Postern and the floor, by turns in one run: rates, ratios, and processor time for each request.

`python -m bench.side_by_side` (a part of `make bench`) needs PostgreSQL. The floor is `bench.floor`
on one worker, once with each of the two HTTP parsers. In every round, each contender has its turn
at each operation, so that a machine whose speed varies treats all alike; the results are medians of
the rounds. Rows of this machine replace its earlier ones in `bench/side_by_side.json`, and the
picture `bench/workers.svg` is drawn anew.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.load import (
    NOTHING,
    SECONDS,
    SIGN_IN_SECONDS,
    Bench,
    Requests,
    databases,
    floor,
    raw_argon2,
    wrk,
)
from bench.picture import Bar, Part, picture
from bench.processor_time import machine, postgres, used
from tests.support import postgres_to_test_on, workers_of

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
WORKERS = (1, 2, 4)
CONNECTIONS = 16
OPERATIONS = ("refreshSession", "verifySignInMfaTotp", "me")
SIGN_IN = "signInEmailPassword"
PARSERS = ("h11", "httptools")
ROWS = Path(__file__).parent / "side_by_side.json"
PICTURE = ROWS.with_name("workers.svg")


@dataclass
class Contender:
    """A server, and what was measured of it."""

    name: str
    workers: int
    processes: Callable[[], list[int]]
    send: Callable[[str], dict[str, float]]
    """Sends requests of an operation for some seconds."""
    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def take_turn(self, operation: str) -> None:
        """Measure an operation once; times in milliseconds of a processor for each request."""
        processes, there = self.processes(), postgres()
        before, before_there = used(processes), used(there)
        result = self.send(operation)
        answered = result["requests"]
        turn = {
            "rate": result["rate"],
            "p99": result["p99"],
            "interpreter": 1000 * (used(processes) - before) / answered,
            "database": 1000 * (used(postgres()) - before_there) / answered,
        }
        self.rounds.setdefault(operation, []).append(turn)
        print(self.name, self.workers, operation, json.dumps(turn), file=sys.stderr, flush=True)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Return the medians of each operation."""
        for operation, turns in self.rounds.items():
            rates = sorted(turn["rate"] for turn in turns)
            row = {"operation": operation, "contender": self.name, "workers": self.workers}
            medians = {
                what: round(statistics.median(turn[what] for turn in turns), 3) for what in turns[0]
            }
            yield row | medians | {"spread": [round(rates[0]), round(rates[-1])]}


@contextmanager
def the_floor(parser: str, database_url: str, folder: Path) -> Iterator[Contender]:
    """Run the floor with one worker."""
    with floor(parser, database_url) as (url, pid):
        yield Contender(
            f"floor, {parser}", 1, lambda: [pid], lambda _: wrk(url, NOTHING, CONNECTIONS, folder)
        )


@contextmanager
def ours(chosen: dict[str, str], workers: int) -> Iterator[Contender]:
    """Run Postern."""
    with Bench.running("PostgreSQL", chosen, workers) as bench:

        def send(operation: str) -> dict[str, float]:
            requests: Requests = bench.requests(operation)
            seconds = SIGN_IN_SECONDS if operation == SIGN_IN else SECONDS
            return wrk(bench.server.url, requests, CONNECTIONS, bench.folder, seconds)

        def processes() -> list[int]:
            return workers_of(bench.server) if workers > 1 else [bench.server.process.pid]

        yield Contender("Postern", workers, processes, send)


def measured() -> Iterator[dict[str, Any]]:
    """Return the rows of one run."""
    with ExitStack() as stack:
        chosen = stack.enter_context(databases())["PostgreSQL"]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        floors = [
            stack.enter_context(the_floor(parser, chosen["DATABASE_URL"], folder))
            for parser in PARSERS
        ]
        servers = [stack.enter_context(ours(chosen, workers)) for workers in WORKERS]
        hashes = []
        hashing = stack.enter_context(Bench.running("PostgreSQL", chosen, 1))
        for _ in range(ROUNDS):
            for each in floors:
                each.take_turn("floor")
            for operation in OPERATIONS:
                for server in servers:
                    server.take_turn(operation)
            for server in servers[:2]:
                hashes.append(raw_argon2(hashing.postern))
                server.take_turn(SIGN_IN)
                time.sleep(2)  # until the queue is empty
        for contender in (*floors, *servers):
            yield from contender.rows()
        rate = round(statistics.median(hashes), 1)
        yield {"operation": "argon2", "contender": "two threads", "workers": 1, "rate": rate}


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return what the rates are worth: shares of the floor, and of what two threads hash."""
    rate = {(row["operation"], row["contender"], row["workers"]): row["rate"] for row in rows}
    hashed = rate["argon2", "two threads", 1]
    shares = {
        f"{operation}, {workers} workers, of the floor with {parser}": (
            rate[operation, "Postern", workers] / rate["floor", f"floor, {parser}", 1]
        )
        for operation in OPERATIONS
        for workers in WORKERS
        for parser in PARSERS
    }
    shares |= {
        f"{SIGN_IN}, {workers} workers, of Argon2id": rate[SIGN_IN, "Postern", workers] / hashed
        for workers in WORKERS[:2]
    }
    return {name: round(share, 3) for name, share in shares.items()}


def bars(rows: list[dict[str, Any]]) -> list[Bar]:
    """Return the throughput with 1, 2 and 4 workers, and the floor's below."""
    shown = sorted(
        (row for row in rows if row["operation"] in OPERATIONS),
        key=lambda row: OPERATIONS.index(row["operation"]),
    )
    shown += [row for row in rows if row["operation"] == "floor"]
    return [
        Bar(
            f"{row['operation']}, {row['workers']} worker{'s' * (row['workers'] > 1)}"
            if row["contender"] == "Postern"
            else row["contender"],
            [Part("", row["rate"], "#4e79a7" if row["contender"] == "Postern" else "#bab0ac")],
            f"{row['rate']:,.0f}",
        )
        for row in shown
    ]


def main() -> None:
    """Measure, keep the rows, draw, and print the shares."""
    if not postgres_to_test_on():
        print("bench.side_by_side is left out: it needs PostgreSQL.", file=sys.stderr)
        return
    rows = list(measured())
    kept = json.loads(ROWS.read_text()) if ROWS.exists() else {}
    kept[machine()] = {
        "at": datetime.now(UTC).date().isoformat(),
        "rows": rows,
        "shares": ratios(rows),
    }
    ROWS.write_text(json.dumps(kept, indent=1) + "\n")
    title = f"Requests a second ({machine()}, PostgreSQL, {CONNECTIONS} connections)"
    PICTURE.write_text(picture(bars(rows), title))
    for name, share in ratios(rows).items():
        print(f"{share:6.0%}  {name}")


if __name__ == "__main__":
    main()
