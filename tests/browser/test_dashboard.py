"""The dashboard as operators use it, in a real browser and under its own policy."""

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.admin_client import ROOT, Operator, id_of, operator
from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.dashboard import PLACES, Dashboard
from tests.browser.looks import PICTURES, WEB, looks_everywhere
from tests.browser.test_react_example_passkeys import Authenticator as SecurityKey
from tests.support import (
    PASSWORD,
    Authenticator,
    Client,
    RefusedError,
    Server,
    has_node,
    node_modules,
    postern,
    running_server,
)

LOCKED = {"AUTH_ACCESS_TOKEN_EXPIRES_IN": "900"}
UNBROKEN = "x" * 100
IMAGE = '<img src=x onerror="alert(1)">'
BACKWARDS = "\u202egnp.exe"
OPTIONS = {"locale": "en-GB", "timezone_id": "Europe/Berlin"}


@dataclass
class World:
    """A server with an operator and some users, for all tests of this module."""

    server: Server
    http: httpx2.Client
    root: Operator
    browser: Browser
    desk: Dashboard | None = None
    """A page where the operator is signed in, if no test has failed or ended the session."""

    @contextmanager
    def dashboard(self, at: str = "overview") -> Iterator[Dashboard]:
        """A page where the operator is signed in; at the end, nothing was wrong with it."""
        desk, self.desk = self.desk, None
        if desk is None:
            desk = Dashboard(self.browser, self.server, **OPTIONS)
            desk.sign_in(ROOT, self.root.phone.recovery_codes)
        desk.start_at(at)
        yield desk
        desk.clean()
        self.desk = desk


