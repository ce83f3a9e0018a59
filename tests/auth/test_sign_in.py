import asyncio
import sqlite3
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from auth import admission, tickets, tokens
from auth.accounts import enrolment, sign_up
from auth.caller import Caller
from auth.errors import AuthError
from auth.factors import one_time_codes, recovery_codes, totp
from auth.keys.vault import Vault, VaultError
from auth.operators import acts
from auth.passwords import Match, Passwords
from auth.postern import Postern
from auth.sessions import current, opening, refreshing
from auth.ways_in import email_password
from models import MfaTicket, RefreshToken, SecurityEvent, Throttle, User, UserSession
from models.mfa_ticket import Purpose
from tests.support import (
    JOE,
    OPERATOR,
    PASSWORD,
    Clock,
    caller,
    event_names,
    open_ticket,
    refusal,
    sign_up_with_factor,
    with_settings,
)

pytestmark = pytest.mark.anyio


def with_password(
    postern: Postern, email: str, password: str
) -> Awaitable[opening.Session | admission.MfaTicket]:
    return email_password.sign_in_email_password(postern, caller(), email, password)


def with_code(postern: Postern, ticket: str, otp: str) -> Awaitable[opening.Session]:
    return tickets.redeem(postern, caller(), ticket, totp, otp)


@pytest.mark.parametrize("factor", [False, True])
async def test_a_sign_in_is_told_unless_it_comes_from_a_known_network_and_client(
    postern: Postern, clock: Clock, *, factor: bool
) -> None:
    async def told(address: str | None, client: str | None) -> bool:
        before = await SecurityEvent.filter(type="NEW_SIGN_IN").count()
        here = Caller(address, client, None)
        done = await email_password.sign_in_email_password(postern, here, JOE, PASSWORD)
        if not isinstance(done, opening.Session):
            clock.forward(30)
            await tickets.redeem(postern, here, done.ticket, totp, enrolled.code(postern))
        return bool(await SecurityEvent.filter(type="NEW_SIGN_IN").count() - before)

    if factor:
        enrolled = await sign_up_with_factor(postern)
    else:
        await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        assert not await told("2001:db8::1", "A"), "of the first one there is nothing to tell"
    assert await told("2001:db8::1", "A") is factor
    assert not await told("2001:db8::1", "A")
    assert not await told("2001:db8::2", "A"), "the same network"
    assert await told("2001:db8:0:1::1", "A"), "another network"
    assert await told("2001:db8::1", "B"), "another client"
    assert await told("2001:db8::1", None)
    assert await told(None, None)
    assert not await told(None, None)


