import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from auth import tickets
from auth.accounts import enrolment, required_enrolment
from auth.caller import Caller
from auth.errors import AuthError
from auth.factors import one_time_codes, recovery_codes, second_factor, totp
from auth.factors.recovery_codes import Salt
from auth.keys.vault import Vault, VaultError
from auth.operators import acts
from auth.postern import Postern
from auth.sessions.opening import Session
from auth.ways_in import email_password
from models import RecoveryCode, User
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


@pytest.fixture
async def owner(postern: Postern) -> Caller:
    """A user without a factor, who has just signed up."""
    return (await sign_up_user(postern))[1]


def code_now(postern: Postern, secret: str) -> str:
    return one_time_codes.code_at(secret, one_time_codes.time_step(postern.now()))


async def activate(postern: Postern, owner: Caller, secret: str) -> enrolment.MfaChange:
    return await enrolment.verify_change_user_mfa(postern, owner, "totp", code_now(postern, secret))


async def turn_off(postern: Postern, owner: Caller, secret: str) -> enrolment.MfaChange:
    return await enrolment.verify_change_user_mfa(postern, owner, "", code_now(postern, secret))


async def test_the_secret_is_pending_until_a_code_proves_it(
    postern: Postern, owner: Caller
) -> None:
    pending = await enrolment.change_user_mfa(postern, owner)
    assert (await User.get(email=JOE)).active_mfa_type is None
    change = await activate(postern, owner, pending.totp_secret)
    assert change.session.user.active_mfa_type == "totp"
    assert len(change.recovery_codes) == 10
    assert (await User.get(email=JOE)).active_mfa_type == "totp"


async def test_a_pending_secret_stays_the_same_for_an_hour(
    postern: Postern, owner: Caller, clock: Clock
) -> None:
    first = await enrolment.change_user_mfa(postern, owner)
    clock.forward(14 * 60)
    assert await enrolment.change_user_mfa(postern, owner) == first
    clock.forward(46 * 60)
    later = await email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD)
    assert isinstance(later, Session)
    assert await enrolment.change_user_mfa(postern, caller(later.access_token)) != first


async def test_ten_simultaneous_enrolments_get_one_secret(postern: Postern, owner: Caller) -> None:
    asked = (enrolment.change_user_mfa(postern, owner) for _ in range(10))
    assert len({each.totp_secret for each in await asyncio.gather(*asked)}) == 1


async def test_a_new_secret_replaces_the_pending_one_on_request(
    postern: Postern, owner: Caller
) -> None:
    first = await enrolment.change_user_mfa(postern, owner)
    second = await enrolment.change_user_mfa(postern, owner, new_secret=True)
    assert first.totp_secret != second.totp_secret
    assert await refusal(activate(postern, owner, first.totp_secret)) == "INVALID_TOTP"
    assert await refusal(activate(postern, owner, second.totp_secret)) == ""


async def test_a_pending_secret_that_no_key_opens_is_replaced(
    postern: Postern, owner: Caller
) -> None:
    await enrolment.change_user_mfa(postern, owner)
    other = replace(postern, vault=Vault([bytes(32)]))
    secret = (await enrolment.change_user_mfa(other, owner)).totp_secret
    assert await refusal(activate(other, owner, secret)) == ""


async def test_enrolling_does_not_change_an_active_factor(postern: Postern, clock: Clock) -> None:
    joe = await sign_up_with_factor(postern)
    before = await User.get(id=joe.session.user.id).values()
    assert await refusal(enrolment.change_user_mfa(postern, joe.caller)) == ("TOTP_ALREADY_ACTIVE")
    clock.forward(30)
    again = activate(postern, joe.caller, joe.secret)
    assert await refusal(again) == "TOTP_ALREADY_ACTIVE"
    assert await User.get(id=joe.session.user.id).values() == before


async def test_a_wrong_code_does_not_activate_and_keeps_the_secret(
    postern: Postern, owner: Caller
) -> None:
    secret = (await enrolment.change_user_mfa(postern, owner)).totp_secret
    wrong = f"{(int(code_now(postern, secret)) + 1) % 10**6:06}"
    attempt = enrolment.verify_change_user_mfa(postern, owner, "totp", wrong)
    assert await refusal(attempt) == "INVALID_TOTP"
    assert (await User.get(email=JOE)).active_mfa_type is None
    assert await refusal(activate(postern, owner, secret)) == ""


