"""Figures for operators: counted beside the work, once, by one process at a time."""

import asyncio
from datetime import timedelta

import pytest

from auth import figures
from auth.postern import Postern
from models import EventCount, Figures, SecurityEvent
from tests.support import Clock, sign_up_user, sign_up_with_factor

pytestmark = pytest.mark.anyio
MINUTE = 60


async def test_users_are_counted_by_kind(postern: Postern) -> None:
    await sign_up_with_factor(postern)
    await sign_up_user(postern, "ann@example.com")
    assert (await figures.latest()).counted_at is None
    await figures.count(postern)
    counts = await figures.latest()
    assert counts.counted_at == postern.now()
    kinds = ("users", "with_factor", "with_passkeys", "disabled", "unverified")
    assert [counts.users[kind] for kind in kinds] == [2, 1, 0, 0, 2]
    assert counts.users["enabled_without_factor"] == 1
    assert counts.users["without_factor"] == {"me": 1, "user": 1}


async def test_users_are_counted_again_after_a_while(postern: Postern, clock: Clock) -> None:
    await figures.count(postern)
    await sign_up_user(postern)
    await figures.count(postern)
    assert (await figures.latest()).users["users"] == 0
    clock.forward(MINUTE + 1)
    await figures.count(postern)
    assert (await figures.latest()).users["users"] == 1


async def test_events_are_counted_once_a_minute_after_they_happened(
    postern: Postern, clock: Clock
) -> None:
    await sign_up_user(postern)
    since = clock() - timedelta(hours=1, minutes=1)
    await figures.count(postern)
    assert (await figures.activity(since)).hours == []
    clock.forward(MINUTE + 1)
    for _ in range(3):
        await figures.count(postern)
    told = await figures.activity(since)
    assert (sum(told.sign_ups), sum(told.sign_ins)) == (1, 1)
    (hour, *_) = told.hours
    assert (hour.minute, hour.second, hour.utcoffset()) == (0, 0, timedelta())


async def test_processes_that_count_at_once_count_each_event_once(
    postern: Postern, clock: Clock
) -> None:
    for number in range(5):
        await sign_up_user(postern, f"user{number}@example.com")
    clock.forward(MINUTE + 1)
    await Figures.create(id=1, due_at=clock())
    await asyncio.gather(*(figures.count(postern) for _ in range(8)))
    counted = sum(each.count for each in await EventCount.all())
    assert counted == await SecurityEvent.all().count()


async def test_many_events_are_counted_in_batches(
    postern: Postern, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "BATCH", 3)
    for number in range(5):
        await sign_up_user(postern, f"user{number}@example.com")
    clock.forward(MINUTE + 1)
    await figures.count(postern)
    counted = sum(each.count for each in await EventCount.all())
    assert counted == await SecurityEvent.all().count()


async def test_old_counts_are_deleted(postern: Postern, clock: Clock) -> None:
    old = clock() - figures.KEPT - timedelta(hours=1)
    await EventCount.create(hour=old, type="SIGNED_IN", count=1)
    await figures.count(postern)
    assert not await EventCount.exists()
