"""Sessions over HTTP: what a thief of each token can do, and what stops the thief."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from joserfc import jwt as jose
from joserfc.jwk import KeySet

from tests.support import (
    JOE,
    PASSWORD,
    Client,
    RefusedError,
    Server,
    postern,
    running_server,
)


def refused(client: Client, operation: str, **variables: Any) -> str:
    try:
        client.call(operation, **variables)
    except RefusedError as error:
        return error.code
    return ""


def test_signing_out_ends_the_access_token_too(client: Client) -> None:
    session = client.sign_up(JOE)
    assert client.call("signOut", refreshToken=session["refreshToken"]) is True
    assert refused(client, "me") == "UNAUTHENTICATED"
    again = refused(client, "refreshSession", refreshToken=session["refreshToken"])
    assert again == "INVALID_REFRESH_TOKEN"


def test_a_device_is_listed_and_revoked(client: Client) -> None:
    client.sign_up(JOE)
    phone = Client(client.http)
    signed_in = phone.call("signInEmailPassword", email=JOE, password=PASSWORD)
    phone.access_token = signed_in["accessToken"]
    devices = client.devices()
    assert sorted(device["current"] for device in devices) == [False, True]
    assert {device["address"] for device in devices} == {"127.0.0.1"}
    assert all("httpx2" in device["userAgent"] for device in devices)
    (other,) = [device["id"] for device in devices if not device["current"]]
    assert client.call("revokeSession", id=other) is True
    assert client.call("revokeSession", id=other) is False
    assert refused(phone, "me") == "UNAUTHENTICATED"
    assert client.call("me")["email"] == JOE


def test_two_simultaneous_refreshes_get_one_successor(client: Client, server: Server) -> None:
    token = client.sign_up(JOE)["refreshToken"]

    def refresh(_n: int) -> Any:
        with httpx2.Client(base_url=server.url, timeout=30) as http:
            return Client(http).call("refreshSession", refreshToken=token)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(refresh, range(8)))
    sids = set()
    for answer in answers:
        sids.add(jwt.decode(answer["accessToken"], options={"verify_signature": False})["sid"])
    assert len(sids) == 1
    assert len(client.devices()) == 1


def test_a_stolen_old_refresh_token_ends_the_session(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var", AUTH_REFRESH_TOKEN_REUSE_INTERVAL="0") as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        victim, thief = Client(http), Client(http)
        stolen = victim.sign_up(JOE)["refreshToken"]
        fresh = victim.call("refreshSession", refreshToken=stolen)
        fresh = victim.call("refreshSession", refreshToken=fresh["refreshToken"])
        assert refused(thief, "refreshSession", refreshToken=stolen) == "INVALID_REFRESH_TOKEN"
        token = fresh["refreshToken"]
        assert refused(victim, "refreshSession", refreshToken=token) == "INVALID_REFRESH_TOKEN"
        assert refused(victim, "me") == "UNAUTHENTICATED"
        victim.access_token = victim.call("signInEmailPassword", email=JOE, password=PASSWORD)[
            "accessToken"
        ]
        edges = victim.call("me")["securityEvents"]["edges"]
        assert "REFRESH_TOKEN_REUSED" in [edge["node"]["type"] for edge in edges]


def test_a_stolen_access_token_cannot_take_over_the_account(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var", AUTH_ELEVATION_MAX_AGE="1") as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        client = Client(http)
        client.sign_up(JOE)
        while refused(client, "changeUserMfa") == "":
            pass
        for operation, variables in {
            "verifyChangeUserMfa": {"activeMfaType": "totp", "code": "123456"},
            "regenerateRecoveryCodes": {"code": "123456"},
            "changeUserPassword": {"currentPassword": PASSWORD, "newPassword": "x" * 20},
        }.items():
            assert refused(client, operation, **variables) == "ELEVATED_CLAIM_REQUIRED"
        assert refused(client, "elevate", password="a guess") == "INVALID_PASSWORD"
        client.access_token = client.call("elevate", password=PASSWORD)["accessToken"]
        assert refused(client, "changeUserMfa") == ""


def test_a_recovery_code_replaces_a_lost_phone(client: Client) -> None:
    client.sign_up(JOE)
    change = client.enrol()
    ticket = client.ticket(JOE)
    spoken = change.recovery_codes[0].lower().replace("-", " ")
    session = client.call("verifySignInMfaRecoveryCode", ticket=ticket, recoveryCode=spoken)
    client.access_token = session["accessToken"]
    assert client.call("me")["recoveryCodesLeft"] == 9
    off = client.call("verifyChangeUserMfa", activeMfaType="", code=change.recovery_codes[1])
    assert off["user"]["activeMfaType"] is None
    assert client.call("me")["recoveryCodesLeft"] == 0
    answer = client.call("signInEmailPassword", email=JOE, password=PASSWORD)
    assert answer["__typename"] == "Session"


def test_a_new_password_ends_the_other_sessions(client: Client) -> None:
    client.sign_up(JOE)
    other = client.call("signInEmailPassword", email=JOE, password=PASSWORD)
    changed = client.call(
        "changeUserPassword", currentPassword=PASSWORD, newPassword="another good password"
    )
    client.access_token = changed["accessToken"]
    assert len(client.devices()) == 1
    stale = refused(client, "refreshSession", refreshToken=other["refreshToken"])
    assert stale == "INVALID_REFRESH_TOKEN"
    assert client.call("changeUser", displayName="Joe") == {"displayName": "Joe", "locale": "en"}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # only the name; the key is Ed25519
def test_a_running_server_signs_with_a_rotated_key(client: Client, server: Server) -> None:
    def kids() -> list[str]:
        return [key["kid"] for key in client.http.get("/.well-known/jwks.json").json()["keys"]]

    client.sign_up(JOE)
    (old,) = kids()
    rotated = postern("rotate-keys", "--json", env=server.env)
    assert rotated.returncode == 0
    assert len(kids()) == 2
    assert client.call("me")["email"] == JOE, "a token of the old key is valid"
    session = client.call("signInEmailPassword", email=JOE, password=PASSWORD)
    new = json.loads(rotated.stdout)["kid"]
    assert jwt.get_unverified_header(session["accessToken"])["kid"] == new
    keys = KeySet.import_key_set(client.http.get("/.well-known/jwks.json").json())
    for token in (client.access_token, session["accessToken"]):
        assert jose.decode(str(token), keys, algorithms=["EdDSA"]).claims["iss"] == "hasura-auth"
    assert old in kids()


def test_a_running_server_sweeps(tmp_path: Path) -> None:
    def database(statement: str) -> list[tuple[int]]:
        with sqlite3.connect(tmp_path / "var" / "postern.db") as connection:
            return connection.execute(statement).fetchall()

    with running_server(tmp_path / "var") as server, httpx2.Client(base_url=server.url) as http:
        client = Client(http)
        client.sign_up(JOE)
        client.enrol()
        client.ticket(JOE)
    database("UPDATE mfa_tickets SET expires_at = '2026-01-01 00:00:00+00:00'")
    with running_server(tmp_path / "var"):
        while database("SELECT count(*) FROM mfa_tickets") != [(0,)]:
            pass
    assert database("SELECT count(*) FROM user_sessions") == [(1,)]


@pytest.mark.parametrize("secret", ['{"type": "HS256", "key": "%s"}' % ("x" * 32)])
def test_hasuras_jwt_secret_signs_access_tokens(tmp_path: Path, secret: str) -> None:
    with (
        running_server(tmp_path / "var", HASURA_GRAPHQL_JWT_SECRET=secret) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        client = Client(http)
        session = client.sign_up(JOE)
        assert jwt.decode(session["accessToken"], "x" * 32, ["HS256"])["iss"] == "hasura-auth"
        assert client.call("me")["email"] == JOE
        assert http.get("/.well-known/jwks.json").json() == {"keys": []}
        assert not (tmp_path / "var" / "signing-keys").exists()
        refused_ = postern("rotate-keys", env=server.env)
        assert "HASURA_GRAPHQL_JWT_SECRET" in refused_.stderr
