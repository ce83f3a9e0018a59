"""Signing in with a code or a link in a mail, over HTTP, and who attacks it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest

from tests.flows.conftest import front_end, many_servers, refusal
from tests.support import (
    JOE,
    PASSWORD,
    SHIPPED_LIMITS,
    Client,
    Server,
    all_at_once,
    postern,
    running_server,
)

APP = "http://localhost:3000"
BY_MAIL = {
    "AUTH_EMAIL_PASSWORDLESS_ENABLED": "true",
    "AUTH_OTP_EMAIL_ENABLED": "true",
    "AUTH_CLIENT_URL": APP,
}
WRONG = "INVALID_OTP"


@pytest.fixture
def server(tmp_path: Path, database_settings: dict[str, str]) -> Iterator[Server]:
    with running_server(tmp_path / "var", **BY_MAIL, **database_settings) as running:
        yield running


@pytest.fixture
def visitor(http: httpx2.Client) -> Client:
    return Client(http)


def code_for(server: Server, client: Client, email: str = JOE) -> str:
    before = len(server.mails(kind="signin-otp"))
    assert client.call("signInOTPEmail", email=email) is True
    mail = server.mails(at_least=before + 1, kind="signin-otp")[0]
    assert (mail["kind"], mail["to"], mail["link"]) == ("signin-otp", email, "")
    return mail["ticket"]


def link_for(server: Server, client: Client, email: str = JOE) -> dict[str, str]:
    before = len(server.mails(kind="signin-passwordless"))
    assert client.call("signInPasswordlessEmail", email=email) is True
    mail = server.mails(at_least=before + 1, kind="signin-passwordless")[0]
    assert (mail["kind"], mail["to"]) == ("signin-passwordless", email)
    return mail


def claims(session: Any) -> Any:
    return jwt.decode(session["accessToken"], options={"verify_signature": False})


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


class TestACode:
    def test_signs_in_once_and_verifies_the_address(self, server: Server, visitor: Client) -> None:
        code = code_for(server, visitor)
        session = visitor.call("verifySignInOTPEmail", email=JOE, otp=f" {code[:3]} {code[3:]}")
        assert session["__typename"] == "Session"
        assert claims(session)["amr"] == ["email"]
        visitor.access_token = session["accessToken"]
        me = visitor.call("me")
        assert (me["email"], me["emailVerified"], me["hasPassword"]) == (JOE, True, False)
        assert refusal(visitor, "verifySignInOTPEmail", email=JOE, otp=code) == WRONG

    def test_leads_to_the_second_factor_of_whoever_has_one(
        self, server: Server, visitor: Client, http: httpx2.Client
    ) -> None:
        joe = Client(http)
        joe.sign_up(JOE)
        postern("verify-user", JOE, env=server.env)
        phone = joe.enrol()
        code = code_for(server, visitor)
        waiting = visitor.call("verifySignInOTPEmail", email=JOE, otp=code)
        assert waiting["__typename"] == "MfaTicket"
        session = visitor.call(
            "verifySignInMfaTotp", ticket=waiting["ticket"], otp=phone.next_code()
        )
        assert claims(session)["amr"] == ["email", "otp", "mfa"]

    def test_is_replaced_by_the_next_one(self, server: Server, visitor: Client) -> None:
        first, second = code_for(server, visitor), code_for(server, visitor)
        if first != second:
            assert refusal(visitor, "verifySignInOTPEmail", email=JOE, otp=first) == WRONG
        assert visitor.call("verifySignInOTPEmail", email=JOE, otp=second)["user"]

    def test_of_another_user_is_wrong(self, server: Server, visitor: Client) -> None:
        other, mine = code_for(server, visitor, "eve@example.com"), code_for(server, visitor)
        if other != mine:
            assert refusal(visitor, "verifySignInOTPEmail", email=JOE, otp=other) == WRONG

    def test_takes_five_answers(self, server: Server, visitor: Client) -> None:
        code = code_for(server, visitor)
        for text in ("12345", "one two", ""):  # not codes: they cost no try
            assert refusal(visitor, "verifySignInOTPEmail", email=JOE, otp=text) == WRONG
        for _ in range(5):
            wrong = refusal(visitor, "verifySignInOTPEmail", email=JOE, otp=other_than(code))
            assert wrong == WRONG
        assert refusal(visitor, "verifySignInOTPEmail", email=JOE, otp=code) == WRONG
        again = code_for(server, visitor)
        assert visitor.call("verifySignInOTPEmail", email=JOE, otp=again)["user"]

    def test_works_over_nhosts_routes(self, server: Server, http: httpx2.Client) -> None:
        options = {"displayName": "Joe", "metadata": {"team": 1}, "locale": "en"}
        asked = http.post("/v1/signin/otp/email", json={"email": JOE, "options": options})
        assert asked.json() == "OK"
        code = server.mails(at_least=1)[0]["ticket"]
        body = {"email": JOE, "otp": code}
        session = http.post("/v1/signin/otp/email/verify", json=body).json()["session"]
        assert session["user"]["displayName"] == "Joe"
        assert session["user"]["metadata"] == {"team": 1}
        again = http.post("/v1/signin/otp/email/verify", json=body)
        assert (again.status_code, again.json()["error"]) == (400, "invalid-otp")

    def test_is_only_sent_to_new_addresses_by_nhosts_sign_up(
        self, server: Server, http: httpx2.Client
    ) -> None:
        paths = ("/v1/signup/otp/email", "/v1/signup/passwordless/email")
        for number, path in enumerate(paths, 1):
            for _ in range(2):
                assert http.post(path, json={"email": f"{number}@example.com"}).json() == "OK"
                assert len(server.mails(at_least=number)) == number


def test_a_code_is_good_once_however_many_use_it(
    tmp_path: Path, database_settings: dict[str, str]
) -> None:
    with (
        running_server(tmp_path / "var", **BY_MAIL, **database_settings) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        code = code_for(server, Client(http))
        right = [{"email": JOE, "otp": code}] * 5
        answers = all_at_once(server, "verifySignInOTPEmail", right)
        assert [str(a) for a in answers].count(WRONG) == 4
        code = code_for(server, Client(http))
        wrong = [{"email": JOE, "otp": other_than(code)}] * 12
        guesses = [*wrong[:6], right[0], *wrong[6:]]
        answers = all_at_once(server, "verifySignInOTPEmail", guesses)
        last = refusal(Client(http), "verifySignInOTPEmail", email=JOE, otp=code)
        assert last in {WRONG, "TOO_MANY_REQUESTS"}


def test_a_code_that_one_worker_sent_signs_in_at_another(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    with many_servers(tmp_path, **BY_MAIL, **postgres_database) as servers:
        with front_end(servers) as visitor:
            code = code_for(servers[0], visitor)
            answers = all_at_once(
                servers, "verifySignInOTPEmail", [{"email": JOE, "otp": code}] * 5
            )
        assert [str(a) for a in answers].count(WRONG) == 4


class TestALink:
    def test_signs_in_with_a_button_and_leads_to_the_front_end(
        self, server: Server, visitor: Client, http: httpx2.Client
    ) -> None:
        link = link_for(server, visitor)["link"]
        for _ in range(3):  # a scanner
            assert http.head(link).status_code == 200
            page = http.get(link)
            assert f"You sign in as {JOE}" in page.text
            policy = page.headers["content-security-policy"]
            assert f"form-action 'self' {APP};" in policy
        done = http.post(link)
        assert (done.status_code, done.headers["location"].partition("?")[0]) == (303, APP)
        query = parse_qs(urlsplit(done.headers["location"]).query)
        assert query["type"] == ["passwordlessEmail"]
        session = visitor.call("refreshSession", refreshToken=query["refreshToken"][0])
        assert claims(session)["amr"] == ["email"]
        used = http.post(link)
        assert (used.status_code, "not valid any more" in used.text) == (401, True)
        assert http.get(link).status_code == 401

    def test_leads_to_the_second_factor_of_whoever_has_one(
        self, server: Server, visitor: Client, http: httpx2.Client
    ) -> None:
        joe = Client(http)
        joe.sign_up(JOE)
        phone = joe.enrol()
        done = http.post(link_for(server, visitor)["link"])
        query = parse_qs(urlsplit(done.headers["location"]).query)
        assert query.keys() == {"mfaFactors", "mfaTicket", "type"}
        code = phone.next_code()
        assert visitor.call("verifySignInMfaTotp", ticket=query["mfaTicket"][0], otp=code)

    def test_is_good_once_however_many_use_it(self, server: Server, visitor: Client) -> None:
        ticket = link_for(server, visitor)["ticket"]
        answers = all_at_once(server, "verifySignInPasswordlessEmail", [{"ticket": ticket}] * 8)
        assert [str(a) for a in answers].count("INVALID_TICKET") == 7

    def test_leads_nowhere_else(self, server: Server, http: httpx2.Client) -> None:
        body = {"email": JOE, "options": {"redirectTo": "https://evil.example.com"}}
        refused = http.post("/v1/signin/passwordless/email", json=body)
        assert refused.json()["error"] == "redirectTo-not-allowed"
        link = link_for(server, Client(http))["link"]
        changed = link.replace("localhost%3A3000", "evil.example.com")
        assert changed != link
        assert http.post(changed).headers["location"].startswith(f"{APP}?")

    def test_of_a_server_without_a_front_end_is_not_spent(self, tmp_path: Path) -> None:
        chosen = BY_MAIL | {"AUTH_CLIENT_URL": ""}
        with (
            running_server(tmp_path / "var", **chosen) as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
        ):
            mail = link_for(server, Client(http))
            page = http.post(mail["link"])
            assert (page.status_code, "AUTH_CLIENT_URL" in page.text) == (409, True)
            visitor = Client(http)
            assert visitor.call("verifySignInPasswordlessEmail", ticket=mail["ticket"])["user"]


@pytest.mark.parametrize("operation", ["signInOTPEmail", "signInPasswordlessEmail"])
class TestAnUnknownAddress:
    def test_gets_no_account_where_the_operator_wants_none(
        self, tmp_path: Path, operation: str
    ) -> None:
        for setting in ("AUTH_DISABLE_AUTO_SIGNUP", "AUTH_DISABLE_SIGNUP"):
            chosen = BY_MAIL | {setting: "true"}
            with (
                running_server(tmp_path / setting, **chosen) as server,
                httpx2.Client(base_url=server.url, timeout=30) as http,
            ):
                assert Client(http).call(operation, email=JOE) is True
                Client(http).call("sendPasswordResetEmail", email=JOE)
                listed = postern("list-users", env=server.env).stdout
                assert JOE not in listed
                assert server.mails() == []

    def test_gets_none_where_the_lists_do_not_have_it(self, tmp_path: Path, operation: str) -> None:
        chosen = BY_MAIL | {"AUTH_ACCESS_CONTROL_ALLOWED_EMAIL_DOMAINS": "Example.ORG"}
        with (
            running_server(tmp_path / "var", **chosen) as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
        ):
            visitor = Client(http)
            assert visitor.call(operation, email=JOE) is True
            assert visitor.call(operation, email="joe@example.org") is True
            (mail,) = server.mails(at_least=1)
            assert mail["to"] == "joe@example.org"
            signed_up = refusal(visitor, "signUpEmailPassword", email=JOE, password=PASSWORD)
            assert signed_up == "EMAIL_NOT_ALLOWED"

    def test_is_refused_where_the_way_in_is_off(self, tmp_path: Path, operation: str) -> None:
        off = {"AUTH_EMAIL_PASSWORDLESS_ENABLED": "false", "AUTH_OTP_EMAIL_ENABLED": "false"}
        with (
            running_server(tmp_path / "var", **off) as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
        ):
            assert refusal(Client(http), operation, email=JOE) == "DISABLED_ENDPOINT"


class TestWhoeverSignedUpWithSomebodyElsesAddress:
    @pytest.mark.parametrize("way", ["code", "link"])
    def test_is_locked_out_when_the_owner_signs_in_by_mail(
        self, server: Server, http: httpx2.Client, way: str
    ) -> None:
        stranger, owner = Client(http), Client(http)
        session = stranger.sign_up(JOE)
        stranger.call("changeUserEmail", newEmail="stranger@example.com")
        change = server.mails(at_least=2)[0]["ticket"], server.mails()[1]["ticket"]
        confirm = next(t for t in change if t.startswith("emailConfirmChange"))
        if way == "code":
            code = code_for(server, owner)
            owner.call("verifySignInOTPEmail", email=JOE, otp=code)
        else:
            ticket = link_for(server, owner)["ticket"]
            owner.call("verifySignInPasswordlessEmail", ticket=ticket)
        refresh = session["refreshToken"]
        assert refusal(stranger, "me") == "UNAUTHENTICATED"
        assert refusal(stranger, "refreshSession", refreshToken=refresh) == "INVALID_REFRESH_TOKEN"
        guess = refusal(stranger, "signInEmailPassword", email=JOE, password=PASSWORD)
        assert guess == "INVALID_EMAIL_PASSWORD"
        assert refusal(stranger, "verifyChangeUserEmail", ticket=confirm) == "INVALID_TICKET"
        assert server.mails(at_least=4)[0]["kind"] == "password-removed"

    def test_keeps_the_password_of_a_verified_address(
        self, server: Server, http: httpx2.Client
    ) -> None:
        joe, again = Client(http), Client(http)
        joe.sign_up(JOE)
        postern("verify-user", JOE, env=server.env)
        again.call("verifySignInOTPEmail", email=JOE, otp=code_for(server, again))
        assert joe.call("me")["email"] == JOE
        assert again.call("signInEmailPassword", email=JOE, password=PASSWORD)["user"]


class TestAUserWithoutAPassword:
    def test_is_told_what_to_do_instead_and_can_set_one(
        self, server: Server, visitor: Client
    ) -> None:
        session = visitor.call("verifySignInOTPEmail", email=JOE, otp=code_for(server, visitor))
        guess = refusal(visitor, "signInEmailPassword", email=JOE, password=PASSWORD)
        assert guess == "INVALID_EMAIL_PASSWORD"
        visitor.access_token = session["accessToken"]
        assert refusal(visitor, "elevate", password=PASSWORD) == "NO_PASSWORD"
        assert visitor.call("changeUserPassword", newPassword=PASSWORD)["user"]
        assert visitor.call("signInEmailPassword", email=JOE, password=PASSWORD)["user"]
        again = refusal(visitor, "changeUserPassword", newPassword="another password 7")
        assert again in {"INVALID_REQUEST", "UNAUTHENTICATED"}


def test_the_last_who_asks_describes_an_account_that_nobody_has_used(
    server: Server, http: httpx2.Client
) -> None:
    """A stranger may have asked for the first mail."""
    codes: list[str] = []
    for name, metadata in (("Stranger", {"admin": True}), ("Joe", {})):
        options = {"displayName": name, "metadata": metadata, "locale": "\0"}
        asked = http.post("/v1/signin/otp/email", json={"email": JOE, "options": options})
        assert asked.json() == "OK"
        codes += [server.mails(at_least=len(codes) + 1)[0]["ticket"]]
    body = {"email": JOE, "otp": codes[-1]}
    user = http.post("/v1/signin/otp/email/verify", json=body).json()["session"]["user"]
    assert (user["displayName"], user["metadata"]) == ("Joe", {})


def test_what_the_operator_has_set_stays_whoever_asks_for_a_mail(
    server: Server, http: httpx2.Client
) -> None:
    assert http.post("/v1/signin/otp/email", json={"email": JOE}).json() == "OK"
    server.mails(at_least=1)
    postern("set-metadata", JOE, '{"tenant": "one"}', env=server.env)
    options = {"displayName": "Mallory", "metadata": {"tenant": "root"}}
    http.post("/v1/signin/otp/email", json={"email": JOE, "options": options})
    newest = server.mails(at_least=2, kind="signin-otp")[0]
    body = {"email": JOE, "otp": newest["ticket"]}
    user = http.post("/v1/signin/otp/email/verify", json=body).json()["session"]["user"]
    assert (user["displayName"], user["metadata"]) == (JOE, {"tenant": "one"})


@pytest.mark.parametrize("change", ["a new password", "a reset"])
def test_no_code_or_link_survives_a_new_password(
    server: Server, http: httpx2.Client, change: str
) -> None:
    joe = Client(http)
    joe.sign_up(JOE)
    code = code_for(server, joe)
    ticket = link_for(server, joe)["ticket"]
    if change == "a reset":
        joe.call("sendPasswordResetEmail", email=JOE)
        reset = server.mails(at_least=3)[0]["ticket"]
        joe.call("resetPassword", ticket=reset, newPassword="another password 7")
    else:
        new = {"currentPassword": PASSWORD, "newPassword": "another password 7"}
        joe.call("changeUserPassword", **new)
    assert refusal(Client(http), "verifySignInOTPEmail", email=JOE, otp=code) == WRONG
    late = refusal(Client(http), "verifySignInPasswordlessEmail", ticket=ticket)
    assert late == "INVALID_TICKET"


def test_guesses_at_codes_are_slowed_down_for_all_codes_of_an_address(
    tmp_path: Path, database_settings: dict[str, str]
) -> None:
    chosen = SHIPPED_LIMITS | BY_MAIL | database_settings
    with (
        running_server(tmp_path / "var", **chosen) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        visitor, answers = Client(http), list[str]()
        for _ in range(3):
            code = code_for(server, visitor)
            for _ in range(5):
                wrong = other_than(code)
                answers += [refusal(visitor, "verifySignInOTPEmail", email=JOE, otp=wrong)]
        assert answers == [WRONG] * 10 + ["TOO_MANY_REQUESTS"] * 5
        nobody = [
            refusal(visitor, "verifySignInOTPEmail", email="nobody@example.com", otp="123456")
            for _ in range(11)
        ]
        assert nobody == [WRONG] * 10 + ["TOO_MANY_REQUESTS"]


def test_a_code_is_nowhere_in_the_log_or_in_the_clear(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var", **BY_MAIL) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        visitor = Client(http)
        code, link = code_for(server, visitor), link_for(server, visitor)["ticket"]
        for secret in (code, link):
            assert secret not in server.log()
        stored = b"".join(file.read_bytes() for file in (tmp_path / "var").glob("postern.db*"))
        assert link.encode() not in stored