@contextmanager
def watched(browser: Browser, server: Server) -> Iterator[Dashboard]:
    """A page that at the end has asked no other host, and has complained of nothing."""
    desk = Dashboard(browser, server, **OPTIONS)
    yield desk
    desk.clean()
    desk.page.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def world(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data_dir = tmp_path_factory.mktemp("dashboard") / "var"
    with (
        running_server(data_dir, **LOCKED) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        root = operator(server, http)
        for number in range(30):
            Client(http).sign_up(f"user{number}@example.com")
        root.change("AUTH_PASSWORD_MIN_LENGTH", "10")
        root.call("sendPasswordReset", id=id_of(root, "user2@example.com"))
        give_up_a_mail(server)
        yield World(server, http, root, chromium)


class TestSigningIn:
    def test_from_no_operator_to_the_overview(self, chromium: Browser, tmp_path: Path) -> None:
        with running_server(tmp_path / "var") as server, watched(chromium, server) as desk:
            page = desk.page
            desk.open("settings/authentication")
            expect(page.get_by_role("heading", name="No operator yet")).to_be_visible()
            expect(page.get_by_text("postern create-user you@example.com --admin")).to_be_visible()
            expect(page.get_by_text("AUTH_ADMIN_NETWORKS")).to_be_visible()
            looks_everywhere(page, "dashboard-closed")
            made = postern("create-user", ROOT, "--admin", env=server.env, stdin=PASSWORD)
            assert made.returncode == 0
            page.get_by_role("button", name="Look again").click()
            expect(page.get_by_label("Password")).to_be_visible()
            looks_everywhere(page, "dashboard-sign-in")
            desk.type_password(ROOT)
            enrol(page, "dashboard-enrol")
            expect(page.get_by_role("heading", level=1, name="Authentication")).to_be_visible()
            assert page.title() == "Authentication \u2013 Postern"
            stored = page.evaluate(
                "[localStorage.length, sessionStorage.length, document.cookie, location.search]"
            )
            assert stored == [0, 0, "", ""]
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_text("You are signed out.")).to_be_visible()
            events = postern("events", "--user", ROOT, env=server.env).stdout
            assert "SESSION_ENDED" in events

    def test_an_operator_who_needs_a_factor_sets_one_up_with_the_ticket(
        self, chromium: Browser, tmp_path: Path
    ) -> None:
        with running_server(tmp_path / "var") as server, watched(chromium, server) as desk:
            for command in (
                ("create-user", ROOT, "--admin"), ("settings", "set", "AUTH_MFA_POLICY", "required")
            ):  # fmt: skip
                assert postern(*command, env=server.env, stdin=PASSWORD).returncode == 0
            desk.page.wait_for_timeout(2000)  # until the server has noticed the change
            desk.open()
            desk.type_password(ROOT)
            enrol(desk.page)
            expect(desk.page.get_by_role("heading", level=1, name="Overview")).to_be_focused()

    def test_passkeys_alone_and_for_step_up(self, chromium: Browser, tmp_path: Path) -> None:
        with running_server(tmp_path / "var") as server:
            # Browsers allow no passkeys at an IP address.
            server.url = server.url.replace("127.0.0.1", "localhost")
            made = postern("create-user", ROOT, "--admin", env=server.env, stdin=PASSWORD)
            assert made.returncode == 0
            for name, value in (
                ("AUTH_CLIENT_URL", server.url), ("AUTH_WEBAUTHN_ENABLED", "true")
            ):  # fmt: skip
                changed = postern("settings", "set", name, value, "--reason=x", env=server.env)
                assert changed.returncode == 0, changed.stderr
            with watched(chromium, server) as desk:
                page = desk.page
                SecurityKey.of(page)
                desk.open()
                expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_visible()
                desk.type_password(ROOT)
                page.get_by_role("button", name="Use a passkey instead").click()
                page.get_by_role("button", name="I have kept them").click()
                expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
                page.get_by_role("button", name="Sign out").click()
                page.get_by_role("button", name="Sign in with a passkey").click()
                expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
                desk.settled()
                desk.refuse_once("ELEVATED_CLAIM_REQUIRED", "Too long ago.")
                page.get_by_role("button", name="Refresh").click()
                desk.dialog().get_by_role("button", name="Use a passkey").click()
                expect(desk.dialog()).to_have_count(0)
                desk.settled()

    def test_who_is_no_operator_is_told_so(self, world: World) -> None:
        with watched(world.browser, world.server) as desk:
            desk.open()
            desk.type_password("user1@example.com")
            heading = desk.page.get_by_role("heading", name="You are not an operator")
            expect(heading).to_be_visible()
            looks_everywhere(desk.page, "dashboard-no-operator")
            desk.page.get_by_role("button", name="Sign out").click()
            expect(desk.page.get_by_label("Password")).to_be_visible()

    def test_after_too_many_wrong_codes_one_begins_again(self, world: World) -> None:
        Client(world.http).sign_up("eve@example.com")
        client = Client(world.http)
        session = client.call("signInEmailPassword", email="eve@example.com", password=PASSWORD)
        client.access_token = session["accessToken"]
        phone = client.enrol()
        with watched(world.browser, world.server) as desk:
            desk.open()
            desk.type_password("eve@example.com")
            for _ in range(5):
                code = desk.page.get_by_label("Code", exact=True)
                expect(code).to_have_value("")
                with desk.page.expect_response("**/graphql"):
                    code.fill(phone.wrong_code())
                    desk.page.get_by_role("button", name="Sign in", exact=True).click()
                alert = desk.page.get_by_role("alert").filter(has_text=re.compile("."))
                expect(alert).to_be_visible()
            expect(desk.page.get_by_label("Password")).to_be_visible()

    def test_a_session_that_has_ended_leads_back_to_where_one_was(self, world: World) -> None:
        with world.dashboard("keys") as desk:
            expect(desk.page.get_by_role("heading", level=1, name="Keys")).to_be_visible()
            session = world.root.call("user", id=id_of(world.root, ROOT))["sessions"][0]
            world.root.call("endSession", id=id_of(world.root, ROOT), sessionId=session["id"])
            desk.page.get_by_role("link", name="Events").click()
            expect(desk.page.get_by_text("Your session has ended.")).to_be_visible()
            assert desk.page.url.endswith("#/events")
            desk.clean()
        world.desk = None

    def test_tokens_are_refreshed_before_they_expire(
        self, chromium: Browser, tmp_path: Path
    ) -> None:
        brief = {"AUTH_ACCESS_TOKEN_EXPIRES_IN": "4", "AUTH_MFA_ENABLED": "false"}
        with (
            running_server(tmp_path / "var", **brief) as server,
            watched(chromium, server) as desk,
        ):
            made = postern("create-user", ROOT, "--admin", env=server.env, stdin=PASSWORD)
            assert made.returncode == 0
            desk.open()
            with desk.page.expect_request(
                lambda request: "mutation Refresh" in (request.post_data or "")
            ):
                desk.type_password(ROOT)
            # Operators can have an app, though apps are off for users.
            expect(desk.page.get_by_role("img", name="QR code")).to_be_visible()
            desk.page.wait_for_timeout(5000)
            desk.page.get_by_role("button", name="Sign out").click()
            expect(desk.page.get_by_text("You are signed out.")).to_be_visible()

    def test_it_works_where_only_trusted_documents_run(
        self, chromium: Browser, tmp_path: Path
    ) -> None:
        manifest = tmp_path / "manifest.json"
        manifest.write_text(json.dumps({"1a2b": "query Me { me { id } }"}))
        chosen = {"AUTH_GRAPHQL_TRUSTED_DOCUMENTS": str(manifest), "AUTH_ADMIN_ENABLED": "true"}
        with (
            running_server(tmp_path / "var", **chosen) as server,
            watched(chromium, server) as desk,
        ):
            desk.open()
            desk.type_password("nobody@example.com")
            expect(desk.page.get_by_role("alert").get_by_text("password")).to_be_visible()
            other = {"query": "{ me { email } }"}
            assert httpx2.post(f"{server.url}/graphql", json=other).status_code == 400


def enrol(page: Page, step: str = "") -> None:
    """Set up an authenticator app in place."""
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    qr = page.get_by_role("img", name="QR code")
    expect(qr).to_be_visible()
    phone = Authenticator.scan(str(qr.get_attribute("src")))
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    if step:
        looks_everywhere(page, step)
    page.get_by_label("Code", exact=True).fill(phone.wrong_code())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("alert").filter(has_text=re.compile("."))).to_be_visible()
    page.get_by_label("Code", exact=True).fill(phone.next_code())
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    expect(page.get_by_role("heading", name="Keep your recovery codes")).to_be_focused()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert len(download.value.path().read_text().split()) == 10
    page.get_by_role("button", name="I have kept them").click()


