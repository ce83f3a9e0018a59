import asyncio

import pytest

from auth import mfa, sign_up, totp
from auth.errors import AuthError
from auth.postern import Postern
from auth.vault import VaultError
from models import User
from tests.support import PASSWORD, Clock, refusal, sign_up_with_factor, with_settings

pytestmark = pytest.mark.anyio
JOE = "joe@example.com"


@pytest.fixture
async def token(postern: Postern) -> str:
    """The access token of a user without a factor."""
    return (await sign_up.sign_up_email_password(postern, JOE, PASSWORD, None)).access_token


def code_now(postern: Postern, secret: str) -> str:
    return totp.code_at(secret, totp.time_step(postern.now()))


async def activate(postern: Postern, token: str, secret: str) -> mfa.MfaChange:
    return await mfa.verify_change_user_mfa(postern, token, "totp", code_now(postern, secret))


async def turn_off(postern: Postern, token: str, secret: str) -> mfa.MfaChange:
    return await mfa.verify_change_user_mfa(postern, token, "", code_now(postern, secret))


async def test_the_secret_is_pending_until_a_code_proves_it(postern: Postern, token: str) -> None:
    enrolment = await mfa.change_user_mfa(postern, token)
    assert (await User.get(email=JOE)).active_mfa_type is None
    change = await activate(postern, token, enrolment.totp_secret)
    assert change.user.active_mfa_type == "totp"
    assert change.recovery_codes == ()
    assert (await User.get(email=JOE)).active_mfa_type == "totp"


async def test_asked_again_a_new_secret_replaces_the_pending_one(
    postern: Postern, token: str
) -> None:
    first = await mfa.change_user_mfa(postern, token)
    second = await mfa.change_user_mfa(postern, token)
    assert first.totp_secret != second.totp_secret
    assert await refusal(activate(postern, token, first.totp_secret)) == "INVALID_TOTP"
    assert await refusal(activate(postern, token, second.totp_secret)) == ""


async def test_an_active_factor_is_not_touched(postern: Postern, clock: Clock) -> None:
    session, secret = await sign_up_with_factor(postern, JOE)
    before = await User.get(id=session.user.id).values()
    assert await refusal(mfa.change_user_mfa(postern, session.access_token)) == (
        "TOTP_ALREADY_ACTIVE"
    )
    clock.forward(30)
    again = activate(postern, session.access_token, secret)
    assert await refusal(again) == "TOTP_ALREADY_ACTIVE"
    assert await User.get(id=session.user.id).values() == before


async def test_a_wrong_code_activates_nothing_and_keeps_the_secret(
    postern: Postern, token: str
) -> None:
    secret = (await mfa.change_user_mfa(postern, token)).totp_secret
    wrong = f"{(int(code_now(postern, secret)) + 1) % 10**6:06}"
    attempt = mfa.verify_change_user_mfa(postern, token, "totp", wrong)
    assert await refusal(attempt) == "INVALID_TOTP"
    assert (await User.get(email=JOE)).active_mfa_type is None
    assert await refusal(activate(postern, token, secret)) == ""


async def test_there_is_nothing_to_activate_before_enrolment(postern: Postern, token: str) -> None:
    attempt = mfa.verify_change_user_mfa(postern, token, "totp", "123456")
    assert await refusal(attempt) == "NO_TOTP_SECRET"


async def test_there_is_nothing_to_turn_off_before_activation(postern: Postern, token: str) -> None:
    attempt = mfa.verify_change_user_mfa(postern, token, "", "123456")
    assert await refusal(attempt) == "DISABLED_MFA_TOTP"
    secret = (await mfa.change_user_mfa(postern, token)).totp_secret
    assert await refusal(turn_off(postern, token, secret)) == "DISABLED_MFA_TOTP"


async def test_turning_off_deletes_the_secret(postern: Postern, clock: Clock) -> None:
    session, secret = await sign_up_with_factor(postern, JOE)
    clock.forward(30)
    change = await turn_off(postern, session.access_token, secret)
    assert change.user.active_mfa_type is None
    assert (await User.get(email=JOE)).totp_secret is None


async def test_turning_off_needs_a_code_that_is_right_and_fresh(
    postern: Postern, clock: Clock
) -> None:
    session, secret = await sign_up_with_factor(postern, JOE)
    assert await refusal(turn_off(postern, session.access_token, secret)) == "INVALID_TOTP"
    clock.forward(30)
    wrong = f"{(int(code_now(postern, secret)) + 1) % 10**6:06}"
    attempt = mfa.verify_change_user_mfa(postern, session.access_token, "", wrong)
    assert await refusal(attempt) == "INVALID_TOTP"
    assert (await User.get(email=JOE)).active_mfa_type == "totp"


