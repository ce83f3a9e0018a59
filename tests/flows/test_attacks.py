"""Attacks on the guarantees, over HTTP against a real server process."""

import asyncio
import base64
import re
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from tests.flows.conftest import Servers
from tests.support import (
    OPERATIONS,
    PASSWORD,
    Authenticator,
    Client,
    RefusedError,
    Server,
    all_at_once,
    payload,
    running_server,
    sessions_among,
)

JOE = "joe@example.com"


@pytest.mark.parametrize("tickets", [1, 50])
def test_of_fifty_verifications_with_one_code_one_gets_a_session(
    visitor: Client, servers: Servers, tickets: int
) -> None:
    visitor.sign_up(JOE)
    phone = visitor.enrol()
    opened = [visitor.ticket(JOE) for _ in range(tickets)]
    code = phone.next_code()
    answers = all_at_once(
        servers,
        "verifySignInMfaTotp",
        [{"ticket": opened[n % tickets], "otp": code} for n in range(50)],
    )
    assert len(sessions_among(answers)) == 1
    assert {answer for answer in answers if isinstance(answer, str)} <= {
        "INVALID_TICKET",
        "INVALID_TOTP",
    }


def test_of_fifty_activations_one_succeeds(visitor: Client, servers: Servers) -> None:
    session = visitor.sign_up(JOE)
    phone = Authenticator.scan(visitor.call("changeUserMfa")["imageUrl"])
    variables = {"activeMfaType": "totp", "code": phone.next_code()}
    answers = all_at_once(
        servers, "verifyChangeUserMfa", [variables] * 50, access_token=session["accessToken"]
    )
    assert len(sessions_among(answers)) == 1
    assert {answer for answer in answers if isinstance(answer, str)} <= {
        "INVALID_TOTP",
        "TOTP_ALREADY_ACTIVE",
        "ELEVATED_CLAIM_REQUIRED",  # there is a factor by now, which this session has not shown
    }


def test_of_fifty_sign_ups_with_one_address_one_succeeds(servers: Servers) -> None:
    variables = {"email": JOE, "password": PASSWORD, "displayName": None}
    answers = all_at_once(servers, "signUpEmailPassword", [variables] * 50)
    assert len(sessions_among(answers)) == 1
    assert answers.count("EMAIL_ALREADY_IN_USE") == 49


def test_fifty_simultaneous_guesses_at_a_ticket_get_five_attempts(
    visitor: Client, servers: Servers
) -> None:
    visitor.sign_up(JOE)
    guess = {"ticket": "", "otp": visitor.enrol().wrong_code()}
    guess["ticket"] = visitor.ticket(JOE)
    answers = all_at_once(servers, "verifySignInMfaTotp", [guess] * 50)
    assert sorted(answers) == ["INVALID_TICKET"] * 45 + ["INVALID_TOTP"] * 5


def test_health_is_answered_while_passwords_are_hashed(server: Server) -> None:
    async def attack() -> int:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
            wrong = payload("signInEmailPassword", {"email": JOE, "password": "wrong"})
            hashing = [asyncio.create_task(http.post("/graphql", json=wrong)) for _ in range(30)]
            await asyncio.sleep(0)
            answered = 0
            while not all(task.done() for task in hashing):
                assert (await http.get("/healthz")).json() == "OK"
                answered += 1
        return answered

    assert asyncio.run(attack()) > 5


def test_no_secret_is_stored_or_logged_in_clear_text(tmp_path: Path) -> None:
    """Search the bytes of every file of a server for every secret that passed through it."""
    with running_server(tmp_path / "var") as server, httpx2.Client(base_url=server.url) as http:
        client = Client(http)
        first = client.sign_up(JOE)
        enrolment = client.call("changeUserMfa")
        pending = search(server, enrolment["totpSecret"])
        phone = client.enrol()
        tickets = [client.ticket(JOE) for _ in range(3)]
        code = phone.next_code()
        second = client.call("verifySignInMfaTotp", ticket=tickets[0], otp=code)
        with pytest.raises(RefusedError):
            client.call("verifySignInMfaTotp", ticket=tickets[1], otp=phone.wrong_code())
        with pytest.raises(RefusedError):
            client.call("signInEmailPassword", email=JOE, password=f"{PASSWORD}!")
        secrets = [PASSWORD, phone.secret, *tickets, code, first["accessToken"]]
        secrets += [session["refreshToken"] for session in (first, second)]
        recovered = client.call(
            "verifySignInMfaRecoveryCode", ticket=tickets[2], recoveryCode=phone.recovery_codes[0]
        )
        secrets += [recovered["refreshToken"], *phone.recovery_codes]
        assert search(server, JOE), "the search finds what is stored in clear text"
        assert pending == []
        for secret in secrets:
            assert search(server, secret) == []
    assert JOE not in server.log()


