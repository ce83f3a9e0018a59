"""The load that one server carries (sign-in, verify, refresh, me), and the limits of the machine.

`make bench` measures everything: each operation on SQLite and PostgreSQL (if one answers, as for
the tests), with one worker and two, at 1, 16 and 64 connections, three times each; the floor;
latency during a load of sign-ins; startup and memory; growth. `make bench ARGS="me
verifySignInMfaTotp"` measures only these operations. The results are `bench/results.json` and
`bench/results.md`. The load generator is wrk (Debian: `apt install wrk`). Each request belongs to
another user, since a code or token is spent only once.
"""

import asyncio
import base64
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
from tortoise import connections
from tortoise.backends.base.executor import EXECUTOR_CACHE

from auth import tokens
from auth.admission import TICKET_PREFIX
from auth.claims import hasura_claims
from auth.factors import one_time_codes, totp
from auth.postern import Postern, open_postern
from bench.processor_time import machine
from config import load, read
from models import MfaTicket, RefreshToken, User, UserSession, database
from tests.support import (
    OPERATIONS,
    PASSWORD,
    Server,
    environment,
    free_port,
    postgres_to_test_on,
    running_workers,
    workers_of,
)

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "3"))
CONNECTIONS = tuple(map(int, os.environ.get("BENCH_CONNECTIONS", "1 16 64").split()))
WORKERS = tuple(map(int, os.environ.get("BENCH_WORKERS", "1 2").split()))
SIGN_IN_SECONDS = 3 * SECONDS
"""Sign-ins are slow, so their run is longer: those still running at its end should not matter."""
PREPARED = 2600 * SECONDS
"""Requests prepared for one run: more than it can send."""
SIZES = tuple(map(int, os.environ.get("BENCH_SIZES", "1000 100000 1000000").split()))
"""Numbers of users in the database, to see whether it becomes slower."""
HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
AS_INSTALLED = (sys.executable,)
"""What runs the command: the tests fork it from a process that has imported everything."""
VERIFY = "verifySignInMfaTotp"
SPENT = (VERIFY, "refreshSession")
"""Operations whose requests contain a code or token that is good once."""
UNLIMITED = {
    "AUTH_RATE_LIMIT_GLOBAL_BURST": "1000000",
    "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "1000000",
}
ONE_KEY = {"AUTH_ENCRYPTION_KEYS": base64.b64encode(secrets.token_bytes(32)).decode()}
"""One key for all servers, since they use the same database one after another."""
Requests = list[tuple[str, str]]
NOTHING: Requests = [("", "{}")] * 10**5
"""What the floor is asked."""


@dataclass
class Users:
    """Users created in bulk in the server's database."""

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
            made.append(one_time_codes.new_secret())
            if with_factor:
                user.totp_secret = totp.seal_secret(postern, user, made[-1])
                user.totp_enrolled_at = user.totp_activated_at = now
                user.has_second_factor = True
            rows.append(user)
        await User.bulk_create(rows, batch_size=500)
        for user in rows:
            user._saved_in_db = True  # noqa: SLF001 - bulk_create does not set it
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
        step = one_time_codes.time_step(datetime.now(UTC)) + 1  # valid for at least half a minute
        return [
            request("verifySignInMfaTotp", ticket=ticket, otp=one_time_codes.code_at(secret, step))
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
            (
                tokens.access_token(
                    ring,
                    session.user,
                    session,
                    now=now,
                    expires_in=900,
                    hasura=hasura_claims(session.user),
                ),
                query,
            )
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


def wrk(
    url: str, requests: Requests, connections: int, folder: Path, seconds: int = SECONDS
) -> dict[str, float]:
    """Run the load generator once with these requests."""
    lines = folder / "requests.tsv"
    lines.write_text("".join(f"{token}\t{body}\n" for token, body in requests))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s",
               "-s", str(HERE / "requests.lua"), url, "--", str(lines)]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("RESULT ")]
    result: dict[str, float] = json.loads(line.removeprefix("RESULT "))
    spent = any(f"{name}(" in requests[0][1] for name in SPENT)
    assert not spent or result["requests"] <= len(requests), f"not enough prepared: {result}"
    return result | {"rate": (result["requests"] - result["refused"]) / result["seconds"]}


def raw_argon2(postern: Postern) -> float:
    """Return verifications per second on as many threads as cores, on an idle machine."""

    async def measured() -> float:
        password_hash = await postern.passwords.hash(PASSWORD)
        count = 60 * (os.cpu_count() or 1)  # fewer than the queue holds
        began = time.perf_counter()
        checks = (postern.passwords.verify(password_hash, PASSWORD) for _ in range(count))
        await asyncio.gather(*checks)
        return count / (time.perf_counter() - began)

    return asyncio.run(measured())


