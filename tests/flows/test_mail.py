"""Mail over HTTP: forgotten passwords and unverified addresses, and who attacks them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.flows.conftest import Servers, refusal
from tests.support import (
    JOE,
    PASSWORD,
    SHIPPED_LIMITS,
    Client,
    Server,
    all_at_once,
    free_port,
    postern,
    running_server,
)

NEW = "another password 7"
NOBODY = "nobody@example.com"


@pytest.fixture
def verifying(tmp_path: Path, migrated_database: dict[str, str]) -> Iterator[Server]:
    """A server that lets in only users who have verified their address."""
    required = {"AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true"}
    with running_server(tmp_path / "var", **required, **migrated_database) as running:
        yield running


def reset_mail(server: Server, client: Client) -> dict[str, str]:
    before = len(server.mails(kind="password-reset"))
    assert client.call("sendPasswordResetEmail", email=JOE) is True
    return server.mails(at_least=before + 1, kind="password-reset")[0]


class TestAForgottenPassword:
    def test_is_replaced_with_the_link_and_all_sessions_end(
        self, server: Server, http: httpx2.Client
    ) -> None:
        joe, visitor = Client(http), Client(http)
        session = joe.sign_up(JOE)
        mail = reset_mail(server, visitor)
        page = http.get(mail["link"])
        assert page.status_code == 200
        assert 'name="newPassword"' in page.text
        odd = {"content-type": "application/x-www-form-urlencoded"}
        malformed = http.post(mail["link"], content=b"newPassword=%ff", headers=odd)
        assert malformed.status_code == 400
        assert "This link is not valid" not in malformed.text
        done = http.post(mail["link"], data={"newPassword": NEW})
        assert (done.status_code, "Your password is changed" in done.text) == (200, True)
        assert refusal(joe, "me") == "UNAUTHENTICATED"
        token = session["refreshToken"]
        assert refusal(visitor, "refreshSession", refreshToken=token) == "INVALID_REFRESH_TOKEN"
        old = refusal(visitor, "signInEmailPassword", email=JOE, password=PASSWORD)
        assert old == "INVALID_EMAIL_PASSWORD"
        assert visitor.call("signInEmailPassword", email=JOE, password=NEW)["user"]
        told = server.mails(at_least=2)[0]
        assert (told["kind"], told["link"]) == ("password-changed", "")

    def test_opens_no_session_where_there_is_a_second_factor(
        self, server: Server, http: httpx2.Client
    ) -> None:
        joe, visitor = Client(http), Client(http)
        joe.sign_up(JOE)
        phone = joe.enrol()
        ticket = reset_mail(server, visitor)["ticket"]
        assert visitor.call("resetPassword", ticket=ticket, newPassword=NEW) is True
        waiting = visitor.call("signInEmailPassword", email=JOE, password=NEW)
        assert waiting["__typename"] == "MfaTicket"
        code = phone.next_code()
        assert visitor.call("verifySignInMfaTotp", ticket=waiting["ticket"], otp=code)

    def test_is_not_told_to_strangers(self, server: Server, http: httpx2.Client) -> None:
        visitor = Client(http)
        Client(http).sign_up(JOE)
        asked = [visitor.call("sendPasswordResetEmail", email=e) for e in (JOE, NOBODY)]
        assert asked == [True, True]
        (mail,) = server.mails(at_least=1)
        assert mail["to"] == JOE

    def test_costs_nothing_where_the_new_one_is_refused(
        self, server: Server, http: httpx2.Client
    ) -> None:
        visitor = Client(http)
        Client(http).sign_up(JOE)
        ticket = reset_mail(server, visitor)["ticket"]
        for bad, code in (("short", "PASSWORD_TOO_SHORT"), ("password1", "PASSWORD_TOO_COMMON")):
            assert refusal(visitor, "resetPassword", ticket=ticket, newPassword=bad) == code
        assert visitor.call("resetPassword", ticket=ticket, newPassword=NEW)

    def test_is_replaced_over_nhosts_routes(self, server: Server, http: httpx2.Client) -> None:
        Client(http).sign_up(JOE)
        asked = http.post("/v1/user/password/reset", json={"email": JOE, "options": {}})
        assert asked.json() == "OK"
        ticket = server.mails(at_least=1)[0]["ticket"]
        body = {"newPassword": NEW, "ticket": ticket}
        assert http.post("/v1/user/password", json=body).json() == "OK"
        again = http.post("/v1/user/password", json=body)
        assert (again.status_code, again.json()["error"]) == (401, "invalid-ticket")

    def test_takes_back_the_throttle_of_the_password(
        self, tmp_path: Path, migrated_database: dict[str, str]
    ) -> None:
        chosen = SHIPPED_LIMITS | migrated_database
        with (
            running_server(tmp_path / "var", **chosen) as server,
            httpx2.Client(base_url=server.url, timeout=30) as http,
        ):
            visitor = Client(http)
            Client(http).sign_up(JOE)
            wrong = [{"email": JOE, "password": "a wrong guess"}] * 11
            assert "TOO_MANY_REQUESTS" in all_at_once(server, "signInEmailPassword", wrong)
            ticket = reset_mail(server, visitor)["ticket"]
            visitor.call("resetPassword", ticket=ticket, newPassword=NEW)
            assert visitor.call("signInEmailPassword", email=JOE, password=NEW)["user"]


def test_a_reset_link_is_good_once_however_many_use_it(servers: Servers, visitor: Client) -> None:
    visitor.sign_up(JOE)
    ticket = reset_mail(servers[0], visitor)["ticket"]
    guesses = [{"ticket": ticket, "newPassword": f"{NEW} {n}"} for n in range(12)]
    answers = all_at_once(servers, "resetPassword", guesses)
    assert sorted(map(str, answers)) == ["INVALID_TICKET"] * 11 + ["True"]
    right = f"{NEW} {answers.index(True)}"
    assert visitor.call("signInEmailPassword", email=JOE, password=right)["user"]


def test_an_older_link_is_dead_once_one_was_used(server: Server, http: httpx2.Client) -> None:
    visitor = Client(http)
    Client(http).sign_up(JOE)
    first, second = reset_mail(server, visitor)["ticket"], reset_mail(server, visitor)["ticket"]
    assert visitor.call("resetPassword", ticket=second, newPassword=NEW)
    assert refusal(visitor, "resetPassword", ticket=first, newPassword=NEW) == "INVALID_TICKET"


def test_scanners_that_follow_links_spend_nothing(server: Server, http: httpx2.Client) -> None:
    visitor = Client(http)
    Client(http).sign_up(JOE)
    mail = reset_mail(server, visitor)
    for _ in range(3):
        assert http.head(mail["link"]).status_code == 200
        assert http.get(mail["link"]).status_code == 200
    assert visitor.call("resetPassword", ticket=mail["ticket"], newPassword=NEW)


def test_a_ticket_of_one_purpose_serves_no_other(server: Server, http: httpx2.Client) -> None:
    visitor = Client(http)
    joe = Client(http)
    joe.sign_up(JOE)
    reset = reset_mail(server, visitor)["ticket"]
    visitor.call("sendVerificationEmail", email=JOE)
    verify = server.mails(at_least=2)[0]["ticket"]
    assert verify.startswith("emailVerify:")
    assert refusal(visitor, "verifyEmail", ticket=reset) == "INVALID_TICKET"
    assert refusal(visitor, "resetPassword", ticket=verify, newPassword=NEW) == "INVALID_TICKET"
    bare = verify.partition(":")[2]
    for made_up in (bare, f"passwordReset:{bare}", f"mfaTotp:{bare}"):
        assert (
            refusal(visitor, "resetPassword", ticket=made_up, newPassword=NEW) == "INVALID_TICKET"
        )
        as_code = refusal(visitor, "verifySignInMfaTotp", ticket=made_up, otp="123456")
        assert as_code == "INVALID_TICKET"


class TestAnUnverifiedAddress:
    def test_is_verified_with_the_link_that_sign_up_sends(self, verifying: Server) -> None:
        with httpx2.Client(base_url=verifying.url, timeout=30) as http:
            visitor = Client(http)
            signed_up = refusal(visitor, "signUpEmailPassword", email=JOE, password=PASSWORD)
            assert signed_up == "UNVERIFIED_USER"
            mail = verifying.mails(at_least=1)[0]
            assert mail["kind"] == "email-verify"
            assert "Verify my address" in http.get(mail["link"]).text
            refused = refusal(visitor, "signInEmailPassword", email=JOE, password=PASSWORD)
            assert refused == "UNVERIFIED_USER"
            assert "is verified" in http.post(mail["link"]).text
            assert visitor.call("signInEmailPassword", email=JOE, password=PASSWORD)["user"]
            assert "not valid any more" in http.post(mail["link"]).text

    def test_sign_up_does_not_tell_whether_there_is_an_account(self, verifying: Server) -> None:
        with httpx2.Client(base_url=verifying.url, timeout=30) as http:
            visitor = Client(http)
            answers = []
            for _ in range(2):
                answers += [refusal(visitor, "signUpEmailPassword", email=JOE, password=PASSWORD)]
            again, first = verifying.mails(at_least=2)
            assert (first["kind"], again["kind"]) == ("email-verify", "sign-up-again")
            visitor.call("verifyEmail", ticket=first["ticket"])
            answers += [refusal(visitor, "signUpEmailPassword", email=JOE, password=NEW)]
            assert answers == ["UNVERIFIED_USER"] * 3
            assert verifying.mails(at_least=3)[0]["kind"] == "sign-up-again"
            assert visitor.call("signInEmailPassword", email=JOE, password=PASSWORD)["user"]

    def test_whoever_signed_up_first_is_locked_out_by_the_owner(self, verifying: Server) -> None:
        """A stranger made the account; the owner of the address signs up too, and takes it over."""
        with httpx2.Client(base_url=verifying.url, timeout=30) as http:
            visitor = Client(http)
            refusal(visitor, "signUpEmailPassword", email=JOE, password=PASSWORD)
            refusal(visitor, "signUpEmailPassword", email=JOE, password=NEW)
            ticket = verifying.mails(at_least=2)[0]["ticket"]
            assert ticket.startswith("passwordReset:")
            visitor.call("resetPassword", ticket=ticket, newPassword=NEW)
            stranger = refusal(visitor, "signInEmailPassword", email=JOE, password=PASSWORD)
            assert stranger == "INVALID_EMAIL_PASSWORD"
            assert visitor.call("signInEmailPassword", email=JOE, password=NEW)["user"]

    def test_nhosts_route_answers_no_session(self, verifying: Server) -> None:
        for _ in range(2):
            body = {"email": JOE, "password": PASSWORD}
            answer = httpx2.post(f"{verifying.url}/v1/signup/email-password", json=body)
            assert (answer.status_code, answer.json()) == (200, {"session": None}) or (
                answer.json() == {}
            )


class TestTheMailbox:
    def test_is_for_this_machine_alone(self, server: Server) -> None:
        for headers in (
            {"host": "postern.example.com"},
            {"host": "127.0.0.1.example.com"},
            {"x-forwarded-for": "192.0.2.7"},
            {"forwarded": "for=192.0.2.7"},
            {"x-forwarded-host": "postern.example.com"},
            {"x-forwarded-proto": "https"},
            {"via": "1.1 proxy"},
            {"origin": "http://localhost:3000"},
            {"host": "[::1"},
            {"host": "localhost:abc"},
            {"host": "evil.example@localhost"},
        ):
            assert httpx2.get(f"{server.url}/mailbox", headers=headers).status_code == 404, headers
        assert httpx2.get(f"{server.url}/mailbox").json() == []

    @pytest.mark.parametrize(
        "settings",
        [
            {"AUTH_SERVER_URL": "https://auth.example.com"},
            {"AUTH_TRUSTED_PROXIES": "127.0.0.1"},
            {"AUTH_SMTP_HOST": "127.0.0.1", "AUTH_SMTP_SENDER": "a@b.test"},
            {"AUTH_HOST": "0.0.0.0"},
        ],
    )
    def test_is_not_there_where_others_could_read_it(
        self, tmp_path: Path, settings: dict[str, str]
    ) -> None:
        with running_server(tmp_path / "var", **settings) as server:
            assert httpx2.get(f"{server.url}/mailbox").status_code == 404

    def test_shows_a_mail_in_a_frame_that_can_do_nothing(
        self, server: Server, http: httpx2.Client
    ) -> None:
        Client(http).sign_up(JOE)
        mail = reset_mail(server, Client(http))
        listed = http.get("/mailbox", headers={"accept": "text/html"})
        assert mail["subject"] in listed.text
        assert "script" not in listed.headers["content-security-policy"]
        page = http.get(f"/mailbox/{mail['id']}")
        assert f"{mail['id']}/html" in page.text
        frame = http.get(f"/mailbox/{mail['id']}/html")
        assert "sandbox" in frame.headers["content-security-policy"]
        assert http.get("/mailbox/no-id").status_code == 404


def test_without_mail_what_needs_it_is_refused_and_the_start_says_so(tmp_path: Path) -> None:
    with running_server(tmp_path / "var", AUTH_HOST="0.0.0.0") as server:
        with httpx2.Client(base_url=server.url, timeout=30) as http:
            for operation in ("sendPasswordResetEmail", "sendVerificationEmail"):
                assert refusal(Client(http), operation, email=JOE) == "MAIL_NOT_CONFIGURED"
            answer = http.post("/v1/user/password/reset", json={"email": JOE})
            assert (answer.status_code, answer.json()["error"]) == (409, "disabled-endpoint")
        assert "set AUTH_SMTP_HOST and AUTH_SERVER_URL" in server.log()


def test_no_request_has_a_say_in_the_links(server: Server, http: httpx2.Client) -> None:
    Client(http).sign_up(JOE)
    evil = {"host": "evil.example.com", "x-forwarded-host": "evil.example.com"}
    body = {"email": JOE}
    assert http.post("/v1/user/password/reset", json=body, headers=evil).json() == "OK"
    (mail,) = server.mails(at_least=1)
    assert mail["link"].startswith("http://127.0.0.1:")
    assert "evil" not in str(mail)


def test_a_stranger_cannot_fill_a_mailbox(
    tmp_path: Path, migrated_database: dict[str, str]
) -> None:
    limited = SHIPPED_LIMITS | {
        "AUTH_TRUSTED_PROXIES": "127.0.0.0/8",
        "AUTH_SMTP_HOST": "127.0.0.1",
        "AUTH_SMTP_PORT": str(free_port()),
        "AUTH_SMTP_SENDER": "no-reply@example.org",
    }
    with running_server(tmp_path / "var", **migrated_database, **limited) as server:

        def ask(n: int) -> str:
            headers = {"x-forwarded-for": f"192.0.2.{n}"}
            with httpx2.Client(base_url=server.url, headers=headers, timeout=30) as http:
                return refusal(Client(http), "sendPasswordResetEmail", email=JOE)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, range(1, 30)))
        assert answers.count("") == 5
        assert answers.count("TOO_MANY_REQUESTS") == 24


def test_a_stranger_cannot_fill_a_mailbox_by_tags_and_dots(
    tmp_path: Path, migrated_database: dict[str, str]
) -> None:
    limited = SHIPPED_LIMITS | {"AUTH_RATE_LIMIT_EMAIL_BURST": "10"}
    spellings = ["joe@example.com", "j.oe@example.com", "joe+a@example.com", "j.o.e+b@example.com"]
    with (
        running_server(tmp_path / "var", **migrated_database, **limited) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        asked = [
            refusal(Client(http), "sendPasswordResetEmail", email=email) for email in spellings * 2
        ]
    assert asked == [""] * 5 + ["TOO_MANY_REQUESTS"] * 3


def test_a_mailbox_is_not_filled_by_accounts_that_are_moved_away_from_it(
    server: Server, http: httpx2.Client
) -> None:
    """Whoever signs up with a stranger's address can change the password as often as they like."""
    for n in range(3):
        eve, password = Client(http), PASSWORD
        eve.sign_up(JOE)
        for fresh in (f"{NEW} 1", f"{NEW} 2", f"{NEW} 3"):
            session = eve.call("changeUserPassword", currentPassword=password, newPassword=fresh)
            eve.access_token, password = session["accessToken"], fresh
        before = len(server.mails())
        eve.call("changeUserEmail", newEmail=f"eve{n}@example.org")
        links = {mail["kind"]: mail for mail in reversed(server.mails(at_least=before + 2))}
        eve.call("verifyChangeUserEmail", ticket=links["email-confirm-change"]["ticket"])
    told = [mail["kind"] for mail in server.mails() if mail["to"] == JOE]
    assert told.count("password-changed") == 5


