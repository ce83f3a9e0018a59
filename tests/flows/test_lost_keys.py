"""Missing or wrong encryption keys: the operator is told, and no key is created."""

import base64
import secrets
from pathlib import Path

import httpx2
import pytest

from tests.support import CHEAP_HASHING, Client, environment, postern, running_server

USERS = ["joe@example.com", "ann@example.com", "bob@example.com"]


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def enrolled(tmp_path: Path, database_settings: dict[str, str]) -> dict[str, str]:
    """Settings of a database in which three users have a factor."""
    settings = CHEAP_HASHING | database_settings
    with (
        running_server(tmp_path / "var", **settings) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        for email in USERS:
            client = Client(http)
            client.sign_up(email)
            client.enrol()
    return settings


def test_no_key_is_created_if_there_are_sealed_secrets(
    tmp_path: Path, enrolled: dict[str, str]
) -> None:
    env, file = environment(tmp_path / "var", **enrolled), tmp_path / "var" / "encryption-keys"
    file.rename(tmp_path / "kept")
    for command in (["serve"], ["serve", "--workers=2"], ["rotate-encryption-key"]):
        refused = postern(*command, env=env)
        assert refused.returncode == 1
        assert "3 of 3 TOTP secrets open with none of the encryption keys" in refused.stderr
        assert "postern reset-mfa" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert postern("list-users", env=env).returncode == 0
    assert postern("migrate", env=env).returncode == 0
    assert postern("reset-mfa", USERS[0], env=env).returncode == 0
    assert not file.exists()
    assert "2 of 2 TOTP secrets" in postern("serve", env=env).stderr
    (tmp_path / "kept").rename(file)
    with running_server(tmp_path / "var", **enrolled) as server:
        assert httpx2.get(f"{server.url}/readyz").status_code == 200


def test_a_server_with_other_keys_logs_it_and_is_not_ready(
    tmp_path: Path, enrolled: dict[str, str]
) -> None:
    with running_server(tmp_path / "var", **enrolled, AUTH_ENCRYPTION_KEYS=new_key()) as server:
        answer = httpx2.get(f"{server.url}/readyz")
        told = "3 TOTP secrets open with none of the encryption keys."
        assert (answer.status_code, answer.json()["message"]) == (503, told)
        assert server.log().count("3 of 3 TOTP secrets open with none") == 1
        assert httpx2.get(f"{server.url}/healthz").status_code == 200


def test_some_unreadable_secrets_are_counted(tmp_path: Path, enrolled: dict[str, str]) -> None:
    file = tmp_path / "var" / "encryption-keys"
    other = new_key()
    with (
        running_server(
            tmp_path / "var", **enrolled, AUTH_ENCRYPTION_KEYS=f"{other},{file.read_text().strip()}"
        ) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        late = Client(http)
        late.sign_up("late@example.com")
        late.enrol()
        assert httpx2.get(f"{server.url}/readyz").status_code == 200
    with running_server(tmp_path / "var", **enrolled) as server:
        assert "1 of 4 TOTP secrets" in server.log()
        assert httpx2.get(f"{server.url}/readyz").status_code == 503


def test_an_empty_database_gets_a_key(tmp_path: Path, database_settings: dict[str, str]) -> None:
    env = environment(tmp_path / "var", **database_settings)
    assert postern("migrate", env=env).returncode == 0
    assert (tmp_path / "var" / "encryption-keys").exists()
