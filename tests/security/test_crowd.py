"""More requests than a server can answer: some are refused at once, so that others are not late."""

import asyncio
import json
import selectors
import socket
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import httpx2

from api.http import CROWD
from tests.security.test_connections import open_connection
from tests.support import CHEAP_HASHING, JOE, Client, payload, running_server

MORE = 100


def test_a_crowd_is_refused_at_once_and_the_others_are_answered(
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
                    opened.enter_context(open_connection(server)) for _ in range(CROWD + MORE)
                ]
                for connection in asking:
                    connection.sendall(head + body)
                refused = [answer(early) for early in first_of(asking, MORE - 1)]
                assert http.get("/healthz").status_code == 200
            await database.close()
            answered = [answer(late) for late in asking if late.fileno() not in seen]
            assert sum(b'"me":{' in each for each in answered) >= CROWD - 1
            return refused

        seen: set[int] = set()

        def first_of(asking: list[socket.socket], count: int) -> list[socket.socket]:
            with selectors.DefaultSelector() as selector:
                for connection in asking:
                    selector.register(connection, selectors.EVENT_READ)
                while len(ready := selector.select(1)) < count:
                    continue
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
