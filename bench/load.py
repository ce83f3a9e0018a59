"""What one server carries: sign-in, verify, refresh and me, beside the limits of the machine.

`make bench` runs it (`make bench ARGS=me` one operation): every operation on SQLite and PostgreSQL
(where TEST_DATABASE_URL names one), with one worker and two, at 1, 16 and 64 connections, each
three times; a table and `bench/load.json` come out of it. The load comes from wrk (Debian:
`apt install wrk`). Every request is another user's: what is spent is spent once, and no answer may
be a refusal.
"""

import asyncio
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from tortoise.backends.base.executor import EXECUTOR_CACHE

from auth import factors, tokens, totp
from auth.postern import Postern, open_postern
from auth.sign_in import TICKET_PREFIX
from config import load
from models import MfaTicket, RefreshToken, User, UserSession, database
from tests.support import OPERATIONS, PASSWORD, Server, environment, running_workers

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
CONNECTIONS = tuple(map(int, os.environ.get("BENCH_CONNECTIONS", "1 16 64").split()))
WORKERS = tuple(map(int, os.environ.get("BENCH_WORKERS", "1 2").split()))
PREPARED = 2500 * SECONDS
"""Requests that are made ready for one run: more than are answered in it."""
HERE = Path(__file__).parent
UNLIMITED = {
    "AUTH_RATE_LIMIT_GLOBAL_BURST": "1000000",
    "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "1000000",
}
Requests = list[tuple[str, str]]


@dataclass
class Users:
    """Users with a second factor, made at once in the database that the server uses."""

    postern: Postern
    rows: list[User]
    secrets: list[str]

    @classmethod
    async def made(cls, postern: Postern, count: int, *, with_factor: bool) -> "Users":
        now, chosen = datetime.now(UTC), postern.settings
        password_hash = await postern.passwords.hash(PASSWORD)
        rows, made = [], []
        for _ in range(count):
            user = User(
                id=uuid4(),
                email=f"{secrets.token_hex(8)}@example.com",
                password_hash=password_hash,
                display_name="Bench",
                locale="en",
                default_role=chosen.default_role,
                roles=chosen.roles_of_a_new_user,
            )
            made.append(totp.new_secret())
            if with_factor:
                user.totp_secret = factors.seal_secret(postern, user, made[-1])
                user.totp_enrolled_at = user.totp_activated_at = now
            rows.append(user)
        await User.bulk_create(rows, batch_size=500)
        for user in rows:
            user._saved_in_db = True  # noqa: SLF001 - which bulk_create does not note
        return cls(postern, rows, made)

    async def sign_ins(self) -> Requests:
        return [
            request("signInEmailPassword", email=user.email, password=PASSWORD)
            for user in self.rows
        ]

    async def verifications(self) -> Requests:
        opened = [TICKET_PREFIX + tokens.opaque_token() for _ in self.rows]
        later = datetime.now(UTC) + timedelta(minutes=5)
        await MfaTicket.bulk_create(
            [
                MfaTicket(
                    user=user, digest=tokens.digest(ticket), attempts_left=5, expires_at=later
                )
                for user, ticket in zip(self.rows, opened, strict=True)
            ],
            batch_size=500,
        )
        step = totp.time_step(datetime.now(UTC)) + 1  # good for half a minute at least
        return [
            request("verifySignInMfaTotp", ticket=ticket, otp=totp.code_at(secret, step))
            for ticket, secret in zip(opened, self.secrets, strict=True)
        ]

    async def refreshes(self) -> Requests:
        _, refresh_tokens = await self._sessions()
        return [request("refreshSession", refreshToken=token) for token in refresh_tokens]

    async def who_am_i(self) -> Requests:
        sessions, _ = await self._sessions()
        ring, now = self.postern.key_ring, datetime.now(UTC)
        query = json.dumps({"query": "{ me { id email activeMfaType } }"})
        return [
            (tokens.access_token(ring, session.user, session, now=now, expires_in=900), query)
            for session in sessions
        ]

    async def _sessions(self) -> tuple[list[UserSession], list[str]]:
        now = datetime.now(UTC)
        sessions = [
            UserSession(
                id=uuid4(), user=user, methods=["pwd"], created_at=now, authenticated_at=now,
                last_used_at=now, expires_at=now + timedelta(days=1),
            )
            for user in self.rows
        ]  # fmt: skip
        await UserSession.bulk_create(sessions, batch_size=500)
        for session in sessions:
            session._saved_in_db = True  # noqa: SLF001
        opened = [tokens.opaque_token() for _ in sessions]
        await RefreshToken.bulk_create(
            [
                RefreshToken(session=session, digest=tokens.digest(token))
                for session, token in zip(sessions, opened, strict=True)
            ],
            batch_size=500,
        )
        return sessions, opened


def request(operation: str, **variables: str) -> tuple[str, str]:
    return "", json.dumps({"query": OPERATIONS[operation], "variables": variables})


