"""Passkeys over HTTP: as a second factor, as the way in, and who attacks them."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest
from webauthn.helpers import bytes_to_base64url

from tests.flows.conftest import front_end, many_servers, refusal
from tests.passkey_device import BE, BS, UP, UV, Device
from tests.support import (
    JOE,
    PASSWORD,
    Client,
    RefusedError,
    Server,
    all_at_once,
    postern,
    running_server,
)

PASSKEYS = {
    "AUTH_WEBAUTHN_ENABLED": "true",
    "AUTH_CLIENT_URL": "http://localhost:3000",
    "AUTH_OTP_EMAIL_ENABLED": "true",
}
EVE = "eve@example.com"
NEW = "another password 7"


@pytest.fixture
def server(tmp_path: Path, database_settings: dict[str, str]) -> Iterator[Server]:
    with running_server(tmp_path / "var", **PASSKEYS, **database_settings) as running:
        yield running


def claims(session: Any) -> Any:
    return jwt.decode(session["accessToken"], options={"verify_signature": False})


def second_factor(client: Client, device: Device, ticket: str, **lies: Any) -> Any:
    options = client.call("startSignInMfaPasskey", ticket=ticket)["optionsJson"]
    answer = device.get(options, **lies)
    return client.call("verifySignInMfaPasskey", ticket=ticket, credentialJson=answer)


def signed_up_by_passkey(http: httpx2.Client) -> tuple[Client, Any]:
    """Sign Amy up; return her and her only passkey."""
    amy = Client(http)
    options = amy.call("signUpPasskey", email="amy@example.com")["optionsJson"]
    change = amy.call("verifySignUpPasskey", credentialJson=Device().create(options))
    amy.access_token = change["session"]["accessToken"]
    (only,) = change["user"]["passkeys"]
    return amy, only


class TestAPasskey:
    def test_brings_recovery_codes_and_is_asked_for_after_a_password(
        self, http: httpx2.Client, joe: Client
    ) -> None:
        device = Device()
        change = joe.add_passkey(device, "My phone")
        assert len(change["recoveryCodes"]) == 10
        assert [each["nickname"] for each in joe.call("me")["passkeys"]] == ["My phone"]
        waiting = Client(http).call("signInEmailPassword", email=JOE, password=PASSWORD)
        assert waiting["factors"] == ["PASSKEY", "RECOVERY_CODE"]
        session = second_factor(Client(http), device, waiting["ticket"])
        assert claims(session)["amr"] == ["pwd", "hwk", "user", "mfa"]
        assert session["user"]["factors"] == ["PASSKEY", "RECOVERY_CODE"]
        assert session["user"]["activeMfaType"] is None

    def test_signs_in_alone_if_it_has_verified_its_user(
        self, http: httpx2.Client, joe: Client
    ) -> None:
        device = Device(flags=UP | UV | BE | BS)
        joe.add_passkey(device)
        session = Client(http).sign_in_with(device)
        assert claims(session)["amr"] == ["swk", "user", "mfa"]
        (mine,) = joe.call("me")["passkeys"]
        assert mine["backedUp"]
        assert mine["lastUsedAt"]

    def test_signs_in_alone_though_there_is_an_authenticator_app_too(
        self, http: httpx2.Client, joe: Client
    ) -> None:
        device = Device()
        phone = joe.enrol()
        assert joe.add_passkey(device)["recoveryCodes"] == [], "the user has some"
        waiting = Client(http).call("signInEmailPassword", email=JOE, password=PASSWORD)
        assert waiting["factors"] == ["TOTP", "PASSKEY", "RECOVERY_CODE"]
        Client(http).sign_in_with(device)
        joe.call("verifyChangeUserMfa", activeMfaType="", code=phone.next_code())
        again = Client(http).call("signInEmailPassword", email=JOE, password=PASSWORD)
        assert again["factors"] == ["PASSKEY", "RECOVERY_CODE"], "they stay with the other factor"

    def test_that_has_not_verified_its_user_is_a_second_factor_only(
        self, http: httpx2.Client, joe: Client
    ) -> None:
        device = Device(flags=UP)
        joe.add_passkey(device)
        options = joe.call("startSignInPasskey")["optionsJson"]
        assert json.loads(options)["userVerification"] == "required"
        alone = refusal(Client(http), "verifySignInPasskey", credentialJson=device.get(options))
        assert alone == "PASSKEY_WITHOUT_VERIFICATION"
        assert second_factor(Client(http), device, joe.ticket(JOE))

    @pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
    def test_may_use_each_of_the_algorithms(
        self, http: httpx2.Client, joe: Client, algorithm: str
    ) -> None:
        device = Device(algorithm)
        joe.add_passkey(device)
        assert Client(http).sign_in_with(device)

    def test_is_not_added_twice(self, joe: Client) -> None:
        device = Device()
        joe.add_passkey(device)
        options = joe.call("addPasskey")["optionsJson"]
        assert len(json.loads(options)["excludeCredentials"]) == 1
        again = device.create(options, credential_id=device.credentials[0].id)
        assert refusal(joe, "verifyAddPasskey", credentialJson=again) == "PASSKEY_ALREADY_ADDED"

    def test_is_named_renamed_and_removed_with_the_recovery_codes(
        self, server: Server, http: httpx2.Client, joe: Client
    ) -> None:
        device = Device()
        (added,) = joe.add_passkey(device)["user"]["passkeys"]
        assert added["nickname"] == "Passkey"
        assert joe.call("renamePasskey", id=added["id"], nickname=" Work ")["nickname"] == "Work"
        assert refusal(joe, "renamePasskey", id=added["id"], nickname="a\nb") == "INVALID_REQUEST"
        session = joe.call("removePasskey", id=added["id"])["session"]
        joe.access_token = session["accessToken"]
        assert session["user"]["factors"] == []
        left = json.loads(joe.call("me")["acceptedPasskeysJson"])
        handle = device.credentials[0].user_handle
        assert left == {"rpId": "localhost", "userId": handle, "allAcceptedCredentialIds": []}
        assert joe.call("me")["recoveryCodesLeft"] == 0
        signed_in = Client(http).call("signInEmailPassword", email=JOE, password=PASSWORD)
        assert signed_in["__typename"] == "Session"
        with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
            Client(http).sign_in_with(device)
        told = [mail["kind"] for mail in server.mails(at_least=3)]
        assert told == ["passkey-removed", "passkey-renamed", "passkey-added"]

    def test_of_another_user_cannot_be_seen_renamed_or_removed(
        self, http: httpx2.Client, joe: Client
    ) -> None:
        (theirs,) = joe.add_passkey(Device())["user"]["passkeys"]
        eve = Client(http)
        eve.sign_up(EVE)
        assert refusal(eve, "renamePasskey", id=theirs["id"], nickname="Mine") == "NO_PASSKEY"
        assert refusal(eve, "removePasskey", id=theirs["id"]) == "NO_PASSKEY"
        assert refusal(eve, "removePasskey", id="nonsense") == "NO_PASSKEY"

    def test_elevates_a_session(self, joe: Client) -> None:
        device = Device()
        joe.add_passkey(device)
        answer = device.get(joe.call("startElevatePasskey")["optionsJson"])
        session = joe.call("verifyElevatePasskey", credentialJson=answer)
        assert claims(session)["amr"] == ["pwd", "hwk", "user", "mfa"]

    def test_of_a_lost_phone_is_replaced_with_a_recovery_code(
        self, http: httpx2.Client, joe: Client
    ) -> None:
        change = joe.add_passkey(Device())
        back = Client(http)
        code = change["recoveryCodes"][0]
        session = back.call(
            "verifySignInMfaRecoveryCode", ticket=joe.ticket(JOE), recoveryCode=code
        )
        back.access_token = session["accessToken"]
        (lost,) = change["user"]["passkeys"]
        fresh = Device()
        back.add_passkey(fresh)
        back.call("removePasskey", id=lost["id"])
        assert Client(http).sign_in_with(fresh)

    def test_gets_new_recovery_codes_without_a_code(self, joe: Client) -> None:
        before = joe.add_passkey(Device())["recoveryCodes"]
        after = joe.call("regenerateRecoveryCodes")["recoveryCodes"]
        assert len(after) == 10
        assert not set(before) & set(after)


class TestAnAccountWithoutAPassword:
    @pytest.fixture
    def device(self) -> Device:
        return Device()

    @pytest.fixture
    def amy(self, http: httpx2.Client, device: Device) -> Client:
        client = Client(http)
        options = client.call("signUpPasskey", email="amy@example.com")["optionsJson"]
        selection = json.loads(options)["authenticatorSelection"]
        assert (selection["residentKey"], selection["userVerification"]) == ("required",) * 2
        change = client.call("verifySignUpPasskey", credentialJson=device.create(options))
        assert len(change["recoveryCodes"]) == 10
        client.access_token = change["session"]["accessToken"]
        assert not change["session"]["user"]["hasPassword"]
        return client

    def test_signs_up_and_in_with_a_passkey(
        self, http: httpx2.Client, amy: Client, device: Device
    ) -> None:
        assert amy.call("me")["email"] == "amy@example.com"
        assert Client(http).sign_in_with(device)["user"]["email"] == "amy@example.com"

    def test_needs_an_authenticator_that_verifies_its_user(self, http: httpx2.Client) -> None:
        bob = Client(http)
        options = bob.call("signUpPasskey", email="bob@example.com")["optionsJson"]
        made = Device(flags=UP).create(options)
        unverified = refusal(bob, "verifySignUpPasskey", credentialJson=made)
        assert unverified == "PASSKEY_WITHOUT_VERIFICATION"

    def test_is_told_of_an_address_that_has_an_account(self, amy: Client) -> None:
        taken = refusal(amy, "signUpPasskey", email="AMY@example.com")
        assert taken == "EMAIL_ALREADY_IN_USE"

    def test_can_set_a_password_and_is_asked_for_the_passkey_after_it(
        self, http: httpx2.Client, amy: Client, device: Device
    ) -> None:
        amy.call("changeUserPassword", newPassword=NEW)
        waiting = Client(http).call("signInEmailPassword", email="amy@example.com", password=NEW)
        assert second_factor(Client(http), device, waiting["ticket"])

    def test_can_set_a_password_by_mail_and_is_asked_for_the_passkey_after_it(
        self, server: Server, http: httpx2.Client, amy: Client, device: Device
    ) -> None:
        amy.call("sendVerificationEmail", email="amy@example.com")
        amy.call("verifyEmail", ticket=server.mails(at_least=1)[0]["ticket"])
        amy.call("sendPasswordResetEmail", email="amy@example.com")
        ticket = server.mails(at_least=2)[0]["ticket"]
        amy.call("resetPassword", ticket=ticket, newPassword=NEW)
        waiting = Client(http).call("signInEmailPassword", email="amy@example.com", password=NEW)
        assert waiting["factors"] == ["PASSKEY", "RECOVERY_CODE"]
        assert second_factor(Client(http), device, waiting["ticket"])

    def test_keeps_its_only_way_in(self, tmp_path: Path) -> None:
        settings = PASSKEYS | {"AUTH_OTP_EMAIL_ENABLED": "false"}
        with (
            running_server(tmp_path / "other", **settings) as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
        ):
            amy, only = signed_up_by_passkey(http)
            assert refusal(amy, "removePasskey", id=only["id"]) == "NO_PASSWORD"
            amy.add_passkey(Device(flags=UP))
            assert refusal(amy, "removePasskey", id=only["id"]) == "NO_PASSWORD"
            amy.add_passkey(Device())
            assert amy.call("removePasskey", id=only["id"])

    def test_keeps_it_as_soon_as_another_way_is_switched_off(self, tmp_path: Path) -> None:
        settings = PASSKEYS | {"AUTH_OTP_EMAIL_ENABLED": ""}
        with (
            running_server(tmp_path / "other", **settings) as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
        ):
            switch = ("settings", "set", "--reason", "spam", "AUTH_OTP_EMAIL_ENABLED")
            assert postern(*switch, "true", env=server.env).returncode == 0
            while refusal(Client(http), "signInOTPEmail", email=JOE) == "DISABLED_ENDPOINT":
                time.sleep(0.1)  # until the server knows of it
            amy, only = signed_up_by_passkey(http)
            assert postern(*switch, "false", env=server.env).returncode == 0
            assert refusal(amy, "removePasskey", id=only["id"]) == "NO_PASSWORD"

    def test_confirms_by_passkey_where_others_give_a_password(
        self, amy: Client, device: Device
    ) -> None:
        assert refusal(amy, "elevate", password=PASSWORD) == "INVALID_REQUEST"
        answer = device.get(amy.call("startElevatePasskey")["optionsJson"])
        assert amy.call("verifyElevatePasskey", credentialJson=answer)


LIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "http://localhost:3001"},
    "a subdomain": {"origin": "http://app.localhost:3000"},
    "another RP ID": {"rp_id": "example.com"},
    "another type": {"type": "webauthn.create"},
    "nobody present": {"flags": UV},
    "backed up and not eligible": {"flags": UP | UV | BS},
    "a frame of another site": {"cross_origin": True},
    "a made-up challenge": {"challenge": "A" * 43},
    "another user's handle": {"user_handle": "AAAA"},
    "another kind of key": {"flags": UP | UV | BE},
}


class TestALie:
    @pytest.mark.parametrize("lie", LIES)
    def test_signs_nobody_in(self, http: httpx2.Client, joe: Client, lie: str) -> None:
        device = Device()
        joe.add_passkey(device)
        with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
            Client(http).sign_in_with(device, **LIES[lie])
        with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
            second_factor(Client(http), device, joe.ticket(JOE), **LIES[lie])

    @pytest.mark.parametrize("lie", [*LIES][:8])
    def test_adds_no_passkey(self, joe: Client, lie: str) -> None:
        said = LIES[lie]
        if said == {"type": "webauthn.create"}:
            said = {"type": "webauthn.get"}
        made = Device().create(joe.call("addPasskey")["optionsJson"], **said)
        assert refusal(joe, "verifyAddPasskey", credentialJson=made) == "INVALID_PASSKEY"

    def test_of_a_swapped_key_signs_nobody_in(self, http: httpx2.Client, joe: Client) -> None:
        device, other = Device(), Device()
        joe.add_passkey(device)
        joe.add_passkey(other)
        used = device.credentials[0]
        with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
            Client(http).sign_in_with(device, credential=used, key=other.credentials[0].key)

    def test_counts_like_a_wrong_code(self, http: httpx2.Client, joe: Client) -> None:
        device = Device()
        joe.add_passkey(device)
        ticket = joe.ticket(JOE)
        for left in (4, 3, 2, 1, 0):
            with pytest.raises(RefusedError) as refused:
                second_factor(Client(http), device, ticket, origin="https://evil.example.com")
            assert refused.value.extensions["attemptsLeft"] == left
        assert refusal(Client(http), "startSignInMfaPasskey", ticket=ticket) == "INVALID_TICKET"


class TestAChallenge:
    def test_is_good_once(self, http: httpx2.Client, joe: Client) -> None:
        device = Device()
        joe.add_passkey(device)
        answer = device.get(joe.call("startSignInPasskey")["optionsJson"])
        assert joe.call("verifySignInPasskey", credentialJson=answer)
        again = refusal(Client(http), "verifySignInPasskey", credentialJson=answer)
        assert again == "INVALID_PASSKEY"

    def test_of_one_purpose_or_ticket_serves_no_other(
        self, http: httpx2.Client, joe: Client
    ) -> None:
        device = Device()
        joe.add_passkey(device)
        one, two = joe.ticket(JOE), joe.ticket(JOE)
        of_one = joe.call("startSignInMfaPasskey", ticket=one)["optionsJson"]
        answers = {
            "ticket": device.get(of_one),
            "elevation": device.get(joe.call("startElevatePasskey")["optionsJson"]),
            "sign-in": device.get(joe.call("startSignInPasskey")["optionsJson"]),
        }
        for name, answer in answers.items():
            with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
                Client(http).call("verifySignInMfaPasskey", ticket=two, credentialJson=answer)
            assert name
        answer = device.get(joe.call("startElevatePasskey")["optionsJson"])
        assert refusal(joe, "verifySignInPasskey", credentialJson=answer) == "INVALID_PASSKEY"
        answer = device.get(joe.call("startSignInPasskey")["optionsJson"])
        assert refusal(joe, "verifyElevatePasskey", credentialJson=answer) == "INVALID_PASSKEY"

    def test_of_another_session_adds_no_passkey(self, http: httpx2.Client, joe: Client) -> None:
        """Or an attacker could have a victim add the attacker's passkey."""
        eve = Client(http)
        eve.sign_up(EVE)
        made = Device().create(eve.call("addPasskey")["optionsJson"])
        assert refusal(joe, "verifyAddPasskey", credentialJson=made) == "INVALID_PASSKEY"

    def test_of_a_tab_does_not_end_that_of_another_one(self, joe: Client) -> None:
        device = Device()
        joe.add_passkey(device)
        first, second = (joe.call("startSignInPasskey")["optionsJson"] for _ in range(2))
        assert joe.call("verifySignInPasskey", credentialJson=device.get(first))
        assert joe.call("verifySignInPasskey", credentialJson=device.get(second))


