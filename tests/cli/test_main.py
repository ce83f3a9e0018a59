"""The `postern` command, run as an operator runs it."""

import base64
import json
import os
import pty
import signal
import sqlite3
import stat
import subprocess
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from api.app import VERSION
from cli.main import main
from tests.support import (
    JOE,
    PASSWORD,
    POSTERN,
    ROOT,
    Authenticator,
    Client,
    RefusedError,
    Server,
    environment,
    postern,
    running_server,
)

COMMANDS = [
    "serve",
    "migrate",
    "export-schema",
    "create-user",
    "doctor",
    "backup",
    "restore",
    "import-nhost",
    "send-test-mail",
    "send-reset",
    "preview-mail",
    "list-users",
    "show-user",
    "set-password",
    "set-roles",
    "set-metadata",
    "delete-user",
    "verify-user",
    "disable-user",
    "enable-user",
    "reset-mfa",
    "revoke-sessions",
    "events",
    "sweep",
    "tune",
    "rotate-encryption-key",
    "rotate-keys",
    "settings",
]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "var")


def test_help_names_every_command_in_a_line() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    for command in COMMANDS:
        (line,) = [line for line in shown.splitlines() if line.split()[:1] == [command]]
        assert line.endswith("."), "the line is not cut"
        assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
    assert sorted(main.commands) == sorted(COMMANDS)


def test_version_prints_the_version(env: dict[str, str]) -> None:
    assert postern("--version", env=env).stdout == f"postern, version {VERSION}\n"


def test_export_schema_prints_the_committed_file(env: dict[str, str]) -> None:
    assert postern("export-schema", env=env).stdout == (ROOT / "schema.graphql").read_text()
    committed = (ROOT / "api" / "admin" / "schema.graphql").read_text()
    assert postern("export-schema", "--admin", env=env).stdout == committed


def test_migrate_can_be_repeated(env: dict[str, str]) -> None:
    assert "Applied 0001_initial." in postern("migrate", env=env).stdout
    again = postern("migrate", env=env)
    assert again.returncode == 0
    assert again.stdout.startswith("The database is up to date: ")


def test_only_the_owner_can_read_stored_files(tmp_path: Path, env: dict[str, str]) -> None:
    postern("create-user", "joe@example.com", env=env, stdin=f"{PASSWORD}\n")
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    for file in (tmp_path / "var").rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600), file


def test_create_user_reads_the_password_from_standard_input(client: Client, server: Server) -> None:
    env = server.env
    created = postern("create-user", "Amy@Example.com", env=env, stdin=f" {PASSWORD} \n")
    assert created.returncode == 0
    assert created.stdout.startswith("Created amy@example.com, id ")
    signed_in = client.call(
        "signInEmailPassword", email="amy@example.com", password=f" {PASSWORD} "
    )
    assert signed_in["__typename"] == "Session"


def test_create_user_prompts_twice_without_echo(env: dict[str, str]) -> None:
    command = [POSTERN, "create-user", "joe@example.com"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs)

    def read_until(text: str) -> str:
        shown = ""
        while text not in shown:
            shown += os.read(ours, 1024).decode()
        return shown

    try:
        shown = read_until("Password: ")
        os.write(ours, f"{PASSWORD}\n".encode())
        shown += read_until("Repeat for confirmation: ")
        os.write(ours, f"{PASSWORD}\n".encode())
        shown += read_until("Created joe@example.com")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert PASSWORD not in shown


@pytest.mark.parametrize(
    ("email", "password", "complaint"),
    [
        ("joe", PASSWORD, "Error: email: expected an e-mail address.\n"),
        ("joe@example.com", "short", "Error: Your password needs at least 8 characters.\n"),
        ("taken@example.com", PASSWORD, "Error: This e-mail address is already in use.\n"),
    ],
)
def test_create_user_reports_the_error(
    env: dict[str, str], email: str, password: str, complaint: str
) -> None:
    postern("create-user", "taken@example.com", env=env, stdin=PASSWORD)
    refused = postern("create-user", email, env=env, stdin=password)
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", complaint)


def test_reset_mfa_lets_a_user_in_with_the_password_alone(client: Client, server: Server) -> None:
    client.sign_up("joe@example.com")
    client.enrol()
    assert client.ticket("joe@example.com")
    done = postern("reset-mfa", "joe@example.com", env=server.env)
    assert done.returncode == 0
    assert done.stdout == "The second factor of joe@example.com is deleted.\n"
    again = postern("reset-mfa", "joe@example.com", env=server.env)
    assert again.stdout == "joe@example.com has no second factor.\n"
    answer = client.call("signInEmailPassword", email="joe@example.com", password=PASSWORD)
    assert answer["__typename"] == "Session"
    unknown = postern("reset-mfa", "nobody@example.com", env=server.env)
    assert unknown.returncode == 1