class TestEveryPage:
    @pytest.mark.parametrize("title", PLACES)
    def test_every_page_opens_with_data_and_is_accessible(self, world: World, title: str) -> None:
        with world.dashboard() as desk:
            lively(desk.page)
            desk.page.get_by_role("button", name="Refresh").click()
            desk.go(title)
            expect(desk.page.locator("main .table, main .card").first).to_be_visible()
            if title == "All settings":  # all the rows are alike, and many to check
                desk.page.get_by_label("Search").fill("mfa")
            looks_everywhere(desk.page, f"dashboard-{PLACES[title].replace('/', '-')}")

    def test_events_are_found_by_the_address_of_a_user(self, world: World) -> None:
        with world.dashboard("events") as desk:
            page = desk.page
            page.get_by_label("User", exact=True).fill("USER3@example.com")
            users = page.get_by_role("cell").get_by_role("link")
            expect(users.filter(has_text="user4@")).to_have_count(0)
            expect(users.first).to_have_text("user3@example.com")
            page.get_by_label("User", exact=True).fill("nobody@example.com")
            expect(page.get_by_text("No user has this e-mail address.")).to_be_visible()
            user = id_of(world.root, "user3@example.com")
            page.get_by_label("User", exact=True).fill(user)
            expect(users.first).to_have_text("user3@example.com")
            desk.start_at(f"users/{user}")
            heads = page.get_by_role("region", name="Events").get_by_role("columnheader")
            expect(heads).to_have_text(["When", "What", "From", "Operator and reason"])

    def test_an_event_says_which_setting_was_changed(self, world: World) -> None:
        world.root.change("AUTH_SESSION_INACTIVITY_TIMEOUT", "24h")
        world.root.change("AUTH_SESSION_INACTIVITY_TIMEOUT", None)
        with world.dashboard("events") as desk:
            what = desk.page.get_by_role("cell", name="Setting changed").first
            expect(what).to_contain_text("AUTH_SESSION_INACTIVITY_TIMEOUT")

    def test_the_mailbox_is_a_click_away(self, world: World) -> None:
        with world.dashboard("mail") as desk:
            with desk.page.expect_popup() as opened:
                desk.page.get_by_role("main").get_by_role("link", name="mailbox").click()
            expect(opened.value).to_have_url(f"{world.server.url}/mailbox")
            opened.value.close()

    def test_a_mail_that_was_given_up_is_sent_again(self, world: World) -> None:
        with world.dashboard("mail") as desk:
            desk.page.get_by_role("button", name="Send again").click()
            desk.confirm("Send again", done="The mail waits to be sent.")

    def test_an_unknown_address_leads_back(self, world: World) -> None:
        with world.dashboard() as desk:
            desk.page.evaluate("location.hash = '#/nowhere'")
            expect(desk.page.get_by_role("heading", name="Not found")).to_be_visible()
            desk.page.get_by_role("main").get_by_role("link", name="overview").click()
            desk.settled()

    def test_on_a_phone_a_menu_leads_to_the_pages(self, world: World) -> None:
        with world.dashboard() as desk:
            page = desk.page
            page.set_viewport_size({"width": 360, "height": 740})
            expect(page.get_by_role("link", name="Keys")).to_be_hidden()
            menu = page.get_by_role("button", name="Menu")
            menu.press("Enter")
            page.get_by_role("link", name="Keys").press("Escape")
            expect(page.get_by_role("link", name="Keys")).to_be_hidden()
            expect(menu).to_be_focused()
            menu.press("Enter")
            looks_everywhere(page, "dashboard-menu")
            page.set_viewport_size({"width": 360, "height": 740})
            page.get_by_role("link", name="Keys").press("Enter")
            expect(page.get_by_role("heading", level=1, name="Keys")).to_be_focused()
            expect(page.get_by_role("link", name="Keys")).to_be_hidden()
            for title in PLACES:
                desk.go(title)
                assert page.evaluate("document.documentElement.scrollWidth") <= 360, title

    @pytest.mark.parametrize("size", [(1280, 800), (360, 740)])
    def test_no_table_scrolls_sideways(self, world: World, size: tuple[int, int]) -> None:
        beyond = "[...document.querySelectorAll('.table')].map(t => t.scrollWidth - t.clientWidth)"
        with world.dashboard() as desk:
            desk.page.set_viewport_size({"width": size[0], "height": size[1]})
            for title in PLACES:
                desk.go(title)
                assert not any(desk.page.evaluate(beyond)), title

    def test_numbers_stand_behind_the_charts(self, world: World) -> None:
        with world.dashboard() as desk:
            lively(desk.page)
            desk.page.get_by_role("button", name="Refresh").click()
            chart = desk.card("Last 24 hours")
            expect(chart.get_by_role("img")).to_have_attribute(
                "aria-label", re.compile(r"^Last 24 hours\. Sign-ups: \d+, Sign-ins: [1-9]\d*")
            )
            assert chart.locator(".recharts-bar-rectangle path").count() > 20
            if PICTURES:
                desk.page.screenshot(path=f"{PICTURES}/dashboard.png")
            ticks = chart.locator(".recharts-yAxis-tick-labels text")
            expect(ticks).to_have_text(["0", "10", "20", "30"])
            hours = chart.locator(".recharts-xAxis-tick-labels text")
            shown = [int(hour[:2]) for hour in hours.all_text_contents()]
            assert [(shown[0] + 4 * nth) % 24 for nth in range(6)] == shown
            chart.get_by_role("button", name="Show Last 24 hours as table").click()
            expect(chart.get_by_role("row")).to_have_count(25)
            chart.get_by_role("button", name="Hide table of Last 24 hours").click()
            expect(chart.get_by_role("img")).to_be_visible()
            expect(desk.page.get_by_text("40 % of all")).to_be_visible()

    @pytest.mark.parametrize("again", ["Refresh", "Users"])
    def test_a_list_is_loaded_again(self, world: World, again: str) -> None:
        email = f"late-{again.lower()}@example.com"
        with world.dashboard("users") as desk:
            Client(world.http).sign_up(email)
            expect(desk.page.get_by_role("link", name=email)).to_have_count(0)
            button = desk.page.get_by_role("button", name=again)
            button.or_(desk.page.get_by_role("link", name=again, exact=True)).click()
            expect(desk.page.get_by_role("link", name=email)).to_be_visible()

    @pytest.mark.parametrize("title", ["Overview", "Users", "Events", "Mail", "History"])
    def test_data_can_be_refreshed(self, world: World, title: str) -> None:
        with world.dashboard(PLACES[title]) as desk:
            button = desk.page.get_by_role("button", name="Refresh")
            with desk.page.expect_response("**/admin/graphql"):
                button.press("Enter")
            desk.settled()
            expect(button).to_be_focused()

    def test_a_failure_can_be_tried_again(self, world: World) -> None:
        with world.dashboard() as desk:
            desk.refuse_once("SERVICE_UNAVAILABLE", "The database is unavailable.")
            desk.page.get_by_role("link", name="Keys").click()
            expect(desk.page.get_by_text("The database is unavailable.")).to_be_visible()
            desk.page.get_by_role("button", name="Try again").click()
            expect(desk.page.get_by_text("EdDSA").first).to_be_visible()
            desk.page.get_by_role("button", name="Rotate", exact=True).click()
            desk.confirm("Rotate", done="A new key signs access tokens.")
            expect(desk.page.get_by_text("verifies only")).to_be_visible()
            desk.page.get_by_role("button", name="Rotate and revoke").click()
            desk.dialog().get_by_label("Reason").fill("leaked")
            desk.dialog().get_by_role("button", name="Rotate and revoke").click()
            expect(desk.dialog().get_by_label("Confirm")).to_be_focused()
            looks_everywhere(desk.page, "dashboard-revoke")
            desk.page.keyboard.press("Escape")
            expect(desk.dialog()).to_have_count(0)
            expect(desk.page.get_by_role("button", name="Rotate and revoke")).to_be_focused()


