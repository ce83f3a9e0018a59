import asyncio

import pytest
from tortoise.exceptions import IntegrityError

from auth import tokens
from auth.accounts import sign_up
from auth.errors import AuthError
from auth.new_accounts import Wishes
from auth.operators import acts
from auth.postern import Postern
from auth.sessions import current, opening, refreshing
from auth.ways_in import email_password
from models import User
from tests.support import (
    OPERATOR,
    PASSWORD,
    caller,
    event_names,
    refusal,
    sign_up_user,
    with_settings,
)

pytestmark = pytest.mark.anyio


async def test_the_display_name_defaults_to_the_address(
    postern: Postern,
) -> None:
    joe = await sign_up.create_account(
        postern, caller(), " Joe@Example.com ", PASSWORD, Wishes("  ")
    )
    assert (joe.email, joe.display_name) == ("joe@example.com", "joe@example.com")
    amy = await sign_up.create_account(
        postern, caller(), "amy@example.com", PASSWORD, Wishes(" Amy 🌻 ")
    )
    assert amy.display_name == "Amy 🌻"


async def test_a_new_user_gets_the_operators_defaults(postern: Postern) -> None:
    user = await sign_up.create_account(
        with_settings(postern, default_role="editor", default_locale="de"),
        caller(),
        "a@b.test",
        PASSWORD,
    )
    stored = await User.get(id=user.id)
    assert (stored.default_role, stored.roles, stored.locale) == (
        "editor",
        ["user", "me", "editor"],
        "de",
    )
    assert not stored.email_verified
    assert not stored.disabled


@pytest.mark.parametrize("again", ["joe@example.com", " JOE@EXAMPLE.COM"])
async def test_an_address_has_one_account(postern: Postern, again: str) -> None:
    await sign_up.create_account(postern, caller(), "joe@example.com", PASSWORD)
    assert (
        await refusal(sign_up.create_account(postern, caller(), again, PASSWORD))
        == "EMAIL_ALREADY_IN_USE"
    )


async def test_of_fifty_simultaneous_sign_ups_for_one_address_one_succeeds(
    postern: Postern,
) -> None:
    answers = await asyncio.gather(
        *(
            sign_up.create_account(postern, caller(), "joe@example.com", PASSWORD)
            for _ in range(50)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, User) for answer in answers) == 1
    refused = [answer for answer in answers if isinstance(answer, AuthError)]
    assert [error.code.name for error in refused] == ["EMAIL_ALREADY_IN_USE"] * 49


@pytest.mark.parametrize(
    ("email", "password", "name", "code"),
    [
        ("joe", PASSWORD, None, "INVALID_REQUEST"),
        ("", PASSWORD, None, "INVALID_REQUEST"),
        ("joe@example.com", "1234567", None, "PASSWORD_TOO_SHORT"),
        ("joe@example.com", "", None, "PASSWORD_TOO_SHORT"),
        ("joe@example.com", "x" * 1025, None, "INVALID_REQUEST"),
        ("joe@example.com", PASSWORD, "x" * 101, "INVALID_REQUEST"),
        ("joe@example.com", PASSWORD, "a\0b", "INVALID_REQUEST"),
        ("joe@example.com", PASSWORD, "a\nb", "INVALID_REQUEST"),
    ],
)
async def test_an_invalid_sign_up_is_refused_and_stores_nothing(
    postern: Postern, email: str, password: str, name: str | None, code: str
) -> None:
    attempt = sign_up.sign_up_email_password(postern, caller(), email, password, Wishes(name))
    assert await refusal(attempt) == code
    assert await User.all().count() == 0


@pytest.mark.parametrize("password", ["x7#kQ!2z", "🔑" * 8, "🔑" * 256, "x" * 1024, " " * 8 + "!"])
async def test_passwords_of_8_characters_to_1024_bytes_are_accepted(
    postern: Postern, password: str
) -> None:
    assert await sign_up.create_account(postern, caller(), "joe@example.com", password)


