import asyncio
from typing import Any

import pytest

from auth import tickets
from auth.accounts import enrolment, password_change, profile
from auth.errors import AuthError
from auth.factors import one_time_codes, recovery_codes, totp
from auth.operators import acts
from auth.postern import Postern
from auth.sessions import current, refreshing
from auth.ways_in import email_password
from models import MfaTicket, User, UserSession
from tests.support import (
    JOE,
    OPERATOR,
    PASSWORD,
    Clock,
    caller,
    event_names,
    open_ticket,
    refusal,
    sign_up_user,
    sign_up_with_factor,
    with_settings,
)

pytestmark = pytest.mark.anyio
NEW = "another good password"


class TestChangingThePassword:
    async def test_a_new_password_ends_other_sessions_and_all_tickets(
        self, postern: Postern
    ) -> None:
        joe = await sign_up_with_factor(postern)
        await open_ticket(postern)
        ticket, code = await open_ticket(postern), joe.recovery_codes[0]
        other = await tickets.redeem(postern, caller(), ticket, recovery_codes, code)
        changed = await password_change.change_user_password(postern, joe.caller, PASSWORD, NEW)
        assert changed.session_id == joe.session.session_id
        assert [session.id for session in await UserSession.all()] == [joe.session.session_id]
        assert await MfaTicket.all().count() == 0
        for old in (other.refresh_token, joe.session.refresh_token):
            stale = refreshing.refresh_session(postern, caller(), old)
            assert await refusal(stale) == "INVALID_REFRESH_TOKEN"
        kept = refreshing.refresh_session(postern, caller(), changed.refresh_token)
        assert await refusal(kept) == ""
        assert (await event_names())[-2:] == ["ALL_SESSIONS_ENDED", "PASSWORD_CHANGED"]

    async def test_only_the_new_password_signs_in(self, postern: Postern) -> None:
        _, joe = await sign_up_user(postern)
        await password_change.change_user_password(postern, joe, PASSWORD, NEW)
        old = email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD)
        assert await refusal(old) == "INVALID_EMAIL_PASSWORD"
        assert await email_password.sign_in_email_password(postern, caller(), JOE, NEW)

    @pytest.mark.parametrize(
        ("current", "new", "code"),
        [
            (PASSWORD + " ", NEW, "INVALID_PASSWORD"),
            ("", NEW, "INVALID_PASSWORD"),
            ("x" * 1025, NEW, "INVALID_REQUEST"),
            (PASSWORD, "x" * 1025, "INVALID_REQUEST"),
            (PASSWORD, "short", "PASSWORD_TOO_SHORT"),
            (PASSWORD, "password1", "PASSWORD_TOO_COMMON"),
            (PASSWORD, JOE, "PASSWORD_TOO_COMMON"),
        ],
    )
    async def test_a_refused_password_change_changes_nothing(
        self, postern: Postern, current: str, new: str, code: str
    ) -> None:
        session, joe = await sign_up_user(postern)
        before = await User.get(id=session.user.id).values()
        attempt = password_change.change_user_password(postern, joe, current, new)
        assert await refusal(attempt) == code
        assert await User.get(id=session.user.id).values() == before

    async def test_a_password_change_needs_a_signed_in_user(self, postern: Postern) -> None:
        attempt = password_change.change_user_password(postern, caller(), PASSWORD, NEW)
        assert await refusal(attempt) == "UNAUTHENTICATED"

    async def test_of_ten_simultaneous_password_changes_one_succeeds(
        self, postern: Postern
    ) -> None:
        _, joe = await sign_up_user(postern)
        answers = await asyncio.gather(
            *(
                refusal(password_change.change_user_password(postern, joe, PASSWORD, f"{NEW} {n}"))
                for n in range(10)
            )
        )
        assert sorted(answers) == [""] + ["INVALID_PASSWORD"] * 9

    async def test_a_simultaneous_sign_in_leaves_no_session_of_the_old_password(
        self, postern: Postern
    ) -> None:
        session, joe = await sign_up_user(postern)
        await asyncio.gather(
            password_change.change_user_password(postern, joe, PASSWORD, NEW),
            *(
                refusal(email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD))
                for _ in range(10)
            ),
        )
        assert [stored.id for stored in await UserSession.all()] == [session.session_id]


class TestChangingTheProfile:
    async def test_only_the_given_fields_change(self, postern: Postern) -> None:
        _, joe = await sign_up_user(postern)
        global_ = with_settings(postern, allowed_locales=("en", "de"))
        viewer = await profile.change_user(global_, joe, display_name=" Joe ", locale="de")
        assert (viewer.user.display_name, viewer.user.locale) == ("Joe", "de")
        viewer = await profile.change_user(global_, joe, display_name=None, locale=None)
        assert (viewer.user.display_name, viewer.user.locale) == ("Joe", "de")
        viewer = await profile.change_user(global_, joe, display_name="", locale=None)
        assert viewer.user.display_name == JOE

    async def test_a_locale_that_is_not_allowed_is_refused(self, postern: Postern) -> None:
        _, joe = await sign_up_user(postern)
        with pytest.raises(AuthError) as refused:
            await profile.change_user(postern, joe, display_name="Joe", locale="fr")
        assert refused.value.extensions == {"code": "LOCALE_NOT_ALLOWED", "allowed": ["en"]}
        long = profile.change_user(postern, joe, display_name="x" * 101, locale=None)
        assert await refusal(long) == "INVALID_REQUEST"
        assert (await User.get(email=JOE)).display_name == JOE


class TestDisablingAUser:
    async def test_disabling_a_user_ends_sessions_and_tickets_at_once(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        await acts.set_disabled(postern, OPERATOR, joe.session.user, disabled=True)
        assert await refusal(current.me(postern, joe.caller)) == "UNAUTHENTICATED"
        refresh = refreshing.refresh_session(postern, caller(), joe.session.refresh_token)
        assert await refusal(refresh) == "INVALID_REFRESH_TOKEN"
        clock.forward(30)
        verify = tickets.redeem(postern, caller(), ticket, totp, joe.code(postern))
        assert await refusal(verify) == "INVALID_TICKET"
        sign = email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD)
        assert await refusal(sign) == "DISABLED_USER"

    async def test_a_disabled_user_can_be_enabled_again(self, postern: Postern) -> None:
        session, _ = await sign_up_user(postern)
        for disabled in (True, False):
            await acts.set_disabled(postern, OPERATOR, session.user, disabled=disabled)
        assert await email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD)
        assert "USER_DISABLED" in await event_names()
        assert "USER_ENABLED" in await event_names()


async def test_a_committed_change_is_reported_even_if_the_session_then_ends(
    postern: Postern, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is not loaded again afterwards, so nothing can fail after the change."""
    session, owner = await sign_up_user(postern)
    looked = current.signed_in
    calls = []

    async def once(*given: Any) -> Any:
        calls.append(given)
        return await looked(*given)

    monkeypatch.setattr(current, "signed_in", once)
    viewer = await profile.change_user(postern, owner, display_name="Joe", locale=None)
    assert viewer.user.display_name == "Joe"
    changed = await password_change.change_user_password(postern, owner, PASSWORD, NEW)
    assert changed.session_id == session.session_id
    secret = (await enrolment.change_user_mfa(postern, owner)).totp_secret
    code = one_time_codes.code_at(secret, one_time_codes.time_step(postern.now()))
    on = await enrolment.verify_change_user_mfa(postern, owner, "totp", code)
    assert on.session.user.active_mfa_type == "totp"
    assert len(calls) == 4, "each request checks its token once"