class TestFocus:
    def test_it_is_on_the_heading_of_the_page_that_opens(self, world: World) -> None:
        with world.dashboard("users") as desk:
            desk.page.get_by_role("link", name="user29@example.com").press("Enter")
            desk.settled()
            heading = desk.page.get_by_role("heading", level=1, name="user29@example.com")
            expect(heading).to_be_focused()

    def test_it_goes_to_the_heading_of_a_card_that_is_saved_or_discarded(
        self, world: World
    ) -> None:
        with world.dashboard("settings/authentication") as desk:
            card = desk.card("Locales")
            heading = card.get_by_role("heading", name="Locales")
            card.get_by_label("Default locale").fill("de")
            card.get_by_role("button", name="Discard").press("Enter")
            expect(heading).to_be_focused()
            card.get_by_label("Allowed locales").fill("en,fr")
            card.get_by_role("button", name="Save").press("Enter")
            desk.confirm("Save", done="Locales: saved.")
            expect(heading).to_be_focused()

    def test_it_stays_in_the_section_whose_button_is_gone(self, world: World) -> None:
        client, email = Client(world.http), "focus@example.com"
        client.sign_up(email)
        client.enrol()
        with world.dashboard(f"users/{id_of(world.root, email)}") as desk:
            act(desk, "Reset second factor", verb="Reset", done="The second factor is reset.")
            heading = desk.page.get_by_role("heading", name="Factors and passkeys")
            expect(heading).to_be_focused()

    def test_it_returns_to_where_one_was_asked_to_confirm(self, world: World) -> None:
        with world.dashboard("keys") as desk:
            desk.page.get_by_role("button", name="Rotate", exact=True).press("Enter")
            act_dialog = desk.page.get_by_role("dialog", name="Rotate keys")
            desk.refuse_once("ELEVATED_CLAIM_REQUIRED", "Your last sign-in is too long ago.")
            act_dialog.get_by_label("Reason").fill("monthly")
            act_dialog.get_by_role("button", name="Rotate").press("Enter")
            desk.page.get_by_role("dialog", name="Confirm that it is you").press("Escape")
            expect(act_dialog.get_by_role("alert")).to_contain_text("not confirmed")
            expect(act_dialog.get_by_role("button", name="Rotate")).to_be_focused()

    def test_it_goes_to_the_heading_once_a_failure_is_over(self, world: World) -> None:
        with world.dashboard("users") as desk:
            desk.refuse_once("SERVICE_UNAVAILABLE", "The database is unavailable.")
            desk.page.get_by_role("button", name="Refresh").click()
            desk.page.get_by_role("button", name="Try again").press("Enter")
            expect(desk.page.get_by_role("heading", level=1, name="Users")).to_be_focused()