def test_a_cancelled_change_of_address_is_dead_on_its_page_too(
    server: Server, http: httpx2.Client
) -> None:
    joe = Client(http)
    joe.sign_up(JOE)
    joe.call("changeUserEmail", newEmail="joe@example.org")
    link = {mail["kind"]: mail["link"] for mail in server.mails(at_least=2)}["email-confirm-change"]
    assert http.get(link).status_code == 200
    session = joe.call("changeUserPassword", currentPassword=PASSWORD, newPassword=NEW)
    assert session["user"]["newEmail"] is None, "the answer shows the user after the change"
    assert http.get(link).status_code == 401


def test_an_account_that_is_enabled_again_has_no_links_from_before(
    server: Server, http: httpx2.Client
) -> None:
    joe = Client(http)
    joe.sign_up(JOE)
    ticket = reset_mail(server, joe)["ticket"]
    postern("disable-user", JOE, env=server.env)
    postern("enable-user", JOE, env=server.env)
    assert refusal(joe, "resetPassword", ticket=ticket, newPassword=NEW) == "INVALID_TICKET"


def test_sign_up_tells_nothing_where_new_users_wait_for_the_operator_too(tmp_path: Path) -> None:
    settings = {
        "AUTH_DISABLE_NEW_USERS": "true",
        "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true",
    }
    with (
        running_server(tmp_path / "var", **settings) as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        answers = [
            refusal(Client(http), "signUpEmailPassword", email=JOE, password=PASSWORD)
            for _ in range(2)
        ]
    assert answers == ["DISABLED_USER"] * 2


def test_users_are_told_of_every_change_that_matters(server: Server, http: httpx2.Client) -> None:
    joe = Client(http)
    joe.sign_up(JOE)
    phone = joe.enrol()
    session = joe.call("elevate", code=phone.recovery_codes[0])
    joe.access_token = session["accessToken"]
    joe.call("verifyChangeUserMfa", activeMfaType="", code=phone.recovery_codes[1])
    postern("disable-user", JOE, env=server.env)
    told = [mail["kind"] for mail in server.mails(at_least=5)]
    assert sorted(told) == [
        "account-disabled",
        "factor-off",
        "factor-on",
        "recovery-code-used",
        "recovery-code-used",
    ]


def test_the_operator_can_switch_notices_off(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var", AUTH_NOTICES="false") as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        joe = Client(http)
        joe.sign_up(JOE)
        password = {"email": JOE, "password": PASSWORD}
        joe.call("signInEmailPassword", **password)
        with httpx2.Client(base_url=server.url, headers={"user-agent": "Elsewhere/1"}) as other:
            Client(other).call("signInEmailPassword", **password)
        events = joe.call("me")["securityEvents"]["edges"]
        assert "NEW_SIGN_IN" in {event["node"]["type"] for event in events}
        joe.enrol()
        assert reset_mail(server, joe)
        assert [mail["kind"] for mail in server.mails()] == ["password-reset"]


def test_of_one_kind_of_notice_a_user_gets_five_in_an_hour(
    server: Server, http: httpx2.Client
) -> None:
    joe, password = Client(http), PASSWORD
    joe.sign_up(JOE)
    for n in range(8):
        fresh = f"{NEW} {n}"
        session = joe.call("changeUserPassword", currentPassword=password, newPassword=fresh)
        joe.access_token, password = session["accessToken"], fresh
    joe.enrol()
    told = [mail["kind"] for mail in server.mails(at_least=6)]
    assert sorted(told) == ["factor-on", *["password-changed"] * 5]


class TestASignIn:
    def test_from_elsewhere_is_told_once(self, server: Server, http: httpx2.Client) -> None:
        joe = Client(http)
        joe.sign_up(JOE)
        password = {"email": JOE, "password": PASSWORD}
        joe.call("signInEmailPassword", **password)
        assert server.mails() == []
        with httpx2.Client(base_url=server.url, headers={"user-agent": "Elsewhere/1"}) as other:
            for _ in range(3):
                Client(other).call("signInEmailPassword", **password)
        (told,) = server.mails(at_least=1)
        assert (told["kind"], "(127.0.0.1)" in told["text"]) == ("new-sign-in", True)
        events = joe.call("me")["securityEvents"]["edges"]
        assert [event["node"]["type"] for event in events].count("NEW_SIGN_IN") == 1

    def test_of_several_at_the_same_moment_one_is_told(
        self, server: Server, http: httpx2.Client
    ) -> None:
        joe = Client(http)
        joe.sign_up(JOE)
        password = {"email": JOE, "password": PASSWORD}
        joe.call("signInEmailPassword", **password)
        elsewhere = {"user-agent": "Elsewhere/1"}

        def sign_in(_: int) -> object:
            with httpx2.Client(base_url=server.url, headers=elsewhere, timeout=30) as other:
                return Client(other).call("signInEmailPassword", **password)["user"]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(sign_in, range(8)))
        events = joe.call("me")["securityEvents"]["edges"]
        assert [event["node"]["type"] for event in events].count("NEW_SIGN_IN") == 1

    def test_with_a_code_is_told_too(self, server: Server, http: httpx2.Client) -> None:
        joe = Client(http)
        joe.sign_up(JOE)
        phone = joe.enrol()
        with httpx2.Client(base_url=server.url, headers={"user-agent": "Elsewhere/1"}) as other:
            elsewhere = Client(other)
            waiting = elsewhere.call("signInEmailPassword", email=JOE, password=PASSWORD)
            assert [mail["kind"] for mail in server.mails(at_least=1)] == ["factor-on"]
            elsewhere.call("verifySignInMfaTotp", ticket=waiting["ticket"], otp=phone.next_code())
        assert server.mails(at_least=2)[0]["kind"] == "new-sign-in"


def test_the_operator_can_hand_over_a_link(server: Server, http: httpx2.Client) -> None:
    joe = Client(http)
    joe.sign_up(JOE)
    link = postern("set-password", JOE, "--link", env=server.env).stdout.strip()
    assert link.startswith(f"{server.url}/v1/verify?ticket=passwordReset")
    assert joe.call("me")
    assert http.post(link, data={"newPassword": NEW}).status_code == 200
    assert refusal(joe, "me") == "UNAUTHENTICATED"
    assert Client(http).call("signInEmailPassword", email=JOE, password=NEW)["user"]
    assert http.post(link, data={"newPassword": NEW}).status_code == 401


def test_the_operator_can_send_a_link(server: Server, http: httpx2.Client) -> None:
    visitor = Client(http)
    Client(http).sign_up(JOE)
    said = postern("send-reset", JOE, env=server.env)
    assert said.stdout == f"A link for a new password is on its way to {JOE}.\n"
    (mail,) = server.mails(at_least=1)
    assert mail["ticket"] not in said.stdout + server.log()
    assert visitor.call("resetPassword", ticket=mail["ticket"], newPassword=NEW)


def test_nobody_uses_up_the_notices_of_a_verified_account(
    server: Server, http: httpx2.Client
) -> None:
    joe, stranger = Client(http), Client(http)
    joe.sign_up(JOE)
    assert stranger.call("sendVerificationEmail", email=JOE) is True
    (mail,) = server.mails(at_least=1, kind="email-verify")
    assert joe.call("verifyEmail", ticket=mail["ticket"]) is True
    stranger.sign_up(JOE.replace("@", "+x@"))
    password = PASSWORD
    for n in range(6):
        changed = {"currentPassword": password, "newPassword": f"{NEW} {n}"}
        session = stranger.call("changeUserPassword", **changed)
        stranger.access_token, password = session["accessToken"], changed["newPassword"]
    joe.call("changeUserPassword", currentPassword=PASSWORD, newPassword=NEW)
    told = server.mails(at_least=6, kind="password-changed")
    assert JOE in {mail["to"] for mail in told}
