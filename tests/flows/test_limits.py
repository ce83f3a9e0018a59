"""Attacks on the shipped limits, over HTTP."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support import (
    JOE,
    PASSWORD,
    SHIPPED_LIMITS,
    Client,
    RefusedError,
    Server,
    payload,
    running_server,
)

WRONG = payload("signInEmailPassword", {"email": JOE, "password": "a wrong guess"})
RIGHT = payload("signInEmailPassword", {"email": JOE, "password": PASSWORD})


@pytest.fixture
def server(tmp_path: Path, migrated_database: dict[str, str]) -> Iterator[Server]:
    """A server with the shipped limits, behind a proxy on this machine."""
    settings = SHIPPED_LIMITS | migrated_database | {"AUTH_TRUSTED_PROXIES": "127.0.0.0/8"}
    with running_server(tmp_path / "var", **settings) as running:
        yield running


def told(response: httpx2.Response) -> str:
    errors = response.json().get("errors")
    return str(errors[0]["extensions"]["code"]) if errors else ""


def ask(server: Server, body: Any, address: str = "192.0.2.7") -> httpx2.Response:
    """Send a request as the proxy would for a client with this address."""
    headers = {"x-forwarded-for": address}
    return httpx2.post(f"{server.url}/graphql", json=body, headers=headers, timeout=30)


def test_an_address_has_fifty_wrong_passwords_at_all_accounts(server: Server) -> None:
    for n in range(50):
        body = payload("signInEmailPassword", {"email": f"{n}@example.com", "password": "x"})
        assert told(ask(server, body)) == "INVALID_EMAIL_PASSWORD"
    refused = ask(server, WRONG)
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
    assert 200 <= error["extensions"]["retryAfter"] <= 300
    assert refused.headers["retry-after"] == str(error["extensions"]["retryAfter"])
    assert told(ask(server, WRONG, "192.0.2.8")) == "INVALID_EMAIL_PASSWORD"


def test_a_successful_sign_in_is_not_counted(server: Server) -> None:
    with httpx2.Client(base_url=server.url, headers={"x-forwarded-for": "192.0.2.7"}) as http:
        session = Client(http).sign_up(JOE)
        for _ in range(11):
            Client(http).call("signInEmailPassword", email=JOE, password=PASSWORD)
        for _ in range(11):
            session = Client(http).call("refreshSession", refreshToken=session["refreshToken"])


def test_an_address_has_ten_sign_ups(server: Server) -> None:
    answers = []
    for n in range(11):
        variables = {"email": f"{n}@example.com", "password": PASSWORD}
        answers.append(told(ask(server, payload("signUpEmailPassword", variables))))
    assert answers == [""] * 10 + ["TOO_MANY_REQUESTS"]
    assert told(ask(server, WRONG)) == "INVALID_EMAIL_PASSWORD", "sign-ins have their own count"


def test_an_address_has_a_hundred_requests_a_minute(server: Server) -> None:
    body = {"query": "{ __typename }"}
    assert {told(ask(server, body)) for _ in range(100)} == {""}
    refused = ask(server, body)
    assert refused.status_code == 429
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert error["extensions"]["retryAfter"] == int(refused.headers["retry-after"])
    assert refused.headers["cache-control"] == "no-store"
    assert ask(server, body, "192.0.2.8").status_code == 200
    assert httpx2.get(f"{server.url}/healthz").status_code == 200


def test_strangers_cannot_use_up_a_signed_in_users_requests(server: Server) -> None:
    body = payload("signUpEmailPassword", {"email": JOE, "password": PASSWORD})
    token = ask(server, body).json()["data"]["signUpEmailPassword"]["accessToken"]
    for _ in range(101):
        stranger = ask(server, {"query": "{ __typename }"})
    assert stranger.status_code == 429
    headers = {"x-forwarded-for": "192.0.2.7", "authorization": f"Bearer {token}"}
    me = payload("me", {})
    with httpx2.Client(base_url=server.url, headers=headers) as http:
        statuses = [http.post("/graphql", json=me).status_code for _ in range(101)]
        assert statuses == [200] * 100 + [429], "and each session has a limit too"
    forged = httpx2.post(f"{server.url}/graphql", json=me, headers=headers | {
        "authorization": f"Bearer {token[:-4]}AAAA"
    })  # fmt: skip
    assert forged.status_code == 429


def test_a_valid_refresh_token_works_without_guesses_left(
    server: Server,
) -> None:
    body = payload("signUpEmailPassword", {"email": JOE, "password": PASSWORD})
    session = ask(server, body).json()["data"]["signUpEmailPassword"]
    guess = payload("refreshSession", {"refreshToken": "a guess"})
    answers = [told(ask(server, guess)) for _ in range(51)]
    assert answers == ["INVALID_REFRESH_TOKEN"] * 50 + ["TOO_MANY_REQUESTS"]
    good = payload("refreshSession", {"refreshToken": session["refreshToken"]})
    assert told(ask(server, good)) == ""


def test_guesses_at_tickets_are_limited(server: Server) -> None:
    body = payload("verifySignInMfaTotp", {"ticket": "mfaTotp:guess", "otp": "000000"})
    answers = [told(ask(server, body)) for _ in range(51)]
    assert answers == ["INVALID_TICKET"] * 50 + ["TOO_MANY_REQUESTS"]


def test_an_account_slows_down_for_guesses_from_many_addresses(server: Server) -> None:
    home = "192.0.2.99"
    sign_up = payload("signUpEmailPassword", {"email": JOE, "password": PASSWORD})
    assert told(ask(server, sign_up, home)) == ""
    answers = [told(ask(server, WRONG, f"198.51.100.{n}")) for n in range(12)]
    assert answers == ["INVALID_EMAIL_PASSWORD"] * 10 + ["TOO_MANY_REQUESTS"] * 2
    assert told(ask(server, RIGHT, "198.51.100.200")) == "TOO_MANY_REQUESTS"
    assert told(ask(server, RIGHT, home)) == ""


def test_two_servers_share_the_count_of_an_account(tmp_path: Path, server: Server) -> None:
    again = {name: value for name, value in server.env.items() if name == "DATABASE_URL"}
    settings = SHIPPED_LIMITS | again | {"AUTH_TRUSTED_PROXIES": "127.0.0.1"}
    with running_server(server.data_dir, **settings) as other:
        answers = [told(ask((server, other)[n % 2], WRONG, f"198.51.100.{n}")) for n in range(12)]
    assert answers == ["INVALID_EMAIL_PASSWORD"] * 10 + ["TOO_MANY_REQUESTS"] * 2


@pytest.mark.parametrize("elsewhere", [False, True])
def test_of_fifty_simultaneous_wrong_passwords_ten_are_checked(
    server: Server, elsewhere: bool
) -> None:
    async def attack() -> list[str]:
        limits = httpx2.Limits(max_connections=50)
        async with httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=60) as http:
            requests = (
                http.post(
                    "/graphql",
                    json=WRONG,
                    headers={"x-forwarded-for": f"192.0.2.{n if elsewhere else 7}"},
                )
                for n in range(50)
            )
            return [told(response) for response in await asyncio.gather(*requests)]

    answers = sorted(asyncio.run(attack()))
    assert answers == ["INVALID_EMAIL_PASSWORD"] * 10 + ["TOO_MANY_REQUESTS"] * 40


SIGN_IN = 'signInEmailPassword(email: "joe@example.com", password: "%s") { __typename }'
MANY = [f"n{n}: {SIGN_IN % n}" for n in range(20)]


@pytest.mark.parametrize(
    "body",
    [
        {"query": f"mutation {{ {' '.join(MANY)} }}"},
        {"query": f"mutation {{ {' '.join(f'... {{ {one} }}' for one in MANY)} }}"},
        {
            "query": "mutation { "
            + " ".join(f"...F{n}" for n in range(20))
            + " } "
            + " ".join(f"fragment F{n} on Mutation {{ {one} }}" for n, one in enumerate(MANY))
        },
        [WRONG] * 20,
        {
            "query": " ".join(f"mutation M{n} {{ {one} }}" for n, one in enumerate(MANY)),
            "operationName": "M3",
        },
    ],
    ids=["aliases", "inline fragments", "fragments", "batch", "operations"],
)
def test_one_request_is_at_most_one_guess(server: Server, body: Any) -> None:
    ask(server, body)
    answers = [told(ask(server, WRONG)) for _ in range(11)]
    assert answers.count("INVALID_EMAIL_PASSWORD") >= 9


def test_a_stranger_cannot_choose_an_address(tmp_path: Path) -> None:
    with running_server(tmp_path / "var", **SHIPPED_LIMITS) as server:
        answers = [told(ask(server, WRONG, f"198.51.100.{n}")) for n in range(11)]
        assert answers[-1] == "TOO_MANY_REQUESTS"


def test_events_and_sessions_have_the_clients_address(server: Server) -> None:
    with httpx2.Client(base_url=server.url, headers={"x-forwarded-for": "2001:db8::7"}) as http:
        client = Client(http)
        client.sign_up(JOE)
        with pytest.raises(RefusedError):
            client.call("signInEmailPassword", email=JOE, password="wrong")
        me = client.call("me")
    assert {edge["node"]["address"] for edge in me["sessions"]["edges"]} == {"2001:db8::7"}
    addresses = {edge["node"]["address"] for edge in me["securityEvents"]["edges"]}
    assert addresses == {"2001:db8::7"}


def test_strangers_cannot_count_against_a_users_known_network(server: Server) -> None:
    """Whatever they send as an address, it must not be counted as the user's own network."""
    home = "203.0.113.5"
    with httpx2.Client(base_url=server.url, headers={"x-forwarded-for": home}) as http:
        Client(http).sign_up(JOE)
        for text in (JOE, f"{JOE} from {home}", f"from {home}: password of {JOE}"):
            body = payload("signInEmailPassword", {"email": text, "password": "a wrong guess"})
            for n in range(12):
                ask(server, body, f"192.0.2.{n}")
        assert told(ask(server, RIGHT, "192.0.2.99")) == "TOO_MANY_REQUESTS"
        assert told(ask(server, RIGHT, home)) == ""