class TestSettings:
    def test_multi_factor_authentication_goes_off_and_on(self, world: World) -> None:
        title = "Multi-Factor Authentication"
        joe = Client(world.http)
        joe.sign_up("joe@example.com")
        with world.dashboard() as desk:
            desk.page.get_by_role("link", name="Authentication").click()
            card = desk.card(title)
            expect(card.get_by_label("OTP Issuer")).to_have_value("Postern")
            expect(card.get_by_role("button", name="Save")).to_be_disabled()
            desk.toggle(title)
            expect(card.get_by_label("OTP Issuer")).to_have_count(0)
            desk.save(title)
            with pytest.raises(RefusedError) as refused:
                joe.call("changeUserMfa")
            assert refused.value.code == "DISABLED_ENDPOINT"
            desk.toggle(title)
            card.get_by_label("OTP Issuer").fill("Acme")
            desk.save(title)
            assert "Acme" in joe.call("changeUserMfa")["otpauthUrl"]
            expect(card.get_by_text("Source: set by operators.").first).to_be_visible()
            card.get_by_role("button", name="Reset OTP Issuer to file or default").click()
            desk.confirm("Reset", done="OTP Issuer: reset.")
            expect(card.get_by_label("OTP Issuer")).to_have_value("Postern")

    def test_a_wrong_value_shows_the_servers_sentence(self, world: World) -> None:
        with world.dashboard("settings/sign-in-methods") as desk:
            field = desk.card("Email and Password").get_by_label("Minimum required password length")
            field.fill("3 or so")
            desk.save("Email and Password", done=False)
            expect(desk.dialog()).to_have_count(0)
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(field).to_have_value("3 or so")
            expect(desk.page.get_by_text("expected a whole number from 1 to 256")).to_be_visible()
            looks_everywhere(desk.page, "dashboard-wrong-value")
            desk.card("Email and Password").get_by_role("button", name="Discard").click()

    def test_what_the_environment_sets_is_locked(self, world: World) -> None:
        with world.dashboard("settings/authentication") as desk:
            card = desk.card("Session")
            expect(card.get_by_label("Access Token Expires In")).to_be_disabled()
            expect(card.get_by_text("is set in the environment of the server")).to_be_visible()
            expect(card.get_by_label("Refresh Token Expires In")).to_be_enabled()

    def test_lists_are_emptied_by_their_switch(self, world: World) -> None:
        title = "Blocked Emails and Domains"
        with world.dashboard("settings/authentication") as desk:
            desk.toggle(title)
            domains = desk.card(title).get_by_label("Blocked domains")
            domains.fill("evil.example, worse.example\nevil.example")
            desk.save(title)
            assert setting(world, "AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS") == (
                "evil.example,worse.example"
            )
            desk.toggle(title)
            desk.save(title)
            assert setting(world, "AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS") == ""
            desk.go("History")
            row = desk.page.get_by_role("row").nth(1)
            expect(row).to_contain_text("AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS")
            row.get_by_role("button", name="Undo").click()
            desk.confirm("Undo", done="undone.")
            assert "evil.example" in setting(world, "AUTH_ACCESS_CONTROL_BLOCKED_EMAIL_DOMAINS")

    def test_a_change_of_somebody_else_keeps_what_was_typed(self, world: World) -> None:
        with world.dashboard("settings/rate-limits") as desk:
            card = desk.card("Emails")
            card.get_by_label("Interval").fill("7200")
            world.root.change("AUTH_RATE_LIMIT_EMAIL_INTERVAL", "30m")
            desk.save("Emails", done=False)
            expect(card.get_by_text("Somebody has changed settings meanwhile.")).to_be_visible()
            expect(card.get_by_text("Interval is now 30m (30 minutes).")).to_be_visible()
            expect(card.get_by_label("Interval")).to_have_value("7200")
            expect(desk.page.locator("main .again")).to_have_count(0)
            desk.save("Emails")
            assert setting(world, "AUTH_RATE_LIMIT_EMAIL_INTERVAL") in ("7200", "2h")

    def test_all_settings_can_be_searched_and_edited(self, world: World) -> None:
        with world.dashboard("settings/all") as desk:
            desk.page.get_by_label("Search").fill("ticket expires")
            expect(desk.page.get_by_role("row")).to_have_count(2)
            desk.page.get_by_role("button", name="Edit AUTH_MFA_TICKET_EXPIRES_IN").click()
            desk.dialog().get_by_label("AUTH_MFA_TICKET_EXPIRES_IN").fill("4m")
            desk.confirm("Save", done="AUTH_MFA_TICKET_EXPIRES_IN: saved.")
            expect(desk.page.get_by_role("row").nth(1)).to_contain_text("4 minutes")

    def test_requiring_a_factor_shows_first_who_has_none(self, world: World) -> None:
        title = "Multi-Factor Authentication"
        with world.dashboard() as desk:
            lively(desk.page)
            desk.go("Authentication")
            card = desk.card(title)
            card.get_by_label("Required for roles").fill("editor")
            expect(card.get_by_text("editor: 2 users")).to_be_visible()
            card.get_by_label("Policy").select_option("required")
            expect(card.get_by_text("744 users without a second factor")).to_be_visible()
            expect(card.get_by_text("As of")).to_be_visible()
            expect(card.get_by_role("button", name="Save")).to_be_enabled()
            looks_everywhere(desk.page, "dashboard-policy")
            card.get_by_role("button", name=f"Save {title}").click()
            expect(desk.dialog()).to_contain_text("744 users without a second factor")
            looks_everywhere(desk.page, "dashboard-policy-save")
            desk.page.keyboard.press("Escape")
            card.get_by_role("link", name="744 users without a second factor").click()
            desk.dialog().get_by_role("button", name="Leave").click()
            expect(desk.page.get_by_label("Second factor")).to_have_value("false")
            expect(desk.page.get_by_label("State")).to_have_value("false")

    def test_who_has_no_factor_is_counted_when_the_policy_is_edited(
        self, chromium: Browser, tmp_path: Path
    ) -> None:
        with (
            running_server(tmp_path / "var") as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
            watched(chromium, server) as desk,
        ):
            root = operator(server, http)
            desk.sign_in(ROOT, root.phone.recovery_codes, "settings/authentication")
            card = desk.card("Multi-Factor Authentication")
            policy = card.get_by_label("Policy")
            policy.select_option("required")
            expect(card.get_by_text("Everybody has a second factor.")).to_be_visible()
            Client(http).sign_up("new@example.com")
            policy.select_option("optional")
            policy.select_option("required")
            expect(card.get_by_text("1 user without a second factor")).to_be_visible()
            card.get_by_role("button", name="Discard").click()

    def test_apps_and_a_policy_that_requires_them_are_switched_off_together(
        self, world: World
    ) -> None:
        title = "Multi-Factor Authentication"
        world.root.change("AUTH_MFA_POLICY", "required")
        with world.dashboard("settings/authentication") as desk:
            card = desk.card(title)
            desk.toggle(title)
            expect(card.get_by_label("Policy")).to_have_value("required")
            expect(card.get_by_role("button", name="Save")).to_be_disabled()
            looks_everywhere(desk.page, "dashboard-dead-end")
            card.get_by_role("button", name="Set the policy to optional too").press("Enter")
            expect(card.get_by_role("heading", name=title)).to_be_focused()
            desk.save(title)
            assert setting(world, "AUTH_MFA_ENABLED") == "false"
            assert setting(world, "AUTH_MFA_POLICY") == "optional"
            desk.toggle(title)
            desk.save(title)

    def test_changes_are_not_lost_without_a_question(self, world: World) -> None:
        with world.dashboard("keys") as desk:
            page, question = desk.page, desk.page.get_by_role("dialog")
            desk.go("Authentication")
            field = desk.card("Client URL").get_by_label("Client URL")
            field.fill("https://app.example.com/unsaved")
            leave: list[Callable[[], object]] = [
                page.get_by_role("link", name="Users").click,
                lambda: page.go_back(wait_until="commit"),
                page.get_by_role("button", name="Sign out").click,
            ]
            for attempt in leave:
                attempt()
                expect(question).to_contain_text("Your changes are not saved: Client URL.")
                question.get_by_role("button", name="Stay").press("Enter")
                expect(question).to_have_count(0)
                assert page.url.endswith("#/settings/authentication")
                expect(field).to_have_value("https://app.example.com/unsaved")
            page.get_by_role("link", name="Users").click()
            looks_everywhere(page, "dashboard-unsaved")
            question.get_by_role("button", name="Leave").click()
            expect(page.get_by_role("heading", level=1, name="Users")).to_be_focused()
            page.go_back()
            expect(field).not_to_have_value("https://app.example.com/unsaved")

    def test_closing_the_tab_asks_while_changes_are_unsaved(self, world: World) -> None:
        asked = "!dispatchEvent(new Event('beforeunload', { cancelable: true }))"
        with world.dashboard("settings/authentication") as desk:
            assert desk.page.evaluate(asked) is False
            card = desk.card("Client URL")
            card.get_by_label("Client URL").fill("https://app.example.com/unsaved")
            assert desk.page.evaluate(asked) is True
            card.get_by_role("button", name="Discard").click()
            assert desk.page.evaluate(asked) is False

    def test_step_up_in_place_loses_nothing(self, world: World) -> None:
        with world.dashboard("settings/authentication") as desk:
            title = "Client URL"
            desk.card(title).get_by_label(title).fill("https://app.example.com")
            desk.card(title).get_by_role("button", name=f"Save {title}").click()
            desk.refuse_once("ELEVATED_CLAIM_REQUIRED", "Your last sign-in is too long ago.")
            desk.confirm("Save")
            confirm = desk.page.get_by_role("dialog", name="Confirm that it is you")
            expect(confirm).to_be_visible()
            looks_everywhere(desk.page, "dashboard-step-up")
            confirm.get_by_label("Code", exact=True).fill(world.root.phone.wrong_code())
            confirm.get_by_role("button", name="Confirm").click()
            expect(confirm.get_by_role("alert")).to_contain_text("code")
            confirm.get_by_label("Recovery code").check()
            codes = world.root.phone.recovery_codes
            confirm.get_by_role("textbox", name="Recovery code").fill(codes.pop())
            confirm.get_by_role("button", name="Confirm").click()
            expect(desk.page.get_by_text("Client URL: saved.")).to_be_visible()
            assert setting(world, "AUTH_CLIENT_URL") == "https://app.example.com"


