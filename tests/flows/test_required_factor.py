"""A second factor that the operator requires: who is asked, what a ticket allows, and when."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.admin_client import Operator, id_of, operator
from tests.flows.conftest import refusal
from tests.passkey_device import Device
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

POLICY, ROLES, GRACE = "AUTH_MFA_POLICY", "AUTH_MFA_REQUIRED_FOR_ROLES", "AUTH_MFA_GRACE_PERIOD"
ORIGIN = "http://localhost:3000"


@pytest.fixture
def server(tmp_path: Path, migrated_database: dict[str, str]) -> Iterator[Server]:
    chosen = {"AUTH_CLIENT_URL": ORIGIN, "AUTH_WEBAUTHN_ENABLED": "true"}
    with running_server(
        tmp_path / "var", **CHEAP_HASHING, **chosen, **migrated_database
    ) as running:
        yield running


@pytest.fixture
def root(server: Server, http: httpx2.Client) -> Operator:
    return operator(server, http)


@pytest.fixture
def asked(root: Operator, joe: Client) -> Client:
    """Joe, who has no factor, and is asked for one."""
    root.change(POLICY, "required")
    return joe


def sign_in(client: Client) -> Any:
    return client.call("signInEmailPassword", email=JOE, password=PASSWORD)


def enrol(client: Client, ticket: str) -> tuple[Authenticator, Any]:
    phone = Authenticator.scan(client.call("enrolMfaTotp", ticket=ticket)["imageUrl"])
    return phone, client.call("activateMfaTotp", ticket=ticket, code=phone.next_code())


def test_a_user_without_a_factor_sets_one_up_and_signs_in_by_that(
    asked: Client, root: Operator
) -> None:
    ticket = sign_in(asked)
    assert (ticket["__typename"], ticket["factors"]) == ("MfaTicket", [])
    assert ticket["enrolment"] == ["TOTP", "PASSKEY"]
    phone, change = enrol(asked, ticket["ticket"])
    assert len(change["recoveryCodes"]) == 10
    asked.access_token = change["session"]["accessToken"]
    assert asked.call("me")["factors"] == ["TOTP", "RECOVERY_CODE"]
    again = sign_in(asked)
    assert again["enrolment"] is None
    asked.call("verifySignInMfaTotp", ticket=again["ticket"], otp=phone.next_code())
    (methods, *_) = [
        session["methods"] for session in root.call("user", id=id_of(root, JOE))["sessions"]
    ]
    assert methods == ["pwd", "otp", "mfa"]


def test_a_passkey_will_do(asked: Client) -> None:
    ticket, device = sign_in(asked)["ticket"], Device(ORIGIN)
    made = device.create(asked.call("enrolMfaPasskey", ticket=ticket)["optionsJson"])
    change = asked.call("activateMfaPasskey", ticket=ticket, credentialJson=made)
    assert len(change["recoveryCodes"]) == 10
    asked.access_token = change["session"]["accessToken"]
    assert asked.call("me")["factors"] == ["PASSKEY", "RECOVERY_CODE"]
    assert refusal(asked, "activateMfaPasskey", ticket=ticket, credentialJson=made) == (
        "INVALID_TICKET"
    )


def test_the_ticket_allows_nothing_else(asked: Client) -> None:
    ticket = sign_in(asked)["ticket"]
    for operation, given in (
        ("verifySignInMfaTotp", {"otp": "123456"}),
        ("verifySignInMfaRecoveryCode", {"recoveryCode": "aaaa-bbbb-cccc-dddd"}),
        ("startSignInMfaPasskey", {}),
    ):
        assert refusal(asked, operation, ticket=ticket, **given) == "INVALID_TICKET"
    stranger = Client(asked.http, ticket)
    for operation in ("me", "changeUserMfa"):
        assert refusal(stranger, operation) == "UNAUTHENTICATED"


def test_a_ticket_of_a_user_with_a_factor_sets_up_none(joe: Client, root: Operator) -> None:
    joe.enrol()
    root.change(POLICY, "required")
    ticket = joe.ticket(JOE)
    assert refusal(joe, "enrolMfaTotp", ticket=ticket) == "INVALID_TICKET"
    assert refusal(joe, "enrolMfaPasskey", ticket=ticket) == "INVALID_TICKET"
    assert refusal(joe, "activateMfaTotp", ticket=ticket, code="123456") == "INVALID_TICKET"


def test_wrong_codes_use_the_ticket_up(asked: Client) -> None:
    ticket = sign_in(asked)["ticket"]
    phone = Authenticator.scan(asked.call("enrolMfaTotp", ticket=ticket)["imageUrl"])
    wrong = {"ticket": ticket, "code": phone.wrong_code()}
    codes = [refusal(asked, "activateMfaTotp", **wrong) for _ in range(6)]
    assert codes == ["INVALID_TOTP"] * 5 + ["INVALID_TICKET"]
    assert refusal(asked, "activateMfaTotp", ticket=ticket, code=phone.next_code()) == (
        "INVALID_TICKET"
    )


def test_nobody_learns_the_secret_that_another_ticket_has_begun(asked: Client) -> None:
    """Whoever knows the password alone must not know the factor that its user sets up."""
    thief, owner = sign_in(asked)["ticket"], sign_in(asked)["ticket"]
    known = asked.call("enrolMfaTotp", ticket=thief)["totpSecret"]
    mine = asked.call("enrolMfaTotp", ticket=owner)["totpSecret"]
    assert known != mine
    assert asked.call("enrolMfaTotp", ticket=owner)["totpSecret"] == mine
    phone = Authenticator(mine)
    assert refusal(asked, "activateMfaTotp", ticket=thief, code=phone.next_code()) == (
        "NO_TOTP_SECRET"
    )
    asked.call("activateMfaTotp", ticket=owner, code=phone.next_code())
    assert refusal(asked, "enrolMfaTotp", ticket=thief) == "INVALID_TICKET"


def test_nobody_learns_the_secret_that_another_session_has_begun(
    joe: Client, server: Server
) -> None:
    thief = Client(joe.http, sign_in(joe)["accessToken"])
    known = thief.call("changeUserMfa")["totpSecret"]
    mine = joe.call("changeUserMfa")["totpSecret"]
    assert known != mine
    code = Authenticator(mine).next_code()
    assert refusal(thief, "verifyChangeUserMfa", activeMfaType="totp", code=code) == (
        "NO_TOTP_SECRET"
    )
    joe.call("verifyChangeUserMfa", activeMfaType="totp", code=code)


def test_of_fifty_activations_at_once_one_opens_a_session(asked: Client, server: Server) -> None:
    ticket = sign_in(asked)["ticket"]
    phone = Authenticator.scan(asked.call("enrolMfaTotp", ticket=ticket)["imageUrl"])
    wanted = [{"ticket": ticket, "code": phone.next_code()}] * 50
    answers = all_at_once(server, "activateMfaTotp", wanted)
    assert len(sessions_among(answers)) == 1


def test_of_two_tickets_one_sets_up_a_factor(asked: Client, server: Server) -> None:
    tickets = [sign_in(asked)["ticket"] for _ in range(10)]
    devices = [Device(ORIGIN) for _ in tickets]
    made = [
        {
            "ticket": ticket,
            "credentialJson": device.create(
                asked.call("enrolMfaPasskey", ticket=ticket)["optionsJson"]
            ),
        }
        for ticket, device in zip(tickets, devices, strict=True)
    ]
    answers = all_at_once(server, "activateMfaPasskey", made)
    assert len(sessions_among(answers)) == 1


def test_the_last_factor_cannot_be_turned_off(asked: Client) -> None:
    phone, change = enrol(asked, sign_in(asked)["ticket"])
    asked.access_token = change["session"]["accessToken"]
    off = {"activeMfaType": "", "code": phone.next_code()}
    assert refusal(asked, "verifyChangeUserMfa", **off) == "SECOND_FACTOR_REQUIRED"
    for _ in range(12):
        refused = refusal(asked, "verifyChangeUserMfa", **off)
        assert refused == "SECOND_FACTOR_REQUIRED", "not spent, and no failed attempt"
    device = Device(ORIGIN)
    (passkey,) = asked.add_passkey(device)["user"]["passkeys"]
    change = asked.call("verifyChangeUserMfa", activeMfaType="", code=phone.next_code())
    asked.access_token = change["session"]["accessToken"]
    assert refusal(asked, "removePasskey", id=passkey["id"]) == "SECOND_FACTOR_REQUIRED"
    assert asked.call("me")["factors"] == ["PASSKEY", "RECOVERY_CODE"]


def test_the_required_roles_are_asked_and_no_others(root: Operator, joe: Client) -> None:
    root.change(ROLES, "editor")
    assert sign_in(joe)["__typename"] == "Session"
    root.call("setRoles", id=id_of(root, JOE), roles=["user", "editor"], defaultRole="user")
    assert sign_in(joe)["enrolment"] == ["TOTP", "PASSKEY"]


def test_a_session_from_before_ends_at_its_refresh(root: Operator, joe: Client) -> None:
    session = sign_in(joe)
    root.change(POLICY, "required")
    old = {"refreshToken": session["refreshToken"]}
    assert refusal(joe, "refreshSession", **old) == "INVALID_REFRESH_TOKEN"
    root.change(POLICY, "optional")
    assert refusal(joe, "refreshSession", **old) == "INVALID_REFRESH_TOKEN"


def test_the_grace_period_begins_once_and_is_never_renewed(root: Operator, joe: Client) -> None:
    root.call(
        "changeSettings",
        changes=[{"name": POLICY, "value": "required"}, {"name": GRACE, "value": "3"}],
    )
    session = sign_in(joe)
    assert session["__typename"] == "Session"
    joe.access_token = session["accessToken"]
    due = joe.call("me")["secondFactorDueAt"]
    root.change(GRACE, "1h")
    joe.access_token = sign_in(joe)["accessToken"]
    assert joe.call("me")["secondFactorDueAt"] == due
    session = joe.call("refreshSession", refreshToken=session["refreshToken"])
    time.sleep(3.1)
    assert sign_in(joe)["enrolment"]
    for change in ("optional", "required"):
        root.change(POLICY, change)
        told = joe.call("me")["secondFactorDueAt"]
        assert told == (due if change == "required" else None)
    assert sign_in(joe)["enrolment"], "the period is not renewed by the switch"
    refused = refusal(joe, "refreshSession", refreshToken=session["refreshToken"])
    assert refused == "INVALID_REFRESH_TOKEN"


def test_a_new_account_is_made_and_signs_in_to_set_its_factor_up(
    root: Operator, http: httpx2.Client
) -> None:
    root.change(POLICY, "required")
    new = Client(http)
    given = {"email": JOE, "password": PASSWORD}
    assert refusal(new, "signUpEmailPassword", **given) == "SECOND_FACTOR_REQUIRED"
    enrol(new, sign_in(new)["ticket"])


def test_a_factor_is_required_only_if_somebody_can_have_one(
    tmp_path: Path, migrated_database: dict[str, str]
) -> None:
    with (
        running_server(tmp_path / "var", **CHEAP_HASHING, **migrated_database) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        root = operator(server, http)
        root.change(POLICY, "required")
        with pytest.raises(Exception, match="AUTH_MFA_POLICY"):
            root.change("AUTH_MFA_ENABLED", "false")
        root.change(POLICY, "off")
        root.change("AUTH_MFA_ENABLED", "false")
        assert root.client.call("me")["factors"], "the operator keeps the factor"
        ticket = root.client.ticket("root@example.com")
        root.client.call("verifySignInMfaTotp", ticket=ticket, otp=root.phone.next_code())
        other = Client(http)
        other.sign_up(JOE)
        assert refusal(other, "changeUserMfa") == "DISABLED_ENDPOINT"


def test_after_a_reset_by_an_operator_the_user_sets_up_a_new_factor(
    asked: Client, root: Operator
) -> None:
    phone, _ = enrol(asked, sign_in(asked)["ticket"])
    root.call("resetFactors", id=id_of(root, JOE))
    ticket = sign_in(asked)["ticket"]
    fresh = Authenticator.scan(asked.call("enrolMfaTotp", ticket=ticket)["imageUrl"])
    fresh.last_step = phone.last_step - 1
    spent = {"ticket": ticket, "code": fresh.next_code()}
    assert refusal(asked, "activateMfaTotp", **spent) == "INVALID_TOTP", "the time step is spent"
    asked.call("activateMfaTotp", ticket=ticket, code=fresh.next_code())


def test_nhosts_routes_say_that_a_factor_has_to_be_set_up(
    asked: Client, http: httpx2.Client
) -> None:
    answer = http.post("/v1/signin/email-password", json={"email": JOE, "password": PASSWORD})
    mfa = answer.json()["mfa"]
    assert mfa["enrolment"] == ["TOTP", "PASSKEY"]
    enrol(asked, mfa["ticket"])
    after = http.post("/v1/signin/email-password", json={"email": JOE, "password": PASSWORD})
    assert list(after.json()["mfa"]) == ["ticket"]


def test_a_session_without_a_factor_cannot_live_on_by_confirming_the_password(
    root: Operator, joe: Client
) -> None:
    root.change(POLICY, "required")
    assert refusal(joe, "elevate", password=PASSWORD) == "SECOND_FACTOR_REQUIRED"
    changed = {"currentPassword": PASSWORD, "newPassword": "another good password"}
    assert refusal(joe, "changeUserPassword", **changed) == "SECOND_FACTOR_REQUIRED"
    assert sign_in(joe)["enrolment"], "the password is the old one"
    joe.enrol()
    assert joe.call("me")["factors"] == ["TOTP", "RECOVERY_CODE"]


def _not_shown(root: Operator, joe: Client, *, trusted: bool) -> tuple[Client, Authenticator]:
    """Return Joe in a session from before the factor, or of a trusted browser."""
    root.change("AUTH_MFA_TRUST_DEVICE_FOR", "1h")
    other = Client(joe.http, sign_in(joe)["accessToken"])
    phone = joe.enrol()
    if trusted:
        given = {"ticket": joe.ticket(JOE), "recoveryCode": phone.recovery_codes.pop()}
        first = joe.call("verifySignInMfaRecoveryCode", **given, trustDevice=True)
        joe.access_token = first["accessToken"]
        session = joe.call(
            "signInEmailPassword", email=JOE, password=PASSWORD, deviceToken=first["deviceToken"]
        )
        other.access_token = session["accessToken"]
    return other, phone


@pytest.mark.parametrize("trusted", [False, True])
def test_no_factor_is_added_where_none_was_shown_whatever_the_mode(
    trusted: bool, tmp_path: Path, migrated_database: dict[str, str]
) -> None:
    """It would count as shown from then on."""
    chosen = {"AUTH_CLIENT_URL": ORIGIN, "AUTH_WEBAUTHN_ENABLED": "true"} | {
        "AUTH_REQUIRE_ELEVATED_CLAIM": "disabled"
    }
    with (
        running_server(tmp_path / "var", **CHEAP_HASHING, **chosen, **migrated_database) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        root, joe, device = operator(server, http), Client(http), Device(ORIGIN)
        joe.sign_up(JOE)
        other, phone = _not_shown(root, joe, trusted=trusted)
        made = device.create(other.call("addPasskey")["optionsJson"])
        refused = refusal(other, "verifyAddPasskey", credentialJson=made)
        assert refused == "ELEVATED_CLAIM_REQUIRED"
        shown = {"code": phone.recovery_codes.pop()}
        other.access_token = other.call("elevate", **shown)["accessToken"]
        other.add_passkey(device)


def test_what_a_session_has_shown_of_a_factor_goes_with_it(root: Operator, joe: Client) -> None:
    phone = joe.enrol()
    shown = {"ticket": joe.ticket(JOE), "recoveryCode": phone.recovery_codes.pop()}
    other = Client(joe.http, joe.call("verifySignInMfaRecoveryCode", **shown)["accessToken"])
    off = {"activeMfaType": "", "code": phone.recovery_codes.pop()}
    joe.access_token = joe.call("verifyChangeUserMfa", **off)["session"]["accessToken"]
    found = root.call("user", id=id_of(root, JOE))["sessions"]
    assert not any("mfa" in session["methods"] for session in found)
    other.access_token = other.call("elevate", password=PASSWORD)["accessToken"]
    joe.add_passkey(Device(ORIGIN))
    assert refusal(other, "addPasskey") == "ELEVATED_CLAIM_REQUIRED"


def test_a_token_from_before_the_factor_was_shown_gains_nothing(joe: Client) -> None:
    """Whoever has copied it waits for the user to show the factor, in the same session."""
    copied = Client(joe.http, joe.access_token)
    phone = joe.enrol()
    assert refusal(copied, "addPasskey") == "ELEVATED_CLAIM_REQUIRED"
    joe.call("elevate", code=phone.recovery_codes.pop())
    assert refusal(copied, "addPasskey") == "ELEVATED_CLAIM_REQUIRED"
    assert refusal(joe, "addPasskey") == ""


def test_a_period_of_no_length_is_over_for_ever(root: Operator, joe: Client) -> None:
    root.change(POLICY, "required")
    assert refusal(joe, "elevate", password=PASSWORD) == "SECOND_FACTOR_REQUIRED"
    root.change(GRACE, "1h")
    assert sign_in(joe)["__typename"] == "MfaTicket"


@pytest.mark.parametrize("trusted", [False, True])
def test_a_session_that_has_not_shown_the_factor_changes_none(
    trusted: bool, root: Operator, joe: Client
) -> None:
    """Of a user with a factor: a session from before it, or of a trusted browser."""
    other, phone = _not_shown(root, joe, trusted=trusted)
    new = "another good password"
    for operation, given in (
        ("addPasskey", {}),
        ("changeUserMfa", {}),
        ("verifyChangeUserMfa", {"activeMfaType": "", "code": phone.recovery_codes[0]}),
        ("regenerateRecoveryCodes", {"code": "123456"}),
        ("changeUserPassword", {"currentPassword": PASSWORD, "newPassword": new}),
        ("changeUserEmail", {"newEmail": "joe@example.org"}),
    ):
        assert refusal(other, operation, **given) == "ELEVATED_CLAIM_REQUIRED", operation
    other.access_token = other.call("elevate", code=phone.recovery_codes.pop())["accessToken"]
    assert refusal(other, "addPasskey") == ""


def test_whoever_has_just_set_up_a_factor_has_shown_it(joe: Client) -> None:
    joe.enrol()
    assert refusal(joe, "addPasskey") == ""
