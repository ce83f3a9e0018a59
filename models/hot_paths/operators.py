"""Operators: the few users with their role, found by an index of their own."""

from uuid import UUID

from tortoise import connections

from models.sql import execute

_IS_OPERATOR = {
    "postgres": """roles @> '["admin"]'""",
    "sqlite": """roles LIKE '%"admin"%'""",
}
"""As the index `users_operators` has it; on SQLite, in the text of the JSON."""


async def exist() -> bool:
    """Return whether there is an operator, disabled or not."""
    return bool(await execute(f"SELECT id FROM users WHERE {_is_operator()} LIMIT 1"))


async def others(user_id: UUID) -> bool:
    """Lock all operators and this user; return whether another operator is enabled.

    Two operators who act on each other at the same moment wait here for each other.
    """
    is_postgres = connections.get("default").capabilities.dialect == "postgres"
    locked = f"""
        SELECT id, disabled FROM users WHERE {_is_operator()} OR id = :user
        ORDER BY id {"FOR UPDATE" if is_postgres else ""}"""
    rows = await execute(locked, user=str(user_id))
    return any(str(row["id"]) != str(user_id) and not row["disabled"] for row in rows)


def _is_operator() -> str:
    return _IS_OPERATOR[connections.get("default").capabilities.dialect]
