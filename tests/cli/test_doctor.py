"""`postern doctor` names risks, gives advice, and changes nothing."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from cli import risks
from config import Settings, load
from tests.support import Client, environment, free_port, postern, running_server

NOW = datetime.now(UTC)


def told(env: dict[str, str]) -> tuple[int, str]:
    ended = postern("doctor", env=env)
    assert ended.stderr == ""
    return ended.returncode, ended.stdout


def test_doctor_creates_nothing_in_an_empty_folder(tmp_path: Path) -> None:
    code, said = told(environment(tmp_path / "var"))
    assert code == 0
    assert said.startswith("Risk   There is no database yet. Run: postern migrate.\nArgon2 ")
    assert not (tmp_path / "var").exists()


def test_the_shipped_configuration_has_no_risk(tmp_path: Path) -> None:
    env = {
        name: value
        for name, value in environment(tmp_path / "var").items()
        if not name.startswith("AUTH_RATE")
    }
    assert postern("migrate", env=env).returncode == 0
    code, said = told(env)
    assert code == 0
    assert said.startswith("No risk was found.\n")


@pytest.mark.parametrize(
    ("setting", "grave", "words"),
    [
        ({"AUTH_HOST": "0.0.0.0"}, True, "plain HTTP"),
        ({"AUTH_HOST": "::"}, True, "plain HTTP"),
        ({"AUTH_HOST": "0.0.0.0", "AUTH_TRUSTED_PROXIES": "10.0.0.1"}, False, "GraphiQL is on"),
        ({"AUTH_HOST": "0.0.0.0", "AUTH_TRUSTED_PROXIES": "10.0.0.1"}, False, "ask for the schema"),
        ({"AUTH_RATE_LIMIT_ENABLE": "false"}, True, "Guessing is not limited"),
        ({"AUTH_PASSWORD_ARGON2_MEMORY_COST": "4096"}, True, "weaker than OWASP"),
        ({"AUTH_PASSWORD_MIN_LENGTH": "3"}, False, "3 characters"),
        ({"AUTH_SMTP_HOST": "a.test", "AUTH_SMTP_SENDER": "a@a.test"}, True, "Links in mails"),
        ({"AUTH_EMAIL_PASSWORDLESS_ENABLED": "true"}, False, "lead nowhere"),
        (
            {
                "AUTH_WEBAUTHN_ENABLED": "true",
                "AUTH_CLIENT_URL": "https://app.example.com",
                "AUTH_WEBAUTHN_RP_ID": "example.org",
            },
            False,
            "use a passkey of example.org",
        ),
        ({"AUTH_TRUSTED_PROXIES": "0.0.0.0/0"}, True, "trusts everybody"),
        ({"AUTH_TRUSTED_PROXIES": "::/0"}, True, "trusts everybody"),
        ({"AUTH_TRUSTED_PROXIES": "128.0.0.0/1"}, True, "trusts everybody"),
        ({"AUTH_TRUSTED_PROXIES": "8.0.0.0/8"}, False, "wide public network"),
        ({"AUTH_ACCESS_TOKEN_EXPIRES_IN": "24h"}, False, "86400 seconds"),
        ({"AUTH_REQUIRE_ELEVATED_CLAIM": "disabled"}, False, "stolen access token"),
        ({"AUTH_CORS_ORIGINS": "http://app.example.com"}, False, "plain HTTP"),
        ({"AUTH_JWT_CUSTOM_CLAIMS": '{"org": "metadata.org"}'}, False, "metadata"),
        ({"AUTH_CONFIG": ""}, False, "came with Postern"),
    ],
)
def test_each_risk_is_one_line_with_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: dict[str, str],
    grave: bool,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    env = environment(tmp_path / "var", **setting)
    settings, _ = load(env)
    (found,) = [risk for risk in risks.of_settings(settings, env, NOW) if words in risk.what]
    assert found.grave is grave
    assert "\n" not in str(found)
    assert found.advice


def test_key_files_that_others_can_read_are_grave(tmp_path: Path) -> None:
    env = environment(tmp_path / "var")
    assert postern("migrate", env=env).returncode == 0
    keys = [tmp_path / "var" / "encryption-keys", *(tmp_path / "var").glob("signing-keys/*.pem")]
    for path in keys:
        path.chmod(0o644)
    code, said = told(env)
    assert code == 1
    for path in keys:
        assert f"GRAVE  Others can read {path}. Run: chmod go-rwx {path}.\n" in said


def test_stored_data_reveals_risks_of_keys_clocks_and_factors(tmp_path: Path) -> None:
    with running_server(tmp_path / "var") as server, httpx2.Client(base_url=server.url) as http:
        client = Client(http)
        client.sign_up("joe@example.com")
        client.enrol()
    later = datetime.now(UTC) + timedelta(days=2)
    with sqlite3.connect(tmp_path / "var" / "postern.db") as database:
        database.execute("UPDATE security_events SET created_at = ?", (later.isoformat(" "),))
    (tmp_path / "var" / "encryption-keys").unlink()
    env = server.env | {"AUTH_MFA_ENABLED": "false"}
    ended = postern("doctor", "--json", env=env)
    assert ended.returncode == 1
    grave = [risk["risk"] for risk in json.loads(ended.stdout)["risks"] if risk["grave"]]
    assert len(grave) == 3
    assert "the newest event is of" in grave[0]
    assert "cannot sign in" in grave[1]
    assert "1 of 1 TOTP secrets open with none" in grave[2]
    assert not (tmp_path / "var" / "encryption-keys").exists()


def test_grave_risks_are_logged_at_the_start(tmp_path: Path) -> None:
    with running_server(tmp_path / "var", AUTH_TRUSTED_PROXIES="0.0.0.0/0") as server:
        assert "AUTH_TRUSTED_PROXIES trusts everybody" in server.log()


def test_an_untrusted_proxy_is_logged_once(tmp_path: Path) -> None:
    with running_server(tmp_path / "var") as server:
        for n in range(5):
            headers = {"x-forwarded-for": f"192.0.2.{n}"}
            assert httpx2.get(f"{server.url}/version", headers=headers).status_code == 200
        assert server.log().count("AUTH_TRUSTED_PROXIES") == 1


def test_factors_are_on_wherever_the_server_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings, _ = load({})
    assert settings.mfa_enabled
    assert settings.mfa_totp_issuer == "Postern"
    assert Settings().mfa_enabled is False, "Nhost's default if the file does not set it"


def test_an_unreachable_database_is_not_reported_as_outdated(tmp_path: Path) -> None:
    env = environment(tmp_path / "var", DATABASE_URL=f"postgres://joe@127.0.0.1:{free_port()}/x")
    code, said = told(env)
    assert code == 1
    assert "GRAVE  The database cannot be used" in said
    assert "cannot be used" in postern("list-users", env=env).stderr


def test_the_database_of_another_program_is_recognised(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    opened = sqlite3.connect(other)
    opened.execute("CREATE TABLE orders (id INTEGER)")
    opened.close()
    _, said = told(environment(tmp_path / "var", DATABASE_URL=f"sqlite://{other}"))
    assert "Risk   The database has tables, but none of Postern's. See DATABASE_URL" in said


def test_an_unusable_jwt_secret_is_grave(tmp_path: Path) -> None:
    env = environment(
        tmp_path / "var", HASURA_GRAPHQL_JWT_SECRET='{"type": "HS256", "key": "short"}'
    )
    code, said = told(env)
    assert code == 1
    assert "expected a key of 32 bytes or more for HS256" in said


def test_a_data_folder_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    code, said = told(environment(tmp_path / "var"))
    assert code == 1
    assert "is not a folder" in said


def test_doctor_does_not_write_to_the_database(tmp_path: Path) -> None:
    path = tmp_path / "var" / "postern.db"
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    told(environment(tmp_path / "var"))
    assert path.read_bytes() == b""
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE theirs (n INTEGER)")
    foreign.close()
    before = path.read_bytes()
    told(environment(tmp_path / "var"))
    postern("list-users", env=environment(tmp_path / "var"))
    assert path.read_bytes() == before


def test_an_unusable_manifest_is_reported(tmp_path: Path) -> None:
    code, said = told(environment(tmp_path, AUTH_GRAPHQL_TRUSTED_DOCUMENTS="/nowhere.json"))
    assert code == 1
    assert "/nowhere.json cannot be read" in said