def test_the_operator_disables_and_enables_a_user(client: Client, server: Server) -> None:
    session = client.sign_up("joe@example.com")
    disabled = postern("disable-user", "Joe@example.com", "--json", env=server.env)
    assert disabled.returncode == 0
    shown = json.loads(disabled.stdout)
    assert (shown["email"], shown["disabled"]) == ("joe@example.com", True)
    with pytest.raises(RefusedError) as dead:
        client.call("me")
    assert dead.value.code == "UNAUTHENTICATED"
    with pytest.raises(RefusedError) as stale:
        client.call("refreshSession", refreshToken=session["refreshToken"])
    assert stale.value.code == "INVALID_REFRESH_TOKEN"
    assert postern("enable-user", "joe@example.com", env=server.env).returncode == 0
    assert client.call("signInEmailPassword", email="joe@example.com", password=PASSWORD)


def test_the_operator_signs_a_user_out_everywhere(client: Client, server: Server) -> None:
    client.sign_up("joe@example.com")
    assert postern("revoke-sessions", "joe@example.com", env=server.env).returncode == 0
    with pytest.raises(RefusedError):
        client.call("me")


def test_the_operator_sees_users_and_events(env: dict[str, str]) -> None:
    for name in ("joe", "amy"):
        postern("create-user", f"{name}@example.com", env=env, stdin=PASSWORD)
    postern("disable-user", "amy@example.com", env=env)
    users = json.loads(postern("list-users", "--json", env=env).stdout)
    assert [(user["email"], user["disabled"]) for user in users] == [
        ("amy@example.com", True),
        ("joe@example.com", False),
    ]
    assert "disabled" in postern("list-users", env=env).stdout.splitlines()[0]
    trail = json.loads(postern("events", "--json", "--user", "amy@example.com", env=env).stdout)
    assert [event["event"] for event in trail] == [
        "USER_DISABLED",
        "ALL_SESSIONS_ENDED",
        "SIGNED_UP",
    ]
    assert {event["userAgent"] for event in trail} == {"postern"}
    assert len(postern("events", "--limit", "2", env=env).stdout.splitlines()) == 2


@pytest.mark.parametrize("command", ["disable-user", "enable-user", "reset-mfa", "revoke-sessions"])
def test_an_unknown_user_is_reported(env: dict[str, str], command: str) -> None:
    refused = postern(command, "nobody@example.com", env=env)
    where = f"{env['AUTH_DATA_DIR']}/postern.db (SQLite)"
    assert (refused.returncode, refused.stderr) == (
        1,
        f"Error: There is no user with the address nobody@example.com in {where}.\n",
    )


def test_sweep_reports_what_it_deleted(env: dict[str, str]) -> None:
    swept = json.loads(postern("sweep", "--json", env=env).stdout)
    assert set(swept.values()) == {0}
    assert set(swept) == {
        "tickets", "sessions", "throttles", "enrolments", "events", "mails", "mail_tickets",
        "trusted_devices", "challenges",
    }  # fmt: skip


def test_serve_prints_its_addresses(tmp_path: Path) -> None:
    with running_server(tmp_path / "var") as server:
        shown = server.log()
    assert f"GraphQL   {server.url}/graphql\n" in shown
    assert f"GraphiQL  {server.url}/graphql (open it in a browser)\n" in shown
    assert f"Data      {tmp_path}/var/postern.db (SQLite)\n" in shown


