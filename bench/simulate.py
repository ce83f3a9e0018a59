"""A simulation of many sign-ins: `.venv/bin/python -m bench.simulate`. Needs no server.

Machines with `CORES` hashing threads take sign-ins from one queue each, of 64 for each thread, as
`auth.limits.hashing_threads` does. What finds a full queue is refused, and retried after two
seconds and a random part of two more, as a client should. Processes answer refreshes one after
another, or shed load; a client gives up after ten seconds and asks again. How long a sign-in takes
of a core, and a refresh of a process, is measured by how many there are in a second
(`bench/side_by_side.json`), and varies by a log-normal distribution. For sign-ins, each client and
machine stands for ten. Random numbers have a fixed seed: everybody sees the same.
"""

import heapq
import json
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import ceil, inf

from api.http import MOST_IN_PROGRESS
from bench.processor_time import machine
from bench.side_by_side import ROWS

SIGN_INS = 5000
"""A second, by users with a second factor."""
CORES = 2
QUEUE = 64 * CORES
"""Passwords that wait on one machine before others are refused."""
RETRY, TIMEOUT = 2.0, 10.0


@dataclass
class Server:
    """Some threads with one queue."""

    threads: int
    most: float
    """How many may wait."""
    waiting: deque[tuple[float, int]] = field(default_factory=deque)
    busy: int = 0


@dataclass
class Farm:
    """Servers, the clients that ask them, and what became of the requests.

    Servers refuse everything before `up_at`. A client that waits for `patience` seconds gives up,
    and asks another server; its first request is answered in vain.
    """

    servers: list[Server]
    takes: Callable[[], float]
    scale: int
    up_at: float = 0
    patience: float = 60
    answered: int = 0
    lost: int = 0
    """Requests that were refused, or answered in vain."""
    waits: list[float] = field(default_factory=list)
    calm_at: float = 0
    """When the last request was lost."""
    _events: list[tuple[float, bool, int, int]] = field(default_factory=list)
    """When, whether it is an answer, whose, and from which server."""
    _asked_first: dict[int, float] = field(default_factory=dict)
    _dice: random.Random = field(default_factory=lambda: random.Random(7))

    def run(self, arrivals: Iterator[float], until: float) -> "Farm":
        """Simulate the requests that arrive at these times, until the end."""
        upcoming, client = next(arrivals, None), 0
        while upcoming is not None or self._events:
            if upcoming is not None and (not self._events or upcoming <= self._events[0][0]):
                now, client, upcoming = upcoming, client + 1, next(arrivals, None)
                self._asked_first[client] = now
                self._ask(now, client)
                continue
            now, is_answer, whose, server = heapq.heappop(self._events)
            if now > until:
                break
            if is_answer:
                self.servers[server].busy -= 1
                self._begin(now, server)
            elif whose in self._asked_first:
                self._ask(now, whose)
        return self

    def _ask(self, now: float, client: int) -> None:
        number = self._dice.randrange(len(self.servers))
        server = self.servers[number]
        if now < self.up_at or len(server.waiting) >= server.most:
            self._lose(now)
            again = now + RETRY * (1 + self._dice.random())
        else:
            server.waiting.append((now, client))
            again = now + self.patience
        heapq.heappush(self._events, (again, False, client, 0))
        self._begin(now, number)

    def _begin(self, now: float, number: int) -> None:
        server = self.servers[number]
        while server.waiting and server.busy < server.threads:
            asked, client = server.waiting.popleft()
            server.busy += 1
            heapq.heappush(self._events, (now + self.takes(), True, client, number))
            if now - asked > self.patience or client not in self._asked_first:
                self._lose(now)
            else:
                self.answered += 1
                self.waits.append(now - self._asked_first.pop(client))

    def _lose(self, now: float) -> None:
        self.lost, self.calm_at = self.lost + 1, now

    def row(self, name: str, until: float) -> str:
        """Return a row of the table."""
        waits = sorted(self.waits) or [0.0]
        p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
        calm = f"{self.calm_at:.0f} s" if self.calm_at < until - 5 else "not"
        return (
            f"| {name} | {self.answered * self.scale / until:,.0f} | {p50:.2f} s | {p99:.2f} s "
            f"| {self.lost / max(1, self.lost + self.answered):.0%} | {calm} |"
        )


def arriving(rate: float, until: float, at_once: int = 0) -> Iterator[float]:
    """Return the times of requests: `at_once` at the start, then a Poisson process."""
    dice, now = random.Random(11), 0.0
    yield from (0.0 for _ in range(at_once))
    while now < until:
        now += dice.expovariate(rate)
        yield now


def log_normal(mean: float, spread: float = 0.35) -> Callable[[], float]:
    """Return a source of durations around this mean."""
    dice = random.Random(13)
    return lambda: mean * dice.lognormvariate(-spread * spread / 2, spread)


def signing_in(sign_in_ms: float) -> Iterator[str]:
    """Simulate sign-ins: steady, after a burst, and after an outage."""
    needed, scale, until = SIGN_INS * sign_in_ms / 1000, 10, 240
    rate = SIGN_INS / scale
    for reserve in (1.05, 1.25, 1.5):
        machines = ceil(needed * reserve / CORES / scale)
        cores = machines * CORES * scale
        name = f"sign-ins, {cores} cores ({cores / needed:.2f} of the load)"
        for what, at_once, up_at in (
            ("steady", 0, 0),
            ("a minute's worth at once", 60, 0),
            ("after a minute's outage", 0, 60),
        ):
            servers = [Server(CORES, QUEUE) for _ in range(machines)]
            farm = Farm(servers, log_normal(sign_in_ms / 1000), scale, up_at)
            arrivals = arriving(rate, until, int(rate * at_once))
            yield farm.run(arrivals, until).row(f"{name}, {what}", until)


def refreshing(refresh_ms: float) -> Iterator[str]:
    """Simulate one process after an outage of a minute, when many tokens have expired."""
    until = 180.0
    for reserve in (1.25, 2.0, 3.0):
        for most, bound in ((inf, "no bound"), (MOST_IN_PROGRESS, f"at most {MOST_IN_PROGRESS}")):
            rate = 1000 / refresh_ms / reserve
            farm = Farm([Server(1, most)], log_normal(refresh_ms / 1000), 1, patience=TIMEOUT)
            arrivals = arriving(rate, until, int(rate * 60))
            name = f"refreshes, a process for {rate:.0f} a second ({reserve:.2f} of the load)"
            yield farm.run(arrivals, until).row(f"{name}, a minute's worth at once, {bound}", until)


def main() -> None:
    """Simulate with what this machine has measured, and print the table."""
    kept = json.loads(ROWS.read_text())
    rows = kept.get(machine(), next(iter(kept.values())))["rows"]
    rate = {(row["operation"], row["workers"]): row for row in rows}
    sign_in_ms = CORES * 1000 / rate["signInEmailPassword", 1]["rate"]
    refresh_ms = 1000 / rate["refreshSession", 1]["rate"]
    print(f"A sign-in takes {sign_in_ms:.1f} ms of a core, a refresh {refresh_ms:.2f} ms.\n")
    print("| | answered a second | wait p50 | p99 | refused or given up | calm after |")
    print("|---|---|---|---|---|---|")
    for row in chain(signing_in(sign_in_ms), refreshing(refresh_ms)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
