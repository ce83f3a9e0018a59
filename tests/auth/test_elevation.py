import asyncio
from collections.abc import Awaitable

import jwt
import pytest

from auth.accounts import enrolment, password_change
from auth.caller import Caller
from auth.passwords import Match
from auth.postern import Postern
from auth.sessions import current, refreshing
from auth.sessions.elevation import elevate
from auth.sessions.opening import Session
from models import User
from tests.support import (
    PASSWORD,
    Clock,
    caller,
    event_names,
    refusal,
    sign_up_user,
    sign_up_with_factor,
    with_settings,
)

pytestmark = pytest.mark.anyio
NEW = "another good password"
AGE = 15 * 60


@pytest.fixture
def postern(postern: Postern) -> Postern:
    """A Postern whose access tokens live longer than the maximum age of a sign-in."""
    return with_settings(postern, access_token_expires_in=2 * 24 * 3600)


def changes(postern: Postern, owner: Caller) -> list[Awaitable[object]]:
    """All operations for which a stolen access token must not be enough."""
    return [
        enrolment.change_user_mfa(postern, owner),
        enrolment.verify_change_user_mfa(postern, owner, "totp", "123456"),
        enrolment.verify_change_user_mfa(postern, owner, "", "123456"),
        enrolment.regenerate_recovery_codes(postern, owner, "123456"),
        password_change.change_user_password(postern, owner, PASSWORD, NEW),
    ]


async def refreshed(postern: Postern, session: Session) -> Session:
    return await refreshing.refresh_session(postern, caller(), session.refresh_token)


async def test_sensitive_changes_need_a_recent_sign_in(postern: Postern, clock: Clock) -> None:
    session, owner = await sign_up_user(postern)
    clock.forward(AGE + 1)
    later = caller((await refreshed(postern, session)).access_token)
    for token in (owner, later):
        for change in changes(postern, token):
            assert await refusal(change) == "ELEVATED_CLAIM_REQUIRED"
    assert await refusal(current.me(postern, owner)) == ""


async def test_the_maximum_age_can_be_turned_off(postern: Postern, clock: Clock) -> None:
    _, owner = await sign_up_user(postern)
    clock.forward(24 * 3600)
    lax = with_settings(postern, elevation_max_age=0)
    assert "ELEVATED_CLAIM_REQUIRED" not in [
        await refusal(change) for change in changes(lax, owner)
    ]


@pytest.mark.parametrize(
    ("mode", "without_factor", "with_factor"),
    [("disabled", False, False), ("recommended", False, True), ("required", True, True)],
)
async def test_nhosts_modes_say_who_must_elevate(
    postern: Postern, clock: Clock, mode: str, *, without_factor: bool, with_factor: bool
) -> None:
    _, amy = await sign_up_user(postern, "amy@example.com")
    joe = await sign_up_with_factor(postern)
    clock.forward(AGE + 1)
    chosen = with_settings(postern, elevation_mode=mode)
    required = "ELEVATED_CLAIM_REQUIRED"
    change = enrolment.change_user_mfa(chosen, amy)
    assert (await refusal(change) == required) is without_factor
    off = enrolment.verify_change_user_mfa(chosen, joe.caller, "", "000000")
    assert (await refusal(off) == required) is with_factor
    password = password_change.set_password(chosen, amy, "another good one")
    assert await refusal(password) == required, "there is no other check"


async def test_the_password_elevates_the_same_session(postern: Postern, clock: Clock) -> None:
    session, owner = await sign_up_user(postern)
    clock.forward(AGE + 1)
    elevated = await elevate(postern, owner, PASSWORD, None)
    assert elevated.session_id == session.session_id
    claims = jwt.decode(elevated.access_token, options={"verify_signature": False})
    hasura = claims["https://hasura.io/jwt/claims"]
    assert hasura["x-hasura-auth-elevated"] == str(session.user.id)
    assert claims["auth_time"] == int(postern.now().timestamp())
    assert claims["amr"] == ["pwd"]
    fresh = caller(elevated.access_token)
    assert await refusal(enrolment.change_user_mfa(postern, fresh)) == ""
    assert await refusal(enrolment.change_user_mfa(postern, owner)) == "ELEVATED_CLAIM_REQUIRED", (
        "an older token of the session may be in other hands"
    )
    assert (await event_names())[-1] == "ELEVATED"


async def test_an_elevation_survives_a_refresh_and_revokes_older_tokens(
    postern: Postern, clock: Clock
) -> None:
    session, owner = await sign_up_user(postern)
    clock.forward(AGE + 1)
    elevated = await elevate(postern, owner, PASSWORD, None)
    clock.forward(11)
    fresh = await refreshed(postern, elevated)
    assert await refusal(enrolment.change_user_mfa(postern, caller(fresh.access_token))) == ""
    assert await refusal(refreshed(postern, session)) == "INVALID_REFRESH_TOKEN"
    assert await refusal(refreshed(postern, fresh)) == "", "the session continues"


@pytest.mark.parametrize(
    ("password", "code", "refused"),
    [
        (None, None, "INVALID_REQUEST"),
        (None, "123456", "INVALID_REQUEST"),
        ("wrong password", None, "INVALID_PASSWORD"),
    ],
)
async def test_without_a_factor_the_password_is_required(
    postern: Postern, password: str | None, code: str | None, refused: str
) -> None:
    _, owner = await sign_up_user(postern)
    assert await refusal(elevate(postern, owner, password, code)) == refused


async def test_with_a_factor_its_code_is_required(postern: Postern, clock: Clock) -> None:
    joe = await sign_up_with_factor(postern)
    clock.forward(30)
    code = joe.code(postern)
    assert await refusal(elevate(postern, joe.caller, PASSWORD, None)) == "INVALID_REQUEST"
    assert await refusal(elevate(postern, joe.caller, "wrong", code)) == "INVALID_PASSWORD"
    wrong = joe.wrong_code(postern)
    assert await refusal(elevate(postern, joe.caller, PASSWORD, wrong)) == "INVALID_TOTP"
    elevated = await elevate(postern, joe.caller, None, code)
    claims = jwt.decode(elevated.access_token, options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert await refusal(elevate(postern, joe.caller, None, code)) == "INVALID_TOTP", "used"


async def test_a_recovery_code_elevates_once(postern: Postern) -> None:
    joe = await sign_up_with_factor(postern)
    code = joe.recovery_codes[0]
    answers = await asyncio.gather(
        *(refusal(elevate(postern, joe.caller, None, code)) for _ in range(5))
    )
    assert sorted(answers) == [""] + ["INVALID_TOTP"] * 4


async def test_a_password_that_was_just_changed_does_not_elevate(
    postern: Postern, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, owner = await sign_up_user(postern)
    verify = postern.passwords.verify
    fresh = await postern.passwords.hash(NEW)

    async def slow(password_hash: str | None, password: str) -> Match:
        matches = await verify(password_hash, password)
        await User.filter(id=session.user.id).update(password_hash=fresh)
        return matches

    monkeypatch.setattr(postern.passwords, "verify", slow)
    assert await refusal(elevate(postern, owner, PASSWORD, None)) == "UNAUTHENTICATED"


async def test_elevation_needs_a_signed_in_user(postern: Postern) -> None:
    await sign_up_user(postern)
    assert await refusal(elevate(postern, caller(), PASSWORD, None)) == "UNAUTHENTICATED"
