"""Counting events by hour, and users by kind."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from models.sql import dialect, execute

_HOUR = {
    "postgres": "date_trunc('hour', created_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
    "sqlite": "strftime('%Y-%m-%d %H:00:00+00:00', created_at)",
}
_ADD = """
    INSERT INTO event_counts (hour, type, count)
    SELECT {hour}, type, count(*) FROM security_events
    WHERE id > :last AND id <= :upto GROUP BY 1, 2
    ON CONFLICT (hour, type) DO UPDATE SET count = event_counts.count + excluded.count"""
_UPTO = """
    SELECT max(id) AS upto FROM (
        SELECT id FROM security_events WHERE id > :last AND created_at <= :settled
        ORDER BY id LIMIT :most
    ) AS found"""
_USERS = """
    SELECT count(*) AS users,
        count(CASE WHEN has_second_factor THEN 1 END) AS with_factor,
        count(CASE WHEN has_passkeys THEN 1 END) AS with_passkeys,
        count(CASE WHEN disabled THEN 1 END) AS disabled,
        count(CASE WHEN NOT email_verified THEN 1 END) AS unverified,
        count(CASE WHEN NOT has_second_factor AND NOT disabled THEN 1 END)
            AS enabled_without_factor
    FROM users"""
_WITHOUT_FACTOR = {
    "postgres": """
        SELECT role, count(*) AS count FROM users, jsonb_array_elements_text(roles) AS role
        WHERE NOT has_second_factor AND NOT disabled GROUP BY 1 ORDER BY 2 DESC LIMIT 100""",
    "sqlite": """
        SELECT value AS role, count(*) AS count FROM users, json_each(users.roles)
        WHERE NOT has_second_factor AND NOT disabled GROUP BY 1 ORDER BY 2 DESC LIMIT 100""",
}


async def newest_settled(last: int, settled: datetime, most: int) -> int | None:
    """Return the newest event after `last` that is from before `settled`, `most` after it."""
    rows = await execute(_UPTO, last=last, settled=settled, most=most)
    return rows[0]["upto"] and int(rows[0]["upto"])


async def add_events(last: int, upto: int) -> None:
    """Add the events after `last`, up to and including `upto`, to the counts of their hours."""
    await execute(_ADD.format(hour=_HOUR[dialect()]), last=last, upto=upto)


async def count_users() -> dict[str, Any]:
    """Return how many users there are, of which kinds, and which roles lack a factor.

    Reads the whole table.
    """
    counts: dict[str, Any] = (await execute(_USERS))[0]
    roles = await execute(_WITHOUT_FACTOR[dialect()])
    return counts | {"without_factor": {row["role"]: row["count"] for row in roles}}


async def hourly(since: datetime, series: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return a row for each hour that has events of these types: the hour, and their sums."""
    sums = ", ".join(
        f"sum(CASE WHEN type IN ({', '.join(map(repr, types))}) THEN count ELSE 0 END) AS {name}"
        for name, types in series.items()
    )
    known = ", ".join(repr(each) for types in series.values() for each in types)
    return await execute(
        f"""
        SELECT hour, {sums} FROM event_counts WHERE hour >= :since AND type IN ({known})
        GROUP BY hour ORDER BY hour""",
        since=since,
    )
