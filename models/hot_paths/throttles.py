"""Counting the failed attempts on one account."""

from functools import lru_cache
from typing import NamedTuple

from models.hot_paths.steps import CLEAR_FAILURES
from models.sql import execute

_UNCOUNT = """
    UPDATE throttles SET failures = failures - 1,
        allowed_at = CASE WHEN allowed_at = COALESCE(CAST(:allowed_at AS BIGINT), allowed_at)
            THEN 0 ELSE allowed_at END
    WHERE key = :throttle AND failures > 0
"""


class Pace(NamedTuple):
    """How failures slow down the attempts that follow."""

    free: int
    """How many attempts need no wait before them."""
    waits: tuple[int, ...]
    """Seconds to wait after failure number `free`, the next one, …; the last value repeats."""
    decay: int
    """Seconds after which one failure is forgotten."""


async def count_failure(pace: Pace, key: str, seconds: int) -> int | None:
    """Count an attempt at `seconds` as failed; None if it is too early: nothing is counted.

    Otherwise return when the wait that it begins is over, or 0 if it begins none.
    """
    statement = counting(pace, "CAST(:throttle AS TEXT)").replace("{previous}", "TRUE")
    rows = await execute(statement, throttle=key, seconds=seconds)
    return int(rows[0]["allowed_at"]) if rows else None


async def uncount_failure(key: str, allowed_at: int | None) -> None:
    """Take one failure off the count, and end the wait until `allowed_at`, if it is still that one.

    None stands for any wait.
    """
    await execute(_UNCOUNT, throttle=key, allowed_at=allowed_at)


async def clear_failures(key: str, seconds: int, *, counted: bool) -> bool:
    """Clear the count after a success; False if the attempt is too early and not counted yet."""
    statement = CLEAR_FAILURES.replace("{previous}", "TRUE")
    return bool(await execute(statement, throttle=key, seconds=seconds, counted=counted))


@lru_cache
def counting(pace: Pace, key: str) -> str:
    """Return a step that counts an attempt as failed, if an attempt is allowed at `seconds`.

    `key` is an SQL expression for the key that the failure is counted under. The step is one
    statement, so that attempts at the same moment are all counted. It calculates in whole seconds,
    written so that SQLite and PostgreSQL give the same result.
    """
    most = pace.free + len(pace.waits) - 1
    now = "CAST(:seconds AS BIGINT)"  # without the cast, PostgreSQL infers INTEGER in places
    waits = " ".join(
        f"WHEN {n} THEN {now} + {wait}" for n, wait in enumerate(pace.waits, pace.free)
    )
    return f"""
        INSERT INTO throttles (key, failures, failed_at, allowed_at)
        SELECT {key}, 1, {now}, CASE 1 {waits} ELSE 0 END WHERE {{previous}}
        ON CONFLICT (key) DO UPDATE SET (failures, failed_at, allowed_at, refused) = (
            SELECT n, {now}, CASE n {waits} ELSE 0 END, 0
            FROM (
                SELECT CASE WHEN kept < 0 THEN 1 WHEN kept >= {most} THEN {most} ELSE kept + 1 END
                    AS n
                FROM (
                    SELECT throttles.failures - ({now} - throttles.failed_at) / {pace.decay} AS kept
                ) AS decayed
            ) AS counted
        )
        WHERE throttles.allowed_at <= {now}
        RETURNING key, allowed_at
    """
