"""`postern rotate-keys`, on the command line."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from tests.support import (
    JOE,
    Client,
    RefusedError,
    Server,
    environment,
    postern,
    running_server,
    running_workers,
)


def published(server: Server) -> list[str]:
    keys = httpx2.get(f"{server.url}/.well-known/jwks.json").json()["keys"]
    return [key["kid"] for key in keys]


def rotated(server: Server, *options: str) -> dict[str, Any]:
    ended = postern("rotate-keys", "--json", *options, env=server.env)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def kid_of(session: dict[str, Any]) -> str:
    return str(jwt.get_unverified_header(session["accessToken"])["kid"])


@pytest.mark.parametrize("name", ["9999999999.pem", "1.pem"])
def test_the_key_that_rotate_keys_names_signs_the_next_token(tmp_path: Path, name: str) -> None:
    with running_server(tmp_path / "var") as server, httpx2.Client(base_url=server.url) as http:
        joe = Client(http)
        session = joe.sign_up(JOE)
        folder = server.data_dir / "signing-keys"
        shutil.copy(folder / "0.pem", folder / name)
        seen = [kid_of(session)]
        for _ in range(2):  # often within the same second
            told = rotated(server)
            session = joe.call("refreshSession", refreshToken=session["refreshToken"])
            assert kid_of(session) == told["kid"]
            assert told["kid"] not in seen
            assert published(server) == told["verifying"]
            assert joe.call("me"), "a token of the older key is valid until it expires"
            seen.append(told["kid"])


def test_a_revoked_key_is_refused_at_once_by_every_worker(tmp_path: Path) -> None:
    with (
        running_workers(tmp_path / "var", 2) as server,
        httpx2.Client(base_url=server.url, headers={"connection": "close"}) as http,
    ):
        joe = Client(http)
        session = joe.sign_up(JOE)
        told = rotated(server, "--revoke")
        assert told["verifying"] == [told["kid"]]
        assert told["deleted"] == [kid_of(session)]
        for _ in range(10):
            assert published(server) == [told["kid"]]
            with pytest.raises(RefusedError, match="Please sign in"):
                joe.call("me")
        fresh = joe.call("refreshSession", refreshToken=session["refreshToken"])
        assert kid_of(fresh) == told["kid"]


def test_rotate_keys_lists_verifying_and_deleted_keys(tmp_path: Path) -> None:
    env = environment(tmp_path / "var")
    postern("migrate", env=env)
    first, second = postern("rotate-keys", env=env).stdout.splitlines()
    old = second.split()[0]
    assert first.startswith("Access tokens are signed with ")
    assert second == f"{old} verifies until its last token has expired."
    revoked = postern("rotate-keys", "--revoke", env=env).stdout.splitlines()
    assert f"{old} is deleted; its tokens are refused here." in revoked
    assert len(revoked) == 3


def test_rotating_keys_is_a_security_event_with_its_reason(tmp_path: Path) -> None:
    env = environment(tmp_path / "var")
    assert postern("rotate-keys", "--reason", "The laptop is gone", env=env).returncode == 0
    (event,) = json.loads(postern("events", "--json", env=env).stdout)
    assert (event["event"], event["reason"]) == ("KEYS_ROTATED", "The laptop is gone")
    assert event["detail"]


def test_a_leaked_key_goes_though_the_database_is_away(tmp_path: Path) -> None:
    away = {"DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/none"}
    ended = postern("rotate-keys", "--revoke", env=environment(tmp_path / "var", **away))
    assert ended.returncode == 0
    assert "is deleted; its tokens are refused here." in ended.stdout
    assert "Warning: no event was recorded." in ended.stderr


def test_rotate_keys_refuses_a_key_of_the_environment(tmp_path: Path) -> None:
    secret = json.dumps({"type": "HS256", "key": "x" * 32})
    env = environment(tmp_path / "var", HASURA_GRAPHQL_JWT_SECRET=secret)
    refused = postern("rotate-keys", "--revoke", env=env)
    assert refused.stderr == "Error: The key is HASURA_GRAPHQL_JWT_SECRET; change it there.\n"
    assert not (tmp_path / "var" / "signing-keys").exists()
