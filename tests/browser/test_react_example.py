"""examples/react as a person uses it, from sign-up to sign-in with a real code."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.looks import SIZES, Looks
from tests.browser.react_example import (
    EMAIL,
    PASSWORD,
    enter,
    press,
    served,
    set_up,
    shown_codes,
    sign_in,
)
from tests.support import Authenticator, Server, has_node, payload, postern, running_server

pytestmark = pytest.mark.skipif(not has_node(20), reason="the example needs Node 20")


@pytest.fixture
def url(server: Server, tmp_path: Path) -> Iterator[str]:
    with served(server, tmp_path) as there:
        yield there


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desktop", "light")])
def test_from_sign_up_to_sign_in_with_a_code(  # noqa: PLR0915 - a long story
    browser: Browser, url: str, size: str, scheme: Any, tmp_path: Path
) -> None:
    page = browser.new_page(viewport=SIZES[size], color_scheme=scheme)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    looks = Looks(page, f"{size}-{scheme}")

    page.goto(url)
    expect(page.get_by_label("E-mail", exact=True)).to_be_focused()
    looks.at("sign-in")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("E-mail", exact=True).fill(EMAIL)
    page.get_by_label("Password").fill("12345678")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("most common passwords")
    looks.at("sign-up-refused")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Signed in as {EMAIL}")).to_be_visible()

    page.get_by_role("button", name="Set it up").click()
    picture = page.get_by_role("img", name="QR code")
    phone = Authenticator.scan(str(picture.get_attribute("src")))
    looks.at("enrol")
    code = page.get_by_label("Code", exact=True)
    assert code.get_attribute("autocomplete") == "one-time-code"
    assert code.get_attribute("inputmode") == "numeric"
    code.fill(phone.wrong_code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The code is wrong")
    code.fill(phone.next_code())
    page.keyboard.press("Enter")
    expect(page.get_by_text("The second factor is on.")).to_be_visible()
    looks.at("recovery-codes")
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Download them").click()
    downloaded.value.save_as(tmp_path / "codes.txt")
    codes = (tmp_path / "codes.txt").read_text().split()
    assert len(codes) == 10
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_text("Recovery codes left: 10")).to_be_visible()
    looks.at("account")
    page.get_by_role("button", name="Sign out", exact=True).click()

    sign_in(page)
    expect(code).to_be_focused()
    code.fill(phone.wrong_code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Attempts left: 4.")
    looks.at("code")
    code.fill(spaced(phone.next_code()))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Recovery codes left: 10")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()

    sign_in(page)
    page.get_by_role("button", name="Use a recovery code").click()
    expect(page.get_by_label("Recovery code")).to_be_focused()
    page.get_by_label("Recovery code").fill(codes[0].lower())
    looks.at("recovery")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Recovery codes left: 9")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert complaints == []


@contextmanager
def signed_up(
    browser: Browser, tmp_path: Path, *, develop: bool = False, **settings: str
) -> Iterator[tuple[Page, Server]]:
    """The page of a user who has just signed up, at a server with these settings."""
    with (
        running_server(tmp_path / "var", **settings) as server,
        served(server, tmp_path, develop=develop) as there,
    ):
        page = browser.new_page()
        page.goto(there)
        page.get_by_role("button", name="Sign up").click()
        page.get_by_label("E-mail", exact=True).fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"Signed in as {EMAIL}")).to_be_visible()
        yield page, server


def test_two_simultaneous_requests_refresh_the_session_once(
    browser: Browser, tmp_path: Path
) -> None:
    with signed_up(browser, tmp_path, AUTH_ACCESS_TOKEN_EXPIRES_IN="3s") as (page, server):
        press(page, "Sign out")
        elsewhere = {"email": EMAIL, "password": PASSWORD}
        httpx2.post(f"{server.url}/graphql", json=payload("signInEmailPassword", elsewhere))
        sign_in(page, then="Your account")
        expect(page.get_by_role("button", name="Sign it out")).to_be_visible()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.post_data or ""))
        page.wait_for_timeout(4000)
        page.evaluate(
            """() => {
                const buttons = [...document.querySelectorAll("button")];
                for (const name of ["Set it up", "Sign it out"])
                    buttons.find((button) => button.innerText === name).click();
            }"""
        )
        expect(page.get_by_role("img", name="QR code")).to_be_visible()
        expect(page.get_by_role("button", name="Sign it out")).to_have_count(0)
        assert sum("refreshSession" in body for body in sent) == 1


@pytest.mark.parametrize("develop", [False, True], ids=["built", "strict-mode"])
def test_a_change_needs_the_password_to_be_confirmed(
    browser: Browser, tmp_path: Path, develop: bool
) -> None:
    recent = {"AUTH_ELEVATION_MAX_AGE": "3s"}
    with signed_up(browser, tmp_path, develop=develop, **recent) as (page, _):
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        dialog = page.get_by_role("dialog", name="Is it you?")
        page.wait_for_timeout(4500)
        press(page, "Set it up")
        expect(dialog.get_by_label("Password")).to_be_focused()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("alert")).to_have_text("Please confirm that it is you.")
        press(page, "Set it up")
        confirm(page, "Password", "a wrong password")
        expect(dialog.get_by_role("alert")).to_have_text("The password is wrong.")
        confirm(page, "Password", PASSWORD)
        phone = Authenticator.scan(str(page.get_by_role("img").get_attribute("src")))
        expect(dialog).to_have_count(0)
        page.wait_for_timeout(4500)
        enter(page, "Code", phone.next_code())
        confirm(page, "Password", PASSWORD)
        expect(page.get_by_text("The second factor is on.")).to_be_visible()
        expect(page.get_by_role("heading", name="Second factor")).to_be_focused()
        press(page, "I have kept them")

        page.wait_for_timeout(4500)
        press(page, "Change your password")
        page.get_by_label("Current password").fill(PASSWORD)
        enter(page, "New password", PASSWORD + "!")
        confirm(page, "Code", phone.next_code())
        expect(page.get_by_role("status")).to_contain_text("Your new password is set.")
        expect(page.get_by_role("heading", name="Password", exact=True)).to_be_focused()
        assert complaints == []


def test_a_password_just_entered_is_not_requested_again(browser: Browser, tmp_path: Path) -> None:
    with signed_up(browser, tmp_path, AUTH_ELEVATION_MAX_AGE="3s") as (page, _):
        page.wait_for_timeout(4500)
        press(page, "Change your password")
        page.get_by_label("Current password").fill("a wrong password")
        enter(page, "New password", PASSWORD + "!")
        expect(page.get_by_role("alert")).to_have_text("The password is wrong.")
        expect(page.get_by_role("alert")).to_be_focused()
        page.get_by_label("Current password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Your new password is set.")


def test_a_lost_phone_is_replaced(browser: Browser, tmp_path: Path) -> None:
    with signed_up(browser, tmp_path, AUTH_ELEVATION_MAX_AGE="5s") as (page, _):
        codes = set_up(page)
        press(page, "Sign out")
        sign_in(page)
        press(page, "Use a recovery code")
        enter(page, "Recovery code", codes[0])
        expect(page.get_by_text("Recovery codes left: 9")).to_be_visible()

        page.wait_for_timeout(6000)
        press(page, "Turn it off")
        press(page, "Use a recovery code")
        expect(page.get_by_label("Recovery code")).to_be_focused()
        enter(page, "Recovery code", "XXXX-XXXX-XXXX")
        expect(page.get_by_role("alert")).to_contain_text("wrong or was already used")
        enter(page, "Recovery code", codes[1])
        expect(page.get_by_role("alert")).to_contain_text("please type another one")
        enter(page, "Recovery code", codes[2])
        expect(page.get_by_text("a password alone is not enough")).to_be_visible()
        expect(page.get_by_role("heading", name="Second factor")).to_be_focused()
        press(page, "Set it up")
        expect(page.get_by_role("img", name="QR code")).to_be_visible()


def test_new_recovery_codes_replace_the_old_ones(browser: Browser, tmp_path: Path) -> None:
    with signed_up(browser, tmp_path) as (page, _):
        press(page, "Set it up")
        phone = Authenticator.scan(str(page.get_by_role("img").get_attribute("src")))
        enter(page, "Code", phone.next_code())
        old = shown_codes(page)
        press(page, "Make new recovery codes")
        expect(page.get_by_label("Code", exact=True)).to_be_focused()
        enter(page, "Code", phone.next_code())
        new = shown_codes(page)
        assert len(new) == 10
        assert not set(old) & set(new)


def test_a_secret_can_be_passed_to_an_app_on_the_same_phone(browser: Browser, url: str) -> None:
    """By a link, or by the clipboard."""
    context = browser.new_context(viewport=SIZES["phone"])
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(url)
    press(page, "No account yet? Sign up")
    page.get_by_label("E-mail", exact=True).fill(EMAIL)
    enter(page, "Password", PASSWORD)
    press(page, "Set it up")
    expect(page.get_by_role("heading", name="Scan this")).to_be_focused()
    link = page.get_by_role("link", name="Open the app on this phone")
    secret = Authenticator.scan(str(page.get_by_role("img").get_attribute("src"))).secret
    assert f"secret={secret}" in str(link.get_attribute("href"))
    assert str(link.get_attribute("href")).startswith("otpauth://totp/")
    press(page, "Copy the secret")
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    page.set_viewport_size(SIZES["desktop"])
    expect(link).to_be_hidden()


PROXY_PAGE = "<!doctype html><title>502 Bad Gateway</title>"
UNREACHABLE = "The server cannot be reached. Check your connection and try again."


@pytest.mark.parametrize("trouble", ["offline", "502", "not GraphQL", "busy"])
def test_a_failed_refresh_request_does_not_end_the_session(
    browser: Browser, tmp_path: Path, trouble: str
) -> None:
    busy = refusal("TOO_MANY_REQUESTS", retryAfter=7)
    said = "Too many attempts. Try again in 7 seconds." if trouble == "busy" else UNREACHABLE

    def answer(route: Route) -> None:
        if "refreshSession" not in (route.request.post_data or ""):
            route.continue_()
        elif trouble == "offline":
            route.abort("internetdisconnected")
        elif trouble == "502":
            route.fulfill(status=502, content_type="text/html", body=PROXY_PAGE)
        else:
            route.fulfill(status=503, json=busy if trouble == "busy" else {"message": "down"})

    with signed_up(browser, tmp_path, AUTH_ACCESS_TOKEN_EXPIRES_IN="2s") as (page, _):
        page.wait_for_timeout(3000)
        page.route("**/graphql", answer)
        press(page, "Set it up")
        expect(page.get_by_role("alert")).to_have_text(said)
        expect(page.get_by_role("alert")).to_be_focused()
        page.unroute("**/graphql")
        press(page, "Set it up")
        expect(page.get_by_role("img", name="QR code")).to_be_visible()


@pytest.mark.parametrize("button", ["Set it up", "Sign it out", "Change it"])
def test_an_ended_session_leads_back_to_sign_in(
    browser: Browser, tmp_path: Path, button: str
) -> None:
    with signed_up(browser, tmp_path) as (page, server):
        press(page, "Sign out")
        elsewhere = {"email": EMAIL, "password": PASSWORD}
        httpx2.post(f"{server.url}/graphql", json=payload("signInEmailPassword", elsewhere))
        sign_in(page, then="Your account")
        postern("revoke-sessions", EMAIL, env=server.env)
        if button == "Change it":
            press(page, "Change your password")
            page.get_by_label("Current password").fill(PASSWORD)
            page.get_by_label("New password").fill(PASSWORD + "!")
        press(page, button)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        ended = page.get_by_role("alert")
        expect(ended).to_have_text("Your session has ended. Please sign in again.")
        expect(ended).to_be_focused()
        sign_in(page, then="Your account")


@pytest.mark.parametrize("ending", ["expired", "no attempts left"])
def test_a_ticket_that_has_ended_leads_back_to_sign_in(
    browser: Browser, tmp_path: Path, ending: str
) -> None:
    life = "2s" if ending == "expired" else "5m"
    with signed_up(browser, tmp_path, AUTH_MFA_TICKET_EXPIRES_IN=life) as (page, _):
        set_up(page)
        press(page, "Sign out")
        sign_in(page)
        if ending == "expired":
            page.wait_for_timeout(2500)
            enter(page, "Code", "000000")
            expect(page.get_by_role("alert")).to_contain_text("no longer valid")
        else:
            for left in (4, 3, 2, 1):
                enter(page, "Code", "000000")
                expect(page.get_by_role("alert")).to_contain_text(f"Attempts left: {left}.")
                expect(page.get_by_label("Code", exact=True)).to_be_focused()
            enter(page, "Code", "000000")
            expect(page.get_by_role("alert")).to_contain_text("No attempts are left")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def refusal(code: str, **details: Any) -> dict[str, Any]:
    error = {"message": "Something went wrong on the server.", "path": ["me"]}
    return {"data": None, "errors": [error | {"extensions": {"code": code, **details}}]}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refusal("TOO_MANY_REQUESTS", retryAfter=1), "Try again in 1 second."),
        (refusal("TOO_MANY_REQUESTS", retryAfter=600), "Try again in 10 minutes."),
        (refusal("INTERNAL_SERVER_ERROR", id="4f1c"), "tell us this number: 4f1c."),
        ({"errors": [{"message": "Must provide a document."}]}, "Must provide a document."),
        ({"data": None}, UNREACHABLE),
        (None, UNREACHABLE),
        ([], UNREACHABLE),
    ],
)
def test_every_error_is_shown_and_can_be_retried(
    browser: Browser, url: str, answer: Any, said: str
) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def only_of_me(route: Route) -> None:
        is_me = "query { me" in (route.request.post_data or "")
        route.fulfill(json=answer) if is_me else route.continue_()

    page.route("**/graphql", only_of_me)
    page.goto(url)
    press(page, "No account yet? Sign up")
    page.get_by_label("E-mail", exact=True).fill(EMAIL)
    enter(page, "Password", PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text(said)
    page.unroute("**/graphql")
    press(page, "Try again")
    expect(page.get_by_text(f"Signed in as {EMAIL}")).to_be_visible()

    page.route("**/graphql", lambda route: route.fulfill(json=answer))
    for button in ("Set it up", "Sign out"):
        press(page, button)
        expect(page.locator("[role=alert]:focus")).to_contain_text(said)
        page.get_by_role("heading", name="Your account").focus()
    press(page, "Change your password")
    page.get_by_label("Current password").fill(PASSWORD)
    enter(page, "New password", PASSWORD + "!")
    expect(page.locator("form").get_by_role("alert")).to_contain_text(said)
    page.unroute("**/graphql")
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert complaints == []


def confirm(page: Page, label: str, value: str) -> None:
    """Confirm the user's identity in the dialog."""
    page.get_by_role("dialog").get_by_label(label, exact=True).fill(value)
    page.keyboard.press("Enter")


def spaced(code: str) -> str:
    """As apps show it, and people paste it."""
    return re.sub(r"(\d{3})(\d{3})", r"\1 \2", code)