async def test_there_is_nothing_to_activate_before_enrolment(
    postern: Postern, owner: Caller
) -> None:
    attempt = enrolment.verify_change_user_mfa(postern, owner, "totp", "123456")
    assert await refusal(attempt) == "NO_TOTP_SECRET"


async def test_there_is_nothing_to_turn_off_before_activation(
    postern: Postern, owner: Caller
) -> None:
    attempt = enrolment.verify_change_user_mfa(postern, owner, "", "123456")
    assert await refusal(attempt) == "DISABLED_MFA_TOTP"
    secret = (await enrolment.change_user_mfa(postern, owner)).totp_secret
    assert await refusal(turn_off(postern, owner, secret)) == "DISABLED_MFA_TOTP"


async def test_turning_off_deletes_the_secret(postern: Postern, clock: Clock) -> None:
    joe = await sign_up_with_factor(postern)
    clock.forward(30)
    change = await turn_off(postern, joe.caller, joe.secret)
    assert change.session.user.active_mfa_type is None
    assert change.recovery_codes == ()
    assert await RecoveryCode.all().count() == 0
    assert (await User.get(email=JOE)).totp_secret is None


async def test_turning_off_needs_a_right_and_unused_code(postern: Postern, clock: Clock) -> None:
    joe = await sign_up_with_factor(postern)
    assert await refusal(turn_off(postern, joe.caller, joe.secret)) == "INVALID_TOTP"
    clock.forward(30)
    wrong = f"{(int(code_now(postern, joe.secret)) + 1) % 10**6:06}"
    attempt = enrolment.verify_change_user_mfa(postern, joe.caller, "", wrong)
    assert await refusal(attempt) == "INVALID_TOTP"
    assert (await User.get(email=JOE)).active_mfa_type == "totp"


async def test_spent_time_steps_stay_spent_for_a_new_secret(postern: Postern, clock: Clock) -> None:
    joe = await sign_up_with_factor(postern)
    clock.forward(30)
    await turn_off(postern, joe.caller, joe.secret)
    fresh = (await enrolment.change_user_mfa(postern, joe.caller)).totp_secret
    assert await refusal(activate(postern, joe.caller, fresh)) == "INVALID_TOTP"
    clock.forward(30)
    assert await refusal(activate(postern, joe.caller, fresh)) == ""


@pytest.mark.parametrize("kind", ["sms", "TOTP", " ", "totp ", "null", "x" * 10_000])
async def test_an_unknown_type_is_refused_with_the_accepted_ones(
    postern: Postern, owner: Caller, kind: str
) -> None:
    with pytest.raises(AuthError) as refused:
        await enrolment.verify_change_user_mfa(postern, owner, kind, "123456")
    assert refused.value.code.name == "INVALID_REQUEST"
    assert '"totp"' in str(refused.value)
    assert '""' in str(refused.value)


@pytest.mark.parametrize("kind", ["totp", ""])
async def test_of_fifty_simultaneous_changes_one_succeeds(
    postern: Postern, clock: Clock, owner: Caller, kind: str
) -> None:
    secret = (await enrolment.change_user_mfa(postern, owner)).totp_secret
    if kind == "":
        owner = caller((await activate(postern, owner, secret)).session.access_token)
        clock.forward(30)
    code = code_now(postern, secret)
    answers = await asyncio.gather(
        *(refusal(enrolment.verify_change_user_mfa(postern, owner, kind, code)) for _ in range(50))
    )
    assert answers.count("") == 1
    assert set(answers) <= {
        "",
        "INVALID_TOTP",
        "TOTP_ALREADY_ACTIVE",
        "DISABLED_MFA_TOTP",
        "ELEVATED_CLAIM_REQUIRED",  # there is a factor by now, which this session has not shown
    }
    active = (await User.get(email=JOE)).active_mfa_type
    assert active == (kind or None)