async def prepared(
    postern: Postern, ask: Callable[[Users], Any], count: int, *, with_factor: bool
) -> Requests:
    EXECUTOR_CACHE.clear()  # its statements have the previous database's dialect
    async with database.connected(postern.settings):
        users = await Users.made(postern, count, with_factor=with_factor)
        requests: Requests = await ask(users)
        # PostgreSQL does so by itself within a minute. Until then, it knows nothing of a table that
        # has just grown, and plans as if it were empty.
        await connections.get("default").execute_script("ANALYZE")
        return requests


LOADS: dict[str, tuple[Callable[[Users], Any], bool, int]] = {
    "signInEmailPassword": (Users.sign_ins, False, 200 * SIGN_IN_SECONDS),
    "verifySignInMfaTotp": (Users.verifications, True, PREPARED),
    "refreshSession": (Users.refreshes, False, PREPARED),
    "me": (Users.who_am_i, False, 1000 * SECONDS),
}


@contextmanager
def databases() -> Iterator[dict[str, dict[str, str]]]:
    """Yield settings for SQLite, and for an empty database on the tests' PostgreSQL."""
    found: dict[str, dict[str, str]] = {"SQLite": {}}
    admin = postgres_to_test_on()
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
    """Return the memory of the server's largest process in MiB."""
    sizes = [
        int(line.split()[1]) / 1024
        for pid in [server.process.pid, *workers_of(server)]
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    ]
    return max(sizes)


@dataclass
class Bench:
    """A server under measurement, and what is needed to create users for it."""

    server: Server
    postern: Postern
    folder: Path
    about: dict[str, Any]

    @classmethod
    @contextmanager
    def running(
        cls,
        kind: str,
        settings: dict[str, str],
        workers: int,
        program: Sequence[str] = AS_INSTALLED,
    ) -> Iterator["Bench"]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            settings = settings | ONE_KEY
            chosen = UNLIMITED | settings
            with running_workers(folder / "var", workers, program, **chosen) as server:
                opened = open_postern(read(environment(folder / "var", **settings)))
                yield cls(server, opened, folder, {"database": kind, "workers": workers})
                opened.passwords.close()

    def requests(self, operation: str) -> Requests:
        ask, with_factor, count = LOADS[operation]
        return asyncio.run(prepared(self.postern, ask, count, with_factor=with_factor))

    def measure(self, operation: str, connections: int, *, warm: bool = True) -> dict[str, Any]:
        hashes = operation == "signInEmailPassword"
        seconds = SIGN_IN_SECONDS if hashes else SECONDS
        runs, raw = [], [raw_argon2(self.postern)] if hashes else []
        for _ in range(RUNS if warm else RUNS + 1):
            requests = self.requests(operation)
            runs.append(wrk(self.server.url, requests, connections, self.folder, seconds))
            if hashes:
                time.sleep(2)  # until the queue is empty
                raw.append(raw_argon2(self.postern))
        row = self.about | {"operation": operation, "connections": connections}
        row |= summed(runs[-RUNS:])
        if hashes:  # share of raw hashing just before and after: the machine's speed varies
            limits = [(before + after) / 2 for before, after in pairwise(raw)]
            shares = [run["rate"] / limit for run, limit in zip(runs, limits, strict=True)]
            row |= {"raw": statistics.median(raw), "share": statistics.median(shares[-RUNS:])}
        return say(row)


def summed(runs: list[dict[str, float]]) -> dict[str, Any]:
    rates = [run["rate"] for run in runs]
    return {
        "rate": statistics.median(rates),
        "spread": [min(rates), max(rates)],
        "p50": statistics.median(run["p50"] for run in runs),
        "p99": statistics.median(run["p99"] for run in runs),
        "refused": sum(run["refused"] for run in runs) / sum(run["requests"] for run in runs),
    }


