"""Backups are made while the server runs, and restored users can sign in."""

import errno
import json
import shutil
import sqlite3
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from auth import backup
from config import load
from tests.support import (
    JOE,
    PASSWORD,
    Authenticator,
    Client,
    RefusedError,
    environment,
    postern,
    running_server,
)


def backed_up(folder: Path, env: dict[str, str]) -> dict[str, Any]:
    ended = postern("backup", str(folder), "--json", env=env)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Authenticator, str]:
    """A backup of a user with a factor, their phone, and their refresh token."""
    with running_server(tmp_path / "var") as server, httpx2.Client(base_url=server.url) as http:
        joe = Client(http)
        joe.sign_up(JOE)
        phone = joe.enrol()
        session = joe.call("elevate", code=phone.recovery_codes[0])
        told = backed_up(tmp_path / "backup", server.env)
    assert told["users"] == 1
    return tmp_path / "backup", phone, str(session["refreshToken"])


def test_a_restored_user_signs_in_with_the_second_factor(
    tmp_path: Path, made: tuple[Path, Authenticator, str]
) -> None:
    folder, phone, refresh_token = made
    shutil.rmtree(tmp_path / "var")
    restored = postern("restore", str(folder), env=environment(tmp_path / "elsewhere"))
    assert restored.returncode == 0, restored.stderr
    assert "`postern revoke-sessions --all`" in restored.stdout
    with (
        running_server(tmp_path / "elsewhere") as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        joe = Client(http)
        ticket = joe.ticket(JOE)
        session = joe.call("verifySignInMfaTotp", ticket=ticket, otp=phone.next_code())
        assert session["user"]["activeMfaType"] == "totp"
        assert joe.call("refreshSession", refreshToken=refresh_token), "the session is open again"


def test_a_backup_has_all_files_and_only_its_owner_can_read_it(
    made: tuple[Path, Authenticator, str],
) -> None:
    folder, *_ = made
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path for path in folder.rglob("*") if path.is_file()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {str(path.relative_to(folder)) for path in files} == {
        "backup.json", "encryption-keys", "nhost.toml", "postern.db", "signing-keys/0.pem",
    }  # fmt: skip


def test_a_backup_is_consistent_while_users_sign_up(tmp_path: Path) -> None:
    with running_server(tmp_path / "var") as server:
        over = threading.Event()

        def sign_up(name: str) -> None:
            with httpx2.Client(base_url=server.url, timeout=30) as http:
                number = 0
                while not over.is_set():
                    Client(http).sign_up(f"{name}-{number}@example.com")
                    number += 1

        crowd = [threading.Thread(target=sign_up, args=(f"user{n}",)) for n in range(3)]
        for thread in crowd:
            thread.start()
        seen: list[int] = []
        while len(seen) < 3 or (seen[-1] == seen[0] and len(seen) < 50):
            seen.append(backed_up(tmp_path / f"backup-{len(seen)}", server.env)["users"])
        over.set()
        for thread in crowd:
            thread.join()
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
    with sqlite3.connect(tmp_path / f"backup-{len(seen) - 1}" / "postern.db") as copy:
        (users,) = copy.execute("SELECT count(*) FROM users").fetchone()
        (events,) = copy.execute("SELECT count(DISTINCT user_id) FROM security_events").fetchone()
    assert users == events == seen[-1]


def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    env = environment(tmp_path / "var")
    missing = postern("backup", str(tmp_path / "backup"), env=env)
    assert missing.stderr == (
        f"Error: No backup was made: there is no database at {tmp_path}/var/postern.db.\n"
    )
    assert not (tmp_path / "var").exists()
    postern("migrate", env=env)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary").write_text("Dear diary")
    refused = postern("backup", str(tmp_path / "full"), env=env)
    assert refused.stderr == f"Error: No backup was made: {tmp_path}/full is not empty.\n"
    assert (tmp_path / "full" / "diary").read_text() == "Dear diary"


def test_a_damaged_database_is_not_backed_up(tmp_path: Path) -> None:
    env = environment(tmp_path / "var")
    postern("migrate", env=env)
    with (tmp_path / "var" / "postern.db").open("r+b") as database:
        database.seek(4096)
        database.write(b"\xff" * 40_000)
    refused = postern("backup", str(tmp_path / "backup"), env=env)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: No backup was made: ")
    assert len(refused.stderr.splitlines()) == 1
    assert list((tmp_path / "backup").iterdir()) == []


def test_restoring_refuses_while_the_data_is_in_use(
    tmp_path: Path, made: tuple[Path, Authenticator, str]
) -> None:
    folder, *_ = made
    env = environment(tmp_path / "var")
    with running_server(tmp_path / "var"):
        for options in ([], ["--force"]):
            refused = postern("restore", str(folder), *options, env=env)
            assert refused.stderr == (
                f"Error: Nothing was restored: {tmp_path}/var: a server is using it; stop it "
                "first.\n"
            )
    with sqlite3.connect(tmp_path / "var" / "postern.db") as somebody:
        somebody.execute("SELECT count(*) FROM users").fetchone()
        refused = postern("restore", str(folder), "--force", env=env)
        assert "is open in another process; stop it first" in refused.stderr
    somebody.close()
    assert (tmp_path / "var" / "postern.db").is_file()


def test_restoring_moves_existing_files_only_with_force(
    tmp_path: Path, made: tuple[Path, Authenticator, str]
) -> None:
    folder, *_ = made
    env = environment(tmp_path / "var")
    postern("create-user", "amy@example.com", env=env, stdin=PASSWORD)
    refused = postern("restore", str(folder), env=env)
    assert "is there already; --force moves it out of the way." in refused.stderr
    assert "amy@example.com" in postern("list-users", env=env).stdout
    moved = json.loads(postern("restore", str(folder), "--force", "--json", env=env).stdout)
    assert postern("list-users", env=env).stdout.count("@") == 1
    aside = {path.name for path in Path(moved["movedTo"]).iterdir()}
    assert aside >= {"postern.db", "encryption-keys", "signing-keys"}


def test_restoring_works_after_a_server_was_killed(
    tmp_path: Path, made: tuple[Path, Authenticator, str]
) -> None:
    with running_server(tmp_path / "killed") as server:
        httpx2.get(f"{server.url}/readyz")
        server.process.kill()
        server.process.wait(10)
    assert (tmp_path / "killed" / "postern.db-wal").exists()
    restored = postern("restore", str(made[0]), "--force", env=environment(tmp_path / "killed"))
    assert restored.returncode == 0, restored.stderr


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("postern.db", "is not as it was written"),
        ("encryption-keys", "is not as it was written"),
        ("signing-keys/0.pem", "is missing"),
        ("backup.json", "it has no backup.json"),
    ],
)
def test_an_incomplete_backup_is_not_restored(
    tmp_path: Path, made: tuple[Path, Authenticator, str], name: str, complaint: str
) -> None:
    folder, *_ = made
    if complaint.startswith("is not"):
        (folder / name).write_bytes((folder / name).read_bytes() + b"x")
    else:
        (folder / name).unlink()
    refused = postern("restore", str(folder), env=environment(tmp_path / "elsewhere"))
    assert refused.returncode == 1
    assert complaint in refused.stderr
    assert not (tmp_path / "elsewhere" / "postern.db").exists()