def test_a_restarted_server_knows_its_users_and_tokens(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var") as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        client = Client(http)
        client.sign_up("joe@example.com")
        phone = client.enrol()
    with (
        running_server(tmp_path / "var") as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        again = Client(http, client.access_token)
        assert again.call("me")["activeMfaType"] == "totp"
        ticket = again.ticket("joe@example.com")
        assert again.call("verifySignInMfaTotp", ticket=ticket, otp=phone.next_code())


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_stops_quietly_on_a_signal(tmp_path: Path, stop: signal.Signals) -> None:
    with running_server(tmp_path / "var") as server:
        before = server.log()
        server.process.send_signal(stop)
        assert server.process.wait(15) in {0, -stop}
        assert server.log() == before


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"AUTH_PORT": "x"}, "Error: AUTH_PORT = 'x': expected a port number from 1 to 65535\n"),
        ({"AUTH_HOST": "203.0.113.1"}, "Error: Cannot listen on 203.0.113.1:4000: Cannot assign "),
        ({"AUTH_DATA_DIR": "/dev/null/x"}, "Error: AUTH_DATA_DIR cannot be used: "),
        (
            {"DATABASE_URL": "postgres://u:hunter2@127.0.0.1:1/x"},
            "Error: The database x on 127.0.0.1:1 (PostgreSQL) cannot be used: ",
        ),
        (
            {"DATABASE_URL": "sqlite:///nowhere/x.db"},
            "Error: The database /nowhere/x.db (SQLite) cannot be used: ",
        ),
    ],
)
def test_an_error_at_the_start_is_one_line(
    env: dict[str, str], settings: dict[str, str], complaint: str
) -> None:
    # Behind a trusted proxy, listening on a public address is not a risk.
    refused = postern("serve", env=env | {"AUTH_TRUSTED_PROXIES": "127.0.0.1"} | settings)
    assert refused.returncode == 1
    assert refused.stderr.startswith(complaint)
    assert len(refused.stderr.splitlines()) == 1
    assert "hunter2" not in refused.stderr


def test_a_file_that_is_not_a_database_stops_the_start_unchanged(
    tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "diary").write_text("Dear diary, " * 100)
    for path, complaint in [
        (tmp_path, "unable to open database file"),
        (tmp_path / "diary", "file is not a database"),
    ]:
        refused = postern("serve", env=env | {"DATABASE_URL": f"sqlite://{path}"})
        said = f"The database {path} (SQLite) cannot be used: {complaint}"
        assert refused.stderr == f"Error: {said}\n"
    assert (tmp_path / "diary").read_text() == "Dear diary, " * 100


def test_a_misspelt_setting_causes_a_warning(env: dict[str, str]) -> None:
    warned = postern("migrate", env=env | {"AUTH_MFA_ENABELD": "true"})
    assert warned.returncode == 0
    assert warned.stderr == ("Warning: AUTH_MFA_ENABELD is set, but Postern has no such setting.\n")


def test_a_running_server_uses_a_new_encryption_key(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var") as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        joe = Client(http)
        joe.sign_up(JOE)
        phone = joe.enrol()
        amy = Client(http)
        amy.sign_up("amy@example.com")
        pending = Authenticator.scan(amy.call("changeUserMfa")["imageUrl"])
        rotated = json.loads(postern("rotate-encryption-key", "--json", env=server.env).stdout)
        assert (rotated["sealed"], rotated["unreadable"]) == (2, 0)
        code = phone.next_code()
        joe.call("verifySignInMfaTotp", ticket=joe.ticket(JOE), otp=code)
        amy.call("verifyChangeUserMfa", activeMfaType="totp", code=pending.next_code())
        bob = Client(http)
        bob.sign_up("bob@example.com")
        bob.enrol()
        with sqlite3.connect(server.data_dir / "postern.db") as database:
            sealed = database.execute("SELECT totp_secret FROM users").fetchall()
        assert {secret.split(".")[0] for (secret,) in sealed} == {rotated["keyId"]}
        keys = server.data_dir / "encryption-keys"
        newest, *_ = keys.read_text().split()
        keys.write_text(f"{newest}\n")  # the old key is not needed any more
        joe.call("verifySignInMfaTotp", ticket=joe.ticket(JOE), otp=phone.next_code())


def test_keys_of_the_environment_are_used_and_no_file_is_created(tmp_path: Path) -> None:
    old, new = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    env = environment(tmp_path / "var", AUTH_ENCRYPTION_KEYS=old)
    with (
        running_server(tmp_path / "var", AUTH_ENCRYPTION_KEYS=old) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        joe = Client(http)
        joe.sign_up(JOE)
        joe.enrol()
    both = env | {"AUTH_ENCRYPTION_KEYS": f"{new},{old}"}
    said = postern("rotate-encryption-key", env=both)
    assert said.stdout.startswith("Encrypted 1 secrets with the key ")
    again = postern("rotate-encryption-key", env=both)
    assert again.stdout.startswith("Encrypted 0 secrets")
    lost = postern("rotate-encryption-key", "--json", env=env)
    assert json.loads(lost.stdout)["unreadable"] == 1
    assert not (tmp_path / "var" / "encryption-keys").exists()
