"""Two servers with two workers each, on one PostgreSQL: every process gives the same answers.

`test_attacks.py` runs its attacks against them too.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.flows.conftest import Servers, front_end, servers_with_workers
from tests.support import (
    JOE,
    PASSWORD,
    Client,
    RefusedError,
    all_at_once,
    answer_of,
    payload,
    sessions_among,
    workers_of,
)


@pytest.fixture
def servers(
    tmp_path: Path, migrated_postgres: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[Servers]:
    chosen = migrated_postgres | getattr(request, "param", {})
    with servers_with_workers(tmp_path, **chosen) as running:
        yield running


@pytest.fixture
def client(servers: Servers) -> Iterator[Client]:
    with front_end(servers) as visitor:
        yield visitor


def test_a_story_works_across_all_processes(client: Client) -> None:
    client.sign_up(JOE)
    phone = client.enrol()
    session = client.call("verifySignInMfaTotp", ticket=client.ticket(JOE), otp=phone.next_code())
    for _ in range(10):
        session = client.call("refreshSession", refreshToken=session["refreshToken"])
        client.access_token = session["accessToken"]
        assert client.call("me")["email"] == JOE
    client.call("signOut")
    for _ in range(8):
        with pytest.raises(RefusedError):
            client.call("me")
        client.access_token = session["accessToken"]


def test_fifty_simultaneous_refreshes_get_one_successor_from_all_processes(
    client: Client, servers: Servers
) -> None:
    session = client.sign_up(JOE)
    variables = [{"refreshToken": session["refreshToken"]}] * 50
    answers = all_at_once(servers, "refreshSession", variables)
    assert len(sessions_among(answers)) == 50
    assert len(client.devices()) == 1


@pytest.mark.parametrize(
    "servers", [{"AUTH_TRUSTED_PROXIES": "127.0.0.1", "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "10"}],
    indirect=True,
)  # fmt: skip
def test_all_processes_share_the_count_of_an_account(servers: Servers) -> None:
    async def attack() -> list[str]:
        body = payload("signInEmailPassword", {"email": JOE, "password": "a wrong guess"})
        async with httpx2.AsyncClient(timeout=60) as http:
            requests = (
                http.post(
                    f"{random.choice(servers).url}/graphql",
                    json=body,
                    headers={"x-forwarded-for": f"198.51.100.{n}"},
                )
                for n in range(60)
            )
            answers = [response.json() for response in await asyncio.gather(*requests)]
        return [answer["errors"][0]["extensions"]["code"] for answer in answers]

    assert Counter(asyncio.run(attack())) == {"INVALID_EMAIL_PASSWORD": 10, "TOO_MANY_REQUESTS": 50}


def test_killing_one_process_loses_nothing(client: Client, servers: Servers) -> None:
    """If a server does not answer, the client tries another one, as behind a load balancer."""
    for n in range(20):
        client.sign_up(f"user-{n}@example.com")

    async def sign_in(http: httpx2.AsyncClient, n: int) -> str:
        variables = {"email": f"user-{n % 20}@example.com", "password": PASSWORD}
        body = payload("signInEmailPassword", variables)
        for _ in range(20):
            try:
                response = await http.post(f"{random.choice(servers).url}/graphql", json=body)
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
            else:
                return str(answer_of("signInEmailPassword", response)["refreshToken"])
        raise AssertionError("nobody answers")

    async def under_load() -> list[str]:
        async with httpx2.AsyncClient(timeout=30) as http:
            first = [asyncio.create_task(sign_in(http, n)) for n in range(100)]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            os.kill(workers_of(servers[0])[0], signal.SIGKILL)
            second = [asyncio.create_task(sign_in(http, n)) for n in range(100)]
            return list(await asyncio.gather(*first, *second))

    tokens = asyncio.run(under_load())
    assert len(set(tokens)) == 200
    for token in tokens[::10]:
        client.call("refreshSession", refreshToken=token)


def test_ending_a_session_never_deadlocks_with_a_change_of_the_factor(
    servers: Servers, visitor: Client
) -> None:
    """Each locks the user's row first, so one waits for the other, and neither fails."""
    visitor.sign_up(JOE)
    phone = visitor.enrol()
    for n in range(5):
        ticket = visitor.ticket(JOE)
        code = phone.recovery_codes.pop()
        session = visitor.call("verifySignInMfaRecoveryCode", ticket=ticket, recoveryCode=code)
        headers = {"authorization": f"Bearer {session['accessToken']}"}
        asked = [
            payload("signOut", {"refreshToken": session["refreshToken"]}),
            payload("elevate", {"code": phone.recovery_codes[-1]}),
        ]

        def ask(body: Any, headers: dict[str, str] = headers) -> Any:
            url = f"{random.choice(servers).url}/graphql"
            return httpx2.post(url, json=body, headers=headers, timeout=30).json()

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(ask, asked))
        told = [each["extensions"]["code"] for it in answers for each in it.get("errors", [])]
        assert set(told) <= {"UNAUTHENTICATED"}, (n, told)
        if not told:
            phone.recovery_codes.pop()
