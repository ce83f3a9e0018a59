"""Settings that operators change while servers run."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from config import load
from config.settings import NAMES
from tests.admin_client import REASON, Operator, document, operator
from tests.passkey_device import Device
from tests.support import (
    CHEAP_HASHING,
    JOE,
    PASSWORD,
    Authenticator,
    Client,
    RefusedError,
    Server,
    environment,
    postern,
    running_server,
)

LENGTH, SIGN_UP, ISSUER = "AUTH_PASSWORD_MIN_LENGTH", "AUTH_DISABLE_SIGNUP", "AUTH_MFA_TOTP_ISSUER"


@pytest.fixture
def server(tmp_path: Any, migrated_database: dict[str, str]) -> Iterator[Server]:
    with running_server(tmp_path / "var", **CHEAP_HASHING, **migrated_database) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=30) as opened:
        yield opened


@pytest.fixture
def root(server: Server, http: httpx2.Client) -> Operator:
    return operator(server, http)


def setting(shown: Any, name: str) -> Any:
    return next(each for each in shown["all"] if each["name"] == name)


def refused(act: Callable[[], Any]) -> RefusedError:
    with pytest.raises(RefusedError) as error:
        act()
    return error.value


def sign_up(http: httpx2.Client, email: str = JOE, password: str = PASSWORD) -> str:
    """Return the refusal of a sign-up, or ""."""
    try:
        Client(http).call("signUpEmailPassword", email=email, password=password)
    except RefusedError as error:
        return error.code
    return ""


def test_every_setting_is_shown_and_no_secret_is(root: Operator) -> None:
    shown = root.call("settings")
    assert [each["name"] for each in shown["all"]] == [named.env for named in NAMES.values()]
    assert all(not each["value"] for each in shown["all"] if each["isSecret"])
    assert setting(shown, "AUTH_HOST")["lockedBecause"]
    assert setting(shown, ISSUER) | {"source": "FILE"} == setting(shown, ISSUER)


def test_a_change_is_in_force_at_once_and_has_a_history(
    root: Operator, http: httpx2.Client
) -> None:
    changed = root.change(SIGN_UP, "true")
    assert setting(changed, SIGN_UP)["source"] == "DASHBOARD"
    assert sign_up(http) == "SIGNUP_DISABLED"
    (edge,) = root.call("settingChanges")["edges"]
    assert edge["node"]["previous"] is None
    (event,) = root.call("securityEvents", filter={"types": ["SETTING_CHANGED"]})["edges"]
    assert event["node"]["detail"] == SIGN_UP
    kept = {"name": SIGN_UP, "value": "true", "reason": REASON, "operator": "root@example.com"}
    assert kept.items() <= edge["node"].items()
    undone = root.call("undoSettingChange", id=edge["node"]["id"])
    assert setting(undone, SIGN_UP)["source"] == "FILE"
    assert sign_up(http) == ""
    assert [edge["node"]["value"] for edge in root.call("settingChanges")["edges"]] == [
        None, "true",
    ]  # fmt: skip


def test_a_change_survives_a_restart(
    tmp_path: Any, migrated_database: dict[str, str], root: Operator, server: Server
) -> None:
    root.change(LENGTH, "20")
    server.process.terminate()
    server.process.wait(20)
    with (
        running_server(tmp_path / "var", **CHEAP_HASHING, **migrated_database) as again,
        httpx2.Client(base_url=again.url) as http,
    ):
        assert sign_up(http, password="nineteen characters") == "PASSWORD_TOO_SHORT"


def test_another_server_sees_a_change_within_two_seconds(
    tmp_path: Any, migrated_database: dict[str, str], root: Operator
) -> None:
    shared = {} if migrated_database else {"DATABASE_URL": f"sqlite://{tmp_path}/var/postern.db"}
    chosen = CHEAP_HASHING | migrated_database | shared
    (tmp_path / "other").mkdir()
    for keys in ("encryption-keys", "signing-keys"):
        copy = shutil.copytree if (tmp_path / "var" / keys).is_dir() else shutil.copy
        copy(tmp_path / "var" / keys, tmp_path / "other" / keys)
    with (
        running_server(tmp_path / "other", **chosen) as other,
        httpx2.Client(base_url=other.url) as http,
    ):
        root.change(SIGN_UP, "true")
        deadline = time.monotonic() + 10
        while sign_up(http, f"{time.monotonic_ns()}@example.com") == "":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert sign_up(http) == "SIGNUP_DISABLED"


def test_what_the_environment_sets_is_locked(
    tmp_path: Any, migrated_database: dict[str, str]
) -> None:
    chosen = CHEAP_HASHING | migrated_database | {LENGTH: "12"}
    with (
        running_server(tmp_path / "var", **chosen) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        root = operator(server, http)
        shown = setting(root.call("settings"), LENGTH)
        assert (shown["value"], shown["source"]) == ("12", "ENVIRONMENT")
        assert LENGTH in shown["lockedBecause"]
        error = refused(lambda: root.change(LENGTH, "9"))
        assert error.code == "SETTING_LOCKED"
        assert LENGTH in error.message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (LENGTH, "0", "expected a whole number from 1 to 256"),
        (LENGTH, "nine", "expected a whole number from 1 to 256"),
        (SIGN_UP, "perhaps", "expected true or false"),
        ("AUTH_ACCESS_TOKEN_EXPIRES_IN", "soon", "expected seconds"),
        ("AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS", "*.example.com", "expected domains"),
        ("AUTH_CLIENT_URL", "javascript:alert(1)", "expected a URL"),
        (ISSUER, "a:b", "without a colon"),
        ("AUTH_USER_DEFAULT_ALLOWED_ROLES", "user,admin", "operator"),
        ("AUTH_WEBAUTHN_ENABLED", "true", "AUTH_CLIENT_URL"),
        ("AUTH_CLIENT_URL", "http://[", "expected a URL"),
        ("AUTH_CLIENT_URL", "http://a[b]", "expected a URL"),
        ("AUTH_CLIENT_URL", "http://\u2100.com", "expected a URL"),
        ("AUTH_CLIENT_URL", "http://example.com:port", "expected a URL"),
        ("AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED", "true", "lock you out"),
        ("AUTH_RATE_LIMIT_GLOBAL_INTERVAL", "87600h", "nobody could change it back"),
        ("AUTH_SESSION_INACTIVITY_TIMEOUT", "1", "nobody could change it back"),
        ("AUTH_ACCESS_TOKEN_EXPIRES_IN", "1", "nobody could change it back"),
        ("AUTH_NO_SUCH", "1", "There is no setting"),
        (LENGTH, "\0", "expected"),
    ],
)
def test_a_wrong_value_changes_nothing_and_is_refused_in_the_words_of_the_file(
    root: Operator, name: str, value: str, said: str
) -> None:
    before = root.call("settings")
    error = refused(lambda: root.change(name, value))
    assert error.code == "INVALID_REQUEST"
    assert said in error.message
    assert root.call("settings") == before


def test_one_wrong_value_among_many_changes_none(root: Operator) -> None:
    before = root.call("settings")
    changes = [{"name": LENGTH, "value": "9"}, {"name": SIGN_UP, "value": "perhaps"}]
    assert refused(lambda: root.call("changeSettings", changes=changes)).code == "INVALID_REQUEST"
    assert root.call("settings") == before


def test_keys_and_addresses_cannot_be_changed(root: Operator) -> None:
    for name in ("DATABASE_URL", "AUTH_HOST", "AUTH_ENCRYPTION_KEYS", "AUTH_TRUSTED_PROXIES"):
        assert refused(lambda: root.change(name, "x")).code == "SETTING_LOCKED"  # noqa: B023


def _at_once(root: Operator, server: Server, version: int | None) -> list[Any]:
    async def attack() -> list[httpx2.Response]:
        headers = {"authorization": f"Bearer {root.client.access_token}"}
        async with httpx2.AsyncClient(base_url=server.url, timeout=60, headers=headers) as http:
            asked = [
                {
                    "query": document("changeSettings"),
                    "variables": {
                        "changes": [{"name": LENGTH, "value": str(10 + number)}],
                        "reason": REASON,
                        "version": version,
                    },
                }
                for number in range(50)
            ]
            return await asyncio.gather(*(http.post("/admin/graphql", json=one) for one in asked))

    return [answer.json() for answer in asyncio.run(attack())]


def test_fifty_changes_at_once_happen_one_after_another(root: Operator, server: Server) -> None:
    answers = _at_once(root, server, None)
    assert not [answer for answer in answers if "errors" in answer]
    after = root.call("settings")
    assert after["version"] == 50
    (newest, *_) = root.call("settingChanges")["edges"]
    assert setting(after, LENGTH)["value"] == newest["node"]["value"]


def test_of_fifty_changes_of_what_was_seen_one_happens(root: Operator, server: Server) -> None:
    root.change(LENGTH, "9")
    answers = _at_once(root, server, 1)
    codes = [answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer]
    assert codes == ["CHANGED_MEANWHILE"] * 49
    assert root.call("settings")["version"] == 2


def test_the_command_line_lists_sets_and_exports_settings(server: Server) -> None:
    env = server.env
    assert postern("settings", "set", LENGTH, "14", "--reason", "why", env=env).returncode == 0
    listed = json.loads(postern("settings", "list", "--json", env=env).stdout)
    (shown,) = [each for each in listed if each["name"] == LENGTH]
    assert (shown["value"], shown["source"]) == ("14", "DASHBOARD")
    exported = postern("settings", "export", env=env).stdout
    assert "passwordMinLength = 14" in exported
    wrong = postern("settings", "set", LENGTH, "0", env=env)
    assert "expected a whole number from 1 to 256" in wrong.stderr
    assert postern("settings", "unset", LENGTH, env=env).returncode == 0
    listed = json.loads(postern("settings", "list", "--changed", "--json", env=env).stdout)
    assert listed == []


def test_what_is_exported_is_read_as_the_same_settings(server: Server, tmp_path: Path) -> None:
    changes = {
        LENGTH: "14",
        SIGN_UP: "true",
        ISSUER: 'A "quoted" name',
        "AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS": "example.org,example.net",
        "AUTH_REFRESH_TOKEN_EXPIRES_IN": "1h30m",
        "AUTH_MFA_GRACE_PERIOD": "3h",
    }
    for name, value in changes.items():
        assert postern("settings", "set", name, value, env=server.env).returncode == 0
    exported = tmp_path / "exported.toml"
    exported.write_text(postern("settings", "export", env=server.env).stdout)
    settings, warnings = load(environment(tmp_path / "other", AUTH_CONFIG=str(exported)))
    assert warnings == []
    assert settings.password_min_length == 14
    assert settings.disable_signup
    assert settings.mfa_totp_issuer == 'A "quoted" name'
    assert settings.blocked_email_domains == ("example.org", "example.net")
    assert (settings.refresh_token_expires_in, settings.mfa_grace_period) == (5400, 10800)


def test_the_front_end_may_be_named_while_the_server_runs(
    root: Operator, http: httpx2.Client
) -> None:
    origin = {"origin": "https://app.example.com"}
    asked = {"query": "{ __typename }"}
    before = http.post("/graphql", json=asked, headers=origin)
    assert "access-control-allow-origin" not in before.headers
    root.change("AUTH_CLIENT_URL", "https://app.example.com/welcome")
    after = http.post("/graphql", json=asked, headers=origin)
    assert after.headers["access-control-allow-origin"] == "https://app.example.com"


def test_limits_change_at_once(tmp_path: Path, migrated_database: dict[str, str]) -> None:
    chosen = {**CHEAP_HASHING, **migrated_database, "AUTH_RATE_LIMIT_SIGNUPS_BURST": ""}
    with (
        running_server(tmp_path / "var", **chosen) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        root = operator(server, http)
        root.change("AUTH_RATE_LIMIT_SIGNUPS_BURST", "2")
        codes = [sign_up(http, f"user{number}@example.com") for number in range(3)]
        assert codes == ["", "", "TOO_MANY_REQUESTS"], "a new limit begins a new count"
        root.change("AUTH_RATE_LIMIT_SIGNUPS_BURST", "100")
        assert sign_up(http) == ""


def test_a_stored_change_that_the_environment_makes_wrong_stops_the_start_until_it_is_unset(
    tmp_path: Path, migrated_database: dict[str, str]
) -> None:
    with_url = {"AUTH_CLIENT_URL": "https://app.example.com", **migrated_database}
    with running_server(tmp_path / "var", **CHEAP_HASHING, **with_url) as server:
        env = server.env
        assert postern("settings", "set", "AUTH_WEBAUTHN_ENABLED", "true", env=env).returncode == 0
    del env["AUTH_CLIENT_URL"]
    refused = postern("serve", env=env)
    assert refused.returncode == 1
    assert "AUTH_CLIENT_URL: required with AUTH_WEBAUTHN_ENABLED" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "What operators have set cannot be used" in postern("doctor", env=env).stdout
    assert postern("settings", "unset", "AUTH_WEBAUTHN_ENABLED", env=env).returncode == 0
    assert postern("settings", "list", env=env).returncode == 0


ORIGIN = "http://localhost:3000"


@pytest.fixture
def by_file(tmp_path: Path, migrated_database: dict[str, str]) -> Iterator[Server]:
    """A server whose file, not its environment, switches both kinds of factors on."""
    file = tmp_path / "nhost.toml"
    file.write_text(
        f'auth.redirections.clientUrl = "{ORIGIN}"\nauth.method.webauthn.enabled = true\n'
        "auth.totp.enabled = true"
    )
    chosen = {**CHEAP_HASHING, **migrated_database, "AUTH_CONFIG": str(file)}
    with running_server(tmp_path / "var", **chosen) as running:
        yield running


@pytest.fixture
def to_it(by_file: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=by_file.url, timeout=30) as opened:
        yield opened


def test_operators_cannot_end_all_passkeys_in_three_steps(
    by_file: Server, to_it: httpx2.Client
) -> None:
    root = operator(by_file, to_it)
    root.client.add_passkey(Device(ORIGIN))
    root.change("AUTH_WEBAUTHN_ENABLED", "false")
    error = refused(lambda: root.change("AUTH_CLIENT_URL", "https://evil.example"))
    assert "passkeys" in error.message


def test_operators_do_not_take_the_origin_away_that_passkeys_are_used_from(
    by_file: Server, to_it: httpx2.Client
) -> None:
    root = operator(by_file, to_it)
    root.change("AUTH_CLIENT_URL", "http://localhost:9999")
    root.change("AUTH_CLIENT_URL", None)
    root.client.add_passkey(Device(ORIGIN))
    for other in ("http://localhost:9999", "https://localhost"):
        error = refused(partial(root.change, "AUTH_CLIENT_URL", other))
        assert "AUTH_WEBAUTHN_RP_ORIGINS" in error.message
    root.change("AUTH_CLIENT_URL", f"{ORIGIN}/welcome")


def test_an_operator_with_passkeys_alone_does_not_switch_them_off(
    by_file: Server, to_it: httpx2.Client
) -> None:
    client = Client(to_it)
    client.sign_up("root@example.com")
    client.add_passkey(Device(ORIGIN))
    postern("set-roles", "root@example.com", "user", "admin", env=by_file.env)
    root = Operator(to_it, client, Authenticator(""))
    error = refused(lambda: root.change("AUTH_WEBAUTHN_ENABLED", "false"))
    assert "lock you out" in error.message


def test_two_changes_that_need_each_other_are_unset_together_or_one_by_one(
    tmp_path: Path, migrated_database: dict[str, str]
) -> None:
    file = tmp_path / "nhost.toml"
    file.write_text('auth.totp.enabled = true\nauth.redirections.clientUrl = "https://a.example"')
    chosen = {**CHEAP_HASHING, **migrated_database, "AUTH_CONFIG": str(file)}
    passkeys, policy = "AUTH_WEBAUTHN_ENABLED", "AUTH_MFA_POLICY"
    with running_server(tmp_path / "var", **chosen) as server:
        env = server.env
        assert postern("settings", "set", passkeys, "true", env=env).returncode == 0
        assert postern("settings", "set", policy, "required", env=env).returncode == 0
    file.write_text("auth.totp.enabled = false")
    listed = postern("settings", "list", "--changed", env=env)
    assert f"{policy} = required" in listed.stdout
    assert "cannot be used" in listed.stderr
    assert postern("serve", env=env).returncode == 1
    assert postern("settings", "unset", passkeys, env=env).returncode == 0
    assert postern("settings", "unset", policy, passkeys, env=env).returncode == 0
    assert postern("settings", "list", "--changed", env=env).stdout == ""