def test_no_refusal_repeats_a_secret(tmp_path: Path) -> None:
    """Everything that can go wrong, with real secrets in wrong places."""
    key = base64.b64encode(b"an encryption key, thirty-two b.").decode()
    with (
        running_server(tmp_path / "var", AUTH_ENCRYPTION_KEYS=key) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        answers: list[str] = []
        joe = Client(http)
        session = joe.sign_up(JOE)
        phone = joe.enrol()
        ticket, code = joe.ticket(JOE), phone.next_code()
        secrets = {
            "password": PASSWORD,
            "ticket": ticket,
            "otp": code,
            "code": phone.recovery_codes[0],
            "totpSecret": phone.secret,
            "refreshToken": session["refreshToken"],
            "accessToken": session["accessToken"],
            "key": key,
        }
        names = sorted(
            {name for text in OPERATIONS.values() for name in re.findall(r"\$(\w+):", text)}
        )
        for operation in OPERATIONS:
            for secret in secrets.values():
                for token in (None, secret, f"{session['accessToken']}x"):
                    for shape in (f"{secret}!", [secret], {secret: secret}):
                        variables = dict.fromkeys(names, shape)
                        headers = {"authorization": f"Bearer {token}"} if token else {}
                        body = payload(operation, variables)
                        answers.append(http.post("/graphql", json=body, headers=headers).text)
            for secret in secrets.values():
                inline = f'mutation {{ {operation}(x: "{secret}" "{secret}" {secret}) }}'
                answers.append(http.post("/graphql", json={"query": inline}).text)
                answers.append(http.get("/graphql", params={"query": secret}).text)
        log = server.log()
    assert len(answers) > 500
    for name, secret in secrets.items():
        told = [answer for answer in answers if secret in answer]
        assert told == [], name
        assert secret not in log, name


def search(server: Server, secret: str) -> list[str]:
    """Return the server's files that contain a secret in any of its usual forms."""
    forms = [secret.encode(), secret.encode("utf-16-le"), secret.replace("-", "").encode()]
    forms += [base64.b64encode(secret.encode()), secret.encode().hex().encode()]
    if secret.isupper() and len(secret) == 32:
        raw = base64.b32decode(secret)
        forms += [raw, raw.hex().encode(), base64.b64encode(raw)]
    elif found := re.fullmatch(r"(?:mfaTotp:)?([0-9a-f]{8}(?:-[0-9a-f]{4,12}){4})", secret):
        raw = UUID(found[1]).bytes
        forms += [raw, base64.b64encode(raw)]
    files = [*(path for path in server.data_dir.rglob("*") if path.is_file()), server.output]
    return [file.name for file in files if any(form in file.read_bytes() for form in forms)]


def test_a_concealed_right_password_is_not_revealed_while_factors_are_off(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path / "var") as server, httpx2.Client(base_url=server.url) as http:
        client = Client(http)
        client.sign_up(JOE)
        client.enrol()
    off = {"AUTH_MFA_ENABLED": "false", "AUTH_CONCEAL_ERRORS": "true"}
    with (
        running_server(tmp_path / "var", **off) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        for path in ("/graphql", "/v1/signin/email-password"):
            told = set()
            for password in (PASSWORD, "wrong"):
                given = {"email": JOE, "password": password}
                body = payload("signInEmailPassword", given) if path == "/graphql" else given
                answer = http.post(path, json=body)
                told.add((answer.status_code, answer.text))
            assert len(told) == 1
        with pytest.raises(RefusedError) as refused:
            Client(http).call("changeUserMfa")
        assert refused.value.code == "DISABLED_ENDPOINT", "it reveals nothing about an account"
