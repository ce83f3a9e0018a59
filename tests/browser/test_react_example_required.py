"""A second factor that the operator requires, on the page of examples/react."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.looks import looks_everywhere
from tests.browser.react_example import EMAIL, PASSWORD, enter, press, served, shown_codes, sign_in
from tests.support import Authenticator, has_node, postern, running_server

pytestmark = pytest.mark.skipif(not has_node(20), reason="the example needs Node 20")
TITLE = "Set up a second factor"


def test_a_user_sets_up_the_factor_that_the_operator_requires(
    browser: Browser, tmp_path: Path
) -> None:
    with (
        running_server(tmp_path / "var", AUTH_CLIENT_URL="http://localhost:3000") as server,
        served(server, tmp_path) as there,
    ):
        chosen = ("settings", "set", "AUTH_MFA_POLICY", "required")
        assert postern(*chosen, env=server.env).returncode == 0
        page = browser.new_page()
        page.goto(there)
        press(page, "No account yet? Sign up")
        page.wait_for_timeout(2000)  # until the server has noticed the change
        page.get_by_label("E-mail", exact=True).fill(EMAIL)
        enter(page, "Password", PASSWORD)
        expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
        looks_everywhere(page, "react-required")
        press(page, "Start over")
        sign_in(page, then=TITLE)
        press(page, "Set up an authenticator app")
        phone = Authenticator.scan(str(page.get_by_role("img").get_attribute("src")))
        enter(page, "Code", phone.next_code())
        assert len(shown_codes(page)) == 10
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        page.reload()
        sign_in(page)
        enter(page, "Code", phone.next_code())
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        page.close()
