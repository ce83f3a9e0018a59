"""examples/react as a person uses it, from sign-up to sign-in with a real code."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import (
    ROOT,
    Authenticator,
    Server,
    free_port,
    has_node,
    node_modules,
    running_server,
)

EXAMPLE, WEB = ROOT / "examples" / "react", ROOT / "web"
PICTURES = os.environ.get("PICTURES")
"""A folder for pictures of what is seen, such as docs/images."""
EMAIL, PASSWORD = "amy@example.com", "correct horse battery staple"

pytestmark = pytest.mark.skipif(not has_node(20), reason="the example needs Node 20")


@contextmanager
def served(server: Server, tmp_path: Path) -> Iterator[str]:
    """The example, built and served."""
    node_modules(EXAMPLE)
    port = free_port()
    built = f"--outDir={tmp_path}/dist"
    build = ["npm", "run", "build", "--", built, "--emptyOutDir"]
    subprocess.run(build, cwd=EXAMPLE, check=True, capture_output=True)
    preview = subprocess.Popen(
        ["node", "node_modules/vite/bin/vite.js", "preview", built, f"--port={port}"],
        cwd=EXAMPLE,
        env=os.environ | {"POSTERN_URL": server.url},
        stdout=subprocess.DEVNULL,
    )
    there = f"http://localhost:{port}"
    try:
        for _ in range(100):
            try:
                httpx2.get(there)
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield there
    finally:
        preview.terminate()
        preview.wait(10)


@pytest.fixture
def url(server: Server, tmp_path: Path) -> Iterator[str]:
    with served(server, tmp_path) as there:
        yield there


class Looks:
    """What is seen at each step: kept as a picture where that is asked for, and accessible."""

    def __init__(self, page: Page, name: str) -> None:
        self.page, self.name = page, name
        node_modules(WEB)
        self.axe = (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text()

    def at(self, step: str) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(exist_ok=True)
            self.page.screenshot(path=f"{PICTURES}/{step}-{self.name}.png")
        self.page.evaluate(self.axe)
        found: Any = self.page.evaluate("axe.run()")
        assert [(one["id"], one["help"]) for one in found["violations"]] == [], step


SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 860}}


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desktop", "light")])
def test_from_sign_up_to_sign_in_with_a_code(  # noqa: PLR0915 - a long story
    browser: Browser, url: str, size: str, scheme: Any, tmp_path: Path
) -> None:
    page = browser.new_page(viewport=SIZES[size], color_scheme=scheme)  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    looks = Looks(page, f"{size}-{scheme}")

    page.goto(url)
    expect(page.get_by_label("E-mail")).to_be_focused()
    looks.at("sign-in")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill("12345678")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("passwords that are used most")
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


def test_a_session_goes_on_when_its_access_token_has_expired(
    browser: Browser, tmp_path: Path
) -> None:
    short = {"AUTH_ACCESS_TOKEN_EXPIRES_IN": "2s"}
    with running_server(tmp_path / "var", **short) as server, served(server, tmp_path) as there:
        page = browser.new_page()
        page.goto(there)
        page.get_by_role("button", name="Sign up").click()
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"Signed in as {EMAIL}")).to_be_visible()
        page.wait_for_timeout(3000)
        page.get_by_role("button", name="Set it up").click()
        expect(page.get_by_role("img", name="QR code")).to_be_visible()


def sign_in(page: Page) -> None:
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()


def spaced(code: str) -> str:
    """As apps show it, and people paste it."""
    return re.sub(r"(\d{3})(\d{3})", r"\1 \2", code)