async def test_two_simultaneous_codes_activate_once(postern: Postern, owner: Caller) -> None:
    secret = (await enrolment.change_user_mfa(postern, owner)).totp_secret
    now = one_time_codes.time_step(postern.now())
    codes = [one_time_codes.code_at(secret, step) for step in (now - 1, now, now + 1)]
    answers = await asyncio.gather(
        *(refusal(enrolment.verify_change_user_mfa(postern, owner, "totp", code)) for code in codes)
    )
    assert answers.count("") == 1


async def test_simultaneous_enrolment_and_activation_leave_no_unproven_secret(
    postern: Postern, owner: Caller
) -> None:
    """Whichever comes first, the active secret is the one that the code belongs to."""
    secret = (await enrolment.change_user_mfa(postern, owner)).totp_secret
    activations = [refusal(activate(postern, owner, secret)) for _ in range(5)]
    enrolments = [refusal(enrolment.change_user_mfa(postern, owner)) for _ in range(5)]
    await asyncio.gather(
        *(task for pair in zip(enrolments, activations, strict=True) for task in pair)
    )
    user = await User.get(email=JOE)
    if user.active_mfa_type:
        assert postern.vault.open(str(user.totp_secret), totp._context(user)) == secret


async def test_a_secret_in_another_users_row_does_not_open(postern: Postern, clock: Clock) -> None:
    joe = await sign_up_with_factor(postern)
    amy = await sign_up_with_factor(postern, "amy@example.com")
    stolen = (await User.get(id=joe.session.user.id)).totp_secret
    await User.filter(id=amy.session.user.id).update(totp_secret=stolen)
    clock.forward(30)
    with pytest.raises(VaultError):
        await turn_off(postern, amy.caller, joe.secret)


async def test_every_step_needs_a_signed_in_user(postern: Postern) -> None:
    for token in (None, "", "forged"):
        attempts = [
            enrolment.change_user_mfa(postern, caller(token)),
            enrolment.verify_change_user_mfa(postern, caller(token), "totp", "123456"),
            enrolment.regenerate_recovery_codes(postern, caller(token), "123456"),
        ]
        for attempt in attempts:
            assert await refusal(attempt) == "UNAUTHENTICATED"


async def test_every_factor_operation_is_refused_while_factors_are_off(
    postern: Postern, owner: Caller
) -> None:
    off = with_settings(postern, mfa_enabled=False)
    assert await refusal(enrolment.change_user_mfa(off, owner)) == "DISABLED_ENDPOINT"
    for kind in ("totp", ""):
        attempt = enrolment.verify_change_user_mfa(off, owner, kind, "123456")
        assert await refusal(attempt) == "DISABLED_ENDPOINT"


async def test_the_operator_can_delete_a_factor(postern: Postern) -> None:
    joe = await sign_up_with_factor(postern)
    assert await acts.reset_mfa(postern, OPERATOR, joe.session.user)
    user = await User.get(id=joe.session.user.id)
    assert (user.active_mfa_type, user.totp_secret, user.recovery_salt) == (None, None, None)
    assert user.totp_last_step > 0
    assert await RecoveryCode.all().count() == 0
    assert (await event_names())[-1] == "FACTOR_RESET"


async def test_resetting_a_pending_factor_records_no_event(postern: Postern) -> None:
    session, owner = await sign_up_user(postern)
    await enrolment.change_user_mfa(postern, owner)
    before = await event_names()
    assert not await acts.reset_mfa(postern, OPERATOR, session.user)
    assert (await User.get(id=session.user.id)).totp_secret is None
    assert await event_names() == before


async def test_a_pending_secret_expires_after_an_hour(postern: Postern, clock: Clock) -> None:
    patient = with_settings(postern, elevation_max_age=0, access_token_expires_in=2 * 3600)
    _, owner = await sign_up_user(patient)
    secret = (await enrolment.change_user_mfa(patient, owner)).totp_secret
    clock.forward(3600)
    assert await refusal(activate(patient, owner, secret)) == "NO_TOTP_SECRET"
    clock.forward(-30)
    assert await refusal(activate(patient, owner, secret)) == ""


