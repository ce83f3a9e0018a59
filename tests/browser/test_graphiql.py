"""GraphiQL as a person uses it: from Postern's files, under its policy, with the story in tabs."""

import gzip
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.mailbox import BY_MAIL
from tests.support import ROOT, Authenticator, Server, node_modules, running_server

PICTURES = os.environ.get("PICTURES")
"""A folder for screenshots."""
NEW = "staple battery horse correct"
PASTE = """text => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    const paste = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(paste);
}"""


class Playground:
    """The page, and actions on it."""

    def __init__(
        self, browser: Browser, server: Server, *, at: str = "", width: int = 1400, **options: Any
    ) -> None:
        self.base = at or server.url
        self.page: Page = browser.new_page(viewport={"width": width, "height": 860}, **options)
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        self.page.goto(f"{self.base}/")
        expect(self.page.get_by_text("Run the tabs from left to right")).to_be_visible()
        expect(self.page.locator(".graphiql-query-editor .view-line").first).to_be_visible()

    def _asked(self, url: str) -> None:
        if not url.startswith((self.base, "data:", "blob:")):
            self.elsewhere.append(url)

    def open(self, tab: str) -> None:
        self.page.get_by_title(tab, exact=True).click()
        name = self.page.locator(".graphiql-query-editor .view-line").first
        expect(name).to_contain_text(re.compile(f"(mutation|query)\\s{tab}\\b"))

    def paste_variables(self, **variables: str) -> None:
        self.page.locator(".graphiql-editor-tool .monaco-editor").first.click()
        self.page.keyboard.press("Control+A")
        self.page.evaluate(PASTE, json.dumps(variables))
        last = list(variables.values())[-1]
        expect(self.page.locator(".graphiql-editor-tool .view-lines").first).to_contain_text(last)
        self.page.wait_for_timeout(500)  # GraphiQL reads the input a little later

    def run(self, *, by_keyboard: bool = False) -> Any:
        with self.page.expect_response(is_of_the_editor) as answered:
            if by_keyboard:
                self.page.keyboard.press("Control+Enter")
            else:
                self.page.get_by_role("button", name="Execute").first.click()
        return answered.value.json()


def is_of_the_editor(response: Response) -> bool:
    sent = response.request.post_data
    return sent is not None and "IntrospectionQuery" not in sent


def test_the_tabs_tell_the_story_in_order(browser: Browser, server: Server) -> None:
    graphiql = Playground(browser, server)
    page, status = graphiql.page, graphiql.page.get_by_role("status")
    email = graphiql.run()["data"]["signUpEmailPassword"]["user"]["email"]
    expect(status).to_contain_text(f"Signed in as {email}")

    graphiql.open("SignIn")
    assert graphiql.run()["data"]["signInEmailPassword"]["user"]["email"] == email
    graphiql.open("Me")
    assert graphiql.run()["data"]["me"]["email"] == email

    graphiql.open("Enrol")
    enrolment = graphiql.run()["data"]["changeUserMfa"]
    picture = page.get_by_role("img", name="QR code")
    expect(picture).to_be_visible()
    assert picture.get_attribute("src") == enrolment["imageUrl"]
    phone = Authenticator.scan(enrolment["imageUrl"])
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/graphiql.png")

    graphiql.open("Activate")
    graphiql.paste_variables(code=phone.next_code())
    activated = graphiql.run()["data"]["verifyChangeUserMfa"]
    assert activated["user"] == {"activeMfaType": "totp"}
    expect(picture).to_have_count(0)

    graphiql.open("SignInAgain")
    assert graphiql.run()["data"]["signInEmailPassword"]["__typename"] == "MfaTicket"
    expect(status).to_contain_text("A sign-in waits for its code")

    graphiql.open("Verify")
    graphiql.paste_variables(ticket="", otp=phone.next_code())
    verified = graphiql.run(by_keyboard=True)["data"]["verifySignInMfaTotp"]
    assert verified["user"] == {"email": email, "activeMfaType": "totp"}

    stored = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    secrets = [verified["accessToken"], verified["refreshToken"], "correct horse", email]
    for secret in [*secrets, *activated["recoveryCodes"]]:
        assert secret not in stored
    assert graphiql.elsewhere == []
    assert graphiql.complaints == []