def wrk(url: str, requests: Requests, connections: int, folder: Path) -> dict[str, float]:
    """One run of the load generator over these requests."""
    lines = folder / "requests.tsv"
    lines.write_text("".join(f"{token}\t{body}\n" for token, body in requests))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "--timeout", "30s",
               "-s", str(HERE / "requests.lua"), url, "--", str(lines)]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("RESULT ")]
    result: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    assert result["refused"] == 0, f"refused: {result}"
    assert result["requests"] <= len(requests), f"more requests than were prepared: {result}"
    return result | {"rate": result["requests"] / result["seconds"]}


def raw_argon2(postern: Postern) -> float:
    """Verifications a second on as many threads as cores, with nothing else going on."""

    async def measured() -> float:
        password_hash = await postern.passwords.hash(PASSWORD)
        count = 40 * (os.cpu_count() or 1)
        began = time.perf_counter()
        checks = (postern.passwords.verify(password_hash, PASSWORD) for _ in range(count))
        await asyncio.gather(*checks)
        return count / (time.perf_counter() - began)

    return asyncio.run(measured())


async def prepared(
    postern: Postern, ask: Callable[[Users], Any], count: int, *, with_factor: bool
) -> Requests:
    EXECUTOR_CACHE.clear()  # its statements are in the dialect of the database before
    async with database.connected(postern.settings):
        users = await Users.made(postern, count, with_factor=with_factor)
        requests: Requests = await ask(users)
        return requests


LOADS: dict[str, tuple[Callable[[Users], Any], bool, int]] = {
    "signInEmailPassword": (Users.sign_ins, False, 200 * SECONDS),
    "verifySignInMfaTotp": (Users.verifications, True, PREPARED),
    "refreshSession": (Users.refreshes, False, PREPARED),
    "me": (Users.who_am_i, False, PREPARED),
}


@contextmanager
def databases() -> Iterator[dict[str, dict[str, str]]]:
    """SQLite, and an empty database on the PostgreSQL that TEST_DATABASE_URL names."""
    found: dict[str, dict[str, str]] = {"SQLite": {}}
    admin = os.environ.get("TEST_DATABASE_URL")
    name = f"postern_bench_{secrets.token_hex(4)}"

    async def on_postgres(statement: str) -> None:
        connection = await asyncpg.connect(admin)
        await connection.execute(statement)
        await connection.close()

    if admin:
        asyncio.run(on_postgres(f"CREATE DATABASE {name}"))
        found["PostgreSQL"] = {"DATABASE_URL": f"{admin.rsplit('/', 1)[0]}/{name}"}
    try:
        yield found
    finally:
        if admin:
            asyncio.run(on_postgres(f"DROP DATABASE {name} WITH (FORCE)"))


def memory_of(server: Server) -> float:
    """MiB that the server's processes hold, the largest of them."""
    family = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    sizes = [
        int(line.split()[1]) / 1024
        for pid in [str(server.process.pid), *family.split()]
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
    return max(sizes)


def measure(folder: Path, settings: dict[str, str], workers: int, only: list[str]) -> list[Any]:
    rows = []
    with running_workers(folder / "var", workers, **UNLIMITED, **settings) as server:
        opened = open_postern(load(environment(folder / "var", **settings))[0])
        for name, (ask, with_factor, count) in LOADS.items():
            if only and name not in only:
                continue
            for connections in CONNECTIONS:
                runs = []
                for run in range(RUNS + 1):
                    work = prepared(opened, ask, count, with_factor=with_factor)
                    result = wrk(server.url, asyncio.run(work), connections, folder)
                    if run:  # the first one warms up
                        runs.append(result)
                rates = [run["rate"] for run in runs]
                row = {
                    "operation": name,
                    "connections": connections,
                    "rate": statistics.median(rates),
                    "spread": [min(rates), max(rates)],
                    "p50": statistics.median(run["p50"] for run in runs),
                    "p99": statistics.median(run["p99"] for run in runs),
                    "raw": raw_argon2(opened) if name == "signInEmailPassword" else None,
                }
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
        memory = memory_of(server)
        opened.passwords.close()
    return [row | {"memory": memory} for row in rows]


def main() -> None:
    """Measure everything, write `bench/load.json` and print a Markdown table."""
    if not shutil.which("wrk"):
        sys.exit("The load generator is missing; on Debian: apt install wrk")
    only, rows = sys.argv[1:], []
    with databases() as found:
        for kind, settings in found.items():
            for workers in WORKERS:
                with tempfile.TemporaryDirectory() as folder:
                    measured = measure(Path(folder), settings, workers, only)
                rows += [{"database": kind, "workers": workers} | row for row in measured]
    if not only:
        (HERE / "load.json").write_text(json.dumps(rows, indent=1) + "\n")
    print("| | database | workers | connections | a second | p50 | p99 |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        low, high = row["spread"]
        beside = f", {row['rate'] / row['raw']:.0%} of {row['raw']:.0f}" if row["raw"] else ""
        print(
            f"| {row['operation']} | {row['database']} | {row['workers']} | {row['connections']} "
            f"| {row['rate']:.0f} ({low:.0f} to {high:.0f}){beside} "
            f"| {row['p50']:.1f} ms | {row['p99']:.1f} ms |"
        )


if __name__ == "__main__":
    main()
