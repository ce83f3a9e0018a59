"""Finding users for operators, page by page."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from models.sql import Query, dialect, execute
from models.user import User

_COLUMNS = Query(User, where="TRUE")
_CONDITIONS: Mapping[str, str] = {
    "text": r"""(
        email LIKE :text ESCAPE '\' OR lower(display_name) LIKE lower(:raw_text) ESCAPE '\'
        {or_id}
    )""",
    "email": "email = :email",
    "disabled": "disabled = :disabled",
    "email_verified": "email_verified = :email_verified",
    "has_second_factor": "has_second_factor = :has_second_factor",
    "role": "{has_role}",
}
_HAS_ROLE: Mapping[str, str] = {
    "postgres": "roles @> CAST(CAST(:role AS TEXT) AS JSONB)",
    "sqlite": "EXISTS (SELECT 1 FROM json_each(roles) WHERE value = :role)",
}
_ORDERS: Mapping[str, tuple[str, str]] = {
    "NEWEST": ("created_at DESC, id DESC", "(created_at, id) < (:after, :after_id)"),
    "OLDEST": ("created_at, id", "(created_at, id) > (:after, :after_id)"),
    "EMAIL": ("email", "email > :after"),
}
"""Each order, and the condition of the users who follow a given one."""


async def find(
    wanted: Mapping[str, Any],
    order: str,
    after: tuple[str | datetime, str] | None,
    limit: int,
) -> list[User]:
    """Return up to `limit` users who meet all conditions in `wanted`, those after `after`."""
    by, follows = _ORDERS[order]
    where, values = _where(wanted)
    if after is not None:
        where, values = f"{where} AND {follows}", values | {"after": after[0]}
        if ":after_id" in follows:
            values["after_id"] = after[1]
    if wanted and dialect() == "sqlite":
        by = by.replace("email", "+email")  # not in the order of an index that lacks the rest
    # First the ids, which an index has with all that is looked for; then their rows.
    ids = f"SELECT id FROM users WHERE {where} ORDER BY {by} LIMIT {int(limit)}"
    rows = await execute(
        f"SELECT {_COLUMNS.returning} FROM users WHERE id IN ({ids}) ORDER BY {by}", **values
    )
    return [_COLUMNS.parsed(row.values()) for row in rows]


async def count(wanted: Mapping[str, Any], most: int) -> int:
    """Return how many users meet the conditions; no more than `most` are looked at."""
    where, values = _where(wanted)
    counted = f"SELECT 1 FROM users WHERE {where} LIMIT {int(most)}"
    rows = await execute(f"SELECT count(*) AS count FROM ({counted}) AS found", **values)
    return int(rows[0]["count"])


def _where(wanted: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    is_postgres = dialect() == "postgres"
    values = dict(wanted)
    if "text" in values:
        raw = str(values["text"])
        values["text"] = f"%{_escaped(raw.lower())}%"
        values["raw_text"] = f"%{_escaped(raw)}%"
    if "role" in values:
        values["role"] = json.dumps([values["role"]]) if is_postgres else values["role"]
    has_role = _HAS_ROLE["postgres" if is_postgres else "sqlite"]
    # To compare ids takes longer than all else: only with what can be a part of one.
    looks_like_id = re.fullmatch(r"[0-9a-fA-F-]{4,36}", str(wanted.get("text", "")))
    or_id = r"OR CAST(id AS TEXT) LIKE :text ESCAPE '\'" if looks_like_id else ""
    conditions = [
        _CONDITIONS[name].replace("{has_role}", has_role).replace("{or_id}", or_id)
        for name in wanted
    ]
    return " AND ".join(["TRUE", *conditions]), values


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