class TestUsers:
    def test_the_list_has_pages_and_filters(self, world: World) -> None:
        with world.dashboard("users") as desk:
            page = desk.page
            expect(page.get_by_role("row")).to_have_count(26)
            page.get_by_role("button", name="Next").click()
            expect(page.get_by_text("Page 2")).to_be_visible()
            expect(page.get_by_role("row")).not_to_have_count(26)
            page.get_by_role("button", name="Previous").click()
            expect(page.get_by_role("row")).to_have_count(26)
            page.get_by_label("Role").fill("admin")
            expect(page.get_by_role("row")).to_have_count(2)
            page.get_by_label("Search").fill("nobody")
            expect(page.get_by_text("No user is like that.")).to_be_visible()
            looks_everywhere(page, "dashboard-no-user")

    def test_back_from_a_user_returns_to_the_page_of_the_list(self, world: World) -> None:
        with world.dashboard("users") as desk:
            page = desk.page
            page.get_by_role("button", name="Next").press("Enter")
            expect(page.get_by_text("Page 2")).to_be_visible()
            desk.settled()
            table = page.get_by_role("region", name="Users")
            expect(table).to_be_focused()
            expect(table).to_be_in_viewport()
            expect(page.get_by_role("button", name="Next")).to_be_disabled()
            link = page.get_by_role("row").nth(1).get_by_role("link")
            email = link.inner_text()
            link.click()
            expect(page.get_by_role("heading", level=1, name=email)).to_be_visible()
            page.go_back()
            expect(page.get_by_text("Page 2")).to_be_visible()
            expect(page.get_by_role("link", name=email)).to_be_visible()
            page.get_by_role("button", name="Previous").click()
            expect(page.get_by_text("Page 1")).to_be_visible()
            page.go_back()
            expect(page.get_by_text("Page 2")).to_be_visible()
            page.get_by_label("Search").fill("user1@")
            expect(page.get_by_role("row")).to_have_count(2)

    def test_a_list_shows_only_what_is_special_about_an_account(self, world: World) -> None:
        ordinary, disabled = "ordinary@example.com", "out@example.com"
        for email in (ordinary, disabled):
            Client(world.http).sign_up(email)
            world.root.call("verifyUser", id=id_of(world.root, email))
        world.root.call("disableUser", id=id_of(world.root, disabled))
        with world.dashboard("users") as desk:
            rows = desk.page.get_by_role("row")
            expect(rows.filter(has_text=disabled).locator(".tag")).to_have_text(["disabled"])
            expect(rows.filter(has_text=ordinary).locator(".tag")).to_have_count(0)

    def test_a_user_is_made_disabled_reset_and_deleted(self, world: World) -> None:
        client, email = Client(world.http), "frank@example.com"
        client.sign_up(email)
        client.enrol()
        with world.dashboard("users") as desk:
            page = desk.page
            page.get_by_label("Search").fill("frank")
            page.get_by_role("link", name=email).click()
            expect(page.get_by_role("heading", level=1, name=email)).to_be_visible()
            desk.settled()
            assert page.title() == f"{email} \u2013 Postern"
            looks_everywhere(page, "dashboard-user")
            page.get_by_role("button", name="Reset second factor").click()
            expect(desk.dialog()).to_contain_text(f"User: {email}")
            expect(desk.dialog()).to_contain_text("then signs in without a second factor.")
            page.keyboard.press("Escape")
            act(desk, "Disable", done="The user is disabled.")
            assert refused_sign_in(world, email) == "DISABLED_USER"
            act(desk, "Enable", done="The user is enabled.")
            act(desk, "Reset second factor", verb="Reset", done="The second factor is reset.")
            expect(page.get_by_text("The user has no second factor.")).to_be_visible()
            assert refused_sign_in(world, email) == ""
            act(desk, "Verify address", verb="Verify", done="The address is verified.")
            act(desk, "Send password reset", verb="Send", done="The mail is on its way.")
            page.get_by_label("JSON").fill('{"plan": "gold"}')
            act(desk, "Save metadata", verb="Set metadata", done="The metadata is set.")
            page.get_by_label("Roles").fill("user, me, editor")
            act(desk, "Save roles", verb="Set roles", done="The roles are set.")
            found = world.root.call("user", id=id_of(world.root, email))
            assert found["roles"] == ["user", "me", "editor"]
            assert json.loads(found["metadataJson"]) == {"plan": "gold"}
            act(desk, "End all", done="All sessions have ended.")
            page.get_by_role("button", name="Delete").click()
            desk.dialog().get_by_label("Reason").fill("asked to")
            desk.dialog().get_by_role("button", name="Delete").click()
            expect(desk.dialog().get_by_text(f"Type {email} exactly.")).to_be_visible()
            desk.confirm("Delete", typed=email, done="The user is deleted.")
            expect(page.get_by_role("heading", level=1, name="Users")).to_be_visible()
            assert world.root.call("users", filter={"text": email})["edges"] == []

    def test_one_session_ends(self, world: World) -> None:
        email = "ivy@example.com"
        Client(world.http).sign_up(email)
        Client(world.http).call("signInEmailPassword", email=email, password=PASSWORD)
        with world.dashboard(f"users/{id_of(world.root, email)}") as desk:
            ends = desk.page.get_by_role("button", name="End", exact=True)
            expect(ends).to_have_count(2)
            ends.first.click()
            desk.confirm("End", done="The session has ended.")
            expect(ends).to_have_count(1)

    def test_waits_are_lifted(self, chromium: Browser, tmp_path: Path) -> None:
        with (
            running_server(tmp_path / "var", AUTH_RATE_LIMIT_BRUTE_FORCE_BURST="3") as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
            watched(chromium, server) as desk,
        ):
            root = operator(server, http)
            client = Client(http)
            client.sign_up("ivy@example.com")
            for _ in range(3):
                with pytest.raises(RefusedError):
                    client.call("signInEmailPassword", email="ivy@example.com", password="wrong")
            desk.sign_in(ROOT, root.phone.recovery_codes)
            desk.start_at(f"users/{id_of(root, 'ivy@example.com')}")
            expect(desk.page.get_by_text("The next password has to wait")).to_be_visible()
            looks_everywhere(desk.page, "dashboard-waits")
            act(desk, "Lift", done="Nobody has to wait any more.")
            expect(desk.page.get_by_text("has to wait until")).to_have_count(0)

    def test_a_long_address_is_shown_whole(self, world: World) -> None:
        email = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.example.com"
        Client(world.http).sign_up(email)
        with world.dashboard(f"users/{id_of(world.root, email)}") as desk:
            heading = desk.page.get_by_role("heading", level=1)
            expect(heading).to_have_text(email)
            looks_everywhere(desk.page, "dashboard-long-address")
            desk.page.set_viewport_size({"width": 360, "height": 740})
            text = heading.locator("bdi")
            assert text.evaluate("one => one.getBoundingClientRect().height") > 6 * 25
            assert desk.page.evaluate("document.documentElement.scrollWidth") <= 360

    def test_a_user_is_created(self, world: World) -> None:
        with world.dashboard("users") as desk:
            desk.page.get_by_role("button", name="Create user").click()
            desk.confirm("Create", typed="grace@example.com", done="The user is created")
            heading = desk.page.get_by_role("heading", level=1, name="grace@example.com")
            expect(heading).to_be_visible()

    def test_what_is_missing_is_said_at_the_field(self, world: World) -> None:
        with world.dashboard("users") as desk:
            desk.page.get_by_role("button", name="Create user").click()
            dialog = desk.dialog()
            email, reason = dialog.locator("[data-first]"), dialog.get_by_label("Reason")
            dialog.get_by_role("button", name="Create").click()
            expect(email).to_be_focused()
            expect(dialog.get_by_text("Enter an e-mail address.")).to_be_visible()
            email.fill("user1@example.com")
            dialog.get_by_role("button", name="Create").click()
            expect(reason).to_be_focused()
            expect(dialog.get_by_text("Enter a reason.")).to_be_visible()
            looks_everywhere(desk.page, "dashboard-create-user")
            reason.fill("asked to")
            dialog.get_by_role("button", name="Create").click()
            taken = dialog.get_by_text("This e-mail address is already in use.")
            expect(taken).to_be_visible()
            email.fill("user1b@example.com")
            expect(taken).to_have_count(0)

    def test_hostile_text_does_nothing(self, world: World) -> None:
        hostile = f"{IMAGE}{BACKWARDS}"
        agent = {"user-agent": f"{IMAGE} {UNBROKEN}"}
        with httpx2.Client(base_url=world.server.url, headers=agent) as http:
            client = Client(http)
            client.sign_up("mallory@example.com")
            client.call("changeUser", displayName=hostile)
            long = Client(http)
            long.sign_up("long@example.com")
            long.call("changeUser", displayName=UNBROKEN)
        mallory = id_of(world.root, "mallory@example.com")
        world.root.call("setMetadata", id=mallory, metadataJson=json.dumps({"a": hostile * 9}))
        add_passkey_named(world.server, mallory, f"{UNBROKEN[:60]}{BACKWARDS}{IMAGE}"[:100])
        with world.dashboard("users") as desk:
            expect(desk.page.get_by_text(f"{IMAGE}U+202Egnp.exe")).to_be_visible()
            looks_everywhere(desk.page, "dashboard-hostile-users")
            desk.page.get_by_role("link", name="mallory@example.com").click()
            expect(desk.page.get_by_text(UNBROKEN[:60], exact=False).first).to_be_visible()
            desk.settled()
            looks_everywhere(desk.page, "dashboard-hostile-user")
            desk.go("Events")
            looks_everywhere(desk.page, "dashboard-hostile-events")
            assert desk.page.locator("img").count() == 0


