"""Running deploy/partition-events.sql, which docs/scaling.md recommends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from auth import sweep
from auth.postern import Postern, open_postern
from auth.sessions import ending
from config import read
from models import SecurityEvent, database
from tests.support import CHEAP_HASHING, ROOT, environment, event_names, sign_up_user

pytestmark = pytest.mark.anyio
NOVEMBER = datetime(2026, 11, 20, tzinfo=UTC)
"""The month before the first partition."""
PARTITIONS = (ROOT / "deploy" / "partition-events.sql").read_text()


@pytest.fixture
async def on_postgres(tmp_path: Path, postgres_database: dict[str, str]) -> AsyncIterator[Postern]:
    chosen = read(environment(tmp_path / "var", **CHEAP_HASHING, **postgres_database))
    opened = replace(open_postern(chosen), now=lambda: NOVEMBER)
    await database.migrate(opened.settings)
    async with database.connected(opened.settings):
        yield opened
    opened.passwords.close()


async def test_events_work_in_monthly_partitions(
    on_postgres: Postern, postgres_database: dict[str, str]
) -> None:
    _, joe = await sign_up_user(on_postgres)
    before = [(event.id, event.type) for event in await SecurityEvent.all().order_by("id")]
    connection = await asyncpg.connect(postgres_database["DATABASE_URL"])
    await connection.execute(PARTITIONS)
    assert [(event.id, event.type) for event in await SecurityEvent.all().order_by("id")] == before
    december = SecurityEvent.filter(id=before[0][0])
    await december.update(created_at=datetime(2026, 12, 24, tzinfo=UTC))
    await ending.sign_out(on_postgres, joe, None, everywhere=True)
    assert await event_names() == ["SIGNED_UP", "SIGNED_IN", "ALL_SESSIONS_ENDED"]
    in_december = "SELECT count(*) FROM security_events_2026_12"
    assert await connection.fetchval(in_december) == 1
    await connection.execute("DROP TABLE security_events_2026_12")
    assert await event_names() == ["SIGNED_IN", "ALL_SESSIONS_ENDED"]
    await SecurityEvent.all().update(created_at=on_postgres.now() - timedelta(days=366))
    assert (await sweep.sweep(on_postgres))["events"] == 2
    await connection.close()
