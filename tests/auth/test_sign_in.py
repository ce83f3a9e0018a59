import asyncio
from datetime import timedelta

import pytest

from auth import mfa, sessions, sign_in, sign_up, tokens, totp
from auth.errors import AuthError
from auth.passwords import Passwords
from auth.postern import Postern
from models import MfaTicket, RefreshToken, User
from tests.support import PASSWORD, Clock, refusal, sign_up_with_factor, with_settings

pytestmark = pytest.mark.anyio
JOE = "joe@example.com"


async def open_ticket(postern: Postern, email: str = JOE) -> str:
    answer = await sign_in.sign_in_email_password(postern, email, PASSWORD)
    assert isinstance(answer, sign_in.MfaTicket)
    return answer.ticket


def code_now(postern: Postern, secret: str, offset: int = 0) -> str:
    return totp.code_at(secret, totp.time_step(postern.now()) + offset)


def wrong_code(postern: Postern, secret: str) -> str:
    near = {code_now(postern, secret, offset) for offset in range(-3, 4)}
    return next(code for code in ("000000", "111111", "222222") if code not in near)


class TestPassword:
    async def test_the_right_one_opens_a_session(self, postern: Postern) -> None:
        user = await sign_up.create_account(postern, JOE, PASSWORD)
        session = await sign_in.sign_in_email_password(postern, " JOE@example.com", PASSWORD)
        assert isinstance(session, sessions.Session)
        assert session.user.id == user.id
        assert await sessions.signed_in_user(postern, session.access_token) == user
        stored = await RefreshToken.get(id=session.refresh_token_id)
        assert stored.digest == tokens.digest(session.refresh_token)
        assert stored.expires_at == postern.now() + timedelta(days=30)

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
    async def test_every_other_pair_is_refused_alike(
        self, postern: Postern, email: str, password: str
    ) -> None:
        await sign_up.create_account(postern, JOE, PASSWORD)
        with pytest.raises(AuthError) as refused:
            await sign_in.sign_in_email_password(postern, email, password)
        assert refused.value.extensions == {"code": "INVALID_EMAIL_PASSWORD"}
        assert str(refused.value) == "The e-mail address or the password is wrong."

    async def test_an_unknown_address_costs_the_same_work(
        self, postern: Postern, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        verified: list[str] = []
        verify = Passwords._verify

        def counting(self: Passwords, password_hash: str | None, password: str) -> bool:
            verified.append(password_hash or self._nobodys_hash)
            return verify(self, password_hash, password)

        monkeypatch.setattr(Passwords, "_verify", counting)
        await sign_up.create_account(postern, JOE, PASSWORD)
        for email in (JOE, "nobody@example.com", "no address"):
            await refusal(sign_in.sign_in_email_password(postern, email, "wrong password"))
        assert len(verified) == 3
        assert len({made.rsplit("$", 2)[0] for made in verified}) == 1, "the same parameters"

    async def test_that_an_account_is_disabled_is_told_to_its_owner_alone(
        self, postern: Postern
    ) -> None:
        await sign_up.create_account(postern, JOE, PASSWORD, disabled=True)
        wrong = sign_in.sign_in_email_password(postern, JOE, "wrong password")
        right = sign_in.sign_in_email_password(postern, JOE, PASSWORD)
        assert await refusal(wrong) == "INVALID_EMAIL_PASSWORD"
        assert await refusal(right) == "DISABLED_USER"

    async def test_a_hash_of_old_parameters_is_made_anew(self, postern: Postern) -> None:
        user = await sign_up.create_account(postern, JOE, PASSWORD)
        old = Passwords(memory_cost=64, time_cost=1, parallelism=1, threads=1)
        await User.filter(id=user.id).update(password_hash=await old.hash(PASSWORD))
        await refusal(sign_in.sign_in_email_password(postern, JOE, "wrong password"))
        assert "$m=64,t=1,p=1$" in (await User.get(id=user.id)).password_hash
        await sign_in.sign_in_email_password(postern, JOE, PASSWORD)
        assert "$m=19456,t=2,p=1$" in (await User.get(id=user.id)).password_hash
        assert await sign_in.sign_in_email_password(postern, JOE, PASSWORD)
        old.close()

    async def test_an_oversized_one_is_refused_before_it_is_hashed(self, postern: Postern) -> None:
        attempt = sign_in.sign_in_email_password(postern, JOE, "x" * 1025)
        assert await refusal(attempt) == "INVALID_REQUEST"


class TestTicket:
    async def test_a_factor_turns_the_session_into_a_ticket(self, postern: Postern) -> None:
        await sign_up_with_factor(postern, JOE)
        before = await RefreshToken.all().count()
        answer = await sign_in.sign_in_email_password(postern, JOE, PASSWORD)
        assert isinstance(answer, sign_in.MfaTicket)
        assert answer.ticket.startswith("mfaTotp:")
        assert answer.expires_in == 300
        assert await RefreshToken.all().count() == before

    async def test_ticket_and_code_make_a_session(self, postern: Postern, clock: Clock) -> None:
        first, secret = await sign_up_with_factor(postern, JOE)
        ticket = await open_ticket(postern)
        clock.forward(30)
        session = await sign_in.verify_sign_in_mfa_totp(postern, ticket, code_now(postern, secret))
        assert session.user.id == first.user.id
        assert session.user.active_mfa_type == "totp"
        assert await MfaTicket.all().count() == 0

    async def test_wrong_codes_are_counted_and_the_fifth_kills_the_ticket(
        self, postern: Postern, clock: Clock
    ) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        ticket = await open_ticket(postern)
        clock.forward(30)
        for left in (4, 3, 2, 1, 0):
            with pytest.raises(AuthError) as refused:
                await sign_in.verify_sign_in_mfa_totp(postern, ticket, wrong_code(postern, secret))
            assert refused.value.extensions == {"code": "INVALID_TOTP", "attemptsLeft": left}
        right = sign_in.verify_sign_in_mfa_totp(postern, ticket, code_now(postern, secret))
        assert await refusal(right) == "INVALID_TICKET"
        another = await open_ticket(postern)
        assert await sign_in.verify_sign_in_mfa_totp(postern, another, code_now(postern, secret))

    @pytest.mark.parametrize(
        "otp",
        ["", "12345", "1234567", "abcdef", "\uff11" * 6, "x" * 10_000],
    )
    async def test_what_is_no_code_is_a_wrong_code(self, postern: Postern, otp: str) -> None:
        await sign_up_with_factor(postern, JOE)
        attempt = sign_in.verify_sign_in_mfa_totp(postern, await open_ticket(postern), otp)
        assert await refusal(attempt) == "INVALID_TOTP"

    async def test_the_last_attempt_may_be_the_right_one(
        self, postern: Postern, clock: Clock
    ) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        once = with_settings(postern, mfa_ticket_attempts=1)
        ticket = await open_ticket(once)
        clock.forward(30)
        assert await sign_in.verify_sign_in_mfa_totp(once, ticket, code_now(postern, secret))

    async def test_a_ticket_expires(self, postern: Postern, clock: Clock) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        early, late = await open_ticket(postern), await open_ticket(postern)
        clock.forward(299.9)
        attempt = sign_in.verify_sign_in_mfa_totp(postern, early, code_now(postern, secret))
        assert await refusal(attempt) == ""
        clock.forward(30.1)
        attempt = sign_in.verify_sign_in_mfa_totp(postern, late, code_now(postern, secret))
        assert await refusal(attempt) == "INVALID_TICKET"

    async def test_tickets_do_not_disturb_one_another(self, postern: Postern, clock: Clock) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        tickets = [await open_ticket(postern) for _ in range(3)]
        for ticket in tickets:
            clock.forward(30)
            assert await sign_in.verify_sign_in_mfa_totp(postern, ticket, code_now(postern, secret))

    @pytest.mark.parametrize(
        "ticket",
        ["", "mfaTotp:", "mfaTotp:00000000-0000-0000-0000-000000000000", "x" * 10_000, "\0", "'--"],
    )
    async def test_a_ticket_that_was_never_issued_is_refused(
        self, postern: Postern, ticket: str
    ) -> None:
        attempt = sign_in.verify_sign_in_mfa_totp(postern, ticket, "123456")
        assert await refusal(attempt) == "INVALID_TICKET"

    async def test_a_ticket_is_its_whole_text(self, postern: Postern, clock: Clock) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        ticket = await open_ticket(postern)
        clock.forward(30)
        for almost in (ticket.removeprefix("mfaTotp:"), ticket.upper(), f"{ticket} "):
            attempt = sign_in.verify_sign_in_mfa_totp(postern, almost, code_now(postern, secret))
            assert await refusal(attempt) == "INVALID_TICKET"

    async def test_a_disabled_user_gets_no_further(self, postern: Postern, clock: Clock) -> None:
        session, secret = await sign_up_with_factor(postern, JOE)
        ticket = await open_ticket(postern)
        await User.filter(id=session.user.id).update(disabled=True)
        clock.forward(30)
        attempt = sign_in.verify_sign_in_mfa_totp(postern, ticket, code_now(postern, secret))
        assert await refusal(attempt) == "DISABLED_USER"

    async def test_a_factor_that_was_turned_off_meanwhile_verifies_nothing(
        self, postern: Postern, clock: Clock
    ) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        ticket = await open_ticket(postern)
        assert await mfa.reset_mfa(JOE)
        clock.forward(30)
        attempt = sign_in.verify_sign_in_mfa_totp(postern, ticket, code_now(postern, secret))
        assert await refusal(attempt) == "DISABLED_MFA_TOTP"


class TestACodeIsAcceptedOnce:
    async def test_not_again_with_another_ticket(self, postern: Postern, clock: Clock) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        first, second = await open_ticket(postern), await open_ticket(postern)
        clock.forward(30)
        code = code_now(postern, secret)
        assert await sign_in.verify_sign_in_mfa_totp(postern, first, code)
        replay = sign_in.verify_sign_in_mfa_totp(postern, second, code)
        assert await refusal(replay) == "INVALID_TOTP"

    async def test_nor_an_older_one_after_a_newer_one(self, postern: Postern, clock: Clock) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        first, second = await open_ticket(postern), await open_ticket(postern)
        clock.forward(60)
        assert await sign_in.verify_sign_in_mfa_totp(postern, first, code_now(postern, secret))
        older = sign_in.verify_sign_in_mfa_totp(postern, second, code_now(postern, secret, -1))
        assert await refusal(older) == "INVALID_TOTP"

    async def test_whatever_flow_it_was_used_in(self, postern: Postern, clock: Clock) -> None:
        session, secret = await sign_up_with_factor(postern, JOE)
        activation = code_now(postern, secret)
        ticket = await open_ticket(postern)
        attempt = sign_in.verify_sign_in_mfa_totp(postern, ticket, activation)
        assert await refusal(attempt) == "INVALID_TOTP"
        clock.forward(30)
        code = code_now(postern, secret)
        assert await sign_in.verify_sign_in_mfa_totp(postern, ticket, code)
        turn_off = mfa.verify_change_user_mfa(postern, session.access_token, "", code)
        assert await refusal(turn_off) == "INVALID_TOTP"

    @pytest.mark.parametrize("tickets", [1, 50])
    async def test_of_fifty_at_once_one_succeeds(
        self, postern: Postern, clock: Clock, tickets: int
    ) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        before = await RefreshToken.all().count()
        opened = [await open_ticket(postern) for _ in range(tickets)]
        clock.forward(30)
        code = code_now(postern, secret)
        answers = await asyncio.gather(
            *(
                sign_in.verify_sign_in_mfa_totp(postern, opened[n % tickets], code)
                for n in range(50)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, sessions.Session) for answer in answers) == 1
        refused = [answer.code.name for answer in answers if isinstance(answer, AuthError)]
        assert len(refused) == 49
        assert set(refused) <= {"INVALID_TOTP", "INVALID_TICKET"}
        assert await RefreshToken.all().count() == before + 1

    async def test_a_refused_redemption_spends_nothing(
        self, postern: Postern, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process fails after the code was spent: ticket and code are still good."""
        _, secret = await sign_up_with_factor(postern, JOE)
        ticket = await open_ticket(postern)
        clock.forward(30)
        code = code_now(postern, secret)
        issue = sessions.issue

        async def failing(*_arguments: object) -> sessions.Session:
            raise OSError("disk full")

        monkeypatch.setattr(sessions, "issue", failing)
        with pytest.raises(OSError, match="disk full"):
            await sign_in.verify_sign_in_mfa_totp(postern, ticket, code)
        monkeypatch.setattr(sessions, "issue", issue)
        assert await sign_in.verify_sign_in_mfa_totp(postern, ticket, code)


async def test_fifty_guesses_at_once_get_five_tries(postern: Postern, clock: Clock) -> None:
    """The attempt is taken before the code is looked at; else all fifty would be."""
    _, secret = await sign_up_with_factor(postern, JOE)
    ticket = await open_ticket(postern)
    clock.forward(30)
    guess = wrong_code(postern, secret)
    answers = await asyncio.gather(
        *(refusal(sign_in.verify_sign_in_mfa_totp(postern, ticket, guess)) for _ in range(50))
    )
    assert sorted(answers) == ["INVALID_TICKET"] * 45 + ["INVALID_TOTP"] * 5


class TestWhereTheOperatorHasSwitchedFactorsOff:
    async def test_a_user_with_a_factor_is_not_waved_through(self, postern: Postern) -> None:
        await sign_up_with_factor(postern, JOE)
        off = with_settings(postern, mfa_enabled=False)
        attempt = sign_in.sign_in_email_password(off, JOE, PASSWORD)
        assert await refusal(attempt) == "DISABLED_ENDPOINT"
        wrong = sign_in.sign_in_email_password(off, JOE, "wrong password")
        assert await refusal(wrong) == "INVALID_EMAIL_PASSWORD"
        assert await MfaTicket.all().count() == 0

    async def test_an_open_ticket_is_not_redeemed(self, postern: Postern, clock: Clock) -> None:
        _, secret = await sign_up_with_factor(postern, JOE)
        ticket = await open_ticket(postern)
        clock.forward(30)
        off = with_settings(postern, mfa_enabled=False)
        attempt = sign_in.verify_sign_in_mfa_totp(off, ticket, code_now(postern, secret))
        assert await refusal(attempt) == "DISABLED_ENDPOINT"

    async def test_a_user_without_one_signs_in_as_ever(self, postern: Postern) -> None:
        await sign_up.create_account(postern, JOE, PASSWORD)
        off = with_settings(postern, mfa_enabled=False)
        assert isinstance(
            await sign_in.sign_in_email_password(off, JOE, PASSWORD), sessions.Session
        )
