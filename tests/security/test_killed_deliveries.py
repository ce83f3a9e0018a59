"""A server that is killed between the commit of a change and the sending of its mail loses none."""

import asyncio
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from auth.mail.delivery import LEASE
from tests import prepared
from tests.conftest import DATABASES
from tests.support import (
    CHEAP_HASHING,
    PASSWORD,
    Client,
    Server,
    environment,
    free_port,
    wait_until_ready,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")

KILLS = 100 // len(DATABASES)
USERS = 4
"""Users who change their passwords at the same time, again and again, until the kill."""
COMMITTED = """
    SELECT users.email, count(*) FROM security_events JOIN users ON users.id = user_id
    WHERE type = 'PASSWORD_CHANGED' GROUP BY users.email"""


@dataclass
class Inbox:
    """A mail server that takes its time before and after it has stored a mail."""

    ids: dict[str, str] = field(default_factory=dict)
    """The recipients of the mails that have arrived, by Message-ID."""
    arrived: int = 0

    async def handle_DATA(  # noqa: N802 - as aiosmtpd names it
        self, _server: Any, _session: Session, envelope: Envelope
    ) -> str:
        await asyncio.sleep(random.uniform(0, 0.03))
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.ids[str(mail["message-id"])] = str(mail["to"])
        self.arrived += 1
        await asyncio.sleep(random.uniform(0, 0.03))
        return "250 OK"


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def mail_port(inbox: Inbox) -> Iterator[int]:
    """The port of a real SMTP server, on a thread of its own."""
    loop, port = asyncio.new_event_loop(), free_port()
    serving = loop.create_server(lambda: SMTP(inbox, loop=loop), "127.0.0.1", port)
    server = loop.run_until_complete(serving)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield port
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
    loop.close()


@dataclass
class Database:
    """The database of the server, read and changed behind its back."""

    env: dict[str, str]

    def rows(self, statement: str) -> list[Any]:
        """Run a statement, and return its rows."""
        if url := self.env.get("DATABASE_URL"):
            return asyncio.run(self._on_postgres(url, statement))
        path = Path(self.env["AUTH_DATA_DIR"]) / "postern.db"
        with sqlite3.connect(path, timeout=20) as opened:
            found = opened.execute(statement).fetchall()
        opened.close()
        return found

    async def _on_postgres(self, url: str, statement: str) -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    def let_the_lease_end(self) -> int:
        """Do what the next five minutes do; return how many mails a killed server had taken."""
        latest = datetime.now(UTC) + timedelta(seconds=LEASE)
        waiting = self.rows("SELECT due_at, attempts FROM mails")
        for due_at, _ in waiting:
            assert due_at, "no mail is given up"
            told = datetime.fromisoformat(due_at) if isinstance(due_at, str) else due_at
            assert told <= latest, "another attempt begins five minutes later"
        self.rows("UPDATE mails SET due_at = created_at")
        return sum(attempts > 0 for _, attempts in waiting)


def start(env: dict[str, str], output: Path) -> Server:
    port = str(free_port())
    with output.open("ab") as log:
        process = prepared.start(["serve"], env | {"AUTH_PORT": port}, stdout=log, stderr=log)
    data_dir = Path(env["AUTH_DATA_DIR"])
    server = Server(f"http://127.0.0.1:{port}", data_dir, env, output, process)
    wait_until_ready(server)
    return server


def change_passwords(url: str, email: str, changes: threading.Semaphore) -> None:
    """Sign up, and change the password until the server is killed; each change writes a mail."""
    with suppress(httpx2.TransportError), httpx2.Client(base_url=url, timeout=20) as http:
        client, current = Client(http), PASSWORD
        client.sign_up(email)
        for number in range(100):
            fresh = f"{PASSWORD} {number}"
            changed = client.call("changeUserPassword", currentPassword=current, newPassword=fresh)
            client.access_token, current = changed["accessToken"], fresh
            changes.release()


def test_a_hundred_kills_lose_no_mail_and_send_none_of_an_undone_change(
    tmp_path: Path, migrated_database: dict[str, str], inbox: Inbox, mail_port: int
) -> None:
    """Each password change commits an event and a mail together: they are compared at the end."""
    smtp = {
        "AUTH_SMTP_HOST": "127.0.0.1",
        "AUTH_SMTP_PORT": str(mail_port),
        "AUTH_SMTP_SENDER": "no-reply@example.org",
        "AUTH_SMTP_REQUIRE_TLS": "false",
    }
    env = environment(tmp_path / "var", **CHEAP_HASHING, **migrated_database, **smtp)
    output, database, interrupted = tmp_path / "var.log", Database(env), 0
    for kill in range(KILLS):
        server, changes = start(env, output), threading.Semaphore(0)
        players = [
            threading.Thread(
                target=change_passwords, args=(server.url, f"user-{kill}-{n}@example.com", changes)
            )
            for n in range(USERS)
        ]
        for player in players:
            player.start()
        for _ in range(random.randint(1, 2 * USERS)):
            assert changes.acquire(timeout=60)
        time.sleep(random.uniform(0, 0.05))
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        for player in players:
            player.join()
        interrupted += database.let_the_lease_end()
    last = start(env, output)
    deadline = time.monotonic() + 30
    while database.rows("SELECT id FROM mails") and time.monotonic() < deadline:
        time.sleep(0.2)
    last.process.terminate()
    last.process.wait(15)
    committed = dict(database.rows(COMMITTED))
    assert Counter(inbox.ids.values()) == committed
    assert sum(committed.values()) >= KILLS
    assert interrupted > KILLS / 4, "the kills came between commit and answer"
    assert inbox.arrived >= len(inbox.ids)
    assert "Traceback" not in output.read_text()
