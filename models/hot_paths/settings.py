"""The settings that operators have changed: which are in force, and the lock of the next change."""

from models.sql import execute

_NOW = """
    SELECT version, name, value FROM settings_version
    LEFT JOIN (
        SELECT name, value FROM setting_changes
        WHERE id IN (SELECT max(id) FROM setting_changes GROUP BY name) AND value IS NOT NULL
    ) AS latest ON TRUE"""
_VERSION = "SELECT version FROM settings_version"
_NEXT = """
    INSERT INTO settings_version (id, version)
    SELECT 1, 1 WHERE COALESCE(:seen, 0) = 0 OR EXISTS (SELECT 1 FROM settings_version)
    ON CONFLICT (id) DO UPDATE SET version = settings_version.version + 1
    WHERE COALESCE(:seen, settings_version.version) = settings_version.version
    RETURNING version"""


async def version() -> int:
    """Return how often settings were changed."""
    rows = await execute(_VERSION)
    return int(rows[0]["version"]) if rows else 0


async def changed() -> tuple[int, dict[str, str]]:
    """Return the version, and the values in force by their names, as one statement sees them."""
    rows = await execute(_NOW)
    values = {row["name"]: row["value"] for row in rows if row["name"]}
    return (int(rows[0]["version"]) if rows else 0), values


async def next_version(seen: int | None) -> int | None:
    """Count a change, and let no other one happen until the end of the transaction around.

    Returns the new version, or None if `seen` is a version that is no longer the newest.
    """
    rows = await execute(_NEXT, seen=seen)
    return int(rows[0]["version"]) if rows else None
