"""Reading the users of a Nhost Auth database, which is never written to."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from models.user import METADATA_MAX

BATCH = 500
"""How many users are read at once."""
_UNREADABLE_ROW = (asyncpg.DataError, ValueError, OverflowError)
_UNREADABLE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
_NEXT_IDS = "SELECT id FROM auth.users WHERE id > $1 ORDER BY id LIMIT $2"
# Texts are cut just above the allowed length. Times are read as seconds, since PostgreSQL has times
# that Python cannot represent.
_ROWS = f"""
    SELECT id, disabled, email_verified, is_anonymous,
        extract(epoch FROM created_at)::float8 AS created_at,
        extract(epoch FROM last_seen)::float8 AS last_seen,
        left(display_name, 1000) AS display_name, left(locale, 100) AS locale,
        left(email::text, 1000) AS email, left(password_hash, 1000) AS password_hash,
        left(default_role, 1000) AS default_role, left(totp_secret, 1000) AS totp_secret,
        left(active_mfa_type, 100) AS active_mfa_type,
        left(metadata::text, {METADATA_MAX + 1}) AS metadata,
        ARRAY(SELECT left(role, 1000) FROM auth.user_roles WHERE user_id = users.id
            ORDER BY role LIMIT 1000) AS roles,
        {{passkeys}} AS passkeys
    FROM auth.users WHERE id = ANY($1) ORDER BY id
"""
# At most as many as a user may have here. As text, since asyncpg reads JSON as text anyway.
_PASSKEYS = """
    (SELECT coalesce(json_agg(json_build_object(
        'credential_id', left(credential_id, 2000),
        'public_key', encode(substring(credential_public_key for 2000), 'hex'),
        'sign_count', counter,
        'transports', left(transports, 200), 'nickname', left(nickname, 1000))), '[]')::text
    FROM (SELECT * FROM auth.user_security_keys WHERE user_id = users.id ORDER BY id LIMIT 20)
    AS keys)"""


class SourceError(Exception):
    """The source cannot be read; the message says why."""


class Source:
    """An open connection to the source."""

    def __init__(self, connection: Any, *, has_passkeys: bool = True) -> None:
        self._connection = connection
        self._rows = _ROWS.replace("{passkeys}", _PASSKEYS if has_passkeys else "'[]'")

    async def total(self) -> int:
        """Return how many users there are. Raises SourceError."""
        try:
            return int(await self._connection.fetchval("SELECT count(*) FROM auth.users"))
        except (asyncpg.PostgresError, OSError) as error:
            raise SourceError(str(error)) from None

    async def pages(self) -> AsyncIterator[list[UUID]]:
        """Yield the ids of all users, up to `BATCH` at a time. Raises SourceError."""
        ids: list[UUID] = []
        after = UUID(int=0)
        fetchval, fetch = self._connection.fetchval, self._connection.fetch
        try:
            if await fetchval("SELECT 1 FROM auth.users WHERE id = $1", after):
                yield [after]
            while ids := [row["id"] for row in await fetch(_NEXT_IDS, after, BATCH)]:
                yield ids
                after = ids[-1]
        except _UNREADABLE as error:
            raise SourceError(str(error)) from None

    async def rows(self, ids: Sequence[UUID]) -> tuple[list[Any], list[tuple[UUID, str]]]:
        """Return the rows with these ids, and the ids whose rows are unreadable, with the reason.

        Raises SourceError.
        """
        try:
            return list(await self._connection.fetch(self._rows, ids)), []
        except _UNREADABLE_ROW as error:
            if len(ids) == 1:
                return [], [(ids[0], f"its row cannot be read ({type(error).__name__})")]
        except _UNREADABLE as error:
            raise SourceError(str(error)) from None
        rows: list[Any] = []
        unreadable: list[tuple[UUID, str]] = []
        for each in ids:
            row, reason = await self.rows([each])
            rows += row
            unreadable += reason
        return rows, unreadable


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Source]:
    """Open a connection to the database with this URL. Raises SourceError."""
    try:
        connection = await asyncpg.connect(url)
    except (*_UNREADABLE, ValueError) as error:
        raise SourceError(str(error)) from None
    try:
        table = "SELECT to_regclass('auth.user_security_keys') IS NOT NULL"
        yield Source(connection, has_passkeys=await connection.fetchval(table))
    finally:
        await connection.close()
