"""Finding a user by e-mail address, locking the rows of users, and looking through all of them."""

from uuid import UUID

from models.hot_paths.steps import ATTEMPT_ALLOWED
from models.sql import Query, dialect, execute
from models.user import User

_LOCKED = "SELECT id FROM users WHERE id = ANY(CAST(:users AS UUID[])) ORDER BY id FOR UPDATE"
_FACTOR_DUE = {
    "postgres": """
        UPDATE users SET factor_due_at = COALESCE(
            factor_due_at, statement_timestamp() + CAST(:grace AS INTEGER) * INTERVAL '1 second')
        WHERE id = :user RETURNING factor_due_at <= statement_timestamp() AS is_over""",
    "sqlite": """
        UPDATE users SET factor_due_at = COALESCE(factor_due_at,
            strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', :grace || ' seconds'))
        WHERE id = :user
        RETURNING factor_due_at <= strftime('%Y-%m-%d %H:%M:%f+00:00', 'now') AS is_over""",
}
# A key id has 8 characters, followed by a dot: see `auth.keys.vault`.
_SECRETS_BY_KEY = """
    SELECT substr(totp_secret, 1, 8) AS key_id, count(*) AS count FROM users
    WHERE totp_secret IS NOT NULL AND totp_activated_at IS NOT NULL GROUP BY 1"""
# After its parameters, an Argon2 hash has a salt of 22 characters, a $ and a hash of 43 characters.
_ONE_OF_EACH_KIND = """
    SELECT min(password_hash) AS password_hash FROM users WHERE password_hash IS NOT NULL
    GROUP BY CASE WHEN password_hash LIKE '$argon2%'
        THEN substr(password_hash, 1, length(password_hash) - 66)
        ELSE substr(password_hash, 1, 7) END
    LIMIT 100"""
_BY_ADDRESS = Query(User, where="email = :email", condition=ATTEMPT_ALLOWED)


async def find_by_address(
    address: str | None, *, throttle: str, seconds: int
) -> tuple[User | None, bool]:
    """Return the user with this address, and whether an attempt under `throttle` is allowed now."""
    return await _BY_ADDRESS.one_and_condition(email=address, throttle=throttle, seconds=seconds)


async def is_factor_due(user_id: UUID, grace: int) -> bool:
    """Return whether the user's period without a required factor is over, by the database's clock.

    The first call for a user begins the period, of `grace` seconds; it is never renewed.
    """
    rows = await execute(_FACTOR_DUE[dialect()], user=str(user_id), grace=grace)
    return bool(rows and rows[0]["is_over"])


async def lock(*user_ids: UUID) -> None:
    """Lock the rows of these users until the end of the transaction around, in the order of ids.

    A transaction that changes what belongs to a user calls this first, before it touches a session,
    a ticket or a mail: recording a security event locks the user's row too. On SQLite, the
    transaction has locked the database already.
    """
    if dialect() == "postgres":
        await execute(_LOCKED, users=list(user_ids))


async def one_hash_of_each_kind() -> list[str]:
    """Return one password hash for each stored algorithm and set of parameters, up to 100.

    Reads the whole table: half a second for a million users.
    """
    return [str(row["password_hash"]) for row in await execute(_ONE_OF_EACH_KIND)]


async def secrets_by_key() -> dict[str, int]:
    """Return how many TOTP secrets of active factors each encryption key sealed, by key id.

    Reads the whole table.
    """
    return {str(row["key_id"]): int(row["count"]) for row in await execute(_SECRETS_BY_KEY)}
