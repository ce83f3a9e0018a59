"""How long the operators' pages take with many users: `.venv/bin/python -m bench.operators`.

Fills SQLite and PostgreSQL (if one answers, as for the tests) with 100,000 users and 1,000,000
events, and asks for each page of the dashboard over HTTP. Prints the median and the maximum of
`ROUNDS` requests in milliseconds, and by how much the server's memory grew. With arguments, only
these databases: `SQLite`, `PostgreSQL`.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from tortoise.backends.base.executor import EXECUTOR_CACHE

from bench.load import UNLIMITED, databases, memory_of
from config import Settings, load
from models import User, database
from models.sql import dialect, execute
from tests.admin_client import ROOT, Operator, operator
from tests.support import CHEAP_HASHING, Server, environment, running_server

USERS, EVENTS_EACH, ROUNDS = 100_000, 10, 9
A_PART = 10_000
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "figures": ("figures", {}),
    "users, the newest": ("users", {"first": 25}),
    "users, by address": ("users", {"first": 25, "order": "EMAIL"}),
    "users, a text that one has": ("users", {"first": 25, "filter": {"text": "number-77777@"}}),
    "users, a text that nobody has": ("users", {"first": 25, "filter": {"text": "nobody-at-all"}}),
    "users, disabled": ("users", {"first": 25, "filter": {"disabled": True}}),
    "users without a factor": ("users", {"first": 25, "filter": {"hasSecondFactor": False}}),
    "users with a role": ("users", {"first": 25, "filter": {"role": "admin"}}),
    "events, the newest": ("securityEvents", {"first": 25}),
    "events of a rare type": ("securityEvents", {"first": 25, "filter": {"types": ["FACTOR_ON"]}}),
    "events of an address": (
        "securityEvents", {"first": 25, "filter": {"address": "192.0.2.200"}},
    ),
    "events before 2020": (
        "securityEvents", {"first": 25, "filter": {"until": "2020-01-01T00:00:00Z"}},
    ),
    "settings": ("settings", {}),
    "history": ("settingChanges", {}),
    "keys": ("keys", {}),
    "mails": ("mails", {}),
}  # fmt: skip
_NUMBERS = {
    "postgres": "generate_series({first}, {last}) AS numbers(n)",
    "sqlite": "(WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers "
    "WHERE n < {last}) SELECT n FROM numbers) AS numbers",
}
_ID = {
    "postgres": "gen_random_uuid()",
    "sqlite": "substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-8' || "
    "substr(h, 18, 3) || '-' || substr(h, 21, 12)",
}


async def fill(settings: Settings) -> None:
    """Fill the database of these settings."""
    async with database.connected(settings):
        await copy()


async def copy() -> None:
    """Copy the operator's row, without the role, and give each copy some events."""
    own = {
        "id": _ID[dialect()],
        "email": "'number-' || n || '@example.com'",
        "roles": "'[\"user\"]'",
    }
    own |= {"totp_secret": "NULL", "totp_activated_at": "NULL", "user_handle": "NULL"}
    own |= {"has_second_factor": "FALSE", "recovery_salt": "NULL"}
    names = list(User._meta.db_fields)  # noqa: SLF001 - Tortoise has no other way to ask
    values = ", ".join(own.get(name, name) for name in names)
    random = ", lower(hex(randomblob(16))) AS h" if dialect() == "sqlite" else ""
    for first in range(1, USERS, A_PART):  # one statement for all would take too long
        numbers = _NUMBERS[dialect()].format(first=first, last=first + A_PART - 1)
        await execute(
            f"INSERT INTO users ({', '.join(names)}) SELECT {values} FROM "
            f"(SELECT users.*, n{random} FROM {numbers} CROSS JOIN users "
            f"WHERE email = '{ROOT}') AS copied"
        )
    for number in range(EVENTS_EACH):
        await execute(
            "INSERT INTO security_events (created_at, type, user_id, address, user_agent) "
            f"SELECT created_at, 'SIGNED_IN', id, '192.0.2.{number}', 'Bench' "
            f"FROM users WHERE email <> '{ROOT}'"
        )
    await execute("ANALYZE")


def measured(who: Operator, server: Server) -> Iterator[tuple[str, float, float]]:
    before = memory_of(server)
    for page, (query, variables) in PAGES.items():
        took = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            who.call(query, **variables)
            took.append(1000 * (time.perf_counter() - began))
        yield page, statistics.median(took), max(took)
    yield "memory, MiB", memory_of(server) - before, memory_of(server)


def counted(who: Operator) -> None:
    """Wait until the events are in the figures, so that nothing else is done meanwhile."""
    signs_in = 0
    while signs_in < USERS * EVENTS_EACH:
        time.sleep(2)
        activity = who.call("figures")["activity"]
        signs_in = sum(activity["signIns"])


def main() -> None:
    """Fill, measure and print, for each database."""
    with databases() as found:
        for kind, chosen in found.items():
            if sys.argv[1:] and kind not in sys.argv[1:]:
                continue
            with tempfile.TemporaryDirectory() as name:
                limits = CHEAP_HASHING | UNLIMITED | chosen
                folder = Path(name) / "var"
                with (
                    running_server(folder, **limits) as server,
                    httpx2.Client(base_url=server.url, timeout=60) as http,
                ):
                    who = operator(server, http)
                    settings, _ = load(environment(folder, **limits))
                    EXECUTOR_CACHE.clear()  # it has the other database's statements
                    asyncio.run(fill(settings))
                    counted(who)
                    for page, median, most in measured(who, server):
                        print(json.dumps([kind, page, round(median, 1), round(most, 1)]))


if __name__ == "__main__":
    main()