class TestPassword:
    async def test_the_right_password_opens_a_session(self, postern: Postern) -> None:
        user = await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        session = await with_password(postern, " JOE@example.com", PASSWORD)
        assert isinstance(session, opening.Session)
        assert session.user.id == user.id
        assert await current.me(postern, caller(session.access_token))
        stored = await RefreshToken.get(id=session.refresh_token_id).select_related("session")
        assert stored.digest == tokens.digest(session.refresh_token)
        assert stored.session.expires_at == postern.now() + timedelta(days=30)

    @pytest.mark.parametrize(
        ("email", "password"),
        [
            (JOE, PASSWORD + " "),
            (JOE, PASSWORD.upper()),
            (JOE, ""),
            ("nobody@example.com", PASSWORD),
            ("no address", PASSWORD),
            ("", ""),
        ],
    )
    async def test_every_wrong_pair_gets_the_same_refusal(
        self, postern: Postern, email: str, password: str
    ) -> None:
        await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        with pytest.raises(AuthError) as refused:
            await with_password(postern, email, password)
        assert refused.value.extensions == {"code": "INVALID_EMAIL_PASSWORD"}
        assert str(refused.value) == "The e-mail address or the password is wrong."

    async def test_an_unknown_address_costs_the_same_work(
        self, postern: Postern, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        verified: list[str] = []
        verify = Passwords._verify

        def counting(self: Passwords, password_hash: str | None, password: str) -> Match:
            verified.append(password_hash or self._nobodys_hash)
            return verify(self, password_hash, password)

        monkeypatch.setattr(Passwords, "_verify", counting)
        await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        for email in (JOE, "nobody@example.com", "no address"):
            await refusal(with_password(postern, email, "wrong password"))
        assert len(verified) == 3
        assert len({made.rsplit("$", 2)[0] for made in verified}) == 1, "the same parameters"

    async def test_only_the_owner_learns_that_an_account_is_disabled(
        self, postern: Postern
    ) -> None:
        user = await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        await acts.set_disabled(postern, OPERATOR, user, disabled=True)
        wrong = with_password(postern, JOE, "wrong password")
        right = with_password(postern, JOE, PASSWORD)
        assert await refusal(wrong) == "INVALID_EMAIL_PASSWORD"
        assert await refusal(right) == "DISABLED_USER"

    async def test_simultaneous_sign_ins_all_succeed_while_a_hash_is_replaced(
        self, postern: Postern
    ) -> None:
        user = await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        old = Passwords(memory_cost=64, time_cost=1, parallelism=1, threads=1)
        for _ in range(10):
            await User.filter(id=user.id).update(password_hash=await old.hash(PASSWORD))
            attempts = (refusal(with_password(postern, JOE, PASSWORD)) for _ in range(6))
            assert await asyncio.gather(*attempts) == [""] * 6
        assert "SIGN_IN_FAILED" not in await event_names()
        old.close()

    async def test_an_outdated_hash_is_replaced(self, postern: Postern) -> None:
        user = await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        old = Passwords(memory_cost=64, time_cost=1, parallelism=1, threads=1)
        await User.filter(id=user.id).update(password_hash=await old.hash(PASSWORD))
        await refusal(with_password(postern, JOE, "wrong password"))
        assert "$m=64,t=1,p=1$" in str((await User.get(id=user.id)).password_hash)
        await with_password(postern, JOE, PASSWORD)
        assert "$m=8,t=1,p=1$" in str((await User.get(id=user.id)).password_hash)
        assert await with_password(postern, JOE, PASSWORD)
        old.close()

    async def test_an_oversized_password_is_refused_before_hashing(self, postern: Postern) -> None:
        attempt = with_password(postern, JOE, "x" * 1025)
        assert await refusal(attempt) == "INVALID_REQUEST"

    @pytest.mark.parametrize("with_factor", [False, True])
    async def test_an_account_that_changes_during_hashing_is_not_signed_in_to(
        self, postern: Postern, monkeypatch: pytest.MonkeyPatch, *, with_factor: bool
    ) -> None:
        if with_factor:
            await sign_up_with_factor(postern)
        else:
            await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        before, verify = await User.get(email=JOE), postern.passwords.verify
        sessions_before = await UserSession.all().count()
        other = await postern.passwords.hash("another password")
        changes: list[dict[str, Any]] = [
            {"disabled": True},
            {"password_hash": other},
            {"totp_activated_at": None, "has_second_factor": not with_factor},
        ]
        for change in changes:

            async def meanwhile(
                password_hash: str | None, password: str, change: dict[str, Any] = change
            ) -> Match:
                await User.filter(email=JOE).update(**change)
                return await verify(password_hash, password)

            monkeypatch.setattr(postern.passwords, "verify", meanwhile)
            attempt = with_password(postern, JOE, PASSWORD)
            assert await refusal(attempt) == "INVALID_EMAIL_PASSWORD", change
            undone = {name: getattr(before, name) for name in change}
            await User.filter(email=JOE).update(**undone)
        assert await UserSession.all().count() == sessions_before
        assert await MfaTicket.all().count() == 0
        monkeypatch.setattr(postern.passwords, "verify", verify)
        assert await with_password(postern, JOE, PASSWORD)


class TestTicket:
    async def test_a_user_with_a_factor_gets_a_ticket(self, postern: Postern) -> None:
        await sign_up_with_factor(postern)
        before = await RefreshToken.all().count()
        answer = await with_password(postern, JOE, PASSWORD)
        assert isinstance(answer, admission.MfaTicket)
        assert answer.ticket.startswith("mfaTotp:")
        assert answer.expires_in == 300
        assert await RefreshToken.all().count() == before

    async def test_ticket_and_code_open_a_session(self, postern: Postern, clock: Clock) -> None:
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        clock.forward(30)
        session = await with_code(postern, ticket, joe.code(postern))
        assert session.user.id == joe.session.user.id
        assert session.user.active_mfa_type == "totp"
        assert await MfaTicket.all().count() == 0

    async def test_the_fifth_wrong_code_ends_the_ticket(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        clock.forward(30)
        for left in (4, 3, 2, 1, 0):
            with pytest.raises(AuthError) as refused:
                await with_code(postern, ticket, joe.wrong_code(postern))
            assert refused.value.extensions == {"code": "INVALID_TOTP", "attemptsLeft": left}
        right = with_code(postern, ticket, joe.code(postern))
        assert await refusal(right) == "INVALID_TICKET"
        another = await open_ticket(postern)
        assert await with_code(postern, another, joe.code(postern))

    @pytest.mark.parametrize(
        "otp",
        ["", "12345", "1234567", "abcdef", "\uff11" * 6, "x" * 10_000],
    )
    async def test_a_malformed_code_is_a_wrong_code(self, postern: Postern, otp: str) -> None:
        await sign_up_with_factor(postern)
        attempt = with_code(postern, await open_ticket(postern), otp)
        assert await refusal(attempt) == "INVALID_TOTP"

    async def test_the_last_attempt_may_be_the_right_one(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        once = with_settings(postern, mfa_ticket_attempts=1)
        ticket = await open_ticket(once)
        clock.forward(30)
        assert await with_code(once, ticket, joe.code(postern))

    async def test_a_ticket_expires(self, postern: Postern, clock: Clock) -> None:
        joe = await sign_up_with_factor(postern)
        early, late = await open_ticket(postern), await open_ticket(postern)
        clock.forward(299.9)
        attempt = with_code(postern, early, joe.code(postern))
        assert await refusal(attempt) == ""
        clock.forward(30.1)
        attempt = with_code(postern, late, joe.code(postern))
        assert await refusal(attempt) == "INVALID_TICKET"

    async def test_tickets_do_not_affect_one_another(self, postern: Postern, clock: Clock) -> None:
        joe = await sign_up_with_factor(postern)
        tickets = [await open_ticket(postern) for _ in range(3)]
        for ticket in tickets:
            clock.forward(30)
            assert await with_code(postern, ticket, joe.code(postern))

    @pytest.mark.parametrize(
        "ticket",
        ["", "mfaTotp:", "mfaTotp:00000000-0000-0000-0000-000000000000", "x" * 10_000, "\0", "'--"],
    )
    async def test_a_ticket_that_was_never_issued_is_refused(
        self, postern: Postern, ticket: str
    ) -> None:
        attempt = with_code(postern, ticket, "123456")
        assert await refusal(attempt) == "INVALID_TICKET"

    async def test_a_part_of_a_ticket_is_refused(self, postern: Postern, clock: Clock) -> None:
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        clock.forward(30)
        for almost in (ticket.removeprefix("mfaTotp:"), ticket.upper(), f"{ticket} "):
            attempt = with_code(postern, almost, joe.code(postern))
            assert await refusal(attempt) == "INVALID_TICKET"

    async def test_a_disabled_user_cannot_redeem_a_ticket(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        await User.filter(id=joe.session.user.id).update(disabled=True)
        clock.forward(30)
        attempt = with_code(postern, ticket, joe.code(postern))
        assert await refusal(attempt) == "DISABLED_USER"

    async def test_a_factor_turned_off_meanwhile_redeems_no_ticket(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        await acts.reset_mfa(postern, OPERATOR, joe.session.user)
        clock.forward(30)
        attempt = with_code(postern, ticket, joe.code(postern))
        assert await refusal(attempt) == "INVALID_TICKET"

    async def test_a_ticket_is_not_redeemed_with_a_later_factor(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        await acts.reset_mfa(postern, OPERATOR, joe.session.user)
        signed_in = await with_password(postern, JOE, PASSWORD)
        assert isinstance(signed_in, opening.Session)
        again = caller(signed_in.access_token)
        secret = (await enrolment.change_user_mfa(postern, again)).totp_secret
        clock.forward(30)
        step = one_time_codes.time_step(postern.now())
        code = one_time_codes.code_at(secret, step)
        await enrolment.verify_change_user_mfa(postern, again, "totp", code)
        clock.forward(30)
        later = one_time_codes.code_at(secret, step + 1)
        assert await refusal(with_code(postern, ticket, later)) == "INVALID_TICKET"


class TestACodeIsAcceptedOnce:
    async def test_a_code_is_refused_with_another_ticket(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        first, second = await open_ticket(postern), await open_ticket(postern)
        clock.forward(30)
        code = joe.code(postern)
        assert await with_code(postern, first, code)
        replay = with_code(postern, second, code)
        assert await refusal(replay) == "INVALID_TOTP"

    async def test_an_older_code_is_refused_after_a_newer_one(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        first, second = await open_ticket(postern), await open_ticket(postern)
        clock.forward(60)
        assert await with_code(postern, first, joe.code(postern))
        older = with_code(postern, second, joe.code(postern, -1))
        assert await refusal(older) == "INVALID_TOTP"

    async def test_a_code_used_in_one_flow_is_refused_in_another(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        activation = joe.code(postern)
        ticket = await open_ticket(postern)
        attempt = with_code(postern, ticket, activation)
        assert await refusal(attempt) == "INVALID_TOTP"
        clock.forward(30)
        code = joe.code(postern)
        assert await with_code(postern, ticket, code)
        turn_off = enrolment.verify_change_user_mfa(postern, joe.caller, "", code)
        assert await refusal(turn_off) == "INVALID_TOTP"

    @pytest.mark.parametrize("tickets", [1, 50])
    async def test_of_fifty_simultaneous_redemptions_one_succeeds(
        self, postern: Postern, clock: Clock, tickets: int
    ) -> None:
        joe = await sign_up_with_factor(postern)
        before = await RefreshToken.all().count()
        opened = [await open_ticket(postern) for _ in range(tickets)]
        clock.forward(30)
        code = joe.code(postern)
        answers = await asyncio.gather(
            *(with_code(postern, opened[n % tickets], code) for n in range(50)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, opening.Session) for answer in answers) == 1
        refused = [answer.code.name for answer in answers if isinstance(answer, AuthError)]
        assert len(refused) == 49
        assert set(refused) <= {"INVALID_TOTP", "INVALID_TICKET"}
        assert await RefreshToken.all().count() == before + 1

    async def test_a_refused_redemption_spends_nothing(
        self, postern: Postern, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If the process fails after the code was spent, ticket and code are still valid."""
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        clock.forward(30)
        code = joe.code(postern)
        taken = joe.session.refresh_token
        with monkeypatch.context() as patched:
            patched.setattr(tokens, "opaque_token", lambda: taken)  # its digest is unique
            with pytest.raises((IntegrityError, sqlite3.IntegrityError)):
                await with_code(postern, ticket, code)
        before = await UserSession.all().count()
        assert await with_code(postern, ticket, code)
        assert await UserSession.all().count() == before + 1


class TestTheOneStatement:
    """The one statement has the same effect as the steps one by one."""

    async def test_both_paths_leave_the_same_rows(self, postern: Postern, clock: Clock) -> None:
        joe = await sign_up_with_factor(postern)
        left = []
        for step_by_step in (False, True):
            clock.forward(30)
            ticket = await open_ticket(postern)
            events = len(await event_names())
            if step_by_step:
                assert await refusal(with_code(postern, ticket, joe.wrong_code(postern)))
                await Throttle.filter(failures=1).update(
                    allowed_at=2**40
                )  # forces the path step by step
                off = with_settings(postern, rate_limit_enable=False)
                session = await with_code(off, ticket, joe.code(postern))
                await Throttle.all().delete()
            else:
                session = await with_code(postern, ticket, joe.code(postern))
            row = await UserSession.get(id=session.session_id).select_related("user")
            token = await RefreshToken.get(id=session.refresh_token_id)
            assert token.digest == tokens.digest(session.refresh_token)
            assert token.session_id == row.id  # type: ignore[attr-defined]
            assert await current.me(postern, caller(session.access_token))
            assert await refreshing.refresh_session(postern, caller(), session.refresh_token)
            assert row.user.totp_last_step == one_time_codes.time_step(clock())
            left.append(
                (
                    row.methods,
                    row.created_at - clock(),
                    row.authenticated_at - clock(),
                    row.last_used_at - clock(),
                    row.expires_at - clock(),
                    row.user.last_signed_in_at - clock() if row.user.last_signed_in_at else None,
                    row.address,
                    row.user_agent,
                    token.rotated_at,
                    [name for name in (await event_names())[events:] if name != "WRONG_CODE"],
                    await MfaTicket.all().count(),
                )
            )
        assert left[0] == left[1]

    async def test_a_change_since_the_check_prevents_the_session(
        self, postern: Postern, clock: Clock
    ) -> None:
        """The statement checks again all conditions of a right code."""
        joe = await sign_up_with_factor(postern)
        user, now = User.filter(email=JOE), clock()
        before = await user.get()
        step: tickets.Step[Any, Any] = tickets.Step(
            Purpose.SIGN_IN,
            totp.wrong,
            tickets.open_enrolment,
            totp.looks_like_one,
            totp.check,
            tickets._session_for,
        )
        changes: list[tuple[Any, dict[str, Any]]] = [
            (user, {"disabled": True}),
            (user, {"totp_activated_at": None}),
            (user, {"totp_activated_at": None, "has_second_factor": False}),
            (user, {"totp_secret": totp.seal_secret(postern, before, joe.secret)}),
            (user, {"totp_last_step": one_time_codes.time_step(now) + 1}),
            (MfaTicket.all(), {"expires_at": now + timedelta(seconds=30)}),
        ]
        clock.forward(30)
        undone = {name: getattr(before, name) for _, change in changes[:5] for name in change}
        for rows, change in changes:
            taken = await tickets._take_attempt(postern, caller(), await open_ticket(postern), step)
            proof = await totp.check(postern, taken.ticket.user, joe.code(postern))
            assert proof
            await rows.update(**change)
            assert await tickets._session_for(taken, proof) is None, change
            await user.update(**undone)
            await MfaTicket.all().delete()
            await Throttle.all().delete()
        assert await with_code(postern, await open_ticket(postern), joe.code(postern))

    async def test_a_code_is_not_checked_while_attempts_must_wait(
        self, postern: Postern, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise the time would reveal whether the code is right."""
        joe = await sign_up_with_factor(postern)
        clock.forward(30)
        looked: list[str] = []

        async def look(_postern: Postern, _user: User, code: str) -> None:
            looked.append(code)

        monkeypatch.setattr(totp, "check", look)
        key = f"code of {joe.session.user.id}"
        held: dict[str, Any] = {"key": key, "failures": 99, "failed_at": 0, "allowed_at": 2**40}
        elsewhere = Caller("198.51.100.7", "Tests/1.0")
        for way in (
            lambda: MfaTicket.all().update(attempts_left=0),
            lambda: MfaTicket.all().update(expires_at=clock()),
            lambda: User.all().update(disabled=True),
            lambda: Throttle.create(**held),
        ):
            ticket = await open_ticket(postern)
            await way()
            attempt = tickets.redeem(postern, elsewhere, ticket, totp, "123456")
            assert await refusal(attempt) != "INVALID_TOTP"
            await User.all().update(disabled=False)
        assert looked == []
        await Throttle.all().delete()
        assert await refusal(with_code(postern, ticket, "123456")) == "INVALID_TOTP"
        assert looked == ["123456"]

    async def test_a_code_that_cannot_be_checked_costs_no_attempt(
        self, postern: Postern, clock: Clock
    ) -> None:
        """No key opens the secret; a recovery code still works."""
        joe = await sign_up_with_factor(postern)
        clock.forward(30)
        ticket = await open_ticket(postern)
        other = replace(postern, vault=Vault([bytes(32)]))
        for _ in range(7):
            with pytest.raises(VaultError):
                await with_code(other, ticket, joe.code(postern))
        code = joe.recovery_codes[0]
        assert await tickets.redeem(other, caller(), ticket, recovery_codes, code)

    @pytest.mark.parametrize(
        "otp", ["", "12345", "1234567", "abcdef", "1" * 10_000, "\ud83d\udd11"]
    )
    async def test_a_malformed_code_costs_no_attempt(self, postern: Postern, otp: str) -> None:
        await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        for _ in range(7):
            with pytest.raises(AuthError) as refused:
                await with_code(postern, ticket, otp)
            assert refused.value.extensions == {"code": "INVALID_TOTP", "attemptsLeft": 5}
        assert await refusal(with_code(postern, "mfaTotp:x", otp)) == "INVALID_TICKET"

    async def test_a_right_code_clears_the_failures(self, postern: Postern, clock: Clock) -> None:
        joe = await sign_up_with_factor(postern)
        key = f"code of {joe.session.user.id}"
        ticket = await open_ticket(postern)
        for _ in range(3):
            assert await refusal(with_code(postern, ticket, joe.wrong_code(postern)))
        assert (await Throttle.get(key=key)).failures == 3
        clock.forward(30)
        assert await with_code(postern, ticket, joe.code(postern))
        assert (await Throttle.get(key=key)).failures == 0
        ticket = await open_ticket(postern)
        assert await refusal(with_code(postern, ticket, joe.wrong_code(postern)))
        assert (await Throttle.get(key=key)).failures == 1


async def test_fifty_simultaneous_guesses_get_five_attempts(postern: Postern, clock: Clock) -> None:
    """The attempt is taken before the code is checked; otherwise all fifty would be checked."""
    joe = await sign_up_with_factor(postern)
    ticket = await open_ticket(postern)
    clock.forward(30)
    guess = joe.wrong_code(postern)
    answers = await asyncio.gather(*(refusal(with_code(postern, ticket, guess)) for _ in range(50)))
    assert sorted(answers) == ["INVALID_TICKET"] * 45 + ["INVALID_TOTP"] * 5


class TestWhereTheOperatorHasSwitchedFactorsOff:
    async def test_a_user_with_a_factor_cannot_sign_in_while_factors_are_off(
        self, postern: Postern
    ) -> None:
        await sign_up_with_factor(postern)
        off = with_settings(postern, mfa_enabled=False)
        attempt = with_password(off, JOE, PASSWORD)
        assert await refusal(attempt) == "DISABLED_ENDPOINT"
        wrong = with_password(off, JOE, "wrong password")
        assert await refusal(wrong) == "INVALID_EMAIL_PASSWORD"
        assert await MfaTicket.all().count() == 0

    async def test_a_ticket_is_refused_while_factors_are_off(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        clock.forward(30)
        off = with_settings(postern, mfa_enabled=False)
        attempt = with_code(off, ticket, joe.code(postern))
        assert await refusal(attempt) == "DISABLED_ENDPOINT"

    async def test_a_user_without_a_factor_signs_in_while_factors_are_off(
        self, postern: Postern
    ) -> None:
        await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        off = with_settings(postern, mfa_enabled=False)
        assert isinstance(await with_password(off, JOE, PASSWORD), opening.Session)


class TestASignInThatIsOvertaken:
    """After the password was checked and before the session is opened, the account changes."""

    async def test_a_password_change_stops_a_running_sign_in(self, postern: Postern) -> None:
        user = await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        fresh = await postern.passwords.hash("another password")
        changed = User.filter(id=user.id).update(password_hash=fresh)
        assert await self.overtaken(postern, changed) == "INVALID_EMAIL_PASSWORD"

    async def test_disabling_the_user_stops_a_running_sign_in(self, postern: Postern) -> None:
        user = await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        disabled = acts.set_disabled(postern, OPERATOR, user, disabled=True)
        assert await self.overtaken(postern, disabled) == "INVALID_EMAIL_PASSWORD"

    async def test_a_new_factor_stops_a_running_sign_in(self, postern: Postern) -> None:
        user = await sign_up.create_account(postern, caller(), JOE, PASSWORD)
        turned_on = User.filter(id=user.id).update(has_second_factor=True)
        assert await self.overtaken(postern, turned_on) == "INVALID_EMAIL_PASSWORD"

    async def overtaken(self, postern: Postern, change: Awaitable[object]) -> str:
        verify, changes = postern.passwords.verify, [change]

        async def slow(password_hash: str | None, password: str) -> Match:
            matches = await verify(password_hash, password)
            while changes:
                await changes.pop()
            return matches

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postern.passwords, "verify", slow)
            code = await refusal(with_password(postern, JOE, PASSWORD))
        assert await UserSession.all().count() == 0
        return code


class TestTheTrail:
    async def test_a_sign_in_with_a_wrong_code_records_its_events(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        await refusal(with_password(postern, JOE, "wrong password"))
        ticket = await open_ticket(postern)
        wrong = joe.wrong_code(postern)
        await refusal(with_code(postern, ticket, wrong))
        clock.forward(30)
        await with_code(postern, ticket, joe.code(postern))
        assert await event_names() == [
            "SIGNED_UP",
            "SIGNED_IN",
            "FACTOR_ON",
            "SIGN_IN_FAILED",
            "TICKET_ISSUED",
            "WRONG_CODE",
            "SIGNED_IN",
        ]

    async def test_guesses_at_a_ticket_record_their_events(self, postern: Postern) -> None:
        await sign_up_with_factor(postern)
        twice = with_settings(postern, mfa_ticket_attempts=2)
        ticket = await open_ticket(twice)
        for _ in range(3):
            await refusal(with_code(twice, ticket, "000000"))
        assert (await event_names())[-3:] == ["WRONG_CODE", "WRONG_CODE", "ATTEMPTS_EXHAUSTED"]

    async def test_an_event_names_the_caller_but_not_an_unknown_account(
        self, postern: Postern
    ) -> None:
        await refusal(with_password(postern, "hunter2", "hunter2"))
        event = await SecurityEvent.get()
        assert (event.type, event.address, event.user_agent) == (
            "SIGN_IN_FAILED",
            "192.0.2.7",
            "Tests/1.0",
        )
        assert "hunter2" not in str(await SecurityEvent.all().values())
