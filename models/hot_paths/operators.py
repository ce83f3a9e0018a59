"""Operators: the few users with their role, found by an index of their own."""

from uuid import UUID

from models.sql import Query, dialect, execute
from models.user import User

_IS_OPERATOR = {
    "postgres": """roles @> '["admin"]'""",
    "sqlite": """roles LIKE '%"admin"%' AND instr(roles, '"admin"') > 0""",
}
"""As the index `users_operators` has it; on SQLite, in the text of the JSON, where LIKE would find
"Admin" too."""
_COLUMNS = Query(User, where="TRUE")


async def exist() -> bool:
    """Return whether there is an operator, disabled or not."""
    return bool(await execute(f"SELECT id FROM users WHERE {_is_operator()} LIMIT 1"))


async def find_all() -> list[User]:
    """Return all operators."""
    sql = f"SELECT {_COLUMNS.returning} FROM users WHERE {_is_operator()}"
    return [_COLUMNS.parsed(row.values()) for row in await execute(sql)]


async def lock(user_id: UUID | None) -> bool:
    """Lock the rows of all operators, and of this user; return whether there is such a user.

    Operators who act at the same moment wait here for each other. Call it first in a transaction.
    """
    sql = f"""
        SELECT id FROM users WHERE id = :user OR ({_is_operator()}) ORDER BY id
        {"FOR UPDATE" if dialect() == "postgres" else ""}"""
    there = await execute(sql, user=user_id and str(user_id))
    return str(user_id) in {str(row["id"]) for row in there}


def _is_operator() -> str:
    return _IS_OPERATOR[dialect()]