def test_a_passkey_of_another_user_redeems_no_ticket(http: httpx2.Client, joe: Client) -> None:
    joe.add_passkey(Device())
    eve, evil = Client(http), Device()
    eve.sign_up(EVE)
    eve.add_passkey(evil)
    ticket = joe.ticket(JOE)
    options = json.loads(joe.call("startSignInMfaPasskey", ticket=ticket)["optionsJson"])
    answer = evil.get(json.dumps(options | {"allowCredentials": []}))
    with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
        eve.call("verifySignInMfaPasskey", ticket=ticket, credentialJson=answer)


def test_an_unknown_passkey_is_refused_as_a_wrong_answer_is(
    http: httpx2.Client, joe: Client
) -> None:
    known, unknown = Device(), Device()
    joe.add_passkey(known)
    unknown.create(joe.call("addPasskey")["optionsJson"])
    said = []
    for device in (known, unknown):
        with pytest.raises(RefusedError) as refused:
            Client(http).sign_in_with(device, origin="http://localhost:9")
        said.append((refused.value.message, refused.value.extensions))
    with pytest.raises(RefusedError) as refused:
        Client(http).sign_in_with(unknown)
    assert said == [(refused.value.message, refused.value.extensions)] * 2


def test_a_passkey_whose_counter_goes_back_is_refused_and_recorded(
    http: httpx2.Client, joe: Client
) -> None:
    device = Device(counts=True)
    joe.add_passkey(device)
    Client(http).sign_in_with(device)
    with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
        Client(http).sign_in_with(device, sign_count=1)
    events = [edge["node"]["type"] for edge in joe.call("me")["securityEvents"]["edges"]]
    assert "PASSKEY_COUNTER_WENT_BACK" in events
    assert Client(http).sign_in_with(device)


