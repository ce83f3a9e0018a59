"""A server that is killed, stopped, or without disk space or lock: no data is damaged."""

import asyncio
import json
import random
import resource
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import prepared
from tests.support import (
    CHEAP_HASHING,
    JOE,
    PASSWORD,
    Authenticator,
    Client,
    RefusedError,
    Server,
    environment,
    free_port,
    payload,
    running_server,
    wait_until_ready,
)

KILLS = 100
ANSWERS_MAX = 60
"""How many answers six users get, at most, before a kill: a whole story has thirteen."""
STOPPED = {0, -signal.SIGTERM}
"""The exit codes of a process that was asked to stop."""


@dataclass
class Story:
    """A user of the server that is killed, and what the user knows at that moment."""

    email: str
    phone: Authenticator | None = None
    tried: list[tuple[str, str]] = field(default_factory=list)
    """Tickets and codes that were sent."""
    redeemed: int = 0
    """How many of these opened a session."""
    refresh_token: str | None = None
    """The last one that was issued."""

    def play(self, url: str, answers: threading.Semaphore) -> None:
        """Sign up, enrol, activate, sign in, verify, refresh; until the server is killed."""
        hooks: Any = {"response": [lambda _: answers.release()]}
        with httpx2.Client(base_url=url, timeout=20, event_hooks=hooks) as http:
            client = Client(http)
            client.sign_up(self.email)
            self.phone = Authenticator.scan(client.call("changeUserMfa")["imageUrl"])
            code = self.phone.next_code()
            client.call("verifyChangeUserMfa", activeMfaType="totp", code=code)
            for _ in range(2):
                self.tried.append((client.ticket(self.email), self.phone.next_code()))
                session = verify(client, *self.tried[-1])
                self.redeemed += 1
                for _ in range(3):
                    self.refresh_token = session["refreshToken"]
                    session = client.call("refreshSession", refreshToken=self.refresh_token)
                self.refresh_token = session["refreshToken"]


def verify(client: Client, ticket: str, code: str) -> Any:
    return client.call("verifySignInMfaTotp", ticket=ticket, otp=code)


def start(env: dict[str, str], output: Path, data_dir: Path) -> Server:
    port = str(free_port())
    with output.open("ab") as log:
        process = prepared.start(["serve"], env | {"AUTH_PORT": port}, stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", data_dir, env, output, process)
    wait_until_ready(server)
    return server


def test_a_hundred_kills_leave_a_consistent_database(tmp_path: Path) -> None:
    """After each kill the database opens, nothing is spent twice, and no factor is incomplete."""
    env = environment(tmp_path / "var", **CHEAP_HASHING)
    output, chance = tmp_path / "var.log", random.Random(7)
    interrupted: Counter[str] = Counter()
    server = start(env, output, tmp_path / "var")
    for kill in range(KILLS):
        stories = [Story(f"user-{kill}-{n}@example.com") for n in range(6)]
        answers = threading.Semaphore(0)
        players = [threading.Thread(target=play_until_killed, args=(story, server.url, answers))
                   for story in stories]  # fmt: skip
        for player in players:
            player.start()
        for _ in range(chance.randint(0, ANSWERS_MAX)):  # so that a slow machine gets as far
            assert answers.acquire(timeout=30)
        time.sleep(chance.uniform(0.01, 0.05))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        for player in players:
            player.join()
        look_for_damage(server.data_dir / "postern.db")
        server = start(env, output, tmp_path / "var")
        with httpx2.Client(base_url=server.url, timeout=10) as http:
            for story in stories:
                interrupted[replay(story, Client(http))] += 1
    server.process.terminate()
    server.process.wait(15)
    assert "Traceback" not in output.read_text()
    assert len(interrupted) >= 4, f"the kills came at all sorts of moments: {interrupted}"


def play_until_killed(story: Story, url: str, answers: threading.Semaphore) -> None:
    try:
        story.play(url, answers)
    except (httpx2.TransportError, json.JSONDecodeError):
        return
    except RefusedError as refused:
        if refused.code != "INVALID_TOTP":  # the app's code may just have expired
            raise


def look_for_damage(path: Path) -> None:
    """Check what must be true of the rows, whenever the server was killed."""
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        half_enrolled = database.execute(
            """
            SELECT users.email, totp_secret, totp_activated_at, recovery_salt, count(codes.id) AS n
            FROM users LEFT JOIN recovery_codes AS codes ON codes.user_id = users.id
            GROUP BY users.id
            HAVING (totp_activated_at IS NULL) != (recovery_salt IS NULL)
                OR n != CASE WHEN totp_activated_at IS NULL THEN 0 ELSE 10 END
                OR (totp_activated_at IS NOT NULL AND totp_secret IS NULL)
            """
        ).fetchall()
        assert half_enrolled == []
        without_tokens = database.execute(
            "SELECT id FROM user_sessions WHERE id NOT IN (SELECT session_id FROM refresh_tokens)"
        ).fetchall()
        assert without_tokens == [], "a session and its token are created together"


def replay(story: Story, client: Client) -> str:
    """Continue after the kill like a client and like a thief; return how far the story had come."""
    if story.refresh_token:
        client.call("refreshSession", refreshToken=story.refresh_token)
    opened, told = story.redeemed, set()
    for ticket, code in story.tried * 2:
        try:
            verify(client, ticket, code)
            opened += 1
        except RefusedError as refused:
            told.add(refused.code)
    assert told <= {"INVALID_TICKET", "INVALID_TOTP"}
    assert opened <= len(story.tried), "each ticket and code opened at most one session"
    try:
        again = client.call("signInEmailPassword", email=story.email, password=PASSWORD)
    except RefusedError as refused:
        if refused.code != "INVALID_EMAIL_PASSWORD":  # there may be no such account
            raise
        return "before sign-up"
    if again["__typename"] == "Session":
        assert not story.tried
        return "before activation"
    return f"after {len(story.tried)} tries, {story.redeemed} redeemed"


def test_a_stopping_server_answers_running_requests(tmp_path: Path) -> None:
    body = payload("signInEmailPassword", {"email": JOE, "password": PASSWORD})

    async def asked_and_stopped(server: Server) -> list[httpx2.Response]:
        limits = httpx2.Limits(max_connections=20)
        async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=30) as http:
            waiting = [asyncio.create_task(http.post("/graphql", json=body)) for _ in range(20)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            server.process.send_signal(signal.SIGTERM)
            answers = await asyncio.gather(*waiting)
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"{server.url}/healthz")
        return answers

    with running_server(tmp_path / "var") as server:
        with httpx2.Client(base_url=server.url) as http:
            Client(http).sign_up(JOE)
        answers = asyncio.run(asked_and_stopped(server))
        assert server.process.wait(10) in STOPPED
    kinds = {each.json()["data"]["signInEmailPassword"]["__typename"] for each in answers}
    assert kinds == {"Session"}


