"""What a thief of a refresh token can do while the victim uses the session."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from tests.flows.conftest import Servers
from tests.support import (
    JOE,
    PASSWORD,
    Client,
    RefusedError,
    Server,
    all_at_once,
    answer_of,
    payload,
    running_server,
    sessions_among,
)

NEW = "another good password"


def refreshed(client: Client, token: str) -> Any:
    """Return the next session, or the code of the refusal."""
    try:
        return Client(client.http).call("refreshSession", refreshToken=token)
    except RefusedError as refused:
        return refused.code


def claims(session: Any) -> Any:
    return jwt.decode(session["accessToken"], options={"verify_signature": False})


def test_fifty_simultaneous_refreshes_leave_one_live_token(
    visitor: Client, servers: Servers
) -> None:
    token = visitor.sign_up(JOE)["refreshToken"]
    for generation in range(3):
        answers = all_at_once(servers, "refreshSession", [{"refreshToken": token}] * 50)
        tokens = {session["refreshToken"] for session in sessions_among(answers)}
        assert len(sessions_among(answers)) == 50, answers
        assert len(tokens) == 1, f"{len(tokens)} chains in generation {generation}"
        (token,) = tokens
    assert len(visitor.devices()) == 1


def change_password(client: Client) -> Any:
    return client.call("changeUserPassword", currentPassword=PASSWORD, newPassword=NEW)


def elevate(client: Client) -> Any:
    return client.call("elevate", password=PASSWORD)


def turn_the_factor_on(client: Client) -> Any:
    client.enrol()


@pytest.mark.parametrize("change", [change_password, elevate, turn_the_factor_on])
def test_a_change_of_credentials_revokes_every_older_token(visitor: Client, change: Any) -> None:
    first = visitor.sign_up(JOE)["refreshToken"]
    second = refreshed(visitor, first)["refreshToken"]
    change(visitor)
    assert refreshed(visitor, first) == "INVALID_REFRESH_TOKEN"
    assert refreshed(visitor, second) == "INVALID_REFRESH_TOKEN"
    assert len(visitor.devices()) == 1, "the caller's session continues"


def test_turning_off_and_new_codes_revoke_older_tokens(visitor: Client) -> None:
    visitor.sign_up(JOE)
    phone = visitor.enrol()
    visitor.access_token = None
    ticket = visitor.ticket(JOE)
    session = visitor.call(
        "verifySignInMfaRecoveryCode", ticket=ticket, recoveryCode=phone.recovery_codes[0]
    )
    visitor.access_token = session["accessToken"]
    change = visitor.call("regenerateRecoveryCodes", code=phone.next_code())
    assert refreshed(visitor, session["refreshToken"]) == "INVALID_REFRESH_TOKEN"
    kept = change["session"]["refreshToken"]
    visitor.access_token = change["session"]["accessToken"]
    visitor.call("verifyChangeUserMfa", activeMfaType="", code=change["recoveryCodes"][0])
    assert refreshed(visitor, kept) == "INVALID_REFRESH_TOKEN"


def test_an_elevation_never_passes_to_an_older_token(visitor: Client, servers: Servers) -> None:
    """Thirty refreshes of a stolen token race the victim's elevation, ten times."""
    won = 0
    for n in range(10):
        visitor.access_token = None
        stolen = visitor.sign_up(f"victim-{n}@example.com")
        before = claims(stolen)["auth_time"]
        time.sleep(1.05 - time.time() % 1)  # so that the times differ

        server = servers[n % len(servers)]

        async def race(stolen: Any = stolen, server: Server = server) -> list[Any]:
            async with httpx2.AsyncClient(timeout=60) as http:
                headers = {"authorization": f"Bearer {stolen['accessToken']}"}
                url = f"{server.url}/graphql"
                again = payload("refreshSession", {"refreshToken": stolen["refreshToken"]})
                up = payload("elevate", {"password": PASSWORD})
                thief = [http.post(url, json=again) for _ in range(15)]
                more = [http.post(url, json=again) for _ in range(15)]
                return await asyncio.gather(*thief, http.post(url, json=up, headers=headers), *more)

        answers = asyncio.run(race())
        victim = answer_of("elevate", answers.pop(15))
        assert claims(victim)["auth_time"] > before
        for response in answers:
            if "errors" not in response.json():
                got = answer_of("refreshSession", response)
                assert claims(got)["auth_time"] == before
                assert refreshed(visitor, got["refreshToken"]) == "INVALID_REFRESH_TOKEN"
                won += 1
        assert not isinstance(refreshed(visitor, victim["refreshToken"]), str)
    assert won <= 300, f"{won} refreshes came before the elevation, and no token survived it"


def test_thief_and_victim_cannot_both_continue(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var", AUTH_REFRESH_TOKEN_REUSE_INTERVAL="1") as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        victim = Client(http)
        stolen = victim.sign_up(JOE)["refreshToken"]
        token = stolen
        for _ in range(2):
            token = refreshed(victim, token)["refreshToken"]
        time.sleep(1.1)
        assert refreshed(victim, stolen) == "INVALID_REFRESH_TOKEN"
        assert refreshed(victim, token) == "INVALID_REFRESH_TOKEN", "the session has ended"
        victim.access_token = victim.call("signInEmailPassword", email=JOE, password=PASSWORD)[
            "accessToken"
        ]
        edges = victim.call("me")["securityEvents"]["edges"]
        assert "REFRESH_TOKEN_REUSED" in [edge["node"]["type"] for edge in edges]


def test_a_lost_response_can_be_fetched_a_day_later(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var", AUTH_REFRESH_TOKEN_REUSE_INTERVAL="0") as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        phone = Client(http)
        token = phone.sign_up(JOE)["refreshToken"]
        lost = refreshed(phone, token)
        again = refreshed(phone, token)
        assert again["refreshToken"] == lost["refreshToken"]
        assert again["refreshTokenId"] == lost["refreshTokenId"]