def test_the_story_goes_on_after_the_second_sign_in(browser: Browser, server: Server) -> None:
    """The tabs use earlier results; only the app's codes are typed."""
    graphiql = Playground(browser, server)

    def run(tab: str, **typed: str) -> Any:
        graphiql.open(tab)
        if typed:
            graphiql.paste_variables(**typed)
        answer = graphiql.run()
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    run("SignUp")
    run("SignIn")
    phone = Authenticator.scan(run("Enrol")["imageUrl"])
    codes = run("Activate", code=phone.next_code())["recoveryCodes"]
    run("Refresh")
    run("SignInAgain")
    assert run("RecoveryCode")["user"]["activeMfaType"] == "totp"
    run("SignInAgain")
    run("RecoveryCode")  # with the next one
    assert run("Me")["recoveryCodesLeft"] == 8
    assert len(run("Sessions")["sessions"]["edges"]) == 4
    assert run("Revoke") is True
    assert len(run("Sessions")["sessions"]["edges"]) == 3
    run("Elevate", password="", code=phone.next_code())
    run("ChangePassword")
    run("Refresh")
    assert run("SignIn")["__typename"] == "MfaTicket"
    assert run("ChangeUser")["displayName"] == "Joe"
    renewed = run("NewRecoveryCodes", code=phone.next_code())["recoveryCodes"]
    assert not set(renewed) & set(codes)
    assert run("TurnOff", code=renewed[0])["user"]["activeMfaType"] is None
    events = [edge["node"]["type"] for edge in run("Events")["securityEvents"]["edges"]]
    assert events[0] == "FACTOR_OFF"
    assert run("SignOut") is True
    expect(graphiql.page.get_by_role("status")).to_contain_text("Nobody is signed in")
    assert run("SignIn")["__typename"] == "Session"
    assert graphiql.complaints == []


@pytest.fixture
def server_by_mail(tmp_path: Path) -> Iterator[Server]:
    with running_server(tmp_path / "var", **BY_MAIL) as running:
        yield running


def test_the_story_goes_on_by_mail(browser: Browser, server_by_mail: Server) -> None:
    """The tickets and the code are copied from the mailbox, which the panel leads to."""
    graphiql = Playground(browser, server_by_mail)
    page, status = graphiql.page, graphiql.page.get_by_role("status")

    def run(tab: str, **typed: str) -> Any:
        graphiql.open(tab)
        if typed:
            graphiql.paste_variables(**typed)
        answer = graphiql.run()
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    def mailed(subject: str, mails: int) -> str:
        server_by_mail.mails(at_least=mails)
        with page.expect_popup() as opened:
            page.get_by_role("link", name="mailbox").first.click()
        mailbox = opened.value
        mailbox.get_by_role("link", name=subject).click()
        secret = mailbox.locator("dd code").inner_text()
        mailbox.close()
        return secret

    email = run("SignUp")["user"]["email"]
    assert run("ForgotPassword") is True
    assert run("ResetPassword", ticket=mailed("Reset your password", 1), newPassword=NEW) is True
    expect(status).to_contain_text("Nobody is signed in")
    assert run("SignIn")["user"]["email"] == email
    assert run("SendCode") is True
    code = mailed("Your code for Postern", 3)  # a notice of the change came too
    assert run("SignInWithCode", email="", otp=code)["user"]["email"] == email
    assert run("SendLink") is True
    ticket = mailed("Your link to sign in", 4)
    assert run("SignInWithLink", ticket=ticket)["user"]["email"] == email
    expect(status).to_contain_text(f"Signed in as {email}")
    assert run("SignIn")["__typename"] == "Session", "the password is the one that was set"
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/graphiql-mail.png")
    assert graphiql.elsewhere == []
    assert graphiql.complaints == []