def test_a_slow_client_does_not_prevent_a_stop(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path / "var") as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as idle, idle.makefile("wb") as slow:
            slow.write(b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
            slow.flush()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(10) in STOPPED


def refused(server: Server) -> str:
    variables = {"email": f"{random.random()}@example.com", "password": PASSWORD}
    answer = httpx2.post(
        f"{server.url}/graphql", json=payload("signUpEmailPassword", variables), timeout=30
    ).json()
    (error,) = answer.get("errors") or [{"extensions": {"code": ""}}]
    assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", server.log()
    return str(error["extensions"]["code"])


def test_a_full_disk_is_reported_and_does_no_damage(tmp_path: Path) -> None:
    """For a process, a file that may not grow is like a full disk."""
    with running_server(tmp_path / "var", **CHEAP_HASHING) as server:
        assert refused(server) == ""
        database = server.data_dir / "postern.db"
        room = max(file.stat().st_size for file in server.data_dir.glob("postern.db*"))
        unlimited = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(
            server.process.pid, resource.RLIMIT_FSIZE, (room + 4 * 65536, unlimited[1])
        )
        answers = [refused(server) for _ in range(40)]
        assert answers[-1] == "SERVICE_UNAVAILABLE"
        assert set(answers) == {"", "SERVICE_UNAVAILABLE"}
        assert httpx2.get(f"{server.url}/healthz").status_code == 200
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert [refused(server) for _ in range(5)] == [""] * 5
        look_for_damage(database)
        with sqlite3.connect(database) as opened:
            (users,) = opened.execute("SELECT count(*) FROM users").fetchone()
        assert users == 1 + answers.count("") + 5, "refused operations had no effect"


def test_a_locked_database_is_waited_for_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "var" / "postern.db"
    url = f"sqlite://{path}?busy_timeout=300"
    with running_server(tmp_path / "var", **CHEAP_HASHING, DATABASE_URL=url) as server:
        assert refused(server) == ""
        with sqlite3.connect(path) as other:
            other.execute("BEGIN IMMEDIATE")
            assert {refused(server) for _ in range(3)} == {"SERVICE_UNAVAILABLE"}
            other.rollback()
        assert refused(server) == ""
        look_for_damage(path)
