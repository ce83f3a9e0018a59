"""`postern import-nhost`, on the command line."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import asyncpg

from tests.auth.test_nhost_import import KEY, SECRET, TABLES, Nhost, sealed
from tests.support import environment, postern


def test_users_are_imported_and_counted(tmp_path: Path, postgres_database: dict[str, str]) -> None:
    url = postgres_database["DATABASE_URL"]

    async def fill() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(TABLES)
        nhost = Nhost(url, connection)
        await nhost.add(UUID(int=1), email="joe@example.com")
        await nhost.add(UUID(int=2), email=None)
        await connection.close()

    asyncio.run(fill())
    env = environment(tmp_path / "var")
    skipped = [{"id": str(UUID(int=2)), "reason": "no e-mail address"}]
    for option, imported, there in (("--dry-run", 1, 0), ("", 1, 0), ("", 0, 1)):
        options = ["--json", *([option] if option else [])]
        ended = postern("import-nhost", "--from", url, *options, env=env)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout) == {
            "imported": imported,
            "withFactor": 0,
            "withoutTheirFactor": [],
            "changed": [],
            "alreadyThere": there,
            "skipped": skipped,
            "dryRun": bool(option),
        }
    told = postern("import-nhost", "--from", url, env=env).stdout
    assert told.startswith(f"Skipped {UUID(int=2)}: no e-mail address.\nImported 0 users")
    assert "joe@example.com" in postern("list-users", env=env).stdout


def test_another_database_is_refused_without_showing_its_password(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    env = environment(tmp_path / "var")
    nowhere = "postgres://joe:hunter2@127.0.0.1:1/nhost"
    for source in (postgres_database["DATABASE_URL"], nowhere, "hunter2"):
        ended = postern("import-nhost", "--from", source, env=env)
        assert ended.returncode == 1
        assert "Error: The Nhost database cannot be read: " in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "hunter2" not in ended.stderr + ended.stdout


def test_the_source_can_be_kept_out_of_the_process_list(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    url = postgres_database["DATABASE_URL"]
    asyncio.run(filled(url))
    env = environment(tmp_path / "var", NHOST_DATABASE_URL=url, PGPASSWORD="hunter2")
    ended = postern("import-nhost", "--json", env=env)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["imported"] == 2


def test_a_strict_import_stops_if_a_user_would_lose_a_factor(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    url = postgres_database["DATABASE_URL"]
    asyncio.run(filled(url))
    env = environment(tmp_path / "var", NHOST_DATABASE_URL=url)
    stopped = postern("import-nhost", "--strict", env=env)
    assert stopped.returncode == 1
    assert stopped.stderr.splitlines()[-1] == (
        "Error: Nothing was written, as these users would lose their second factor: "
        f"{UUID(int=2)} (an encrypted TOTP secret, and no key to open it)"
    )
    assert postern("list-users", env=env).stdout.strip() == ""
    broken = postern("import-nhost", env=env | {"NHOST_ENCRYPTION_KEY": "hunter2"})
    assert broken.stderr.startswith("Error: NHOST_ENCRYPTION_KEY: expected keys of 16, 24 or 32")
    assert "hunter2" not in broken.stderr
    opened = postern("import-nhost", "--strict", "--json", env=env | {"NHOST_ENCRYPTION_KEY": KEY})
    assert json.loads(opened.stdout)["withFactor"] == 1


def test_users_who_lose_a_factor_are_reported_with_a_warning(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    url = postgres_database["DATABASE_URL"]
    asyncio.run(filled(url))
    ended = postern("import-nhost", "--from", url, env=environment(tmp_path / "var"))
    assert ended.returncode == 0
    assert f"WITHOUT THE SECOND FACTOR {UUID(int=2)}: an encrypted TOTP secret" in ended.stdout
    assert "Warning: 1 users had a second factor and have none now" in ended.stderr


async def filled(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    nhost = Nhost(url, connection)
    await nhost.add(UUID(int=1), email="joe@example.com")
    factor = {"active_mfa_type": "totp", "totp_secret": sealed(SECRET)}
    await nhost.add(UUID(int=2), email="amy@example.com", **factor)
    await connection.close()
