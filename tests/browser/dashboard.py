"""The dashboard as an operator uses it."""

import re
from typing import Any

from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect

from tests.support import PASSWORD, Server

REASON = "The user has called, and has shown who they are."
PLACES = {
    "Overview": "overview",
    "Users": "users",
    "Events": "events",
    "Mail": "mail",
    "Keys": "keys",
    "Authentication": "settings/authentication",
    "Sign-In Methods": "settings/sign-in-methods",
    "Rate Limits": "settings/rate-limits",
    "All settings": "settings/all",
    "History": "settings/history",
}
"""The titles of the pages, and where they are."""


class Dashboard:
    """The page, and actions on it. It notes whatever should not happen."""

    def __init__(self, browser: Browser, server: Server, **options: Any) -> None:
        options.setdefault("viewport", {"width": 1280, "height": 860})
        self.server = server
        self.page: Page = browser.new_page(**options)
        self.page.set_default_timeout(15_000)
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._said(said.type, said.text))
        self.page.on("dialog", self._alerted)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.server.url, "data:", "blob:")):
            self.elsewhere.append(url)

    def _said(self, kind: str, text: str) -> None:
        # Browsers log each refusal by themselves.
        if kind in ("error", "warning") and not re.search(r"status of 4\d\d", text):
            self.complaints.append(text)

    def _alerted(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog of the browser: {dialog.message}")
        dialog.dismiss()

    def clean(self) -> None:
        """Check that no other host was asked, and that the browser has complained of nothing."""
        assert self.elsewhere == []
        assert self.complaints == [], self.complaints

    def open(self, at: str = "") -> None:
        """Load the page anew. Nobody is signed in afterwards."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.server.url}/dashboard#/{at}")

    def type_password(self, email: str) -> None:
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def sign_in(self, email: str, recovery_codes: list[str], at: str = "") -> None:
        """Sign in with the password and a recovery code: no code of an app has to be awaited."""
        self.open(at)
        self.type_password(email)
        self.page.get_by_label("Recovery code").check()
        self.page.get_by_role("textbox", name="Recovery code").fill(recovery_codes.pop())
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.settled()

    def go(self, title: str) -> None:
        """Go to a page, and wait until it shows its data."""
        self.page.evaluate("at => { location.hash = at }", f"#/{PLACES[title]}")
        expect(self.page.get_by_role("heading", level=1, name=title)).to_be_visible()
        self.settled()

    def settled(self) -> None:
        """Wait until everything is loaded."""
        expect(self.page.locator("main .loaded:not(.again)").first).to_be_visible()
        expect(self.page.locator("main .again")).to_have_count(0)
        expect(self.page.get_by_text("Loading", exact=False)).to_have_count(0)

    def card(self, title: str) -> Locator:
        return self.page.get_by_role("region", name=title, exact=True)

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def confirm(self, verb: str, *, typed: str = "", done: str = "") -> None:
        """Give the reason in the dialog of an act, and press its button."""
        if typed:
            self.dialog().locator("[data-first]").fill(typed)
        self.dialog().get_by_label("Reason").fill(REASON)
        self.dialog().get_by_role("button", name=verb, exact=True).click()
        if done:
            expect(self.page.get_by_text(done).first).to_be_visible()
            expect(self.dialog()).to_have_count(0)

    def save(self, title: str, *, done: bool = True) -> None:
        """Save a card of settings."""
        self.card(title).get_by_role("button", name=f"Save {title}").click()
        self.confirm("Save", done=f"{title}: saved." if done else "")

    def start_at(self, place: str) -> None:
        """Show a page anew, in the session that there is."""
        self.page.unroute_all(behavior="wait")
        self.page.set_viewport_size({"width": 1280, "height": 860})
        self.page.evaluate("location.hash = '#/nowhere'")
        expect(self.page.get_by_role("heading", name="Not found")).to_be_visible()
        self.page.evaluate("at => { location.hash = at }", f"#/{place}")
        self.settled()

    def toggle(self, title: str) -> None:
        """Turn the switch of a card."""
        self.card(title).get_by_role("switch", name=title, exact=True).click()

    def refuse_once(self, code: str, message: str) -> None:
        """Answer the next operation at the admin schema with this refusal."""

        error = {"message": message, "extensions": {"code": code}}

        def answer(route: Route) -> None:
            route.fulfill(json={"errors": [error]})

        self.page.route("**/admin/graphql", answer, times=1)
