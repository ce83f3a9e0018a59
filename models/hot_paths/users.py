"""Finding a user by e-mail address, and locking the rows of users."""

from uuid import UUID

from tortoise import connections

from models.hot_paths.steps import ATTEMPT_ALLOWED
from models.sql import Query, execute
from models.user import User

_LOCKED = "SELECT id FROM users WHERE id = ANY(CAST(:users AS UUID[])) ORDER BY id FOR UPDATE"
_BY_ADDRESS = Query(User, where="email = :email", condition=ATTEMPT_ALLOWED)


async def find_by_address(
    address: str | None, *, throttle: str, seconds: int
) -> tuple[User | None, bool]:
    """Return the user with this address, and whether an attempt under `throttle` is allowed now."""
    return await _BY_ADDRESS.one_and_condition(email=address, throttle=throttle, seconds=seconds)


async def lock(*user_ids: UUID) -> None:
    """Lock the rows of these users until the end of the transaction around, in the order of ids.

    A transaction that changes what belongs to a user calls this first, before it touches a session,
    a ticket or a mail: recording a security event locks the user's row too. On SQLite, the
    transaction has locked the database already.
    """
    if connections.get("default").capabilities.dialect == "postgres":
        await execute(_LOCKED, users=list(user_ids))