async def test_spent_steps_stay_spent_in_the_next_factor(postern: Postern, clock: Clock) -> None:
    session, secret = await sign_up_with_factor(postern, JOE)
    clock.forward(30)
    await turn_off(postern, session.access_token, secret)
    fresh = (await mfa.change_user_mfa(postern, session.access_token)).totp_secret
    assert await refusal(activate(postern, session.access_token, fresh)) == "INVALID_TOTP"
    clock.forward(30)
    assert await refusal(activate(postern, session.access_token, fresh)) == ""


@pytest.mark.parametrize("kind", ["sms", "TOTP", " ", "totp ", "null", "x" * 10_000])
async def test_another_type_is_refused_with_the_two_that_are_accepted(
    postern: Postern, token: str, kind: str
) -> None:
    with pytest.raises(AuthError) as refused:
        await mfa.verify_change_user_mfa(postern, token, kind, "123456")
    assert refused.value.code.name == "INVALID_REQUEST"
    assert '"totp"' in str(refused.value)
    assert '""' in str(refused.value)


@pytest.mark.parametrize("kind", ["totp", ""])
async def test_of_fifty_changes_at_once_one_succeeds(
    postern: Postern, clock: Clock, token: str, kind: str
) -> None:
    secret = (await mfa.change_user_mfa(postern, token)).totp_secret
    if kind == "":
        await activate(postern, token, secret)
        clock.forward(30)
    code = code_now(postern, secret)
    answers = await asyncio.gather(
        *(refusal(mfa.verify_change_user_mfa(postern, token, kind, code)) for _ in range(50))
    )
    assert answers.count("") == 1
    assert set(answers) <= {"", "INVALID_TOTP", "TOTP_ALREADY_ACTIVE", "DISABLED_MFA_TOTP"}
    active = (await User.get(email=JOE)).active_mfa_type
    assert active == (kind or None)


async def test_two_codes_at_once_activate_once(postern: Postern, token: str) -> None:
    secret = (await mfa.change_user_mfa(postern, token)).totp_secret
    now = totp.time_step(postern.now())
    codes = [totp.code_at(secret, step) for step in (now - 1, now, now + 1)]
    answers = await asyncio.gather(
        *(refusal(mfa.verify_change_user_mfa(postern, token, "totp", code)) for code in codes)
    )
    assert answers.count("") == 1


async def test_enrolling_and_activating_at_once_never_leaves_an_unproven_secret(
    postern: Postern, token: str
) -> None:
    """Whichever comes first: what is active is what the code was for."""
    secret = (await mfa.change_user_mfa(postern, token)).totp_secret
    activations = [refusal(activate(postern, token, secret)) for _ in range(5)]
    enrolments = [refusal(mfa.change_user_mfa(postern, token)) for _ in range(5)]
    await asyncio.gather(
        *(task for pair in zip(enrolments, activations, strict=True) for task in pair)
    )
    user = await User.get(email=JOE)
    if user.active_mfa_type:
        assert postern.vault.open(str(user.totp_secret), mfa._context(user)) == secret


async def test_a_secret_moved_to_another_users_row_is_worth_nothing(
    postern: Postern, clock: Clock
) -> None:
    joe, secret = await sign_up_with_factor(postern, JOE)
    amy, _ = await sign_up_with_factor(postern, "amy@example.com")
    stolen = (await User.get(id=joe.user.id)).totp_secret
    await User.filter(id=amy.user.id).update(totp_secret=stolen)
    clock.forward(30)
    with pytest.raises(VaultError):
        await turn_off(postern, amy.access_token, secret)


async def test_every_step_needs_a_signed_in_user(postern: Postern) -> None:
    for token in (None, "", "forged"):
        assert await refusal(mfa.change_user_mfa(postern, token)) == "UNAUTHENTICATED"
        attempt = mfa.verify_change_user_mfa(postern, token, "totp", "123456")
        assert await refusal(attempt) == "UNAUTHENTICATED"


async def test_nothing_works_where_the_operator_has_switched_factors_off(
    postern: Postern, token: str
) -> None:
    off = with_settings(postern, mfa_enabled=False)
    assert await refusal(mfa.change_user_mfa(off, token)) == "DISABLED_ENDPOINT"
    for kind in ("totp", ""):
        attempt = mfa.verify_change_user_mfa(off, token, kind, "123456")
        assert await refusal(attempt) == "DISABLED_ENDPOINT"


async def test_the_operator_can_delete_a_factor(postern: Postern) -> None:
    session, _ = await sign_up_with_factor(postern, JOE)
    assert await mfa.reset_mfa(" JOE@example.com")
    user = await User.get(id=session.user.id)
    assert (user.active_mfa_type, user.totp_secret) == (None, None)
    assert user.totp_last_step > 0
    assert not await mfa.reset_mfa("nobody@example.com")
    assert not await mfa.reset_mfa("no address")


async def test_no_answer_shows_its_secrets(postern: Postern, token: str) -> None:
    enrolment = await mfa.change_user_mfa(postern, token)
    assert enrolment.totp_secret not in repr(enrolment)
    assert enrolment.image_url not in repr(enrolment)
