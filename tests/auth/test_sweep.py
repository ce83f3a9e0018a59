import pytest

from auth import sweep
from auth.accounts import enrolment, password_reset
from auth.mail import delivery
from auth.postern import Postern
from auth.ways_in import email_password
from models import MfaTicket, RefreshToken, User, UserSession
from tests.support import (
    JOE,
    PASSWORD,
    Clock,
    caller,
    event_names,
    open_ticket,
    sign_up_user,
    sign_up_with_factor,
    with_settings,
)

pytestmark = pytest.mark.anyio
NOTHING = {"tickets": 0, "sessions": 0, "throttles": 0, "enrolments": 0, "events": 0,
           "trusted_devices": 0,
    "mails": 0, "mail_tickets": 0, "challenges": 0}  # fmt: skip


async def test_a_sweep_keeps_live_rows(postern: Postern) -> None:
    await sign_up_with_factor(postern)
    await open_ticket(postern)
    _, amy = await sign_up_user(postern, "amy@example.com")
    await enrolment.change_user_mfa(postern, amy)
    assert await sweep.sweep(postern) == NOTHING


async def test_a_sweep_deletes_expired_rows(postern: Postern, clock: Clock) -> None:
    await sign_up_with_factor(postern)
    await open_ticket(postern)
    _, amy = await sign_up_user(postern, "amy@example.com")
    await enrolment.change_user_mfa(postern, amy)
    clock.forward(5 * 60)
    assert await sweep.sweep(postern) == NOTHING | {"tickets": 1}
    clock.forward(55 * 60)
    assert await sweep.sweep(postern) == NOTHING | {"enrolments": 1}
    assert (await User.get(email="amy@example.com")).totp_secret is None
    assert (await User.get(email=JOE)).active_mfa_type == "totp"
    clock.forward(30 * 24 * 3600)
    assert await sweep.sweep(postern) == NOTHING | {"sessions": 2}
    assert await RefreshToken.all().count() == 0
    assert await sweep.sweep(postern) == NOTHING


async def test_a_sweep_deletes_idle_sessions_after_the_timeout(
    postern: Postern, clock: Clock
) -> None:
    await sign_up_user(postern)
    clock.forward(600)
    assert await sweep.sweep(postern) == NOTHING
    busy = with_settings(postern, session_inactivity_timeout=600)
    assert await sweep.sweep(busy) == NOTHING | {"sessions": 1}


async def test_events_are_deleted_after_a_year_or_the_configured_time(
    postern: Postern, clock: Clock
) -> None:
    await sign_up_user(postern)
    clock.forward(364 * 24 * 3600)
    await email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD)
    assert (await sweep.sweep(postern))["events"] == 0
    clock.forward(24 * 3600)
    for_ever = with_settings(postern, security_events_retention=0)
    assert (await sweep.sweep(for_ever))["events"] == 0
    assert (await sweep.sweep(postern))["events"] == 2
    assert await event_names() == ["SIGNED_IN"]
    a_day = with_settings(postern, security_events_retention=24 * 3600)
    assert (await sweep.sweep(a_day))["events"] == 1


async def test_a_sweep_works_in_bounded_batches(
    postern: Postern, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 3)
    await sign_up_user(postern)
    for _ in range(7):
        await email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD)
    clock.forward(31 * 24 * 3600)
    assert await sweep.sweep(postern) == NOTHING | {"sessions": 8}
    assert await UserSession.all().count() == 0
    assert await MfaTicket.all().count() == 0


async def test_mails_that_nobody_sends_go_after_a_week(postern: Postern, clock: Clock) -> None:
    await sign_up_user(postern)
    await password_reset.send_password_reset_email(postern, caller(), JOE)
    assert await delivery.deliver_next(postern, None)
    clock.forward(60 * 60)
    assert await sweep.sweep(postern) == NOTHING | {"mail_tickets": 1}
    clock.forward(7 * 24 * 3600)
    assert (await sweep.sweep(postern))["mails"] == 1