def test_the_operator_can_accept_a_counter_that_goes_back(tmp_path: Path) -> None:
    settings = PASSKEYS | {"AUTH_WEBAUTHN_REFUSE_COPIES": "false"}
    with (
        running_server(tmp_path / "var", **settings) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        joe, device = Client(http), Device(counts=True)
        joe.sign_up(JOE)
        joe.add_passkey(device)
        assert Client(http).sign_in_with(device, sign_count=1)


@pytest.mark.parametrize("wrong", ["", "{}", "[]", "null", '{"response": 1}', "[" * 9000, "é"])
def test_what_is_no_answer_of_a_browser_is_refused(joe: Client, wrong: str) -> None:
    assert refusal(joe, "verifySignInPasskey", credentialJson=wrong) == "INVALID_PASSKEY"
    joe.call("addPasskey")
    assert refusal(joe, "verifyAddPasskey", credentialJson=wrong) == "INVALID_PASSKEY"


def test_an_account_that_is_disabled_in_the_middle_stays_closed(
    server: Server, http: httpx2.Client, joe: Client
) -> None:
    device = Device()
    joe.add_passkey(device)
    ticket = joe.ticket(JOE)
    alone = device.get(joe.call("startSignInPasskey")["optionsJson"])
    second = device.get(joe.call("startSignInMfaPasskey", ticket=ticket)["optionsJson"])
    postern("disable-user", JOE, env=server.env)
    assert refusal(Client(http), "verifySignInPasskey", credentialJson=alone) == "DISABLED_USER"
    late = refusal(Client(http), "verifySignInMfaPasskey", ticket=ticket, credentialJson=second)
    assert late == "INVALID_TICKET"


def test_the_operator_removes_all_factors(server: Server, http: httpx2.Client, joe: Client) -> None:
    device = Device()
    joe.enrol()
    joe.add_passkey(device)
    postern("reset-mfa", JOE, env=server.env)
    signed_in = Client(http).call("signInEmailPassword", email=JOE, password=PASSWORD)
    assert signed_in["__typename"] == "Session"
    with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
        Client(http).sign_in_with(device)


class TestWhoeverSignedUpWithSomebodyElsesAddress:
    @pytest.mark.parametrize("way", ["a code", "a reset"])
    def test_loses_the_passkey_once_the_owner_shows_the_mailbox(
        self, server: Server, http: httpx2.Client, way: str
    ) -> None:
        eve, device, owner = Client(http), Device(), Client(http)
        eve.sign_up(JOE)
        eve.add_passkey(device)
        before = len(server.mails(at_least=1))
        if way == "a code":
            owner.call("signInOTPEmail", email=JOE)
            otp = server.mails(at_least=before + 1)[0]["ticket"]
            session = owner.call("verifySignInOTPEmail", email=JOE, otp=otp)
            assert session["user"]["factors"] == []
        else:
            owner.call("sendPasswordResetEmail", email=JOE)
            ticket = server.mails(at_least=before + 1)[0]["ticket"]
            owner.call("resetPassword", ticket=ticket, newPassword=NEW)
            signed_in = owner.call("signInEmailPassword", email=JOE, password=NEW)
            assert signed_in["__typename"] == "Session"
        with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
            Client(http).sign_in_with(device)

    def test_loses_the_passkey_if_the_owner_undoes_a_change_of_address(
        self, server: Server, http: httpx2.Client
    ) -> None:
        eve, device, owner = Client(http), Device(), Client(http)
        eve.sign_up(JOE)
        eve.add_passkey(device)
        before = len(server.mails(at_least=1))
        eve.call("changeUserEmail", newEmail=EVE)
        mails = {mail["kind"]: mail["ticket"] for mail in server.mails(at_least=before + 2)}
        owner.call("undoChangeUserEmail", ticket=mails["email-change-asked"])
        with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
            Client(http).sign_in_with(device)

    def test_keeps_none_of_the_passkeys_of_a_change_that_is_undone(
        self, server: Server, http: httpx2.Client, joe: Client
    ) -> None:
        own, thiefs = Device(), Device()
        joe.call("sendVerificationEmail", email=JOE)
        joe.call("verifyEmail", ticket=server.mails(at_least=1)[0]["ticket"])
        joe.add_passkey(own)
        before = len(server.mails(at_least=2))
        joe.call("changeUserEmail", newEmail=EVE)
        mails = {mail["kind"]: mail["ticket"] for mail in server.mails(at_least=before + 2)}
        joe.add_passkey(thiefs)
        joe.call("verifyChangeUserEmail", ticket=mails["email-confirm-change"])
        (told, *_) = [m for m in server.mails(at_least=before + 4) if m["kind"] == "email-changed"]
        joe.call("undoChangeUserEmail", ticket=told["ticket"])
        with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
            Client(http).sign_in_with(thiefs)
        assert Client(http).sign_in_with(own)["user"]["email"] == JOE


def test_a_passkey_that_is_known_tells_nothing_of_an_address(tmp_path: Path) -> None:
    settings = PASSKEYS | {"AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true"}
    with (
        running_server(tmp_path / "var", **settings) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        eve, device = Client(http), Device()

        def sign_up(email: str, **lies: Any) -> str:
            options = eve.call("signUpPasskey", email=email)["optionsJson"]
            made = device.create(options, **lies)
            return refusal(eve, "verifySignUpPasskey", credentialJson=made)

        assert sign_up(EVE) == "UNVERIFIED_USER"
        of_eve = device.credentials[0].id
        assert sign_up(EVE) == "UNVERIFIED_USER", "there is an account, and the passkey is not kept"
        kept_nowhere = device.credentials[1].id
        for known in (of_eve, kept_nowhere):
            said = sign_up(f"{known.hex()}@example.com"[-40:], credential_id=known)
            assert said == "UNVERIFIED_USER"


def test_a_passkey_stays_if_its_account_is_verified_while_another_sign_up_claims_it(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    settings = PASSKEYS | {"AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true"} | postgres_database
    with (
        running_server(tmp_path / "var", **settings) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        visitor, device = Client(http), Device()

        def sign_up(email: str, **lies: Any) -> str:
            options = visitor.call("signUpPasskey", email=email)["optionsJson"]
            made = lies.pop("by", device).create(options, **lies)
            return refusal(visitor, "verifySignUpPasskey", credentialJson=made)

        async def claim_while_it_is_verified() -> str:
            link = await asyncpg.connect(postgres_database["DATABASE_URL"])
            blocked = "SELECT bool_or(pg_backend_pid() = ANY(pg_blocking_pids(pid))) FROM pg_locks"
            async with link.transaction():
                await link.execute("UPDATE users SET email_verified = TRUE WHERE email = $1", JOE)
                known = device.credentials[0].id
                claim = asyncio.to_thread(sign_up, EVE, by=Device(), credential_id=known)
                claiming = asyncio.create_task(claim)
                async with asyncio.timeout(30):
                    while not await link.fetchval(blocked):  # noqa: ASYNC110 - the database sends no signal
                        await asyncio.sleep(0.02)
            await link.close()
            return await claiming

        assert sign_up(JOE) == "UNVERIFIED_USER"
        server.mails(at_least=1)  # or sending it would wait for the row too
        assert asyncio.run(claim_while_it_is_verified()) == "UNVERIFIED_USER"
        assert visitor.sign_in_with(device)["user"]["email"] == JOE


def test_a_passkey_of_an_account_that_waits_looks_unknown_where_errors_are_concealed(
    tmp_path: Path,
) -> None:
    settings = PASSKEYS | {
        "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true",
        "AUTH_CONCEAL_ERRORS": "true",
        "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "2",
    }
    with running_server(tmp_path / "var", **settings) as server:
        said = []
        for stored in (True, False):
            headers = {"x-forwarded-for": "192.0.2.1"}
            with httpx2.Client(base_url=server.url, timeout=30, headers=headers) as http:
                eve, device = Client(http), Device()
                options = eve.call("signUpPasskey", email=EVE)["optionsJson"]
                made = device.create(options)
                if stored:
                    refusal(eve, "verifySignUpPasskey", credentialJson=made)
                for flags in (UP, UP | UV):
                    options = eve.call("startSignInPasskey")["optionsJson"]
                    answer = device.get(options, flags=flags)
                    said.append(refusal(eve, "verifySignInPasskey", credentialJson=answer))
    assert said == ["INVALID_REQUEST"] * 4


@pytest.mark.parametrize("length", [0, 1024, 2000])
def test_a_credential_id_of_any_length_is_refused_in_order(joe: Client, length: int) -> None:
    device = Device()
    joe.add_passkey(device)
    answer = json.loads(device.get(joe.call("startSignInPasskey")["optionsJson"]))
    answer["id"] = answer["rawId"] = bytes_to_base64url(bytes(length))
    said = refusal(joe, "verifySignInPasskey", credentialJson=json.dumps(answer))
    assert said == "INVALID_PASSKEY"


def test_a_passkey_that_is_added_while_the_owner_signs_in_by_mail_does_not_stay(
    tmp_path: Path, database_settings: dict[str, str]
) -> None:
    with (
        running_server(tmp_path / "var", **PASSKEYS, **database_settings) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        for n in range(6):
            eve, device, victim = Client(http), Device(), f"victim{n}@example.com"
            eve.sign_up(victim)
            eve.enrol()
            made = device.create(eve.call("addPasskey")["optionsJson"])
            Client(http).call("signInOTPEmail", email=victim)
            otp = server.mails(at_least=n + 1, kind="signin-otp")[0]["ticket"]
            with ThreadPoolExecutor(2) as pool:
                added = pool.submit(refusal, eve, "verifyAddPasskey", credentialJson=made)
                pool.submit(
                    refusal, Client(http), "verifySignInOTPEmail", email=victim, otp=otp
                ).result()
                added.result()
            with pytest.raises(RefusedError, match="INVALID_PASSKEY"):
                Client(http).sign_in_with(device)


@pytest.mark.parametrize("way", ["alone", "second"])
def test_of_fifty_uses_of_one_answer_one_signs_in(
    tmp_path: Path, database_settings: dict[str, str], way: str
) -> None:
    several = running_server if "DATABASE_URL" not in database_settings else many_servers
    with several(tmp_path, **PASSKEYS, **database_settings) as found:
        servers = found if isinstance(found, list) else [found]
        with front_end(servers) as client:
            device = Device()
            client.sign_up(JOE)
            client.add_passkey(device)
            ticket = client.ticket(JOE)
            alone = device.get(client.call("startSignInPasskey")["optionsJson"])
            second = device.get(client.call("startSignInMfaPasskey", ticket=ticket)["optionsJson"])
        operation, answer = ("verifySignInPasskey", {"credentialJson": alone})
        if way == "second":
            operation = "verifySignInMfaPasskey"
            answer = {"ticket": ticket, "credentialJson": second}
        answers = all_at_once(servers, operation, [answer] * 50)
    assert sum(isinstance(each, dict) for each in answers) == 1


def test_where_passkeys_are_off_nothing_of_them_works(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var") as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        joe = Client(http)
        joe.sign_up(JOE)
        assert refusal(joe, "addPasskey") == "DISABLED_ENDPOINT"
        assert refusal(joe, "startSignInPasskey") == "DISABLED_ENDPOINT"
        assert refusal(joe, "signUpPasskey", email=EVE) == "DISABLED_ENDPOINT"