def test_a_failed_restore_changes_nothing(
    tmp_path: Path, made: tuple[Path, Authenticator, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, *_ = made
    env = environment(tmp_path / "var")
    before = postern("list-users", env=env).stdout
    keys = {path.name: path.read_bytes() for path in (tmp_path / "var").glob("*keys")
            if path.is_file()}  # fmt: skip
    copied, real = [], backup._copy

    def full_disk(source: Path, target: Path) -> None:
        copied.append(target)
        if len(copied) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(backup, "_copy", full_disk)
    settings, _ = load(env)
    with pytest.raises(OSError, match="No space"):
        backup.restore(settings, folder, datetime.now(UTC), force=True)
    assert len(copied) == 3
    assert postern("list-users", env=env).stdout == before
    assert not list((tmp_path / "var").glob("before-restore-*"))
    for name, content in keys.items():
        assert (tmp_path / "var" / name).read_bytes() == content
    assert list((tmp_path / "var" / "signing-keys").glob("*.pem"))


def test_a_manifest_cannot_name_files_outside_of_the_backup(
    tmp_path: Path, made: tuple[Path, Authenticator, str]
) -> None:
    folder, *_ = made
    manifest = json.loads((folder / "backup.json").read_text())
    manifest["files"]["../var/encryption-keys"] = "0" * 64
    (folder / "backup.json").write_text(json.dumps(manifest))
    refused = postern("restore", str(folder), env=environment(tmp_path / "elsewhere"))
    assert "is missing" in refused.stderr


def test_on_postgresql_keys_are_copied_and_the_dump_command_is_printed(
    tmp_path: Path, postgres_database: dict[str, str]
) -> None:
    parts = urlsplit(postgres_database["DATABASE_URL"])
    with_password = postgres_database | {
        "DATABASE_URL": f"postgres://{parts.username}:hunter2@{parts.hostname}{parts.path}"
        "?sslpassword=hunter2&command_timeout=9&connect_timeout=9&options=-c%20a.b%3D1"
    }
    env = environment(tmp_path / "var", **postgres_database)
    postern("migrate", env=env)
    (tmp_path / "var" / "signing-keys" / "of-something-else.pem").write_text("not a key of Postern")
    ended = postern("backup", str(tmp_path / "backup"), env=env | with_password)
    file = f"{tmp_path}/backup/postern.dump"
    dump = f"pg_dump --format=custom --file={file} 'postgres://{parts.username}@"
    assert dump in ended.stdout
    assert f"{parts.path}?connect_timeout=9&options=-c%20a.b%3D1'" in ended.stdout
    assert "hunter2" not in ended.stdout
    other = environment(tmp_path / "elsewhere", **postgres_database)
    restored = postern("restore", str(tmp_path / "backup"), env=other)
    assert "restore its dump with pg_restore" in restored.stdout
    for name in ("encryption-keys", "signing-keys/0.pem"):
        copies = {(tmp_path / place / name).read_bytes() for place in ("var", "elsewhere")}
        assert len(copies) == 1
    sqlite = postern("restore", str(tmp_path / "backup"), env=environment(tmp_path / "third"))
    assert "of different kinds of database" in sqlite.stderr


def test_the_sessions_of_a_backup_can_be_ended(
    tmp_path: Path, made: tuple[Path, Authenticator, str]
) -> None:
    folder, _, refresh_token = made
    env = environment(tmp_path / "elsewhere")
    postern("restore", str(folder), env=env)
    assert postern("revoke-sessions", "--all", env=env).returncode == 0
    with (
        running_server(tmp_path / "elsewhere") as server,
        httpx2.Client(base_url=server.url) as http,
        pytest.raises(RefusedError),
    ):
        Client(http).call("refreshSession", refreshToken=refresh_token)