class TestThePage:
    def test_its_policy_allows_nothing_of_others(self, world: World) -> None:
        answer = world.http.get("/dashboard")
        policy = answer.headers["content-security-policy"]
        for rule in (
            "default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'",
            "require-trusted-types-for 'script'", "trusted-types 'none'",
        ):  # fmt: skip
            assert rule in policy.split("; ")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert policy != world.http.get("/dashboard").headers["content-security-policy"]

    def test_nothing_can_frame_it(self, world: World) -> None:
        page = world.browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.set_content(f'<iframe src="{world.server.url}/dashboard"></iframe>')
        page.wait_for_timeout(500)
        assert any("frame-ancestors" in line for line in said)
        page.close()

    def test_its_files_are_cached_and_its_own(self, world: World) -> None:
        first = world.http.get("/dashboard/dashboard.js")
        assert first.headers["content-encoding"] == "gzip"
        same = {"if-none-match": first.headers["etag"]}
        assert world.http.get("/dashboard/dashboard.js", headers=same).status_code == 304
        for name in ("graphiql.js", "nothing.js", "..%2fapp.py"):
            assert world.http.get(f"/dashboard/{name}").status_code == 404
        assert world.http.get("/graphiql/dashboard.js").status_code == 404

    def test_a_slash_too_many_leads_to_it(self, world: World) -> None:
        found = world.http.get("/dashboard/", follow_redirects=True)
        assert (found.status_code, found.url.path) == (200, "/dashboard")

    def test_it_can_be_switched_off(self, tmp_path: Path) -> None:
        with running_server(tmp_path / "var", AUTH_ADMIN_ENABLED="false") as server:
            for path in ("/dashboard", "/dashboard/dashboard.js"):
                assert httpx2.get(f"{server.url}{path}").status_code == 404


