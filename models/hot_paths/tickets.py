"""Taking an attempt from a ticket, before the code is checked."""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from models.hot_paths.throttles import Pace, counting
from models.mfa_ticket import MfaTicket
from models.sql import AtomicChange, Query
from models.throttle import CODES

_USABLE = Query(
    MfaTicket,
    "user",
    where="""
        mfa_tickets.digest = :digest AND purpose = :purpose AND attempts_left > 0
        AND mfa_tickets.expires_at > :now AND NOT disabled
        AND has_second_factor = :with_factor
        AND (email_verified OR NOT :verified)""",
)
_COUNTED_UNDER = f"""
    COALESCE(CAST(:throttle AS TEXT), '{CODES}' ||
        (SELECT CAST(user_id AS TEXT) FROM mfa_tickets WHERE digest = :digest))"""


class Required(NamedTuple):
    """What is required of a ticket and of its user. The user must not be disabled either."""

    purpose: str
    with_factor: bool
    """Whether the user has a second factor."""
    verified: bool
    """The user's address is verified."""


async def take_attempt(
    digest: str,
    required: Required,
    now: datetime,
    *,
    pace: Pace | None,
    throttle: str | None = None,
) -> MfaTicket | None:
    """Take an attempt from the ticket, count a failure, and return the ticket as it was before.

    The failure is counted under `throttle`, or else under the user's codes; without a pace, it is
    not counted. Returns None and changes nothing if there is no such ticket with attempts left, or
    if the attempt has to wait.
    """
    return await _taking(pace).take(
        digest=digest,
        purpose=required.purpose,
        with_factor=required.with_factor,
        verified=required.verified,
        now=now,
        throttle=throttle,
        seconds=int(now.timestamp()),
    )


@lru_cache
def _taking(pace: Pace | None) -> AtomicChange[MfaTicket]:
    ticket = """
        UPDATE mfa_tickets SET attempts_left = attempts_left - 1
        WHERE digest = :digest AND {previous} RETURNING id"""
    failure = {"failure": counting(pace, _COUNTED_UNDER)} if pace else {}
    return AtomicChange(_USABLE, steps={**failure, "ticket": ticket})
