"""Of simultaneous guesses, no more are checked than of guesses one after another."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.conftest import DATABASES, POSTGRES
from tests.flows.conftest import MANY, Servers, front_end, many_servers
from tests.support import (
    CHEAP_HASHING,
    PASSWORD,
    Authenticator,
    Client,
    RefusedError,
    answer_of,
    payload,
    running_server,
)

VICTIMS = 8
"""How many users are attacked, each once, so that no code is needed twice."""
AS_MANY_AS = {"AUTH_TRUSTED_PROXIES": "127.0.0.1"}
"""The attacker uses a different address for each guess."""


@pytest.fixture(params=[*DATABASES, *([MANY] if POSTGRES else [])])
def attacked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Servers, int]]:
    """Servers on which an account has one guess, or ten, before it must wait."""
    only_one = "codes_one_is_checked" in request.node.name
    kind, allowed = str(request.param), 1 if only_one else 10
    limit = AS_MANY_AS | {"AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": str(allowed)}
    chosen = {} if kind == "sqlite" else request.getfixturevalue("migrated_postgres")
    if kind == MANY:
        with many_servers(tmp_path, **limit, **chosen) as running:
            yield running, allowed
    else:
        with running_server(tmp_path / "var", **CHEAP_HASHING, **limit, **chosen) as one:
            yield [one], allowed


def at_once(servers: Servers, operation: str, guesses: list[dict[str, str]]) -> Counter[str]:
    """Send each guess from its own address to one of the servers; return the results."""

    async def one(http: httpx2.AsyncClient, number: int, guess: dict[str, str]) -> str:
        response = await http.post(
            f"{random.choice(servers).url}/graphql",
            json=payload(operation, guess),
            headers={"x-forwarded-for": f"198.51.100.{number}"},
        )
        try:
            answer_of(operation, response)
        except RefusedError as refused:
            return refused.code
        return "SESSION"

    async def attack() -> list[str]:
        limits = httpx2.Limits(max_connections=len(guesses))
        async with httpx2.AsyncClient(limits=limits, timeout=60) as http:
            return await asyncio.gather(*(one(http, *each) for each in enumerate(guesses)))

    return Counter(asyncio.run(attack()))


def victim(client: Client, number: int) -> tuple[str, Authenticator]:
    email = f"victim-{number}@example.com"
    client.http.headers["x-forwarded-for"] = f"192.0.2.{number}"
    client.access_token = None
    client.sign_up(email)
    phone = client.enrol()
    client.access_token = None
    return email, phone


def among(right: str, wrong: str, many: int) -> list[str]:
    """Put the right guess somewhere among wrong ones."""
    guesses = [wrong] * (many - 1)
    guesses.insert(random.randrange(many), right)
    return guesses


@pytest.mark.parametrize("by", ["totp", "recovery"])
def test_of_twenty_simultaneous_codes_one_is_checked(
    attacked: tuple[Servers, int], by: str
) -> None:
    servers, _ = attacked
    let_in, told = 0, []
    with front_end(servers) as client:
        for number in range(VICTIMS):
            email, phone = victim(client, number)
            tickets = [client.ticket(email) for _ in range(20)]
            if by == "totp":
                operation, argument = "verifySignInMfaTotp", "otp"
                codes = among(phone.next_code(), phone.wrong_code(), 20)
            else:
                operation, argument = "verifySignInMfaRecoveryCode", "recoveryCode"
                codes = among(phone.recovery_codes[0], "AAAAA-AAAAA", 20)
            answers = at_once(
                servers,
                operation,
                [
                    {"ticket": ticket, argument: code}
                    for ticket, code in zip(tickets, codes, strict=True)
                ],
            )
            told.append(dict(answers))
            wrong = answers["INVALID_TOTP"] + answers["INVALID_RECOVERY_CODE"]
            assert wrong <= 1, f"{wrong} wrong guesses were checked, not at most 1: {told}"
            let_in += answers["SESSION"]
    assert let_in <= 4, f"the right one of 20 got in {let_in} times of {VICTIMS}: {told}"


def test_of_fifty_simultaneous_codes_for_a_ticket_five_are_checked(
    attacked: tuple[Servers, int],
) -> None:
    servers, _ = attacked
    let_in, told = 0, []
    with front_end(servers) as client:
        for number in range(VICTIMS):
            email, phone = victim(client, number)
            ticket = client.ticket(email)
            codes = among(phone.next_code(), phone.wrong_code(), 50)
            answers = at_once(
                servers, "verifySignInMfaTotp", [{"ticket": ticket, "otp": code} for code in codes]
            )
            told.append(dict(answers))
            looked = answers["INVALID_TOTP"] + answers["SESSION"]
            assert looked <= 5, f"{looked} guesses were checked, not at most 5: {told}"
            let_in += answers["SESSION"]
    assert let_in <= 5, f"the right one of 50 got in {let_in} times of {VICTIMS}: {told}"


def test_of_forty_simultaneous_passwords_ten_are_checked(attacked: tuple[Servers, int]) -> None:
    servers, allowed = attacked
    let_in, told = 0, []
    with front_end(servers) as client:
        for number in range(VICTIMS):
            email = f"victim-{number}@example.com"
            client.http.headers["x-forwarded-for"] = f"192.0.2.{number}"
            client.sign_up(email)
            guesses = among(PASSWORD, "a wrong guess", 40)
            answers = at_once(
                servers,
                "signInEmailPassword",
                [{"email": email, "password": guess} for guess in guesses],
            )
            told.append(dict(answers))
            wrong = answers["INVALID_EMAIL_PASSWORD"]
            # A right guess clears the count, so as many may follow it.
            assert wrong <= allowed * (1 + answers["SESSION"]), told
            let_in += answers["SESSION"]
    assert let_in <= 7, f"the right one of 40 got in {let_in} times of {VICTIMS}: {told}"
