"""Links in mails in Nhost's shape (`AUTH_VERIFY_PAGE=false`): they act at once, and redirect."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.flows.conftest import refusal
from tests.flows.test_sign_in_by_mail import APP, BY_MAIL, link_for
from tests.support import JOE, PASSWORD, Client, Server, running_server

NEW = "another password 7"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    chosen = BY_MAIL | {"AUTH_VERIFY_PAGE": "false", "AUTH_CORS_ORIGINS": APP}
    with running_server(tmp_path / "var", **chosen) as running:
        yield running


def landed(http: httpx2.Client, link: str) -> dict[str, str]:
    response = http.get(link)
    assert response.status_code == 302
    assert response.headers["location"].startswith(f"{APP}?")
    return {k: v[0] for k, v in parse_qs(urlsplit(response.headers["location"]).query).items()}


def mailed(server: Server, http: httpx2.Client, path: str) -> dict[str, str]:
    before = len(server.mails())
    assert http.post(f"/v1{path}", json={"email": JOE}).json() == "OK"
    return server.mails(at_least=before + 1)[0]


def test_a_link_verifies_and_signs_in(server: Server, http: httpx2.Client) -> None:
    joe = Client(http)
    joe.sign_up(JOE)
    mail = mailed(server, http, "/user/email/send-verification-email")
    assert http.head(mail["link"]).status_code == 200
    query = landed(http, mail["link"])
    assert query.keys() == {"refreshToken", "type"}
    assert query["type"] == "verifyEmail"
    session = http.post("/v1/token", json={"refreshToken": query["refreshToken"]}).json()
    assert session["user"]["emailVerified"] is True
    assert joe.call("me")["emailVerified"] is True
    assert landed(http, mail["link"])["error"] == "invalid-ticket"


def test_a_link_to_sign_in_signs_in(server: Server, http: httpx2.Client) -> None:
    query = landed(http, link_for(server, Client(http))["link"])
    assert query["type"] == "passwordlessEmail"
    assert http.post("/v1/token", json={"refreshToken": query["refreshToken"]}).json()["user"]


class TestAResetLink:
    def test_gives_a_session_that_can_do_nothing_but_set_a_password(
        self, server: Server, http: httpx2.Client
    ) -> None:
        joe = Client(http)
        joe.sign_up(JOE)
        query = landed(http, mailed(server, http, "/user/password/reset")["link"])
        assert query["type"] == "passwordReset"
        tokens = {"refreshToken": query["refreshToken"]}
        session = http.post("/v1/token", json=tokens).json()
        assert session["user"]["email"] == JOE
        bearer = {"authorization": f"Bearer {session['accessToken']}"}
        for path in ("/v1/user", "/v1/mfa/totp/generate"):
            assert http.get(path, headers=bearer).status_code == 401
        change = {"newEmail": "eve@example.com"}
        assert http.post("/v1/user/email/change", json=change, headers=bearer).status_code == 401
        assert refusal(Client(http, session["accessToken"]), "me") == "UNAUTHENTICATED"
        as_session = refusal(Client(http), "refreshSession", refreshToken=query["refreshToken"])
        assert as_session == "INVALID_REFRESH_TOKEN"
        body = {"newPassword": NEW}
        assert http.post("/v1/user/password", json=body, headers=bearer).json() == "OK"
        assert http.post("/v1/user/password", json=body, headers=bearer).status_code == 401
        assert http.post("/v1/token", json=tokens).status_code == 401
        assert refusal(joe, "me") == "UNAUTHENTICATED"
        assert Client(http).call("signInEmailPassword", email=JOE, password=NEW)["user"]

    def test_is_spent_by_no_scanner(self, server: Server, http: httpx2.Client) -> None:
        Client(http).sign_up(JOE)
        mail = mailed(server, http, "/user/password/reset")
        for _ in range(3):
            landed(http, mail["link"])
        body = {"newPassword": NEW, "ticket": mail["ticket"]}
        assert http.post("/v1/user/password", json=body).json() == "OK"

    def test_gives_no_session_to_whoever_has_a_second_factor(
        self, server: Server, http: httpx2.Client
    ) -> None:
        joe = Client(http)
        joe.sign_up(JOE)
        joe.enrol()
        query = landed(http, mailed(server, http, "/user/password/reset")["link"])
        assert query["error"] == "mfa-required"
        assert "refreshToken" not in query
        tokens = {"refreshToken": query["ticket"]}
        assert http.post("/v1/token", json=tokens).status_code == 401
        body = {"newPassword": NEW, "ticket": query["ticket"]}
        assert http.post("/v1/user/password", json=body).json() == "OK"
        waiting = Client(http).call("signInEmailPassword", email=JOE, password=NEW)
        assert waiting["__typename"] == "MfaTicket"


def test_a_link_of_a_server_without_a_front_end_is_not_spent(tmp_path: Path) -> None:
    settings = {"AUTH_VERIFY_PAGE": "false", "AUTH_EMAIL_PASSWORDLESS_ENABLED": "true"}
    with (
        running_server(tmp_path / "var", **settings) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        Client(http).call("signInPasswordlessEmail", email=JOE)
        mail = server.mails(at_least=1)[0]
        assert http.get(mail["link"]).status_code == 400
        session = Client(http).call("verifySignInPasswordlessEmail", ticket=mail["ticket"])
        assert session["user"]["email"] == JOE


def test_a_ticket_in_a_token_that_is_no_text_is_refused(http: httpx2.Client) -> None:
    claims = base64.urlsafe_b64encode(b'{"postern-ticket": "passwordReset:\\ud800"}').decode()
    token = f"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.{claims.rstrip('=')}.eHh4"
    answer = http.post(
        "/v1/user/password", json={"newPassword": NEW}, headers={"authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 401


def test_a_link_leads_nowhere_else(server: Server, http: httpx2.Client) -> None:
    link = link_for(server, Client(http))["link"]
    query = landed(http, link.replace("localhost%3A3000", "evil.example.com"))
    assert query["error"] == "redirectTo-not-allowed"
    assert landed(http, "/v1/verify?ticket=made:up")["error"] == "invalid-ticket"


def test_a_change_of_address_still_needs_the_button(server: Server, http: httpx2.Client) -> None:
    joe = Client(http)
    joe.sign_up(JOE)
    joe.call("changeUserEmail", newEmail="joe@example.org")
    links = {mail["kind"]: mail["link"] for mail in server.mails(at_least=2)}
    assert http.get(links["email-confirm-change"]).status_code == 200
    assert joe.call("me")["email"] == JOE, "a scanner gives nobody another's address"
    assert http.post(links["email-confirm-change"]).status_code == 200
    assert joe.call("me")["email"] == "joe@example.org"
    assert http.get(links["email-change-asked"]).status_code == 200
    assert joe.call("me")["email"] == "joe@example.org"
    assert http.post(links["email-change-asked"]).status_code == 200
    after = refusal(Client(http), "signInEmailPassword", email=JOE, password=PASSWORD)
    assert after == "INVALID_EMAIL_PASSWORD", "undoing removes the password"
