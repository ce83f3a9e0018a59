"""The attacks run against one server and against many, since the guarantees hold on both."""

import base64
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import DATABASES, POSTGRES
from tests.support import (
    CHEAP_HASHING,
    JOE,
    Client,
    RefusedError,
    Server,
    running_server,
    running_workers,
)

SHARED = {
    "AUTH_ENCRYPTION_KEYS": base64.b64encode(b"one key that they share, 32 byte").decode(),
    "HASURA_GRAPHQL_JWT_SECRET": json.dumps({"type": "HS256", "key": "shared " * 6}),
}
MANY = "many"
Servers = list[Server]


def refusal(client: Client, operation: str, **variables: Any) -> str:
    """Return the code of the refusal, or "" if the operation succeeds."""
    try:
        client.call(operation, **variables)
    except RefusedError as refused:
        return refused.code
    return ""


@contextmanager
def many_servers(folder: Path, **settings: str) -> Iterator[Servers]:
    """Four servers on one PostgreSQL, which start sooner than the workers of two."""
    chosen = CHEAP_HASHING | SHARED | settings
    with ExitStack() as stack:
        yield [
            stack.enter_context(running_server(folder / name, **chosen))
            for name in ("one", "two", "three", "four")
        ]


@contextmanager
def servers_with_workers(folder: Path, **settings: str) -> Iterator[Servers]:
    """Two servers with two workers each, on one PostgreSQL."""
    chosen = CHEAP_HASHING | SHARED | settings
    with (
        running_workers(folder / "one", 2, **chosen) as one,
        running_workers(folder / "two", 2, **chosen) as two,
    ):
        yield [one, two]


@contextmanager
def front_end(servers: Servers) -> Iterator[Client]:
    """A client that sends each request to one of the servers."""

    def anywhere(request: httpx2.Request) -> None:
        request.url = httpx2.URL(f"{random.choice(servers).url}/graphql")

    hooks: Any = {"request": [anywhere]}
    with httpx2.Client(base_url="http://any", event_hooks=hooks, timeout=30) as http:
        yield Client(http)


@pytest.fixture(params=[*DATABASES, *([MANY] if POSTGRES else [])])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Servers]:
    """One server on each kind of database, and many on PostgreSQL."""
    kind = str(request.param)
    chosen = {} if kind == "sqlite" else request.getfixturevalue("migrated_postgres")
    if kind == MANY:
        with many_servers(tmp_path, **chosen) as running:
            yield running
    else:
        with running_server(tmp_path / "var", **chosen) as one:
            yield [one]


@pytest.fixture
def visitor(servers: Servers) -> Iterator[Client]:
    """A client of all servers."""
    with front_end(servers) as client:
        yield client


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    """A connection to the one server of a module's own fixture."""
    with httpx2.Client(base_url=server.url, timeout=30) as opened:
        yield opened


@pytest.fixture
def joe(http: httpx2.Client) -> Client:
    """Joe, who has just signed up."""
    client = Client(http)
    client.sign_up(JOE)
    return client
