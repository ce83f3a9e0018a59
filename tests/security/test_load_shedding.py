"""More requests than a server can answer: some are refused at once, so that others are not late."""

import asyncio
import json
import selectors
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import httpx2

from api.http import MOST_IN_PROGRESS
from tests.security.test_connections import FILE, not_reading, open_connection
from tests.support import CHEAP_HASHING, JOE, Client, payload, running_server

MORE = 100


def test_what_exceeds_the_bound_is_refused_at_once_and_the_rest_answered(
    tmp_path: Path, migrated_postgres: dict[str, str]
) -> None:
    chosen = CHEAP_HASHING | migrated_postgres | {"AUTH_CONNECTIONS_PER_ADDRESS": "2000"}
    with (
        running_server(tmp_path / "var", **chosen) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
        ExitStack() as opened,
    ):
        joe = Client(http)
        token = joe.sign_up(JOE)["accessToken"].encode()
        body = json.dumps(payload("me", {})).encode()
        head = (
            b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n" % (token, len(body))
        )

        async def attack() -> list[bytes]:
            database = await asyncpg.connect(migrated_postgres["DATABASE_URL"])
            async with database.transaction():
                await database.execute("LOCK TABLE user_sessions IN ACCESS EXCLUSIVE MODE")
                asking = [
                    opened.enter_context(open_connection(server))
                    for _ in range(MOST_IN_PROGRESS + MORE)
                ]
                for connection in asking:
                    connection.sendall(head + body)
                refused = [answer(early) for early in first_of(asking, MORE - 1)]
                assert http.get("/healthz").status_code == 200
            await database.close()
            answered = [answer(late) for late in asking if late.fileno() not in seen]
            assert sum(b'"me":{' in each for each in answered) >= MOST_IN_PROGRESS - 1
            return refused

        seen: set[int] = set()

        def first_of(asking: list[socket.socket], count: int) -> list[socket.socket]:
            with selectors.DefaultSelector() as selector:
                for connection in asking:
                    selector.register(connection, selectors.EVENT_READ)
                for _ in range(60):
                    if len(ready := selector.select(1)) >= count:
                        break
                    time.sleep(0.5)
            early = {key.fd for key, _ in ready}
            found = [connection for connection in asking if connection.fileno() in early]
            seen.update(connection.fileno() for connection in found)
            return found

        def answer(connection: socket.socket) -> bytes:
            return connection.recv(65536)

        refused = asyncio.run(attack())
        assert MORE - 1 <= len(refused) <= MORE + 1
        assert all(b'"SERVICE_UNAVAILABLE"' in each for each in refused)
        assert all(b"retry-after: 2" in each for each in refused)
        assert joe.call("me")["email"] == JOE
        assert server.log().count('"limit": "requests in progress"') == 1


def test_clients_that_do_not_read_make_no_load(tmp_path: Path) -> None:
    chosen = CHEAP_HASHING | {"AUTH_CONNECTIONS_PER_ADDRESS": "2000"}
    with (
        running_server(tmp_path / "var", **chosen) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
        not_reading(server, MOST_IN_PROGRESS + MORE, FILE),
    ):
        time.sleep(2)  # until all of them are being sent the file
        assert Client(http).sign_up(JOE)["accessToken"]
