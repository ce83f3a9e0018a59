"""Figures for operators: a task of each process counts beside the work, in one process at a time.

A request reads the counters and scans nothing. Events are counted a minute after they happened, so
that transactions which began earlier have ended. Users are counted again after a time that grows
with what counting takes: it costs at most half a percent of one core.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise.exceptions import IntegrityError

from auth.live_settings import Live
from auth.postern import Postern
from models import EventCount, Figures
from models.hot_paths import figures as counting
from models.transactions import atomic

SETTLED = timedelta(minutes=1)
"""The age of events that are counted."""
BATCH = 5000
"""How many events one transaction counts."""
PAUSE = 5
"""Seconds between two looks. Operators decide by the number of users without a factor."""
KEPT = timedelta(days=400)
_COUNTING_SHARE = 200
"""Users are counted again after this many times what counting took."""

logger = logging.getLogger("postern")


@dataclass(frozen=True)
class Counts:
    """What is known of the users, and when they were counted; empty before the first time."""

    counted_at: datetime | None
    users: Mapping[str, Any]


async def count_for_ever(live: Live) -> None:
    """Keep the figures up to date until cancelled; errors are logged, and it is tried again."""
    while True:
        try:
            await count(live.postern)
        except Exception as error:
            logger.warning("figures cannot be counted: %s", type(error).__name__)
        await asyncio.sleep(PAUSE)


async def count(postern: Postern) -> None:
    """Bring the counters up to date, unless another process does it."""
    now = postern.now()
    if not await Figures.exists():
        try:
            await Figures.create(id=1, due_at=now)
        except IntegrityError:  # another process was faster
            return
    while await _count_events(postern):
        pass
    if await Figures.filter(due_at__lte=now).update(due_at=now + timedelta(minutes=10)):
        await _count_users(postern)
        await EventCount.filter(hour__lt=now - KEPT).delete()


async def latest() -> Counts:
    """Return what was counted last of the users."""
    found = await Figures.first()
    return Counts(found.counted_at, found.users) if found else Counts(None, {})


@dataclass(frozen=True)
class Activity:
    """How many events there were in each hour that has any; the lists are parallel."""

    hours: list[datetime]
    sign_ups: list[int]
    sign_ins: list[int]
    failures: list[int]


_SERIES = {
    "sign_ups": ("SIGNED_UP",),
    "sign_ins": ("SIGNED_IN",),
    "failures": ("SIGN_IN_FAILED", "WRONG_CODE"),
}


async def activity(since: datetime) -> Activity:
    """Return the counts of the hours from `since` on, the oldest first."""
    rows = await counting.hourly(since, _SERIES)
    series = {name: [int(row[name]) for row in rows] for name in _SERIES}
    return Activity([_time(row["hour"]) for row in rows], **series)


def _time(hour: object) -> datetime:
    return hour if isinstance(hour, datetime) else datetime.fromisoformat(str(hour))


async def _count_events(postern: Postern) -> bool:
    """Count a batch of events; False if there was none."""
    async with atomic():
        locked = await Figures.select_for_update().first()
        last = locked.last_event if locked else 0
        upto = await counting.newest_settled(last, postern.now() - SETTLED, BATCH)
        if upto is None:
            return False
        await counting.add_events(last, upto)
        await Figures.all().update(last_event=upto)
    return True


async def _count_users(postern: Postern) -> None:
    begun = time.monotonic()
    users = await counting.count_users()
    took = timedelta(seconds=time.monotonic() - begun)
    now = postern.now()
    wait = took * _COUNTING_SHARE
    await Figures.all().update(users=users, counted_at=now, due_at=now + wait)
