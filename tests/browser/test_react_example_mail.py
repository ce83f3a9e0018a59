"""What examples/react does by mail: a forgotten password, codes and links, another address."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import SIZES, looks_everywhere
from tests.browser.mailbox import BY_MAIL, follow_link, open_mail
from tests.browser.react_example import (
    EMAIL,
    PASSWORD,
    enter,
    press,
    served,
    sign_in,
)
from tests.support import Authenticator, Server, free_port, has_node, running_server

pytestmark = pytest.mark.skipif(not has_node(20), reason="the example needs Node 20")
RECENT: Any = {"AUTH_ELEVATION_MAX_AGE": "5s"}


@dataclass
class Visit:
    """A person at the example, with the server's mailbox in another tab."""

    page: Page
    mailbox: Page
    server: Server
    home: str
    complaints: list[str]

    def sign_up(self, then: str = "Your account") -> None:
        press(self.page, "No account yet? Sign up")
        self.page.get_by_label("E-mail", exact=True).fill(EMAIL)
        enter(self.page, "Password", PASSWORD)
        self.sees(then)

    def sees(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()

    def ask_for_code(self, email: str, *, mails: int) -> str:
        """Ask for a code to sign in with; return the code of the mail."""
        press(self.page, "Sign in with a code by mail")
        enter(self.page, "E-mail", email)
        expect(self.page.get_by_role("status")).to_contain_text(f"We have sent a code to {email}.")
        return self.server.mails(at_least=mails)[0]["ticket"]

    def follow_link_to_sign_in(self, *, mails: int) -> None:
        """Follow the link in the same tab as the example's page."""
        follow_link(self.page, self.server, "Your link to sign in", mails=mails)
        press(self.page, "Sign in")
        self.page.wait_for_url(self.home)


@contextmanager
def visiting(
    browser: Browser,
    tmp_path: Path,
    *,
    develop: bool = False,
    **settings: str,
) -> Iterator[Visit]:
    port = free_port()
    to_it = BY_MAIL | {"AUTH_CLIENT_URL": f"http://localhost:{port}"}
    with (
        running_server(tmp_path / "var", **(to_it | settings)) as server,
        served(server, tmp_path, port=port, develop=develop) as there,
    ):
        context = browser.new_context(viewport=SIZES["phone"])
        page, complaints = context.new_page(), list[str]()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(there)
        yield Visit(page, context.new_page(), server, f"{there}/", complaints)
        assert complaints == []


def test_a_forgotten_password_is_replaced_by_mail(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser, tmp_path) as visit:
        page = visit.page
        visit.sign_up()
        press(page, "Sign out")
        for email in ("nobody@example.com", EMAIL):
            page.get_by_label("E-mail", exact=True).fill(email)
            press(page, "Forgot your password?")
            visit.sees("Set a new password")
            expect(page.get_by_label("E-mail", exact=True)).to_have_value(email)
            looks_everywhere(visit.page, "forgot")
            page.keyboard.press("Enter")
            said = f"If {email} has an account, we have sent a link there. It is good for an hour."
            expect(page.get_by_role("status")).to_have_text(said)
            press(page, "Back to sign in")
        press(page, "Forgot your password?")
        expect(page.get_by_label("E-mail", exact=True)).to_have_value(EMAIL)
        page.keyboard.press("Enter")
        press(page, "Send it again")
        expect(page.get_by_role("status")).to_contain_text("Sent again.")
        looks_everywhere(visit.page, "forgot-sent")

        follow_link(page, visit.server, "Reset your password", mails=3)
        enter(page, "New password", "staple battery horse")
        page.get_by_role("link", name="Continue").click()
        page.wait_for_url(visit.home)
        page.get_by_label("E-mail", exact=True).fill(EMAIL)
        enter(page, "Password", "staple battery horse")
        visit.sees("Your account")


def test_a_code_by_mail_signs_in_and_a_first_password_follows(
    browser: Browser, tmp_path: Path
) -> None:
    with visiting(browser, tmp_path) as visit:
        page = visit.page
        code = visit.ask_for_code(EMAIL, mails=1)
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        enter(page, "Code", f"{(int(code) + 1) % 10**6:06}")
        expect(page.get_by_role("alert")).to_have_text("The code is wrong or not valid any more.")
        looks_everywhere(visit.page, "mail-code")
        press(page, "Send another code")
        expect(page.get_by_role("status")).to_contain_text("Sent again.")
        enter(page, "Code", visit.server.mails(at_least=2)[0]["ticket"])
        expect(page.get_by_text(f"Signed in as {EMAIL}")).to_be_visible()
        expect(page.get_by_text("Verified.", exact=True)).to_be_visible()
        looks_everywhere(visit.page, "no-password")

        press(page, "Set a password")
        expect(page.get_by_label("Current password")).to_have_count(0)
        enter(page, "New password", PASSWORD)
        expect(page.get_by_role("status")).to_contain_text("Your new password is set.")
        expect(page.get_by_role("button", name="Change your password")).to_be_visible()
        press(page, "Sign out")
        sign_in(page, then="Your account")


def test_without_a_password_a_late_change_needs_another_sign_in(
    browser: Browser, tmp_path: Path
) -> None:
    with visiting(browser, tmp_path, **RECENT) as visit:
        page = visit.page
        enter(page, "Code", visit.ask_for_code(EMAIL, mails=1))
        visit.sees("Your account")
        page.wait_for_timeout(6500)
        press(page, "Set it up")
        told = "Your account has no password. Please sign in again, by mail."
        expect(page.get_by_role("alert")).to_have_text(told)
        press(page, "Sign out")
        enter(page, "Code", visit.ask_for_code(EMAIL, mails=2))
        press(page, "Set it up")
        expect(page.get_by_role("img", name="QR code")).to_be_visible()


@pytest.mark.parametrize("develop", [False, True], ids=["built", "strict-mode"])
def test_a_link_by_mail_signs_in_and_leaves_nothing_in_the_url(
    browser: Browser, tmp_path: Path, develop: bool
) -> None:
    with visiting(browser, tmp_path, develop=develop) as visit:
        page = visit.page
        urls: list[str] = []
        page.on("framenavigated", lambda frame: urls.append(frame.url))
        press(page, "Sign in with a link by mail")
        enter(page, "E-mail", EMAIL)
        expect(page.get_by_role("status")).to_contain_text(f"We have sent a link to {EMAIL}.")
        looks_everywhere(visit.page, "link-sent")
        visit.follow_link_to_sign_in(mails=1)
        expect(page.get_by_text(f"Signed in as {EMAIL}")).to_be_visible()
        assert any("refreshToken=" in url for url in urls)
        assert page.evaluate("location.href") == visit.home
        page.reload()
        visit.sees("Sign in")
        page.go_back()
        expect(page.get_by_role("alert")).to_contain_text("not valid any more")
        assert "refreshToken" not in page.url


def test_the_second_factor_follows_a_code_or_a_link_by_mail(
    browser: Browser, tmp_path: Path
) -> None:
    with visiting(browser, tmp_path) as visit:
        page = visit.page
        enter(page, "Code", visit.ask_for_code(EMAIL, mails=1))
        press(page, "Set it up")
        phone = Authenticator.scan(str(page.get_by_role("img").get_attribute("src")))
        enter(page, "Code", phone.next_code())
        press(page, "I have kept them")
        press(page, "Sign out")

        enter(page, "Code", visit.ask_for_code(EMAIL, mails=3))
        visit.sees("One more step")
        enter(page, "Code", phone.next_code())
        visit.sees("Your account")
        press(page, "Sign out")

        press(page, "Sign in with a link by mail")
        enter(page, "E-mail", EMAIL)
        visit.follow_link_to_sign_in(mails=4)
        visit.sees("One more step")
        enter(page, "Code", phone.next_code())
        visit.sees("Your account")
        assert page.evaluate("location.href") == visit.home


def test_what_the_operator_has_switched_off_is_said(browser: Browser, tmp_path: Path) -> None:
    off: Any = dict.fromkeys(BY_MAIL, "false")
    with visiting(browser, tmp_path, **off) as visit:
        for by in ("code", "link"):
            press(visit.page, f"Sign in with a {by} by mail")
            enter(visit.page, "E-mail", EMAIL)
            expect(visit.page.get_by_role("alert")).to_contain_text("switched off on this server")
            press(visit.page, "Back to sign in")


def test_a_link_whose_session_has_ended_leads_to_sign_in(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser, tmp_path) as visit:
        visit.page.goto(f"{visit.home}?refreshToken=worthless&type=passwordlessEmail")
        expect(visit.page.get_by_role("alert")).to_contain_text("Please sign in again.")
        visit.sees("Sign in")
        assert visit.page.url == visit.home


def test_an_address_that_has_to_be_verified_first(browser: Browser, tmp_path: Path) -> None:
    required: Any = {"AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true"}
    with visiting(browser, tmp_path, **required) as visit:
        page = visit.page
        visit.sign_up(then="Verify your e-mail address")
        looks_everywhere(visit.page, "unverified")
        press(page, "Back to sign in")
        sign_in(page, then="Verify your e-mail address")
        press(page, "Send it again")
        expect(page.get_by_role("status")).to_contain_text("Sent again.")

        follow_link(page, visit.server, "Verify your email", mails=2)
        press(page, "Verify my address")
        page.get_by_role("link", name="Continue").click()
        sign_in(page, then="Your account")
        expect(page.get_by_text("Verified.", exact=True)).to_be_visible()


def test_the_address_is_verified_and_changed_from_the_account(
    browser: Browser, tmp_path: Path
) -> None:
    new = "amy@new.example.com"
    with visiting(browser, tmp_path, **RECENT) as visit:
        page, mailbox = visit.page, visit.mailbox
        visit.sign_up()
        expect(page.get_by_text("Not verified yet.")).to_be_visible()
        press(page, "Send a link to verify it")
        expect(page.get_by_role("status")).to_have_text(f"We have sent a link to {EMAIL}.")
        follow_link(mailbox, visit.server, "Verify your email", mails=1)
        press(mailbox, "Verify my address")
        expect(mailbox.get_by_role("status")).to_be_visible()
        press(page, "I have followed the link")
        expect(page.get_by_text("Verified.", exact=True)).to_be_visible()

        page.wait_for_timeout(6500)
        press(page, "Change your e-mail address")
        enter(page, "New e-mail", EMAIL)
        confirming = page.get_by_role("dialog")
        confirming.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("This is your address already")
        enter(page, "New e-mail", new)
        pending = page.get_by_text(f"We have sent a link to {new}.")
        expect(pending).to_be_visible()
        looks_everywhere(visit.page, "new-address-pending")
        follow_link(mailbox, visit.server, "Confirm your new e-mail address", mails=3)
        press(mailbox, "Use this address")
        expect(mailbox.get_by_role("status")).to_be_visible()
        press(page, "I have followed the link")
        expect(page.get_by_text(f"Signed in as {new}")).to_be_visible()
        expect(pending).to_have_count(0)

        open_mail(mailbox, visit.server, "Your e-mail address was changed", mails=4)
        expect(mailbox.get_by_text(f"from {EMAIL} to {new}")).to_have_count(1)
