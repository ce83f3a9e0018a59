"""A database that goes away and comes back: typed errors meanwhile, and no restart."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from api.app import READY_SECONDS
from tests.support import CHEAP_HASHING, PASSWORD, Client, RefusedError, running_server


class Wire:
    """A wire to PostgreSQL that can be cut."""

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


def test_postgresql_may_go_away_and_come_back(
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
