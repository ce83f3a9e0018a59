"""A user with very many sessions costs no more than one page."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.support import (
    CHEAP_HASHING,
    JOE,
    PASSWORD,
    Client,
    all_at_once,
    payload,
    running_server,
)

ASKED = 8
ALIASES = " ".join(
    f"a{n}: me {{ sessions(first: 100) {{ edges {{ node {{ id userAgent address }} }} }} }}"
    for n in range(ASKED)
)


def test_the_oldest_sessions_end_and_pages_are_bounded(
    tmp_path: Path, migrated_database: dict[str, str]
) -> None:
    with (
        running_server(tmp_path / "var", **CHEAP_HASHING, **migrated_database) as server,
        httpx2.Client(base_url=server.url, timeout=60) as http,
    ):
        client = Client(http)
        first = client.sign_up(JOE)
        body = payload("signInEmailPassword", {"email": JOE, "password": PASSWORD})
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: http.post("/graphql", json=body), range(140)))
        client.access_token = client.call("signInEmailPassword", email=JOE, password=PASSWORD)[
            "accessToken"
        ]
        assert len(client.devices()) == 100
        headers = {"authorization": f"Bearer {first['accessToken']}"}
        over = http.post("/graphql", json=payload("me", {}), headers=headers).json()
        assert over["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        headers = {"authorization": f"Bearer {client.access_token}"}
        answer = http.post("/graphql", json={"query": f"{{ {ALIASES} }}"}, headers=headers)
        size = len(answer.content)
        assert size < 250_000, f"{ASKED} aliases of a page were answered with {size} bytes"
        edges = client.call("me")["securityEvents"]["edges"]
        assert "SESSION_DISPLACED" in [edge["node"]["type"] for edge in edges]


@pytest.mark.parametrize("most", [5, 66])
def test_sign_ins_at_once_do_not_exceed_the_limit_of_sessions(
    tmp_path: Path, migrated_database: dict[str, str], most: int
) -> None:
    limit = {"AUTH_SESSIONS_PER_USER": str(most)}
    with (
        running_server(tmp_path / "var", **CHEAP_HASHING, **migrated_database, **limit) as server,
        httpx2.Client(base_url=server.url, timeout=60) as http,
    ):
        client = Client(http)
        client.sign_up(JOE)
        sign_in = {"email": JOE, "password": PASSWORD}
        for _ in range(most - 2):
            client.call("signInEmailPassword", **sign_in)
        for _ in range(3):
            all_at_once(server, "signInEmailPassword", [sign_in] * 30)
            client.access_token = client.call("signInEmailPassword", **sign_in)["accessToken"]
            assert len(client.devices()) == most