@pytest.mark.skipif(not has_node(20), reason="checking them needs Node")
def test_the_types_of_its_operations_are_up_to_date() -> None:
    node_modules(WEB)
    command = ["npm", "run", "check"]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def act(desk: Dashboard, name: str, *, verb: str = "", done: str) -> None:
    """Press a button of a user's page, and confirm it."""
    desk.page.get_by_role("button", name=name, exact=True).click()
    desk.confirm(verb or name, done=done)
    desk.settled()


def refused_sign_in(world: World, email: str) -> str:
    """Return why a sign-in with the password is refused; "" if it is not."""
    try:
        Client(world.http).call("signInEmailPassword", email=email, password=PASSWORD)
    except RefusedError as refused:
        return refused.code
    return ""


def setting(world: World, name: str) -> str:
    found = world.root.call("settings")["all"]
    return str(next(one["value"] for one in found if one["name"] == name))


def give_up_a_mail(server: Server) -> None:
    """Make a mail in the mailbox look as if it could not be sent."""
    server.mails(at_least=1)
    with closing(database(server)) as connection, connection:
        connection.execute(
            "UPDATE mails SET delivered_at = NULL, attempts = 12"
            " WHERE id IN (SELECT id FROM mails WHERE due_at IS NULL LIMIT 1)"
        )


def add_passkey_named(server: Server, user_id: str, nickname: str) -> None:
    with closing(database(server)) as connection, connection:
        connection.execute(
            "INSERT INTO passkeys (id, credential_id, public_key, sign_count, transports,"
            " backed_up, verifies_user, nickname, created_at, user_id)"
            " VALUES (?, 'eA', x'00', 0, '[]', 0, 1, ?, ?, ?)",
            (str(uuid4()), nickname, datetime.now(UTC).isoformat(" "), user_id),
        )


def database(server: Server) -> sqlite3.Connection:
    return sqlite3.connect(server.data_dir / "postern.db", timeout=10)


def lively(page: Page) -> None:
    """Show figures of a month with much to do, which no test could wait for."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ago = range(24 * 31)
    activity = {
        "hours": [(hour - timedelta(hours=back)).isoformat() for back in ago],
        "signUps": [(back * 7) % 5 for back in ago],
        "signIns": [4 + (back * 13) % 17 for back in ago],
        "failures": [(back * 5) % 3 for back in ago],
    }
    figures = {
        "countedAt": hour.isoformat(), "users": 1240, "withFactor": 496, "withPasskeys": 131,
        "disabled": 12, "unverified": 87, "activity": activity, "enabledWithoutFactor": 744,
        "withoutFactor": [{"role": "user", "count": 31}, {"role": "editor", "count": 2}],
    }  # fmt: skip

    def answer(route: Route) -> None:
        asked: Any = route.request.post_data_json
        if " figures" in asked["query"]:
            without = {"totalCount": 2 if asked["variables"].get("role") else 744}
            route.fulfill(json={"data": {"figures": figures, "users": without}})
        else:
            route.fallback()

    page.route("**/admin/graphql", answer)
