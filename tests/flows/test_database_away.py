"""A database that becomes unavailable and returns: typed errors meanwhile, and no restart."""

import asyncio
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from api.readiness import READY_SECONDS
from tests.support import (
    CHEAP_HASHING,
    PASSWORD,
    Client,
    RefusedError,
    Server,
    payload,
    running_server,
)

ENDED = """
    SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid != pg_backend_pid()
"""
"""What an administrator does before a restart: end all other connections, and wait."""


class Wire:
    """A connection to PostgreSQL that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listening.getsockname()[1])
        self.connected: list[socket.socket] = []
        self.whole = True
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        self.whole = False
        for end in self.connected:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.connected.clear()

    def mend(self) -> None:
        self.whole = True

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            if not self.whole:
                client.close()
                continue
            server = socket.create_connection(self.target)
            self.connected += [client, server]
            threading.Thread(target=_carry, args=(client, server), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector, one, other:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                try:
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    key.data.sendall(data)
                except OSError:
                    return
                if not data:
                    return


@contextmanager
def wire_to(url: str) -> Iterator[tuple[Wire, str]]:
    parts = urlsplit(url)
    wire = Wire(str(parts.hostname), parts.port or 5432)
    try:
        yield wire, url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{wire.port}")
    finally:
        wire.cut()
        wire.listening.close()


def status(http: httpx2.Client, path: str) -> int:
    time.sleep(READY_SECONDS + 0.1)
    return http.get(path).status_code


def test_postgresql_may_become_unavailable_and_return(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    with (
        wire_to(postgres_database["DATABASE_URL"]) as (wire, url),
        running_server(tmp_path / "var", **CHEAP_HASHING, DATABASE_URL=url) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        joe = Client(http)
        joe.sign_up("joe@example.com")
        assert (status(http, "/readyz"), status(http, "/healthz")) == (200, 200)
        wire.cut()
        for operation in ("me", "changeUserMfa"):
            with pytest.raises(RefusedError) as refused:
                joe.call(operation)
            assert refused.value.code == "SERVICE_UNAVAILABLE"
        with pytest.raises(RefusedError) as refused:
            Client(http).call("signInEmailPassword", email="joe@example.com", password=PASSWORD)
        assert refused.value.code == "SERVICE_UNAVAILABLE"
        assert (status(http, "/readyz"), status(http, "/healthz")) == (503, 200)
        wire.mend()
        assert status(http, "/readyz") == 200
        assert joe.call("me")["email"] == "joe@example.com"
        joe.enrol()


async def codes_while_ended(
    server: Server, url: str, operations: list[tuple[str, dict[str, str]]], token: str
) -> list[str]:
    """Return each answer's code, "" for success, while all connections are ended repeatedly."""
    limits = httpx2.Limits(max_connections=40)
    headers = {"authorization": f"Bearer {token}"}
    operator = await asyncpg.connect(url)
    async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as http:

        async def code(operation: str, variables: dict[str, str]) -> str:
            body = payload(operation, variables)
            answer = (await http.post("/graphql", json=body, headers=headers)).json()
            errors = answer.get("errors") or [{"extensions": {"code": ""}}]
            return str(errors[0]["extensions"]["code"])

        asked = [asyncio.create_task(code(*each)) for each in operations]
        while not all(task.done() for task in asked):
            await operator.execute(ENDED)
            await asyncio.sleep(0.05)
    await operator.close()
    return [task.result() for task in asked]


def test_terminated_connections_are_reported_as_unavailable(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    url = postgres_database["DATABASE_URL"]
    known = {"email": "joe@example.com", "password": PASSWORD}
    limitless = {"AUTH_RATE_LIMIT_ENABLE": "false"}
    with running_server(tmp_path / "var", **CHEAP_HASHING, **limitless, DATABASE_URL=url) as server:
        with httpx2.Client(base_url=server.url, timeout=30) as http:
            token = Client(http).sign_up(known["email"])["accessToken"]
        told: set[str] = set()
        for batch in range(5):
            new = [{"email": f"{batch}-{n}@example.com", "password": PASSWORD} for n in range(10)]
            mixed = [("signUpEmailPassword", each) for each in new]
            mixed += [("signInEmailPassword", known), ("me", {}), ("changeUserMfa", {})] * 10
            told |= set(asyncio.run(codes_while_ended(server, url, mixed, token)))
        assert told <= {"", "SERVICE_UNAVAILABLE"}, server.log()
        with httpx2.Client(base_url=server.url, timeout=30) as http:
            assert Client(http).call("signInEmailPassword", **known)["accessToken"]


def test_idle_connections_that_ended_are_replaced_unnoticed(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    """A read and a change each get a new connection, since nothing was sent on the old one."""
    url = postgres_database["DATABASE_URL"]

    async def end_all() -> None:
        operator = await asyncpg.connect(url)
        await operator.execute(ENDED)
        await operator.close()

    with (
        running_server(tmp_path / "var", **CHEAP_HASHING, DATABASE_URL=url) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        joe = Client(http)
        joe.sign_up("joe@example.com")
        for _ in range(10):
            asyncio.run(end_all())
            assert joe.call("me")["email"] == "joe@example.com"
            asyncio.run(end_all())
            joe.call("changeUser", displayName="Joe")
