"""Taking an attempt from a ticket, before the code is looked at."""

from datetime import datetime
from functools import lru_cache

from models.hot_paths.throttles import Pace, counting
from models.mfa_ticket import MfaTicket
from models.sql import AtomicChange, Query
from models.throttle import CODES

_USABLE = Query(
    MfaTicket,
    "user",
    where="""
        mfa_tickets.digest = :digest AND purpose = :purpose AND attempts_left > 0
        AND mfa_tickets.expires_at > :now AND has_second_factor AND NOT disabled
        AND (email_verified OR NOT :verified_only)""",
)
_COUNTED_UNDER = f"""
    COALESCE(CAST(:throttle AS TEXT), '{CODES}' ||
        (SELECT CAST(user_id AS TEXT) FROM mfa_tickets WHERE digest = :digest))"""


async def take_attempt(
    digest: str,
    purpose: str,
    now: datetime,
    *,
    verified_only: bool,
    pace: Pace | None,
    throttle: str | None = None,
) -> MfaTicket | None:
    """The ticket with its user, as it was before it has one attempt fewer and one failure more.

    The failure is counted for the user's codes unless `throttle` says under what; without a pace,
    it is not counted. None, and nothing is changed, if the ticket or its user is not usable, or the
    attempt has to wait.
    """
    return await _taking(pace).take(
        digest=digest,
        purpose=purpose,
        now=now,
        verified_only=verified_only,
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
