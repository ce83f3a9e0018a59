"""The story that this product starts from: "navigate to Settings -> Authentication and enable
Multi-Factor Authentication"; a user enrols, is required to, loses the phone, and is helped."""

from pathlib import Path

import httpx2
from playwright.sync_api import Browser, expect

from tests.admin_client import ROOT
from tests.browser.dashboard import Dashboard
from tests.support import (
    JOE,
    PASSWORD,
    Authenticator,
    Client,
    RefusedError,
    postern,
    running_server,
)

FACTOR = "Multi-Factor Authentication"
ANN = "ann@example.com"


def refusal(client: Client, operation: str, **variables: object) -> str:
    try:
        client.call(operation, **variables)
    except RefusedError as error:
        return error.code
    return ""


def signs_in(client: Client, email: str) -> dict[str, object]:
    answer = client.call("signInEmailPassword", email=email, password=PASSWORD)
    assert isinstance(answer, dict)
    return answer


def enrolled(client: Client, ticket: object) -> Authenticator:
    phone = Authenticator.scan(client.call("enrolMfaTotp", ticket=ticket)["imageUrl"])
    change = client.call("activateMfaTotp", ticket=ticket, code=phone.next_code())
    client.access_token = change["session"]["accessToken"]
    return phone


def test_a_factor_is_enabled_required_lost_and_set_up_again(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "nhost.toml"
    file.write_text('[auth.totp]\nenabled = false\nissuer = "Example"\n')
    with (
        running_server(tmp_path / "var", AUTH_CONFIG=str(file)) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        joe, ann = Client(http), Client(http)
        joe.sign_up(JOE)
        ann.sign_up(ANN)
        assert refusal(joe, "changeUserMfa") == "DISABLED_ENDPOINT"
        root = Client(http)
        root.sign_up(ROOT)
        assert postern("set-roles", ROOT, "user", "admin", env=server.env).returncode == 0
        phone = root.enrol()  # operators may, though apps are off for users
        desk = Dashboard(browser, server)
        desk.sign_in(ROOT, phone.recovery_codes, "settings/authentication")

        desk.toggle(FACTOR)
        desk.save(FACTOR)
        joe.enrol()
        assert signs_in(joe, JOE)["factors"] == ["TOTP", "RECOVERY_CODE"]
        assert signs_in(ann, ANN)["__typename"] == "Session"

        card = desk.card(FACTOR)
        card.get_by_label("Policy").select_option("required")
        expect(card.get_by_text("without a second factor")).to_be_visible()
        desk.save(FACTOR)
        asked = signs_in(ann, ANN)
        assert asked["enrolment"] == ["TOTP"]
        enrolled(ann, asked["ticket"])
        assert signs_in(ann, ANN)["factors"] == ["TOTP", "RECOVERY_CODE"]

        desk.go("Users")
        desk.page.get_by_label("Search").fill("joe")
        desk.page.get_by_role("link", name=JOE).click()
        desk.page.get_by_role("button", name="Reset second factor").click()
        expect(desk.dialog()).to_contain_text("The policy requires a second factor:")
        desk.confirm("Reset", done="The second factor is reset.")
        asked = signs_in(joe, JOE)
        assert (asked["factors"], asked["enrolment"]) == ([], ["TOTP"])
        assert server.mails(at_least=1, kind="factor-reset")[0]["to"] == JOE
        desk.clean()
        desk.page.close()
