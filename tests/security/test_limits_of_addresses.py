"""What strangers at an address can do to its other users, and what many addresses can do."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.support import (
    CHEAP_HASHING,
    JOE,
    PASSWORD,
    SHIPPED_LIMITS,
    Server,
    payload,
    running_server,
)


@pytest.fixture
def server(tmp_path: Path, migrated_database: dict[str, str]) -> Iterator[Server]:
    """A server with the shipped limits, except that of requests, behind a proxy."""
    settings = SHIPPED_LIMITS | CHEAP_HASHING | migrated_database
    settings |= {"AUTH_TRUSTED_PROXIES": "127.0.0.1", "AUTH_RATE_LIMIT_GLOBAL_BURST": "100000"}
    with running_server(tmp_path / "var", **settings) as running:
        yield running


def sign_in(server: Server, address: str, email: str, password: str = "wrong") -> str:
    body = payload("signInEmailPassword", {"email": email, "password": password})
    headers = {"x-forwarded-for": address}
    response = httpx2.post(f"{server.url}/graphql", json=body, headers=headers, timeout=30)
    errors = response.json().get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else ""


def sign_up(server: Server, address: str, email: str) -> None:
    body = payload("signUpEmailPassword", {"email": email, "password": PASSWORD})
    headers = {"x-forwarded-for": address}
    response = httpx2.post(f"{server.url}/graphql", json=body, headers=headers, timeout=30)
    assert "errors" not in response.json()


def test_guesses_at_invented_accounts_do_not_lock_an_office_out(server: Server) -> None:
    office = "192.0.2.7"
    sign_up(server, office, JOE)
    sign_up(server, "192.0.2.99", "amy@example.com")
    for n in range(10):
        assert sign_in(server, office, f"invented-{n}@example.com") == "INVALID_EMAIL_PASSWORD"
    assert sign_in(server, office, JOE, PASSWORD) == ""
    assert sign_in(server, office, "amy@example.com", PASSWORD) == "", "new here"
    for n in range(300):
        sign_in(server, office, f"more-{n}@example.com")
    assert sign_in(server, office, JOE, PASSWORD) == "", "this user has signed in from here before"
    assert sign_in(server, office, JOE) == "TOO_MANY_REQUESTS", (
        "a wrong password gets the same answer"
    )
    assert sign_in(server, office, "nobody@example.com") == "TOO_MANY_REQUESTS"


def test_an_ipv6_network_is_limited_as_a_whole(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = Counter(
            pool.map(
                lambda n: sign_in(server, f"2001:db8:1:{n:x}::1", f"invented-{n}@example.com"),
                range(300),
            )
        )
    looked = answers["INVALID_EMAIL_PASSWORD"]
    assert looked == 144, f"{looked} guesses of 300 from 300 /64s in two /56s were checked"
    with ThreadPoolExecutor(8) as pool:
        answers = Counter(
            pool.map(
                lambda n: sign_in(server, f"2001:db8:1:{n:x}00::1", f"more-{n}@example.com"),
                range(16, 216),
            )
        )
    more = answers["INVALID_EMAIL_PASSWORD"]
    assert more == 56, f"{more} more of 200 from 200 /56s of the same /48 were checked"


def test_many_addresses_have_ten_guesses_at_one_account(server: Server) -> None:
    sign_up(server, "192.0.2.7", JOE)
    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(lambda n: sign_in(server, f"198.51.100.{n}", JOE), range(200)))
    looked = answers["INVALID_EMAIL_PASSWORD"]
    assert looked == 10, f"{looked} guesses of 200 from 200 addresses were checked"
    assert sign_in(server, "192.0.2.7", JOE, PASSWORD) == ""
