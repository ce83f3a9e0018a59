"""Taking a mail that is due from the outbox."""

from datetime import datetime
from functools import cache

from models.mail import Mail
from models.sql import Query, dialect, execute

_COLUMNS = Query(Mail, where="TRUE")


async def take(now: datetime, until: datetime) -> Mail | None:
    """Take the mail that has been due for the longest; return it as it is now, or None.

    It is due again at `until`, and the attempt is counted. Tasks that take at the same moment get
    different mails, and none waits for another one.
    """
    is_postgres = dialect() == "postgres"
    rows = await execute(_taking(is_postgres=is_postgres), now=now, until=until)
    return _COLUMNS.parsed(rows[0].values()) if rows else None


@cache
def _taking(*, is_postgres: bool) -> str:
    # SQLite runs one writing statement at a time.
    skip = "FOR UPDATE SKIP LOCKED" if is_postgres else ""
    return f"""
        UPDATE mails SET due_at = :until, attempts = attempts + 1
        WHERE id = (
            SELECT id FROM mails WHERE due_at <= :now ORDER BY due_at LIMIT 1 {skip}
        )
        RETURNING {_COLUMNS.returning}"""