async def test_no_repr_of_an_enrolment_shows_its_secrets(postern: Postern, owner: Caller) -> None:
    pending = await enrolment.change_user_mfa(postern, owner)
    assert pending.totp_secret not in repr(enrolment)
    assert pending.image_url not in repr(enrolment)
    change = await activate(postern, owner, pending.totp_secret)
    assert change.recovery_codes[0] not in repr(change)


class TestRecoveryCodes:
    async def test_a_recovery_code_is_accepted_once(self, postern: Postern) -> None:
        joe = await sign_up_with_factor(postern)
        for code in joe.recovery_codes[:3]:
            ticket = await open_ticket(postern)
            session = await redeem(postern, ticket, code)
            assert session.user.id == joe.session.user.id
            again = redeem(postern, await open_ticket(postern), code)
            assert await refusal(again) == "INVALID_RECOVERY_CODE"
        assert await recovery_codes.left(joe.session.user) == 7
        assert (await event_names()).count("RECOVERY_CODE_USED") == 3

    async def test_of_twenty_simultaneous_uses_one_succeeds(self, postern: Postern) -> None:
        joe = await sign_up_with_factor(postern)
        opened = [await open_ticket(postern) for _ in range(20)]
        answers = await asyncio.gather(
            *(refusal(redeem(postern, ticket, joe.recovery_codes[0])) for ticket in opened)
        )
        assert sorted(answers) == [""] + ["INVALID_RECOVERY_CODE"] * 19

    async def test_a_recovery_code_may_be_typed_carelessly(self, postern: Postern) -> None:
        joe = await sign_up_with_factor(postern)
        first, second = joe.recovery_codes[:2]
        assert await redeem(postern, await open_ticket(postern), first.lower().replace("-", ""))
        spaced = " " + " ".join(second.replace("-", "")) + " "
        assert await redeem(postern, await open_ticket(postern), spaced)

    async def test_wrong_recovery_codes_count_like_wrong_codes(self, postern: Postern) -> None:
        joe = await sign_up_with_factor(postern)
        amy = await sign_up_with_factor(postern, "amy@example.com")
        ticket = await open_ticket(postern)
        guesses = ["", "AAAAA-AAAAA", amy.recovery_codes[0], "x" * 10_000]
        for left, guess in zip((5, 4, 3, 3), guesses, strict=True):
            with pytest.raises(AuthError) as refused:
                await redeem(postern, ticket, guess)
            assert refused.value.extensions == {
                "code": "INVALID_RECOVERY_CODE",
                "attemptsLeft": left,
            }
        for _ in range(3):
            wrong = tickets.redeem(postern, caller(), ticket, totp, joe.wrong_code(postern))
            assert await refusal(wrong) == "INVALID_TOTP"
        right = redeem(postern, ticket, joe.recovery_codes[0])
        assert await refusal(right) == "INVALID_TICKET"
        assert await recovery_codes.left(joe.session.user) == 10

    async def test_a_malformed_recovery_code_is_not_hashed(
        self, postern: Postern, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await sign_up_with_factor(postern)
        ticket = await open_ticket(postern)
        monkeypatch.setattr(Salt, "digest", None)
        assert await refusal(redeem(postern, ticket, "123456")) == "INVALID_RECOVERY_CODE"

    async def test_a_recovery_code_turns_the_factor_off(self, postern: Postern) -> None:
        joe = await sign_up_with_factor(postern)
        off = enrolment.verify_change_user_mfa(postern, joe.caller, "", joe.recovery_codes[0])
        assert (await off).session.user.active_mfa_type is None
        assert (await event_names())[-2:] == ["RECOVERY_CODE_USED", "FACTOR_OFF"]

    async def test_a_recovery_code_does_not_turn_the_factor_on(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        clock.forward(30)
        await turn_off(postern, joe.caller, joe.secret)
        await enrolment.change_user_mfa(postern, joe.caller)
        on = enrolment.verify_change_user_mfa(postern, joe.caller, "totp", joe.recovery_codes[0])
        assert await refusal(on) == "INVALID_TOTP"

    async def test_a_new_set_replaces_the_old_one(self, postern: Postern, clock: Clock) -> None:
        joe = await sign_up_with_factor(postern)
        clock.forward(30)
        change = await enrolment.regenerate_recovery_codes(postern, joe.caller, joe.code(postern))
        fresh = change.recovery_codes
        assert len(set(fresh)) == 10
        assert not set(fresh) & set(joe.recovery_codes)
        old = redeem(postern, await open_ticket(postern), joe.recovery_codes[0])
        assert await refusal(old) == "INVALID_RECOVERY_CODE"
        assert await redeem(postern, await open_ticket(postern), fresh[0])

    async def test_a_new_set_needs_an_unused_code_of_the_app(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        for code in (joe.code(postern), joe.recovery_codes[0], joe.wrong_code(postern)):
            attempt = enrolment.regenerate_recovery_codes(postern, joe.caller, code)
            assert await refusal(attempt) == "INVALID_TOTP"
        clock.forward(30)
        code = joe.code(postern)
        answers = await asyncio.gather(
            *(
                refusal(enrolment.regenerate_recovery_codes(postern, joe.caller, code))
                for _ in range(5)
            )
        )
        assert sorted(answers) == [""] + ["INVALID_TOTP"] * 4
        assert await RecoveryCode.all().count() == 10

    async def test_a_code_used_while_the_set_is_replaced_does_no_harm(
        self, postern: Postern, clock: Clock
    ) -> None:
        joe = await sign_up_with_factor(postern)
        opened = [await open_ticket(postern) for _ in range(5)]
        clock.forward(30)
        await asyncio.gather(
            enrolment.regenerate_recovery_codes(postern, joe.caller, joe.code(postern)),
            *(
                refusal(redeem(postern, ticket, code))
                for ticket, code in zip(opened, joe.recovery_codes, strict=False)
            ),
        )
        assert await RecoveryCode.all().count() == 10


def redeem(postern: Postern, ticket: str, code: str) -> Awaitable[Session]:
    return tickets.redeem(postern, caller(), ticket, recovery_codes, code)


async def test_a_pending_factor_does_not_redeem_a_ticket(postern: Postern, clock: Clock) -> None:
    """A secret that was never activated proves nothing, whatever other factor the user has."""
    joe = await sign_up_with_factor(postern)
    ticket = await open_ticket(postern)
    pending = {"totp_activated_at": None, "totp_enrolled_at": clock()}
    await User.filter(email=JOE).update(**pending)
    clock.forward(30)
    code = joe.code(postern)
    assert await refusal(tickets.redeem(postern, caller(), ticket, totp, code)) == "INVALID_TOTP"
    again = second_factor.check_any(postern, caller(), await User.get(email=JOE), code)
    assert await refusal(again) == "INVALID_TOTP"


async def test_no_app_is_set_up_beside_a_factor_that_was_set_up_meanwhile(
    postern: Postern, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another ticket of the same user, while the recovery codes are hashed."""
    await sign_up_user(postern)
    postern = with_settings(postern, mfa_policy="required")
    ticket = await open_ticket(postern)
    secret = (await required_enrolment.enrol_mfa_totp(postern, caller(), ticket)).totp_secret
    code = one_time_codes.code_at(secret, one_time_codes.time_step(postern.now()))
    hashed = recovery_codes.new_set

    async def meanwhile(postern: Postern) -> recovery_codes.CodeSet:
        await User.filter(email=JOE).update(has_passkeys=True, has_second_factor=True)
        return await hashed(postern)

    monkeypatch.setattr(recovery_codes, "new_set", meanwhile)
    activated = required_enrolment.activate_mfa_totp(postern, caller(), ticket, code)
    assert await refusal(activated) == "INVALID_TICKET"
    assert await User.exists(email=JOE, totp_activated_at=None)


async def test_no_factor_is_left_alone_that_is_switched_off(postern: Postern) -> None:
    """Nobody could sign in with it."""
    joe = await sign_up_with_factor(postern)
    await User.filter(email=JOE).update(has_passkeys=True)
    so = with_settings(postern, passkeys_enabled=False)
    off = enrolment.verify_change_user_mfa(so, joe.caller, "", joe.recovery_codes[0])
    assert await refusal(off) == "SECOND_FACTOR_REQUIRED"
    await User.filter(email=JOE).update(has_passkeys=False)
    off = enrolment.verify_change_user_mfa(so, joe.caller, "", joe.recovery_codes[1])
    assert await refusal(off) == ""