async def test_a_too_short_password_is_refused_with_the_minimum(postern: Postern) -> None:
    with pytest.raises(AuthError) as refused:
        await sign_up.create_account(
            with_settings(postern, password_min_length=12), caller(), "joe@example.com", "x" * 11
        )
    assert refused.value.extensions == {"code": "PASSWORD_TOO_SHORT", "minLength": 12}


async def test_sign_up_can_be_turned_off(postern: Postern) -> None:
    closed = with_settings(postern, disable_signup=True)
    attempt = sign_up.sign_up_email_password(closed, caller(), "joe@example.com", PASSWORD)
    assert await refusal(attempt) == "SIGNUP_DISABLED"
    assert await User.all().count() == 0


async def test_sign_in_can_require_a_verified_address(
    postern: Postern,
) -> None:
    early, owner = await sign_up_user(postern, "early@example.com")
    strict = with_settings(postern, email_verified_required=True)
    attempt = sign_up.sign_up_email_password(strict, caller(), "joe@example.com", PASSWORD)
    assert await refusal(attempt) == "UNVERIFIED_USER"
    for email in ("joe@example.com", "early@example.com"):
        wrong = email_password.sign_in_email_password(strict, caller(), email, "wrong")
        assert await refusal(wrong) == "INVALID_EMAIL_PASSWORD"
        right = email_password.sign_in_email_password(strict, caller(), email, PASSWORD)
        assert await refusal(right) == "UNVERIFIED_USER"
    assert await refusal(current.me(strict, owner)) == "UNVERIFIED_USER"
    refresh = refreshing.refresh_session(strict, caller(), early.refresh_token)
    assert await refusal(refresh) == "UNVERIFIED_USER"
    joe = await User.get(email="joe@example.com")
    await acts.set_email_verified(strict, OPERATOR, joe)
    session = await email_password.sign_in_email_password(strict, caller(), joe.email, PASSWORD)
    assert isinstance(session, opening.Session)
    assert session.user.email_verified
    assert (await event_names(joe.email))[-2:] == ["EMAIL_VERIFIED", "SIGNED_IN"]


async def test_new_users_can_be_created_as_disabled(postern: Postern) -> None:
    waiting = with_settings(postern, disable_new_users=True)
    attempt = sign_up.sign_up_email_password(waiting, caller(), "joe@example.com", PASSWORD)
    assert await refusal(attempt) == "DISABLED_USER"
    assert (await User.get(email="joe@example.com")).disabled


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("password1", "common"),
        ("PassWord1", "common"),
        ("qwertyuiop", "common"),
        ("joe@example.com", "email"),
        ("Joe@Example.COM", "email"),
        ("POSTERN Inc", "issuer"),
    ],
)
async def test_an_easily_guessed_password_is_refused(
    postern: Postern, password: str, reason: str
) -> None:
    branded = with_settings(postern, mfa_totp_issuer="Postern Inc")
    with pytest.raises(AuthError) as refused:
        await sign_up.create_account(branded, caller(), "joe@example.com", password)
    assert refused.value.extensions == {"code": "PASSWORD_TOO_COMMON", "reason": reason}
    assert await User.all().count() == 0


async def test_the_list_of_common_passwords_can_be_turned_off(postern: Postern) -> None:
    lax = with_settings(postern, password_check_common=False)
    assert await sign_up.create_account(lax, caller(), "joe@example.com", "password1")
    attempt = sign_up.create_account(lax, caller(), "amy@example.com", "amy@example.com")
    assert await refusal(attempt) == "PASSWORD_TOO_COMMON"


async def test_an_account_and_its_first_session_are_created_together(
    postern: Postern, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "opaque_token", lambda: "the same for everybody")
    await sign_up.sign_up_email_password(postern, caller(), "joe@example.com", PASSWORD)
    with pytest.raises(IntegrityError):
        await sign_up.sign_up_email_password(postern, caller(), "amy@example.com", PASSWORD)
    assert not await User.exists(email="amy@example.com")
    assert await event_names() == ["SIGNED_UP", "SIGNED_IN"]
