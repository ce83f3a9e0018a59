"""Moving an account to another e-mail address, over HTTP, and who attacks it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from tests.flows.conftest import refusal
from tests.support import JOE, PASSWORD, Client, Server, all_at_once, postern

NEW, OTHER = "joe@example.org", "third@example.net"
LATER = "another password 7"


def mail(server: Server, kind: str, *, at_least: int) -> Any:
    return next(m for m in server.mails(at_least=at_least) if m["kind"] == kind)


def asked_for(server: Server, client: Client, address: str = NEW) -> tuple[str, str]:
    """Ask for another address; return the tickets that confirm it and that undo it."""
    kinds = ("email-confirm-change", "email-change-asked")
    before = [len(server.mails(kind=kind)) for kind in kinds]
    assert client.call("changeUserEmail", newEmail=address) is True
    confirm, told = (
        server.mails(at_least=count + 1, kind=kind)[0]
        for kind, count in zip(kinds, before, strict=True)
    )
    assert (confirm["to"], told["to"]) == (address, client.call("me")["email"])
    return confirm["ticket"], told["ticket"]


class TestAnAddress:
    def test_changes_when_it_is_confirmed_and_not_before(
        self, server: Server, joe: Client, http: httpx2.Client
    ) -> None:
        assert joe.call("changeUserEmail", newEmail=f" {NEW.upper()} ") is True
        me = joe.call("me")
        assert (me["email"], me["newEmail"], me["emailVerified"]) == (JOE, NEW, False)
        link = mail(server, "email-confirm-change", at_least=2)["link"]
        page = http.get(link)
        assert (page.status_code, NEW in page.text, JOE in page.text) == (200, True, True)
        assert f"uses {NEW} now" in http.post(link).text
        me = joe.call("me")
        assert (me["email"], me["newEmail"], me["emailVerified"]) == (NEW, None, True)
        assert me["displayName"] == NEW
        visitor = Client(http)
        assert refusal(visitor, "signInEmailPassword", email=JOE, password=PASSWORD)
        assert visitor.call("signInEmailPassword", email=NEW, password=PASSWORD)["user"]

    def test_is_taken_back_from_the_old_one_and_all_sessions_end(
        self, server: Server, joe: Client, http: httpx2.Client
    ) -> None:
        confirm, _ = asked_for(server, joe)
        joe.call("verifyChangeUserEmail", ticket=confirm)
        told = mail(server, "email-changed", at_least=3)
        assert (told["to"], NEW in told["text"]) == (JOE, True)
        page = http.get(told["link"])
        assert f"Keep {JOE}" in page.text
        assert refusal(joe, "me") == ""
        assert "a link for a new password" in http.post(told["link"]).text
        assert refusal(joe, "me") == "UNAUTHENTICATED"
        old = refusal(joe, "signInEmailPassword", email=JOE, password=PASSWORD)
        assert old == "INVALID_EMAIL_PASSWORD", "whoever changed the address knew it"
        assert refusal(joe, "undoChangeUserEmail", ticket=told["ticket"]) == "INVALID_TICKET"

    def test_is_not_changed_once_the_old_one_has_objected(
        self, server: Server, joe: Client, http: httpx2.Client
    ) -> None:
        confirm, undo = asked_for(server, joe)
        assert joe.call("undoChangeUserEmail", ticket=undo) is True
        assert refusal(joe, "verifyChangeUserEmail", ticket=confirm) == "INVALID_TICKET"
        assert refusal(joe, "me") == "UNAUTHENTICATED"

    def test_is_the_one_that_was_asked_for_last(self, server: Server, joe: Client) -> None:
        first, _ = asked_for(server, joe)
        second, _ = asked_for(server, joe, OTHER)
        assert refusal(joe, "verifyChangeUserEmail", ticket=first) == "INVALID_TICKET"
        assert joe.call("verifyChangeUserEmail", ticket=second) is True
        assert joe.call("me")["email"] == OTHER

    def test_comes_back_after_several_changes_by_the_same_thief(
        self, server: Server, joe: Client
    ) -> None:
        """The thief's own links to undo are dead by then."""
        first, undo_first = asked_for(server, joe)
        joe.call("verifyChangeUserEmail", ticket=first)
        second, undo_second = asked_for(server, joe, OTHER)
        joe.call("verifyChangeUserEmail", ticket=second)
        assert joe.call("undoChangeUserEmail", ticket=undo_first) is True
        assert refusal(joe, "undoChangeUserEmail", ticket=undo_second) == "INVALID_TICKET"
        visitor = Client(joe.http)
        visitor.call("sendPasswordResetEmail", email=JOE)
        ticket = mail(server, "password-reset", at_least=7)["ticket"]
        visitor.call("resetPassword", ticket=ticket, newPassword=LATER)
        assert visitor.call("signInEmailPassword", email=JOE, password=LATER)["user"]

    def test_that_was_given_up_is_kept_for_whoever_may_return_to_it(
        self, server: Server, joe: Client, http: httpx2.Client
    ) -> None:
        postern("verify-user", JOE, env=server.env)
        confirm, _ = asked_for(server, joe)
        joe.call("verifyChangeUserEmail", ticket=confirm)
        thief = Client(http)
        taken = refusal(thief, "signUpEmailPassword", email=JOE, password=PASSWORD)
        assert taken == "EMAIL_ALREADY_IN_USE"
        thief.sign_up("thief@example.com")
        move, _ = asked_for(server, thief, JOE)
        assert refusal(thief, "verifyChangeUserEmail", ticket=move) == "EMAIL_ALREADY_IN_USE"
        undo = mail(server, "email-changed", at_least=3)["ticket"]
        assert joe.call("undoChangeUserEmail", ticket=undo) is True

    def test_that_was_never_verified_is_kept_for_nobody(
        self, server: Server, joe: Client, http: httpx2.Client
    ) -> None:
        """Whoever signed up with somebody else's address cannot keep its owner out."""
        confirm, _ = asked_for(server, joe)
        joe.call("verifyChangeUserEmail", ticket=confirm)
        assert Client(http).sign_up(JOE)["user"]
        undo = mail(server, "email-changed", at_least=3)["ticket"]
        assert refusal(joe, "undoChangeUserEmail", ticket=undo) == "EMAIL_ALREADY_IN_USE"

    def test_of_another_account_is_not_told_but_to_its_owner(
        self, server: Server, joe: Client, http: httpx2.Client
    ) -> None:
        Client(http).sign_up(NEW)
        assert joe.call("changeUserEmail", newEmail=NEW) is True
        told = mail(server, "email-taken", at_least=2)
        assert (told["to"], told["link"], JOE in told["text"]) == (NEW, "", False)

    def test_that_somebody_takes_meanwhile_stays_theirs(
        self, server: Server, joe: Client, http: httpx2.Client
    ) -> None:
        confirm, _ = asked_for(server, joe)
        Client(http).sign_up(NEW)
        assert refusal(joe, "verifyChangeUserEmail", ticket=confirm) == "EMAIL_ALREADY_IN_USE"
        assert joe.call("me")["email"] == JOE

    def test_needs_a_recent_sign_in_and_is_refused_where_it_is_the_same(
        self, joe: Client, http: httpx2.Client
    ) -> None:
        assert refusal(Client(http), "changeUserEmail", newEmail=NEW) == "UNAUTHENTICATED"
        for bad in (JOE, JOE.upper(), "no address"):
            assert refusal(joe, "changeUserEmail", newEmail=bad) == "INVALID_REQUEST"
        there = refusal(joe, "changeUserEmail", newEmail=NEW, redirectTo="https://evil.example.com")
        assert there == "REDIRECT_TO_NOT_ALLOWED"

    def test_changes_over_nhosts_route(
        self, server: Server, joe: Client, http: httpx2.Client
    ) -> None:
        bearer = {"authorization": f"Bearer {joe.access_token}"}
        body = {"newEmail": NEW}
        assert http.post("/v1/user/email/change", json=body).status_code == 401
        assert http.post("/v1/user/email/change", json=body, headers=bearer).json() == "OK"
        ticket = mail(server, "email-confirm-change", at_least=2)["ticket"]
        assert joe.call("verifyChangeUserEmail", ticket=ticket) is True


