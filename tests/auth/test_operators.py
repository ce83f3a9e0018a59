"""The operator's acts, as the database sees them."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from auth.caller import Operator
from auth.errors import AuthError
from auth.operators import acts, authority, settings
from auth.postern import Postern
from config import Settings
from models import Passkey, SecurityEvent, User, UserSession
from tests.support import (
    JOE,
    OPERATOR,
    caller,
    refusal,
    sign_up_user,
    sign_up_with_factor,
)

pytestmark = pytest.mark.anyio
SCRIPT = Operator(name="the admin secret", reason="why")


async def test_the_last_operator_is_looked_for_under_the_lock(postern: Postern) -> None:
    """A request that waits has loaded a user who may have become the last operator meanwhile."""
    await sign_up_user(postern)
    stale = await User.get(email=JOE)
    await User.filter(id=stale.id).update(roles=["user", "admin"])
    assert (
        await refusal(acts.set_disabled(postern, SCRIPT, stale, disabled=True)) == "LAST_OPERATOR"
    )
    assert await refusal(acts.delete_user(postern, SCRIPT, stale)) == "LAST_OPERATOR"
    assert (
        await refusal(acts.set_roles(postern, SCRIPT, stale, ["user"], "user")) == "LAST_OPERATOR"
    )
    assert await User.filter(id=stale.id, disabled=False).exists()


async def test_a_disabled_operator_does_not_count(postern: Postern) -> None:
    await sign_up_user(postern)
    await sign_up_user(postern, "ann@example.com")
    await User.all().update(roles=["user", "admin"])
    joe, ann = await User.get(email=JOE), await User.get(email="ann@example.com")
    await acts.set_disabled(postern, SCRIPT, ann, disabled=True)
    assert await refusal(acts.set_disabled(postern, SCRIPT, joe, disabled=True)) == "LAST_OPERATOR"
    await acts.set_disabled(postern, OPERATOR, joe, disabled=True)  # the command line may


async def test_an_act_on_somebody_who_is_no_operator_is_not_refused(postern: Postern) -> None:
    await sign_up_user(postern)
    joe = await User.get(email=JOE)
    await acts.set_disabled(postern, SCRIPT, joe, disabled=True)
    event = await SecurityEvent.get(type="USER_DISABLED")
    assert event.reason == "why"


ANN = "ann@example.com"
PASSKEY_ONLY = {"has_second_factor": True, "has_passkeys": True}


async def operators(**of_ann: Any) -> tuple[User, User]:
    """Make Joe, and Ann, with what is given of her, the only operators."""
    await User.all().update(roles=["user", "admin"])
    await User.filter(email=ANN).update(**of_ann)
    return await User.get(email=JOE), await User.get(email=ANN)


@pytest.mark.parametrize(
    ("chosen", "of_ann"),
    [
        ({"AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true"}, {"email_verified": False}),
        ({"AUTH_WEBAUTHN_ENABLED": "false"}, PASSKEY_ONLY),
        ({"AUTH_WEBAUTHN_ENABLED": "false"}, {"password_hash": None}),
    ],
)
async def test_an_operator_who_cannot_sign_in_does_not_count(
    postern: Postern, chosen: dict[str, str], of_ann: dict[str, Any]
) -> None:
    await sign_up_user(postern)
    await sign_up_user(postern, ANN)
    joe, _ = await operators(**of_ann)
    await User.filter(email=JOE).update(email_verified=True)
    await settings.change_settings(postern, OPERATOR, chosen)
    for act in (
        acts.set_disabled(postern, SCRIPT, joe, disabled=True),
        acts.set_roles(postern, SCRIPT, joe, ["user"], "user"),
        acts.delete_user(postern, SCRIPT, joe),
    ):
        assert await refusal(act) == "LAST_OPERATOR"
    assert await User.filter(id=joe.id, disabled=False).exists()


async def test_the_last_operator_keeps_a_factor_that_is_their_only_way_in(postern: Postern) -> None:
    await sign_up_user(postern)
    await User.all().update(roles=["user", "admin"], password_hash=None, **PASSKEY_ONLY)
    joe = await User.get(email=JOE)
    with_passkeys = {"AUTH_WEBAUTHN_ENABLED": "true", "AUTH_CLIENT_URL": "http://localhost:3000"}
    await settings.change_settings(postern, OPERATOR, with_passkeys)
    await _passkey_of(joe)
    assert await refusal(acts.reset_mfa(postern, SCRIPT, joe)) == "LAST_OPERATOR"
    assert (await User.get(email=JOE)).has_passkeys


async def _passkey_of(user: User) -> None:
    await Passkey.create(
        id=uuid4(), user_id=user.id, credential_id="c", public_key=b"k", sign_count=0,
        transports=[], backup_eligible=False, backed_up=False, verifies_user=True,
        nickname="Key", created_at=user.created_at,
    )  # fmt: skip


Act = Callable[[Postern, Operator, User], Awaitable[Any]]
ACTS: list[Act] = [
    lambda it, who, user: acts.set_roles(it, who, user, ["user", "admin"], "user"),
    lambda it, who, user: acts.set_disabled(it, who, user, disabled=True),
    acts.end_sessions,
    acts.delete_user,
    acts.reset_mfa,
    acts.send_reset,
    lambda it, who, _: settings.change_settings(it, who, {"AUTH_PASSWORD_MIN_LENGTH": "9"}),
]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"roles": ["user"]}, "NOT_AN_OPERATOR"),
        ({"disabled": True}, "DISABLED_USER"),
        ({"has_second_factor": False, "totp_activated_at": None}, "SECOND_FACTOR_REQUIRED"),
        (None, "UNAUTHENTICATED"),
    ],
)
async def test_whoever_has_lost_the_role_or_the_session_does_nothing(
    postern: Postern, act: Act, change: dict[str, Any] | None, code: str
) -> None:
    """Who acts is asked again once the rows are held: the request may have begun before."""
    joe = await sign_up_with_factor(postern)
    await sign_up_user(postern, ANN)
    await operators()
    who = await authority.identify(postern, caller(joe.session.access_token), None)
    if change is None:
        await UserSession.filter(user__email=JOE).delete()
    else:
        await User.filter(email=JOE).update(**change)
    before = await SecurityEvent.all().count()
    ann = await User.get(email=ANN)
    assert await refusal(act(postern, replace(who, reason="why"), ann)) == code
    assert await SecurityEvent.all().count() == before


@pytest.mark.parametrize("act", ACTS[:-1])
async def test_nothing_is_done_to_a_user_who_is_gone(postern: Postern, act: Act) -> None:
    await sign_up_user(postern)
    joe = await User.get(email=JOE)
    await acts.delete_user(postern, SCRIPT, joe)
    assert await refusal(act(postern, SCRIPT, joe)) == "NOT_FOUND"
    assert await SecurityEvent.all().count() == 1


def limits(burst: int, interval: int, *, enabled: bool = True) -> Settings:
    return Settings(
        rate_limit_enable=enabled,
        rate_limit_global_burst=burst,
        rate_limit_global_interval=interval,
    )


@pytest.mark.parametrize(("burst", "interval"), [(19, 1), (100, 3600)])
def test_operators_leave_themselves_enough_requests(burst: int, interval: int) -> None:
    enough, few = limits(100, 60), limits(burst, interval)
    with pytest.raises(AuthError, match="nobody could change it back"):
        settings._refuse_below_floors(enough, few)
    settings._refuse_below_floors(few, enough)
    settings._refuse_below_floors(few, few)  # another setting is changed
    settings._refuse_below_floors(enough, limits(burst, interval, enabled=False))


async def test_the_last_operator_is_looked_for_with_the_settings_of_now(postern: Postern) -> None:
    """A request keeps the settings that it began with, and those of another process come later."""
    await sign_up_user(postern)
    await sign_up_user(postern, ANN)
    joe, _ = await operators(email_verified=False)
    await User.filter(id=joe.id).update(email_verified=True)
    verified = {"AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED": "true"}
    await settings.change_settings(postern, SCRIPT, verified)
    assert await refusal(acts.set_disabled(postern, SCRIPT, joe, disabled=True)) == "LAST_OPERATOR"


async def test_a_role_spelled_almost_like_the_operators_gives_no_rights(postern: Postern) -> None:
    await sign_up_user(postern)
    await sign_up_user(postern, ANN)
    joe, ann = await operators()
    await acts.set_roles(postern, SCRIPT, ann, ["user", "Admin"], "user")
    assert await refusal(acts.set_disabled(postern, SCRIPT, joe, disabled=True)) == "LAST_OPERATOR"
