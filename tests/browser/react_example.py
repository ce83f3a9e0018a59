"""The page of examples/react: built, served, and used by a person."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from playwright.sync_api import Page, expect

from tests.support import ROOT, Authenticator, Server, free_port, node_modules

EXAMPLE = ROOT / "examples" / "react"
EMAIL, PASSWORD = "amy@example.com", "correct horse battery staple"


@contextmanager
def served(
    server: Server, tmp_path: Path, *, port: int = 0, develop: bool = False
) -> Iterator[str]:
    """The example, built and served; or as `npm run dev` serves it, with effects that run twice."""
    node_modules(EXAMPLE)
    port = port or free_port()
    built = f"--outDir={tmp_path}/dist"
    build = ["npm", "run", "build", "--", built, "--emptyOutDir"]
    command = [f"--port={port}"] if develop else ["preview", built, f"--port={port}"]
    if not develop:
        subprocess.run(build, cwd=EXAMPLE, check=True, capture_output=True)
    vite = subprocess.Popen(
        ["node", "node_modules/vite/bin/vite.js", *command],
        cwd=EXAMPLE,
        env=os.environ | {"POSTERN_URL": server.url},
        stdout=subprocess.DEVNULL,
    )
    there = f"http://localhost:{port}"
    try:
        for _ in range(600):
            try:
                httpx2.get(there)
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield there
    finally:
        vite.terminate()
        vite.wait(10)


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def enter(page: Page, label: str, value: str) -> None:
    page.get_by_label(label, exact=True).fill(value)
    page.keyboard.press("Enter")


def shown_codes(page: Page) -> list[str]:
    codes = page.locator(".codes code")
    expect(codes).to_have_count(10)
    texts = codes.all_text_contents()
    press(page, "I have kept them")
    return texts


def set_up(page: Page) -> list[str]:
    """Turn the second factor on; return the recovery codes."""
    press(page, "Set it up")
    phone = Authenticator.scan(str(page.get_by_role("img").get_attribute("src")))
    enter(page, "Code", phone.next_code())
    return shown_codes(page)


def sign_in(page: Page, then: str = "One more step") -> None:
    page.get_by_label("E-mail", exact=True).fill(EMAIL)
    enter(page, "Password", PASSWORD)
    expect(page.get_by_role("heading", name=then)).to_be_visible()