def test_sign_up_can_be_run_again(browser: Browser, server: Server) -> None:
    graphiql = Playground(browser, server)
    emails = {graphiql.run()["data"]["signUpEmailPassword"]["user"]["email"] for _ in range(3)}
    assert len(emails) == 3


def test_forgetting_signs_the_user_out(browser: Browser, server: Server) -> None:
    graphiql = Playground(browser, server)
    page, status = graphiql.page, graphiql.page.get_by_role("status")
    forget = page.get_by_role("button", name="Sign out and forget")

    def is_open(access_token: str) -> bool:
        headers = {"authorization": f"Bearer {access_token}"}
        query = {"query": "{ me { id } }"}
        return (
            "errors" not in httpx2.post(f"{server.url}/graphql", json=query, headers=headers).json()
        )

    token = graphiql.run()["data"]["signUpEmailPassword"]["accessToken"]
    assert is_open(token)
    forget.click()
    expect(status).to_have_text("Nobody is signed in. Run the tabs from left to right.")
    assert not is_open(token)
    graphiql.open("SignIn")
    assert "errors" in graphiql.run(), "the e-mail address is forgotten too"

    graphiql.open("SignUp")
    graphiql.run()
    page.route("**/graphql", lambda route: route.abort())
    forget.click()
    expect(status).to_contain_text("the session may still be open there")


@contextmanager
def below_a_prefix(server: Server) -> Iterator[str]:
    """A reverse proxy that serves only Postern, under /auth/."""

    class Proxy(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            below = self.path.startswith("/auth/")
            passed = httpx2.request(
                self.command,
                f"{server.url}{self.path.removeprefix('/auth')}" if below else f"{server.url}/no",
                headers={name: self.headers[name] for name in self.headers if name != "Host"},
                content=body,
            )
            self.send_response(passed.status_code)
            for name, value in passed.headers.items():
                if name not in {"content-encoding", "content-length", "transfer-encoding", "date"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(passed.content)))
            self.end_headers()
            self.wfile.write(passed.content)

        do_GET = do_POST = answer  # noqa: N815 - names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}/auth"
        proxy.shutdown()


def test_graphiql_works_below_a_path_prefix(browser: Browser, server: Server) -> None:
    with below_a_prefix(server) as address:
        graphiql = Playground(browser, server, at=address)
        assert graphiql.page.url == f"{address}/graphql"
        assert "errors" not in graphiql.run()
        expect(graphiql.page.get_by_role("status")).to_contain_text("Signed in as")
        editor = graphiql.page.locator(".graphiql-query-editor")
        editor.locator(".view-line").nth(4).click()
        graphiql.page.keyboard.press("Control+Space")  # a worker answers
        expect(graphiql.page.locator(".suggest-widget").first).to_be_visible()
        assert graphiql.elsewhere == []
        assert graphiql.complaints == []


@pytest.mark.parametrize("width", [390, 768])
def test_graphiql_works_on_a_narrow_screen(browser: Browser, server: Server, width: int) -> None:
    graphiql = Playground(browser, server, width=width)
    page = graphiql.page
    graphiql.run()
    answer = page.locator(".graphiql-response")
    expect(answer).to_contain_text("signUpEmailPassword")
    expect(answer).to_be_in_viewport(ratio=0.9)
    for tab in ("Enrol", "SignOut"):
        page.get_by_role("button", name=f"Open {tab}").click()
        expect(page.get_by_title(tab, exact=True)).to_be_in_viewport(ratio=0.9)
        if tab == "Enrol":
            graphiql.run()
            expect(page.get_by_role("img", name="QR code")).to_be_in_viewport(ratio=1)
    for part in (".graphiql-query-editor", ".graphiql-editor-tool", ".graphiql-response"):
        box = page.locator(part).bounding_box()
        assert box
        assert box["width"] > min(width * 0.55, 400), part
        assert box["height"] > 80, part
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert graphiql.complaints == []


