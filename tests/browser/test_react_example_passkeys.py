"""The passkeys of examples/react, with the virtual authenticators of Chromium."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, Response, expect

from tests.browser.looks import SIZES, Looks
from tests.browser.react_example import EMAIL, PASSWORD, enter, press, served, shown_codes, sign_in
from tests.support import Server, free_port, has_node, running_server

pytestmark = pytest.mark.skipif(not has_node(20), reason="the example needs Node 20")
SIGNED_IN = f"Signed in as {EMAIL}"


@dataclass
class Authenticator:
    """A virtual authenticator of the browser."""

    cdp: CDPSession
    id: str

    @classmethod
    def of(cls, page: Page, **options: Any) -> "Authenticator":
        """Plug one in that stores passkeys and verifies its user, unless told otherwise."""
        cdp = page.context.new_cdp_session(page)
        cdp.send("WebAuthn.enable")
        chosen = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        } | options
        made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": chosen})
        return cls(cdp, made["authenticatorId"])

    def credentials(self) -> list[Any]:
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(found["credentials"])

    def touch(self, *, by_itself: bool) -> None:
        """Say whether its user touches it, whenever it asks."""
        touched = {"authenticatorId": self.id, "enabled": by_itself}
        self.cdp.send("WebAuthn.setAutomaticPresenceSimulation", touched)

    def set_count(self, count: int) -> None:
        """Set the signature counter of the only passkey back, as that of a copy would be."""
        (credential,) = self.credentials()
        name = {"authenticatorId": self.id, "credentialId": credential["credentialId"]}
        self.cdp.send("WebAuthn.removeCredential", name)
        changed = credential | {"signCount": count}
        self.cdp.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": changed})


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(tmp_path: Path, port: int) -> Iterator[Server]:
    settings = {
        "AUTH_WEBAUTHN_ENABLED": "true",
        "AUTH_WEBAUTHN_RP_NAME": "Postern's example",
        "AUTH_CLIENT_URL": f"http://localhost:{port}",
    }
    with running_server(tmp_path / "var", **settings) as running:
        yield running


@pytest.fixture
def url(server: Server, tmp_path: Path, port: int) -> Iterator[str]:
    with served(server, tmp_path, port=port) as there:
        yield there


@pytest.fixture
def page(browser: Browser, url: str) -> Page:
    page = browser.new_page(viewport=SIZES["phone"])
    page.goto(url)
    return page


def sign_up(page: Page) -> None:
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("E-mail", exact=True).fill(EMAIL)
    enter(page, "Password", PASSWORD)
    expect(page.get_by_text(SIGNED_IN)).to_be_visible()


def sign_out_and_pick(page: Page) -> None:
    """Sign out; the authenticator then picks the only passkey of the autofill by itself."""

    def picked(response: Response) -> bool:
        return "verifySignInPasskey" in (response.request.post_data or "")

    with page.expect_response(picked):
        press(page, "Sign out")


def add_passkey(page: Page) -> None:
    press(page, "Add a passkey")
    expect(page.get_by_text("The passkey is added")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_from_adding_a_passkey_to_removing_it(browser: Browser, url: str, scheme: Any) -> None:
    page = browser.new_page(viewport=SIZES["phone"], color_scheme=scheme)
    page.goto(url)
    looks = Looks(page, f"passkeys-{scheme}")
    sign_up(page)
    device = Authenticator.of(page)
    add_passkey(page)
    looks.at("added")
    assert len(shown_codes(page)) == 10
    expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()
    looks.at("account")
    (credential,) = device.credentials()
    assert credential["isResidentCredential"]
    assert credential["rpId"] == "localhost"

    press(page, "Rename Linux")
    enter(page, "Name", "Work")
    expect(page.get_by_role("button", name="Remove Work")).to_be_visible()
    device.touch(by_itself=False)  # or it would answer in the autofill
    press(page, "Sign out")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
    page.wait_for_timeout(500)  # until the autofill waits: a request that waits is not touched
    device.touch(by_itself=True)
    press(page, "Sign in with a passkey")
    expect(page.get_by_text(SIGNED_IN)).to_be_visible()
    device.touch(by_itself=False)
    press(page, "Sign out")
    sign_in(page)
    looks.at("second-factor")
    device.touch(by_itself=True)
    press(page, "Use a passkey")
    expect(page.get_by_text(SIGNED_IN)).to_be_visible()
    press(page, "Add a passkey")
    expect(page.get_by_role("alert").filter(has_text="has a passkey of yours")).to_be_visible()
    press(page, "Remove Work")
    expect(page.get_by_text("None. With one")).to_be_visible()
    device.touch(by_itself=False)
    press(page, "Sign out")
    sign_in(page, then="Your account")


def test_a_passkey_in_the_autofill_signs_in(page: Page) -> None:
    sign_up(page)
    Authenticator.of(page)
    add_passkey(page)
    shown_codes(page)
    sign_out_and_pick(page)
    expect(page.get_by_text(SIGNED_IN)).to_be_visible()


def test_an_account_without_a_password(page: Page) -> None:
    Authenticator.of(page, automaticPresenceSimulation=True)
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("E-mail", exact=True).fill(EMAIL)
    press(page, "Use a passkey, without a password")
    assert len(shown_codes(page)) == 10
    expect(page.get_by_text(SIGNED_IN)).to_be_visible()


def test_a_security_key_that_verifies_nobody_is_a_second_factor(page: Page) -> None:
    sign_up(page)
    Authenticator.of(
        page, transport="usb", hasResidentKey=False, hasUserVerification=False, isUserVerified=False
    )
    add_passkey(page)
    shown_codes(page)
    press(page, "Sign out")
    sign_in(page)
    press(page, "Use a passkey")
    expect(page.get_by_text(SIGNED_IN)).to_be_visible()


def test_a_passkey_that_is_backed_up_says_so(page: Page) -> None:
    sign_up(page)
    Authenticator.of(page, defaultBackupEligibility=True, defaultBackupState=True)
    add_passkey(page)
    shown_codes(page)
    expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()
    expect(page.get_by_text("on one device only")).to_have_count(0)


def test_a_copy_of_a_passkey_is_refused(page: Page) -> None:
    sign_up(page)
    device = Authenticator.of(page)
    add_passkey(page)
    shown_codes(page)
    device.set_count(100)
    sign_out_and_pick(page)
    expect(page.get_by_text(SIGNED_IN)).to_be_visible()
    device.set_count(3)
    sign_out_and_pick(page)
    expect(page.get_by_role("alert")).to_contain_text("The passkey was not accepted")


def test_where_passkeys_are_off_nothing_is_offered(
    browser: Browser, tmp_path: Path, port: int
) -> None:
    with (
        running_server(tmp_path / "off") as server,
        served(server, tmp_path, port=port) as url,
    ):
        page = browser.new_page()
        page.goto(url)
        expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
        expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        page.get_by_role("button", name="Sign up").click()
        expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
        page.get_by_label("E-mail", exact=True).fill(EMAIL)
        enter(page, "Password", PASSWORD)
        expect(page.get_by_role("heading", name="Password")).to_be_visible()
        expect(page.get_by_role("heading", name="Passkeys")).to_have_count(0)


def test_the_user_confirms_with_a_passkey(browser: Browser, tmp_path: Path, port: int) -> None:
    settings = {
        "AUTH_WEBAUTHN_ENABLED": "true",
        "AUTH_CLIENT_URL": f"http://localhost:{port}",
        "AUTH_ELEVATION_MAX_AGE": "2",
    }
    with (
        running_server(tmp_path / "old", **settings) as server,
        served(server, tmp_path, port=port) as url,
    ):
        page = browser.new_page(viewport=SIZES["phone"])
        page.goto(url)
        sign_up(page)
        Authenticator.of(page)
        add_passkey(page)
        shown_codes(page)
        page.wait_for_timeout(3000)
        press(page, "Make new recovery codes")
        dialog = page.get_by_role("dialog")
        Looks(page, "passkeys").at("confirm")
        dialog.get_by_role("button", name="Use a passkey").click()
        assert len(shown_codes(page)) == 10


def test_an_address_that_has_to_be_verified_is_verified_before_the_first_sign_in(
    browser: Browser, tmp_path: Path, port: int
) -> None:
    settings = {
        "AUTH_WEBAUTHN_ENABLED": "true",
        "AUTH_CLIENT_URL": f"http://localhost:{port}",
        "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true",
    }
    with (
        running_server(tmp_path / "strict", **settings) as server,
        served(server, tmp_path, port=port) as url,
    ):
        page = browser.new_page(viewport=SIZES["phone"])
        page.goto(url)
        Authenticator.of(page)
        page.get_by_role("button", name="Sign up").click()
        page.get_by_label("E-mail", exact=True).fill(EMAIL)
        press(page, "Use a passkey, without a password")
        expect(page.get_by_role("status")).to_contain_text("We have sent a link")
        page.goto(server.mails(at_least=1)[0]["link"])
        press(page, "Verify my address")
        page.get_by_role("link", name="Continue").click()
        expect(page.get_by_text("Make some now")).to_be_visible()
