"""Deleting expired rows, in bounded batches, so that no request waits long."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from auth.accounts.enrolment import ENROLMENT_LIFE
from auth.limits import throttling
from auth.live_settings import Live
from auth.postern import Postern
from models import (
    Mail,
    MailTicket,
    MfaTicket,
    PasskeyChallenge,
    SecurityEvent,
    Throttle,
    TrustedDevice,
    User,
    UserSession,
)

BATCH = 500
"""How many rows one statement changes."""
MAILS_KEPT = timedelta(days=7)
"""How long a mail stays that was given up, or that waits in the mailbox of this server."""
INTERVAL = 10 * 60
"""Seconds between two sweeps of a running server."""

logger = logging.getLogger("postern")


async def sweep(postern: Postern) -> dict[str, int]:
    """Delete expired rows; return how many of each kind.

    A session's refresh tokens are deleted with it. Any number of processes may sweep at once.
    """
    now, timeout = postern.now(), postern.settings.session_inactivity_timeout
    over = Q(expires_at__lte=now)
    if timeout:
        over |= Q(last_used_at__lte=now - timedelta(seconds=timeout))
    forgotten = User.filter(
        totp_activated_at__isnull=True, totp_enrolled_at__lte=now - ENROLMENT_LIFE
    )
    forgiven = int(now.timestamp()) - throttling.all_forgotten(postern.settings)
    kept = postern.settings.security_events_retention
    old = SecurityEvent.filter(created_at__lte=now - timedelta(seconds=kept))
    return {
        "challenges": await _in_batches(
            PasskeyChallenge.filter(expires_at__lte=now), _delete, key="digest"
        ),
        "tickets": await _in_batches(MfaTicket.filter(expires_at__lte=now), _delete),
        "sessions": await _in_batches(UserSession.filter(over), _delete),
        "throttles": await _in_batches(
            Throttle.filter(failed_at__lte=forgiven), _delete, key="key"
        ),
        "enrolments": await _in_batches(forgotten, _forget_secret),
        "trusted_devices": await _in_batches(TrustedDevice.filter(expires_at__lte=now), _delete),
        "mails": await _in_batches(
            Mail.filter(due_at=None, created_at__lte=now - MAILS_KEPT), _delete
        ),
        "mail_tickets": await _in_batches(MailTicket.filter(expires_at__lte=now), _delete),
        "events": await _in_batches(old, _delete) if kept else 0,
    }


async def sweep_for_ever(live: Live) -> None:
    """Sweep every ten minutes until cancelled; errors are logged, and the next sweep retries."""
    while True:
        try:
            await sweep(live.postern)
        except Exception as error:
            logger.warning("sweeping failed, and will be tried again: %s", type(error).__name__)
        await asyncio.sleep(INTERVAL)


async def _in_batches(
    found: QuerySet[Any], change: Callable[[QuerySet[Any]], Awaitable[object]], *, key: str = "id"
) -> int:
    total = 0
    while keys := await found.limit(BATCH).values_list(key, flat=True):
        await change(found.filter(pk__in=keys))
        total += len(keys)
    return total


async def _delete(rows: QuerySet[Any]) -> None:
    await rows.delete()


async def _forget_secret(users: QuerySet[Any]) -> None:
    await users.update(totp_secret=None, totp_enrolled_at=None, totp_begun_by=None)