def test_nothing_violates_the_content_policy(browser: Browser, server: Server) -> None:
    """No script or style from elsewhere, also in Monaco's many small windows."""
    graphiql = Playground(browser, server)
    page = graphiql.page
    editor = page.locator(".graphiql-query-editor")
    tooltip = page.get_by_role("tooltip")
    for _ in range(20):  # no suggestions until the editor's worker has the schema
        editor.get_by_text("email", exact=True).first.hover()
        page.wait_for_timeout(1000)
        told = tooltip.all_text_contents()
        page.mouse.move(5, 5)
        if told:
            break
    assert "The e-mail address" in told[0]
    expect(tooltip).to_have_count(0)
    editor.locator(".view-line").nth(4).click()
    page.keyboard.press("Control+Space")
    expect(page.locator(".suggest-widget").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+f")
    expect(page.locator(".find-widget").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.type(' x("<b style=\'color: red\'>" style="color: red")')
    expect(editor).to_contain_text('x("<b style=\'color: red\'>" style="color: red")')
    page.keyboard.press("F1")
    expect(page.locator(".quick-input-widget").first).to_be_visible()
    page.keyboard.press("Escape")
    for dialog in ("Open short keys dialog", "Open settings dialog"):
        page.get_by_role("button", name=dialog).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/typed.png")
    assert graphiql.elsewhere == []
    assert graphiql.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_browser(browser: Browser, server: Server, scheme: Any) -> None:
    graphiql = Playground(browser, server, color_scheme=scheme)
    background = "getComputedStyle(document.querySelector('.graphiql-container')).backgroundColor"
    red = int(graphiql.page.evaluate(background).split("(")[1].split(",")[0])
    assert (red > 128) is (scheme == "light")
    graphiql.page.get_by_role("button", name="Documentation Explorer").click()
    expect(graphiql.page.get_by_role("link", name="Mutation")).to_be_visible()
    assert graphiql.complaints == []


@pytest.mark.skipif(not shutil.which("npm"), reason="axe comes with Node")
def test_accessibility_violations_are_only_graphiqls_own(browser: Browser, server: Server) -> None:
    """The tabs contain their close buttons, and the line numbers are faint."""
    node_modules(ROOT / "web")
    graphiql = Playground(browser, server)
    axe = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
    graphiql.page.evaluate(axe.read_text())
    found: Any = graphiql.page.evaluate("axe.run()")
    wrong = {(one["id"], node["html"][:9]) for one in found["violations"] for node in one["nodes"]}
    assert {kind for kind, _ in wrong} <= {"color-contrast", "nested-interactive"}, wrong
    assert all(html.startswith(("<li", "<div clas")) for _, html in wrong), wrong


def test_files_are_cached_and_compressed(server: Server) -> None:
    with httpx2.Client(base_url=server.url) as http:
        first = http.get("/graphiql/graphiql.js")
        assert first.headers["content-encoding"] == "gzip"
        assert first.headers["content-type"] == "text/javascript; charset=utf-8"
        again = http.get("/graphiql/graphiql.js", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = http.get("/graphiql/graphiql.js", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == first.content
        for name in ("..%2fapp.py", "nothing.js", "graphiql.js.gz", "__init__.py"):
            assert http.get(f"/graphiql/{name}").status_code == 404


@pytest.mark.skipif(not shutil.which("npm"), reason="building them needs Node")
def test_committed_files_match_the_build(tmp_path: Path) -> None:
    web, committed = ROOT / "web", ROOT / "api" / "pages" / "static"
    node_modules(web)
    subprocess.run(["node", "build.mjs", tmp_path / "built"], cwd=web, check=True)
    built = {
        file.name: gzip.decompress(file.read_bytes()) for file in (tmp_path / "built").iterdir()
    }
    assert built == {file.name: gzip.decompress(file.read_bytes()) for file in committed.iterdir()}


def test_without_graphiql_its_files_are_not_served(tmp_path: Path) -> None:
    with running_server(tmp_path / "var", AUTH_GRAPHIQL_ENABLED="false") as server:
        assert httpx2.get(f"{server.url}/graphiql/graphiql.js").status_code == 404