def say(row: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def loads(found: dict[str, dict[str, str]], operations: list[str]) -> Iterator[dict[str, Any]]:
    """Measure these operations on every database, with all numbers of workers and connections."""
    for kind, settings in found.items():
        for workers in WORKERS:
            with Bench.running(kind, settings, workers) as bench:
                for operation in operations:
                    for connections in CONNECTIONS:
                        warm = connections != CONNECTIONS[0]
                        yield bench.measure(operation, connections, warm=warm)


@contextmanager
def floor(parser: str, database_url: str, program: Sequence[str] = ()) -> Iterator[tuple[str, int]]:
    """Run `bench.floor` with one worker and this HTTP parser; yield its URL and process id."""
    port = free_port()
    uvicorn = str(Path(sys.executable).with_name("uvicorn"))
    command = [*program, uvicorn, "bench.floor:app", f"--port={port}",
               "--no-access-log", "--log-level=warning", f"--http={parser}"]  # fmt: skip
    process = subprocess.Popen(command, env=os.environ | {"FLOOR_DATABASE": database_url})
    try:
        time.sleep(2)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(10)


def floors(found: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    """Measure the bare route with one committed write, with one worker."""
    for kind, settings in found.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            database_url = settings.get("DATABASE_URL", str(folder / "floor.db"))
            with floor("httptools", database_url) as (url, _):
                for connections in CONNECTIONS:
                    runs = [wrk(url, NOTHING, connections, folder) for _ in range(RUNS)]
                    about = {"operation": "floor", "database": kind, "workers": 1}
                    yield say(about | {"connections": connections} | summed(runs))


async def _timed(url: str, requests: Requests, pause: float, until: asyncio.Event) -> list[float]:
    """Send one request after another until the load ends; return the milliseconds of each."""
    took: list[float] = []
    async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
        for _, body in requests:
            if until.is_set():
                return took
            began = time.perf_counter()
            answer = await (
                http.post("/graphql", content=body, headers={"content-type": "application/json"})
                if body
                else http.get("/healthz")
            )
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, answer.text
            assert "errors" not in answer.text, answer.text
            await asyncio.sleep(pause)
    return took


def beside_sign_ins(found: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    """Measure `/healthz` and a stream of verifications while 16 connections sign in."""
    for kind, settings in found.items():
        with Bench.running(kind, settings, 1) as bench:
            sign_ins, verifications = map(bench.requests, ("signInEmailPassword", VERIFY))

            async def both(
                bench: Bench = bench, load: Requests = sign_ins, beside: Requests = verifications
            ) -> tuple[dict[str, float], list[float], list[float]]:
                ended, url = asyncio.Event(), bench.server.url
                probes = asyncio.gather(
                    _timed(url, [("", "")] * 10**5, 0.01, ended), _timed(url, beside, 0.02, ended)
                )
                folder = bench.folder
                loaded = await asyncio.to_thread(wrk, url, load, 16, folder, SIGN_IN_SECONDS)
                ended.set()
                return loaded, *await probes

            loaded, health, verified = asyncio.run(both())
            yield say(
                {"operation": "beside sign-ins", **bench.about}
                | {"sign_ins": loaded["rate"]}
                | {"healthz": percentiles(health), "verify": percentiles(verified)}
            )


def percentiles(took: list[float]) -> dict[str, float]:
    at = statistics.quantiles(took, n=100)
    return {"count": len(took), "p50": at[49], "p99": at[98]}


def starts(found: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    """Measure seconds from the command to the first response, and MiB before and after a load."""
    for kind, settings in found.items():
        with tempfile.TemporaryDirectory() as name:
            data_dir = Path(name) / "var"
            took: list[float] = []
            for _ in range(RUNS + 1):
                began = time.perf_counter()
                with running_workers(data_dir, 1, AS_INSTALLED, **settings, **ONE_KEY) as server:
                    took.append(time.perf_counter() - began)
                    memory = memory_of(server)
        with Bench.running(kind, settings, 1) as bench:
            for operation in ("signInEmailPassword", VERIFY):
                wrk(bench.server.url, bench.requests(operation), 16, bench.folder)
            loaded = memory_of(bench.server)
        yield say(
            {"operation": "start", "database": kind, "first": took[0]}
            | {"again": statistics.median(took[1:]), "MiB": memory, "MiB loaded": loaded}
        )


FILL = {
    "users": """
        INSERT INTO users (id, email, email_verified, password_hash, display_name, locale,
            default_role, roles, disabled, created_at, totp_last_step)
        SELECT {id}, 'filler-' || n || '@example.com', {false}, 'x', 'x', 'en', 'user', '["user"]',
            {false}, {now}, 0 FROM {numbers}""",
    "user_sessions": """
        INSERT INTO user_sessions (id, user_id, methods, created_at, authenticated_at,
            last_used_at, expires_at)
        SELECT {other}, id, '["pwd"]', {now}, {now}, {now}, {later} FROM users
        WHERE email LIKE 'filler-%' AND NOT EXISTS (
            SELECT 1 FROM user_sessions WHERE user_id = users.id)""",
    "security_events": """
        INSERT INTO security_events (created_at, type, user_id)
        SELECT created_at, 'SIGNED_IN', user_id FROM user_sessions
        WHERE NOT EXISTS (SELECT 1 FROM security_events e WHERE e.user_id = user_sessions.user_id)
    """,
}
"""Idle users, each with a session and an event."""
WORDS = {
    "SQLite": {
        "id": "substr(printf('%08x-0000-4000-8000-%012x', n, n), 1, 36)",
        "other": "'f' || substr(id, 2)",
        "false": "0",
        "now": "'2026-01-01 00:00:00+00:00'",
        "later": "'2099-01-01 00:00:00+00:00'",
        "numbers": "(WITH RECURSIVE c(n) AS (SELECT {low} UNION ALL SELECT n + 1 FROM c "
        "WHERE n < {high}) SELECT n FROM c)",
    },
    "PostgreSQL": {
        "id": "gen_random_uuid()",
        "other": "gen_random_uuid()",
        "false": "FALSE",
        "now": "now()",
        "later": "now() + interval '30 days'",
        "numbers": "generate_series({low}, {high}) AS numbers(n)",
    },
}


async def fill(postern: Postern, kind: str, low: int, high: int) -> None:
    async with database.connected(postern.settings):
        connection = connections.get("default")
        for statement in FILL.values():
            sql = statement.format(**WORDS[kind]).format(low=low, high=high)
            await connection.execute_script(sql)
        await connection.execute_script("ANALYZE")


def growth(found: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    """Measure verifications with more and more users in the database."""
    for kind, settings in found.items():
        patient = settings | {"DATABASE_URL": f"{settings['DATABASE_URL']}?command_timeout=900"} \
            if "DATABASE_URL" in settings else settings  # fmt: skip
        with Bench.running(kind, settings, 1) as bench:
            filler = replace(
                bench.postern,
                settings=load(environment(bench.folder / "var", **patient))[0],
            )
            before = 0
            for size in SIZES:
                asyncio.run(fill(filler, kind, before + 1, size))
                before = size
                row = bench.measure(VERIFY, 16, warm=size != SIZES[0])
                yield row | {"operation": "growth", "users": size}


def shown(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the results as Markdown."""
    floor = {
        (row["database"], row["connections"]): row["rate"]
        for row in rows
        if row["operation"] == "floor"
    }
    yield "| | database | workers | connections | a second | p50 | p99 | |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        if row["operation"] not in {*LOADS, "floor"}:
            continue
        low, high = row["spread"]
        note = []
        if "share" in row:
            note.append(f"{row['share']:.0%} of raw Argon2id ({row['raw']:.0f})")
        if row["operation"] == VERIFY and (row["database"], row["connections"]) in floor:
            share = row["rate"] / floor[row["database"], row["connections"]]
            note.append(f"{share:.0%} of the floor")
        if row["refused"]:
            note.append(f"{row['refused']:.0%} of the requests were refused (429)")
        yield (
            f"| {row['operation']} | {row['database']} | {row['workers']} | {row['connections']} "
            f"| {row['rate']:.0f} ({low:.0f} to {high:.0f}) "
            f"| {row['p50']:.1f} ms | {row['p99']:.1f} ms | {'; '.join(note)} |"
        )
    for row in rows:
        if row["operation"] == "beside sign-ins":
            health, verified = row["healthz"], row["verify"]
            yield (
                f"\nBeside {row['sign_ins']:.0f} sign-ins a second ({row['database']}, one "
                f"worker): `/healthz` p50 {health['p50']:.1f} ms, p99 {health['p99']:.1f} ms; "
                f"verifications one after another, {verified['count']} of them, "
                f"p50 {verified['p50']:.1f} ms, p99 {verified['p99']:.1f} ms."
            )
        if row["operation"] == "start":
            yield (
                f"\nStart ({row['database']}): {row['first']:.2f} s with an empty database, "
                f"{row['again']:.2f} s again; {row['MiB']:.0f} MiB, {row['MiB loaded']:.0f} MiB "
                "after sign-ins and verifications."
            )
        if row["operation"] == "growth":
            yield (
                f"\n{row['users']:,} users ({row['database']}): {row['rate']:.0f} verifications a "
                f"second, p50 {row['p50']:.1f} ms, p99 {row['p99']:.1f} ms."
            )


def main() -> None:
    """Measure everything, or only the named operations; write and print the results."""
    if not shutil.which("wrk"):
        sys.exit("The load generator is missing; on Debian: apt install wrk")
    only, stored = sys.argv[1:], json.loads(RESULTS.read_text())
    if only and stored["machine"] != machine():
        sys.exit(f"The other results are of {stored['machine']}: measure all of them here first.")
    kept = [row for row in stored["rows"] if row["operation"] not in only]
    with databases() as found:
        if only:
            rows = [*kept, *loads(found, only)]
        else:
            rows = [*floors(found), *loads(found, list(LOADS))]
            rows += [*beside_sign_ins(found), *starts(found), *growth(found)]
    measured = {"machine": machine(), "at": f"{datetime.now(UTC):%Y-%m-%d}"}
    RESULTS.write_text(json.dumps(measured | {"rows": rows}, indent=1) + "\n")
    table = f"{measured['machine']}, {measured['at']}\n\n" + "\n".join(shown(rows)) + "\n"
    (HERE / "results.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