def test_a_pending_change_ends_with_the_password(
    server: Server, joe: Client, http: httpx2.Client
) -> None:
    """A thief who asked for another address must not get the account after a reset."""
    confirm, _ = asked_for(server, joe)
    Client(http).call("sendPasswordResetEmail", email=JOE)
    ticket = mail(server, "password-reset", at_least=3)["ticket"]
    joe.call("resetPassword", ticket=ticket, newPassword="another password 7")
    assert refusal(joe, "verifyChangeUserEmail", ticket=confirm) == "INVALID_TICKET"


def test_confirming_and_undoing_at_the_same_moment_leave_the_old_address(
    server: Server, joe: Client, http: httpx2.Client
) -> None:
    for n in range(5):
        client = Client(http)
        client.sign_up(f"user{n}@example.com")
        confirm, undo = asked_for(server, client, f"new{n}@example.com")
        answers = all_at_once(server, "undoChangeUserEmail", [{"ticket": undo}] * 3) + all_at_once(
            server, "verifyChangeUserEmail", [{"ticket": confirm}] * 3
        )
        assert [str(a) for a in answers].count("True") == 1
        shown = postern("show-user", f"user{n}@example.com", env=server.env)
        assert shown.returncode == 0


def test_no_change_that_was_under_way_survives_a_new_password(
    server: Server, http: httpx2.Client
) -> None:
    for n in range(4):
        address = f"owner{n}@example.com"
        thief = Client(http)
        thief.sign_up(address)
        before = len(server.mails())
        Client(http).call("sendPasswordResetEmail", email=address)
        reset = server.mails(at_least=before + 1)[0]["ticket"]
        with ThreadPoolExecutor(4) as pool:
            changes = [
                pool.submit(refusal, thief, "changeUserEmail", newEmail=f"thief{n}{m}@example.com")
                for m in range(3)
            ]
            Client(http).call("resetPassword", ticket=reset, newPassword=LATER)
            for change in changes:
                change.result()
        for told in server.mails():
            if told["kind"] == "email-confirm-change":
                late = refusal(thief, "verifyChangeUserEmail", ticket=told["ticket"])
                assert late == "INVALID_TICKET"


def test_a_secret_that_a_thief_has_seen_is_not_the_owners_later(
    server: Server, joe: Client, http: httpx2.Client
) -> None:
    seen = joe.call("changeUserMfa")["totpSecret"]
    Client(http).call("sendPasswordResetEmail", email=JOE)
    ticket = mail(server, "password-reset", at_least=1)["ticket"]
    joe.call("resetPassword", ticket=ticket, newPassword=LATER)
    owner = Client(http)
    session = owner.call("signInEmailPassword", email=JOE, password=LATER)
    owner.access_token = session["accessToken"]
    assert owner.call("changeUserMfa")["totpSecret"] != seen
