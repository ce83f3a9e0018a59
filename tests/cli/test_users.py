"""The operator's commands for users, against a running server."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support import (
    JOE,
    PASSWORD,
    Client,
    RefusedError,
    Server,
    environment,
    postern,
    running_server,
)

NEW = "a new password for joe"


def told(*arguments: str, env: dict[str, str], stdin: str = "") -> Any:
    ended = postern(*arguments, "--json", env=env, stdin=stdin)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def trail(env: dict[str, str], *options: str) -> list[str]:
    return [event["event"] for event in told("events", *options, env=env)]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "var")


@pytest.fixture
def joe(env: dict[str, str]) -> str:
    """The id of a user."""
    return str(told("create-user", JOE, env=env, stdin=PASSWORD)["id"])


def test_a_new_password_ends_sessions_and_open_sign_ins(client: Client, server: Server) -> None:
    session = client.sign_up(JOE)
    phone = client.enrol()
    ticket = client.ticket(JOE)
    told("set-password", JOE, env=server.env, stdin=f"{NEW}\n")
    with pytest.raises(RefusedError):
        client.call("me")
    client.access_token = None
    code = phone.next_code()
    for operation, variables in (
        ("refreshSession", {"refreshToken": session["refreshToken"]}),
        ("verifySignInMfaTotp", {"ticket": ticket, "otp": code}),
        ("signInEmailPassword", {"email": JOE, "password": PASSWORD}),
    ):
        with pytest.raises(RefusedError):
            client.call(operation, **variables)
    again = client.call("signInEmailPassword", email=JOE, password=NEW)
    assert client.call("verifySignInMfaTotp", ticket=again["ticket"], otp=code)
    assert "PASSWORD_SET" in trail(server.env, "--user", JOE)


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, JOE, "password1"])
def test_a_password_that_a_user_could_not_choose_is_refused(
    env: dict[str, str], joe: str, password: str
) -> None:
    refused = postern("set-password", joe, env=env, stdin=f"{password}\n")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "PASSWORD_SET" not in trail(env)


def test_a_deleted_user_leaves_nothing(client: Client, server: Server) -> None:
    client.sign_up(JOE)
    client.enrol()
    client.ticket(JOE)
    kept = postern("delete-user", JOE, env=server.env, stdin="n\n")
    assert kept.returncode == 1
    assert client.call("me"), "without confirmation nothing is deleted"
    gone = told("delete-user", JOE, "--yes", env=server.env)
    assert gone["email"] == JOE
    with pytest.raises(RefusedError):
        client.call("me")
    client.access_token = None
    with pytest.raises(RefusedError):
        client.call("signInEmailPassword", email=JOE, password=PASSWORD)
    everything = told("events", env=server.env)
    assert gone["id"] not in {event["user"] for event in everything}
    (deleted,) = [event for event in everything if event["event"] == "USER_DELETED"]
    assert deleted["detail"] == gone["id"]
    assert client.sign_up(JOE)["user"]["id"] != gone["id"], "the address is free"


def test_show_user_shows_all_details(client: Client, server: Server) -> None:
    client.sign_up(JOE)
    client.enrol()
    shown = told("show-user", JOE.upper(), env=server.env)
    assert (shown["activeMfaType"], shown["recoveryCodesLeft"]) == ("totp", 10)
    (session,) = shown["sessions"]
    assert session["address"] == "127.0.0.1"
    assert shown["latestEvents"][0]["event"] == "FACTOR_ON"
    waits = [shown[f"waitsFor{what}Until"] for what in ("Password", "Code", "MailedCode")]
    assert waits == [None, None, None]
    assert shown == told("show-user", shown["id"], env=server.env)
    for line in ("recoveryCodesLeft: 10", "session: {", "FACTOR_ON"):
        assert line in postern("show-user", JOE, env=server.env).stdout


def test_show_user_shows_the_wait_of_a_throttled_user(tmp_path: Path) -> None:
    limited = {"AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "2"}
    with running_server(tmp_path / "var", **limited) as server:
        with httpx2.Client(base_url=server.url) as http:
            Client(http).sign_up(JOE)
            for _ in range(3):
                with pytest.raises(RefusedError):
                    Client(http).call("signInEmailPassword", email=JOE, password="wrong")
        shown = told("show-user", JOE, env=server.env)
        assert shown["waitsForPasswordUntil"] is not None
        assert shown["waitsForCodeUntil"] is None
        told("set-password", JOE, env=server.env, stdin=NEW)
        assert told("show-user", JOE, env=server.env)["waitsForPasswordUntil"] is None


def test_roles_are_replaced(client: Client, server: Server) -> None:
    client.sign_up(JOE)
    changed = told("set-roles", JOE, "editor", "user", env=server.env)
    assert (changed["roles"], changed["defaultRole"]) == (["editor", "user"], "editor")
    assert client.call("me")["roles"] == ["editor", "user"]
    changed = told("set-roles", JOE, "a", "b", "b", "--default", "b", env=server.env)
    assert (changed["roles"], changed["defaultRole"]) == (["a", "b"], "b")
    assert trail(server.env)[0] == "ROLES_CHANGED"


@pytest.mark.parametrize(
    "roles",
    [["user", "--default", "admin"], [""], [" "], ["a\nb"], ["x" * 256], [*map(str, range(101))]],
)
def test_invalid_roles_are_refused(env: dict[str, str], joe: str, roles: list[str]) -> None:
    refused = postern("set-roles", joe, *roles, env=env)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert refused.stderr.startswith("Error: These cannot be the roles: ")
    assert set(told("show-user", joe, env=env)["roles"]) == {"me", "user"}


def test_metadata_comes_from_an_argument_or_standard_input(env: dict[str, str], joe: str) -> None:
    for arguments, stdin, stored in (
        (['{"team": 7}'], "", {"team": 7}),
        ([], '{"name": "Zoë"}\n', {"name": "Zoë"}),
        (["-"], '{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        (["null"], "", None),
    ):
        assert told("set-metadata", joe, *arguments, env=env, stdin=stdin)["metadata"] == stored
        assert told("show-user", joe, env=env)["metadata"] == stored
    assert trail(env)[0] == "METADATA_CHANGED"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "not JSON"),
        ("[1]", "not an object"),
        ('"x"', "not an object"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": 1e999}', "a number that is too large"),
        ('{"a": "\\u0000"}', "a NUL character"),
        ('{"\\u0000": 1}', "a NUL character"),
        ('{"a": "\\ud800"}', "half of a surrogate pair"),
        ('{"a":' * 101 + "1" + "}" * 101, "more than 100 levels"),
        ('{"a":' + "[" * 9000 + "]" * 9000 + "}", "more than 100 levels"),
        ('{"a": "' + "x" * 65_530 + '"}', "more than 65536 bytes"),
    ],
)
def test_invalid_metadata_is_refused(
    env: dict[str, str], joe: str, content: str, complaint: str
) -> None:
    refused = postern("set-metadata", joe, env=env, stdin=content)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert complaint in refused.stderr or "has more than 65536 bytes" in refused.stderr
    assert told("show-user", joe, env=env)["metadata"] is None


def test_users_are_found_by_a_part_of_address_name_or_id(
    database_settings: dict[str, str], tmp_path: Path
) -> None:
    env = environment(tmp_path / "var", **database_settings)
    ids = {}
    for name in ("joe", "amy", "100%", "a_b"):
        options = ["--display-name", f"Named {name.upper()}"]
        made = told("create-user", f"{name}@example.com", *options, env=env, stdin=PASSWORD)
        ids[name] = made["id"]
    postern("disable-user", ids["amy"], env=env)
    postern("verify-user", ids["joe"], env=env)

    def found(*options: str) -> set[str]:
        return {user["email"].split("@")[0] for user in told("list-users", *options, env=env)}

    assert found("JOE@ex") == found("named joe") == found(ids["joe"][:13]) == {"joe"}
    assert found("%") == {"100%"}
    assert found("_") == {"a_b"}
    assert found("nobody") == set()
    assert found("--disabled") == {"amy"}
    assert found("--unverified", "example") == {"amy", "100%", "a_b"}
    assert found("--with-factor") == set()
    assert found("--without-factor") == set(ids)


def test_the_sessions_of_all_users_can_be_ended(client: Client, server: Server) -> None:
    client.sign_up(JOE)
    client.enrol()
    ticket = client.ticket(JOE)
    other = Client(client.http)
    other.sign_up("amy@example.com")
    told("create-user", "idle@example.com", env=server.env, stdin=PASSWORD)
    assert told("revoke-sessions", "--all", env=server.env) == {"users": 2}
    for each in (client, other):
        with pytest.raises(RefusedError):
            each.call("me")
    client.access_token = None
    with pytest.raises(RefusedError) as dead:
        client.call("verifySignInMfaTotp", ticket=ticket, otp="123456")
    assert dead.value.code == "INVALID_TICKET"
    assert trail(server.env)[:2] == ["ALL_SESSIONS_ENDED"] * 2
    assert told("revoke-sessions", "--all", env=server.env) == {"users": 0}
    assert postern("revoke-sessions", env=server.env).returncode == 2
    assert postern("revoke-sessions", JOE, "--all", env=server.env).returncode == 2


COMMANDS = ["show-user", "disable-user", "enable-user", "verify-user", "reset-mfa",
            "revoke-sessions"]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_user_is_named_by_address_or_id(env: dict[str, str], joe: str, command: str) -> None:
    for name in (JOE, JOE.upper(), joe, joe.upper()):
        assert told(command, name, env=env)["id"] == joe
    assert told("events", "--user", joe, env=env)
    unknown = "00000000-0000-4000-8000-000000000000"
    refused = postern(command, unknown, env=env)
    where = f"{env['AUTH_DATA_DIR']}/postern.db (SQLite)"
    assert refused.stderr == f"Error: There is no user with the id {unknown} in {where}.\n"


def test_the_reason_of_an_action_is_kept_in_its_event(env: dict[str, str], joe: str) -> None:
    told("disable-user", joe, "--reason", "ticket 4711", env=env)
    told("enable-user", joe, env=env)
    enabled, *_, disabled = [
        event for event in told("events", env=env) if "ABLED" in event["event"]
    ]
    assert (disabled["event"], disabled["reason"]) == ("USER_DISABLED", "ticket 4711")
    assert (enabled["reason"], enabled["operator"]) == (None, None)


@pytest.mark.parametrize("reason", ["x" * 256, "one\ntwo"])
def test_a_reason_is_a_line(env: dict[str, str], joe: str, reason: str) -> None:
    said = postern("disable-user", joe, "--reason", reason, env=env)
    assert said.returncode == 2
    assert "--reason takes up to 255 characters on one line." in said.stderr


def test_an_operator_is_made_with_a_verified_address(env: dict[str, str]) -> None:
    made = told("create-user", JOE, "--admin", "--reason", "first", env=env, stdin=PASSWORD)
    assert made["roles"] == ["user", "me", "admin"]
    assert (made["defaultRole"], made["emailVerified"]) == ("user", True)
    told("create-user", "ann@example.com", env=env, stdin=PASSWORD)
    assert [user["email"] for user in told("list-users", "--role", "admin", env=env)] == [JOE]
    assert trail(env, "--user", JOE) == ["EMAIL_VERIFIED", "ROLES_CHANGED", "SIGNED_UP"]


def test_the_command_line_may_demote_the_last_operator(env: dict[str, str]) -> None:
    told("create-user", JOE, "--admin", env=env, stdin=PASSWORD)
    assert told("set-roles", JOE, "user", env=env)["roles"] == ["user"]
