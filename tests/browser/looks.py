"""How a page looks: whether it is accessible, and screenshots for people."""

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize

from tests.support import ROOT, node_modules

WEB = ROOT / "web"
PICTURES = os.environ.get("PICTURES")
"""A folder for screenshots, such as docs/images."""
SIZES = {
    "phone": ViewportSize(width=390, height=844),
    "desktop": ViewportSize(width=1280, height=860),
}


class Looks:
    """Check that the current view is accessible, and take a screenshot if requested."""

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
        wrong = [(one["id"], one["help"], one["nodes"][0]["html"]) for one in found["violations"]]
        assert wrong == [], f"{step}: {wrong}"


def looks_everywhere(page: Page, step: str) -> None:
    """Check the current view on a phone and a desktop, in light and dark."""
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            Looks(page, f"{size}-{scheme}").at(step)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], f"{step} scrolls sideways"
