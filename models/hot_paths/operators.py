"""Operators: the few users with their role, found by an index of their own."""

from uuid import UUID

from models.sql import dialect, execute

_IS_OPERATOR = {
    "postgres": """roles @> '["admin"]'""",
    "sqlite": """roles LIKE '%"admin"%'""",
}
"""As the index `users_operators` has it; on SQLite, in the text of the JSON."""


async def exist() -> bool:
    """Return whether there is an operator, disabled or not."""
    return bool(await execute(f"SELECT id FROM users WHERE {_is_operator()} LIMIT 1"))


async def is_the_last(user_id: UUID) -> bool:
    """Lock all operators and this user; return whether no other operator is enabled than this one.

    Two operators who act on each other at the same moment wait here for each other. Who is one is
    read here, under the lock, as it may have changed since the request began.
    """
    is_postgres = dialect() == "postgres"
    locked = f"""
        SELECT id, disabled, ({_is_operator()}) AS is_operator FROM users
        WHERE {_is_operator()} OR id = :user
        ORDER BY id {"FOR UPDATE" if is_postgres else ""}"""
    rows = await execute(locked, user=str(user_id))
    operators = [row for row in rows if row["is_operator"]]
    is_one = any(str(row["id"]) == str(user_id) for row in operators)
    others = [row for row in operators if str(row["id"]) != str(user_id) and not row["disabled"]]
    return is_one and not others


def _is_operator() -> str:
    return _IS_OPERATOR[dialect()]
