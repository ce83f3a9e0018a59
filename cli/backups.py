"""Commands for backups: make one, restore one."""

import os
import shlex
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import click

from auth import backup as backups
from auth.backup import BackupError
from auth.keys.key_files import UnusableKeyError
from cli.command import as_json, chosen_settings, count_of, say
from config import Settings, file_in_force
from config.database_url import POOL
from models.sqlite_files import UnusableDatabaseError

_FAILURES = (BackupError, UnusableDatabaseError, UnusableKeyError, OSError, sqlite3.Error)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@as_json
def backup(folder: Path, in_json: bool) -> None:
    """Copy database, keys and configuration into FOLDER, also while the server runs.

    FOLDER must be new or empty. The backup contains the keys: protect it like them. Environment
    variables are not copied, and neither is a PostgreSQL database: the command prints how to dump
    it.
    """
    settings = chosen_settings()
    configuration = file_in_force(os.environ)
    try:
        made = backups.make(
            settings, folder, datetime.now(UTC), configuration if configuration.is_file() else None
        )
    except _FAILURES as error:
        raise click.ClickException(f"No backup was made: {error}.") from None
    dump = _dump_command(settings, folder)
    told = {"folder": str(folder), "files": made.files, "users": made.users, "dump": dump}
    lines = [f"Copied {name}." for name in made.files]
    if dump is None:
        users = count_of(made.users or 0, "user")
        lines += [f"The backup has {users}, and was read again: it is whole."]
    else:
        lines += [f"The database is not in the backup. Now run: {dump}"]
    kept = [
        name
        for name, value in (
            ("AUTH_ENCRYPTION_KEYS", settings.encryption_keys),
            ("HASURA_GRAPHQL_JWT_SECRET", settings.jwt_secret),
        )
        if value is not None
    ]
    lines += [f"{name} is in the environment: keep it elsewhere." for name in kept]
    say(in_json, told | {"notCopied": kept}, *lines)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Move existing files into a folder beside them.")
@as_json
def restore(folder: Path, force: bool, in_json: bool) -> None:
    """Restore a backup into AUTH_DATA_DIR, while no server runs.

    The backup's configuration file is not restored: compare it with yours.
    """
    settings = chosen_settings()
    try:
        restored = backups.read(folder)
        aside = backups.restore(settings, folder, datetime.now(UTC), force=force)
    except _FAILURES as error:
        raise click.ClickException(f"Nothing was restored: {error}.") from None
    lines = [f"Restored {name}." for name in restored.files if name != backups.CONFIGURATION]
    if aside is not None:
        lines += [f"What was there is in {aside} now."]
    if settings.database_url is not None and restored.users is None:
        lines += ["The database is not in the backup: restore its dump with pg_restore."]
    lines += [
        "Sessions that were open when the backup was made are open again; to end them all, run "
        "`postern revoke-sessions --all`."
    ]
    told = {"files": restored.files, "users": restored.users, "movedTo": aside and str(aside)}
    say(in_json, told, *lines)


_NOT_FOR_PG_DUMP = {"password", "sslpassword", *POOL} - {"connect_timeout"}
"""Parameters of DATABASE_URL that are secret, or that libpq does not know."""


def _dump_command(settings: Settings, folder: Path) -> str | None:
    """Return the pg_dump command for the database, without secrets; None on SQLite."""
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    if not url.startswith("postgres"):
        return None
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    said = [(name, value) for name, value in parse_qsl(parts.query) if name not in _NOT_FOR_PG_DUMP]
    netloc = f"{user.partition(':')[0]}{at}{host}"
    shown = urlunsplit(parts._replace(netloc=netloc, query=urlencode(said, quote_via=quote)))
    dump = str(folder / "postern.dump")
    return f"pg_dump --format=custom --file={shlex.quote(dump)} {shlex.quote(shown)}"
