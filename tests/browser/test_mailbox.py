"""The mailbox in a browser, and the page behind each kind of link."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looks import SIZES, looks_everywhere
from tests.browser.mailbox import BY_MAIL, follow_link, open_mail
from tests.browser.react_example import enter, press
from tests.support import Client, Server, has_node, running_server

JOE = "joe.with.a.long.name.that.fits.on.no.phone@department.example.com"
NEW, MOVED = "staple battery horse", "joe@new.example.com"

pytestmark = pytest.mark.skipif(not has_node(20), reason="axe comes with Node")


@pytest.fixture
def app() -> Iterator[str]:
    """A front end with one page."""

    class App(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>The app</title>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), App) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://localhost:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def server(tmp_path: Path, app: str) -> Iterator[Server]:
    with running_server(tmp_path / "var", AUTH_CLIENT_URL=app, **BY_MAIL) as running:
        yield running


@pytest.fixture
def joe(server: Server) -> Iterator[Client]:
    with httpx2.Client(base_url=server.url) as http:
        client = Client(http)
        client.sign_up(JOE)
        yield client


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page()


def said(page: Page) -> str:
    """What the page says after its button was pressed."""
    return page.get_by_role("status").inner_text()


def is_dead(page: Page, url: str) -> bool:
    page.goto(url)
    buttons = page.get_by_role("button").count()
    return buttons == 0 and "not valid any more" in page.get_by_role("alert").inner_text()


def test_a_new_password_is_set_through_the_mailbox(
    page: Page, server: Server, joe: Client, app: str
) -> None:
    page.goto(f"{server.url}/mailbox")
    expect(page.get_by_text("There is no mail yet.")).to_be_visible()
    looks_everywhere(page, "mailbox-empty")
    joe.call("sendPasswordResetEmail", email=JOE)
    open_mail(page, server, "Reset your password", mails=1)
    looks_everywhere(page, "mail")
    shown = page.frame_locator("iframe")
    expect(shown.get_by_role("link", name="Set a new password")).to_be_visible()
    mail = page.frames[-1]
    page.set_viewport_size(SIZES["phone"])
    assert mail.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_popup() as opened:
        shown.get_by_role("link", name="Set a new password").click()
    opened.value.close()

    page.get_by_role("link", name="Follow the link").click()
    link = page.url
    expect(page.get_by_label("New password")).to_be_focused()
    looks_everywhere(page, "page-reset")
    enter(page, "New password", "12345678")
    expect(page.get_by_role("alert")).to_contain_text("most common passwords")
    looks_everywhere(page, "page-reset-refused")
    enter(page, "New password", NEW)
    expect(page.get_by_role("status")).to_contain_text("Your password is changed.")
    looks_everywhere(page, "page-reset-done")
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(f"{app}/")

    answer = joe.call("signInEmailPassword", email=JOE, password=NEW)
    assert answer["__typename"] == "Session"
    assert is_dead(page, link)
    looks_everywhere(page, "page-dead")


def test_a_change_of_address_is_confirmed_and_undone_through_the_mailbox(
    page: Page, server: Server, joe: Client
) -> None:
    joe.call("changeUserEmail", newEmail=MOVED)
    follow_link(page, server, "Confirm your new e-mail address", mails=2)
    confirming = page.url
    expect(page.get_by_text(f"uses {MOVED} instead of {JOE}")).to_be_visible()
    looks_everywhere(page, "page-change")
    press(page, "Use this address")
    assert said(page) == f"Your account uses {MOVED} now."
    looks_everywhere(page, "page-change-done")
    assert joe.call("me")["email"] == MOVED
    assert is_dead(page, confirming)

    follow_link(page, server, "Your e-mail address was changed", mails=3)
    undoing = page.url
    looks_everywhere(page, "page-undo")
    press(page, f"Keep {JOE}")
    assert said(page).startswith(f"Your account has the address {JOE}, all sessions have ended,")
    looks_everywhere(page, "page-undo-done")
    joe.access_token = None
    assert joe.call("sendPasswordResetEmail", email=JOE) is True
    assert is_dead(page, undoing)


def test_a_change_of_address_is_stopped_before_it_is_confirmed(
    page: Page, server: Server, joe: Client
) -> None:
    joe.call("changeUserEmail", newEmail=MOVED)
    confirming = next(mail["link"] for mail in server.mails(at_least=2) if mail["to"] == MOVED)
    follow_link(page, server, "Your e-mail address is about to change", mails=2)
    press(page, f"Keep {JOE}")
    assert said(page).startswith(f"Your account has the address {JOE}")
    assert is_dead(page, confirming)


def test_an_address_is_verified_through_the_mailbox(
    page: Page, server: Server, joe: Client
) -> None:
    joe.call("sendVerificationEmail", email=JOE)
    follow_link(page, server, "Verify your email", mails=1)
    looks_everywhere(page, "page-verify")
    press(page, "Verify my address")
    assert said(page) == "Your e-mail address is verified."
    assert joe.call("me")["emailVerified"] is True


def test_codes_and_links_to_sign_in_are_read_in_the_mailbox(
    page: Page, server: Server, joe: Client, app: str
) -> None:
    joe.call("signInOTPEmail", email=JOE)
    open_mail(page, server, "Your code for Postern", mails=1)
    expect(page.get_by_role("link", name="Follow the link")).to_have_count(0)
    code = page.locator("dd code").inner_text()
    expect(page.frame_locator("iframe").get_by_text(code)).to_be_visible()
    looks_everywhere(page, "mail-code-to-sign-in")

    joe.call("signInPasswordlessEmail", email=JOE)
    follow_link(page, server, "Your link to sign in", mails=2)
    looks_everywhere(page, "page-sign-in")
    press(page, "Sign in")
    page.wait_for_url(f"{app}/?refreshToken=*&type=passwordlessEmail")
    token = page.url.split("refreshToken=")[1].partition("&")[0]
    assert joe.call("refreshSession", refreshToken=token)["accessToken"]
    page.goto(f"{server.url}/mailbox")
    looks_everywhere(page, "mailbox")
