"""An upgrade keeps all rows, and what guards the tables."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tortoise import connections
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from config import load
from models import database
from tests.support import environment

GUARDS = {"factor_is_noted", "passkeys_are_noted", "users_operators"}
"""Triggers and indexes of `users` that migrations make by hand; copying the table loses them."""


def names_of(file: Path) -> set[str]:
    with sqlite3.connect(file) as opened:
        return {name for (name,) in opened.execute("SELECT name FROM sqlite_schema")}


def test_a_new_database_has_all_guards(template: Path) -> None:
    assert names_of(template) >= GUARDS


@pytest.mark.parametrize("name", ["0008_passkeys", "0010_asked_at", "0011_live_settings"])
def test_an_upgrade_loses_no_row(tmp_path: Path, name: str) -> None:
    """By cascade, a copied table of users would take with it what belongs to them."""
    settings, _ = load(environment(tmp_path))
    user, session, now = str(uuid4()), str(uuid4()), datetime.now(UTC).isoformat(" ")

    apps: Any = database.ORM["apps"]

    async def as_it_was() -> None:
        async with database.connected(settings):
            executor = MigrationExecutor(connections.get("default"), apps)
            await executor.migrate([MigrationTarget("models", name)], direction="forward")

    asyncio.run(as_it_was())
    file = tmp_path / "postern.db"
    with sqlite3.connect(file) as opened:
        opened.execute(
            "INSERT INTO users (id, email, email_verified, display_name, locale, default_role,"
            " roles, disabled, created_at, totp_last_step)"
            " VALUES (?, 'joe@example.com', 0, 'Joe', 'en', 'user', '[\"user\"]', 0, ?, 0)",
            (user, now),
        )
        opened.execute(
            "INSERT INTO user_sessions (id, user_id, methods, created_at, authenticated_at,"
            " last_used_at, expires_at) VALUES (?, ?, '[]', ?, ?, ?, ?)",
            (session, user, now, now, now, now),
        )
        opened.execute(
            "INSERT INTO refresh_tokens (id, session_id, digest) VALUES (?, ?, 'x')",
            (str(uuid4()), session),
        )
        opened.execute(
            "INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, transports,"
            " backed_up, verifies_user, nickname, created_at)"
            " VALUES (?, ?, 'x', x'00', 0, '[]', 0, 1, 'Phone', ?)",
            (str(uuid4()), user, now),
        )
        opened.execute(
            "INSERT INTO recovery_codes (id, user_id, digest) VALUES (?, ?, 'x')",
            (str(uuid4()), user),
        )
        opened.execute(
            "INSERT INTO security_events (created_at, type, user_id) VALUES (?, 'SIGNED_UP', ?)",
            (now, user),
        )
        opened.execute(
            "UPDATE users SET has_second_factor = 1, has_passkeys = 1 WHERE id = ?", (user,)
        )
    asyncio.run(database.migrate(settings))
    assert names_of(file) >= GUARDS
    with sqlite3.connect(file) as opened:
        for table in ("users", "user_sessions", "refresh_tokens", "passkeys", "recovery_codes",
                      "security_events"):  # fmt: skip
            assert opened.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,), table
        with pytest.raises(sqlite3.IntegrityError, match="has_second_factor"):
            opened.execute("UPDATE users SET has_second_factor = 0")
