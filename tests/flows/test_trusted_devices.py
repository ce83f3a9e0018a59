"""Browsers that stand for the second factor: at sign-in, for a fixed time, never at a step-up."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.admin_client import Operator, id_of, operator
from tests.flows.conftest import refusal
from tests.support import (
    CHEAP_HASHING,
    JOE,
    PASSWORD,
    Authenticator,
    Client,
    Server,
    all_at_once,
    running_server,
    sessions_among,
)

FOR = "AUTH_MFA_TRUST_DEVICE_FOR"
NEW = "another good password"


@pytest.fixture
def server(tmp_path: Path, migrated_database: dict[str, str]) -> Iterator[Server]:
    chosen = {"AUTH_REFRESH_TOKEN_REUSE_INTERVAL": "0"}
    with running_server(
        tmp_path / "var", **CHEAP_HASHING, **chosen, **migrated_database
    ) as running:
        yield running


@pytest.fixture
def root(server: Server, http: httpx2.Client) -> Operator:
    return operator(server, http)


@dataclass
class Home:
    """Joe at home, in a browser that he trusts."""

    client: Client
    phone: Authenticator
    token: str
    refresh_token: str

    def sign_in(self, password: str = PASSWORD, token: str | None = None) -> Any:
        return self.client.call(
            "signInEmailPassword", email=JOE, password=password, deviceToken=token or self.token
        )

    def is_trusted(self) -> bool:
        return bool(self.sign_in()["__typename"] == "Session")


@pytest.fixture
def home(root: Operator, joe: Client) -> Home:
    root.change(FOR, "30m")
    phone = joe.enrol()
    return trusted(joe, phone)


def trusted(joe: Client, phone: Authenticator) -> Home:
    """Sign Joe in, with a recovery code, since each one-time code takes half a minute."""
    shown = {"ticket": joe.ticket(JOE), "recoveryCode": phone.recovery_codes.pop()}
    session = joe.call("verifySignInMfaRecoveryCode", **shown, trustDevice=True)
    joe.access_token = session["accessToken"]
    return Home(joe, phone, session["deviceToken"], session["refreshToken"])


def test_a_trusted_browser_is_not_asked_for_the_second_factor(home: Home) -> None:
    session = home.sign_in()
    assert session["__typename"] == "Session"
    assert session["deviceToken"] is None, "it is shown once, and its end is fixed"
    (device,) = home.client.call("me")["trustedDevices"]
    assert device["lastUsedAt"]


@pytest.mark.parametrize("token", ["", "nonsense", "00000000-0000-4000-8000-000000000000"])
def test_any_other_token_is_like_none(home: Home, token: str) -> None:
    answer = home.client.call(
        "signInEmailPassword", email=JOE, password=PASSWORD, deviceToken=token
    )
    assert answer["__typename"] == "MfaTicket"


def test_the_token_alone_is_nothing(home: Home) -> None:
    with pytest.raises(Exception, match="INVALID_EMAIL_PASSWORD"):
        home.sign_in("wrong")


def test_the_token_of_another_user_is_nothing(home: Home, http: httpx2.Client) -> None:
    ann = Client(http)
    ann.sign_up("ann@example.com")
    ann.enrol()
    given = {"email": "ann@example.com", "password": PASSWORD, "deviceToken": home.token}
    assert ann.call("signInEmailPassword", **given)["__typename"] == "MfaTicket"


def test_nothing_is_trusted_unless_asked_for_and_allowed(
    root: Operator, joe: Client, http: httpx2.Client
) -> None:
    phone = joe.enrol()
    assert trusted(joe, phone).token is None
    root.change(FOR, "30m")
    session = joe.call("verifySignInMfaTotp", ticket=joe.ticket(JOE), otp=phone.next_code())
    assert session["deviceToken"] is None


def test_a_step_up_still_takes_the_factor(home: Home) -> None:
    home.client.access_token = home.sign_in()["accessToken"]
    assert refusal(home.client, "elevate", password=PASSWORD) == "INVALID_REQUEST"
    home.client.call("elevate", code=home.phone.next_code())


def test_an_operator_in_a_trusted_browser_still_shows_the_factor(root: Operator) -> None:
    root.change(FOR, "30m")
    email = str(root.call("me")["name"])
    otp, ticket = root.phone.next_code(), root.client.ticket(email)
    given = {"ticket": ticket, "otp": otp, "trustDevice": True}
    token = root.client.call("verifySignInMfaTotp", **given)["deviceToken"]
    session = root.client.call(
        "signInEmailPassword", email=email, password=PASSWORD, deviceToken=token
    )
    root.client.access_token = session["accessToken"]
    with pytest.raises(Exception, match="ELEVATED_CLAIM_REQUIRED"):
        root.call("me")
    root.confirm()
    assert root.call("me")["name"] == email


@pytest.mark.parametrize(
    "change",
    [
        "password",
        "recovery codes",
        "factor off",
        "reuse",
        "revoked",
        "everywhere",
        "operator",
        "reset",
    ],
)
def test_trust_ends_with(change: str, home: Home, root: Operator) -> None:
    joe, phone = home.client, home.phone
    assert home.is_trusted()
    if change == "password":
        joe.call("changeUserPassword", currentPassword=PASSWORD, newPassword=NEW)
        assert home.sign_in(NEW)["__typename"] == "MfaTicket"
        return
    if change == "recovery codes":
        joe.call("regenerateRecoveryCodes", code=phone.next_code())
    if change == "factor off":
        off = joe.call("verifyChangeUserMfa", activeMfaType="", code=phone.next_code())
        joe.access_token = off["session"]["accessToken"]
        assert joe.call("me")["trustedDevices"] == []
        return
    if change == "reuse":
        first = joe.call("refreshSession", refreshToken=home.refresh_token)
        joe.call("refreshSession", refreshToken=first["refreshToken"])
        assert refusal(joe, "refreshSession", refreshToken=home.refresh_token)
    if change == "revoked":
        (device,) = joe.call("me")["trustedDevices"]
        assert joe.call("revokeTrustedDevice", id=device["id"]) is True
        assert joe.call("revokeTrustedDevice", id=device["id"]) is False
        assert joe.call("revokeTrustedDevice", id="nonsense") is False
    if change == "everywhere":
        joe.call("signOut", all=True)
    if change == "operator":
        root.call("endSessions", id=id_of(root, JOE))
    if change == "reset":
        root.call("resetFactors", id=id_of(root, JOE))
        joe.access_token = home.sign_in()["accessToken"]
        assert joe.call("me")["trustedDevices"] == []
        return
    assert not home.is_trusted()


def test_the_end_is_fixed_and_the_operator_may_shorten_it(home: Home, root: Operator) -> None:
    (device,) = home.client.call("me")["trustedDevices"]
    assert home.is_trusted()
    assert home.client.call("me")["trustedDevices"][0]["expiresAt"] == device["expiresAt"]
    root.change(FOR, "1s")
    time.sleep(1.1)
    assert not home.is_trusted()
    root.change(FOR, "0")
    assert not home.is_trusted()


def test_a_user_trusts_ten_browsers_at_most(home: Home, joe: Client) -> None:
    assert len(joe.call("me")["trustedDevices"]) == 1
    for _ in range(9):
        trusted(joe, home.phone)
    assert home.is_trusted()
    otp, ticket = home.phone.next_code(), joe.ticket(JOE)
    joe.call("verifySignInMfaTotp", ticket=ticket, otp=otp, trustDevice=True)
    assert len(joe.call("me")["trustedDevices"]) == 10
    assert not home.is_trusted(), "the oldest"


def test_nobody_revokes_the_browser_of_another_user(home: Home, http: httpx2.Client) -> None:
    ann = Client(http)
    ann.sign_up("ann@example.com")
    (device,) = home.client.call("me")["trustedDevices"]
    assert ann.call("revokeTrustedDevice", id=device["id"]) is False
    assert home.is_trusted()


def test_fifty_uses_at_once_all_sign_in_and_the_password_change_ends_them(
    home: Home, server: Server
) -> None:
    given = {"email": JOE, "password": PASSWORD, "deviceToken": home.token}
    answers = all_at_once(server, "signInEmailPassword", [given] * 50)
    assert {each["__typename"] for each in sessions_among(answers)} == {"Session"}


def test_an_attack_from_elsewhere_does_not_lock_a_trusted_browser_out(
    tmp_path: Path, migrated_database: dict[str, str]
) -> None:
    chosen = {
        "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "3",
        "AUTH_TRUSTED_PROXIES": "127.0.0.1",
        FOR: "1h",
        **migrated_database,
    }

    def at(address: str) -> httpx2.Client:
        headers = {"x-forwarded-for": address}
        return httpx2.Client(base_url=attacked.url, timeout=30, headers=headers)

    with running_server(tmp_path / "var", **CHEAP_HASHING, **chosen) as attacked:
        with at("192.0.2.1") as home:
            joe = Client(home)
            joe.sign_up(JOE)
            token = trusted(joe, joe.enrol()).token
        for number in range(8):
            with at(f"198.51.100.{number}") as attacker:
                wrong = {"email": JOE, "password": "wrong"}
                assert refusal(Client(attacker), "signInEmailPassword", **wrong)
        with at("203.0.113.9") as cafe:
            right = {"email": JOE, "password": PASSWORD}
            assert refusal(Client(cafe), "signInEmailPassword", **right) == "TOO_MANY_REQUESTS"
            right["deviceToken"] = token
            assert Client(cafe).call("signInEmailPassword", **right)["__typename"] == "Session"
