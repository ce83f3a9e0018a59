"""What the operator's commands share: open Postern, run the work, print the result."""

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

import asyncpg
import click
from tortoise.exceptions import BaseORMException

from auth import live_settings
from auth.argon2_build import Argon2Error
from auth.caller import Operator
from auth.errors import AuthError
from auth.keys.key_files import ENCRYPTION_KEYS_FILE, UnusableKeyError
from auth.keys.sealed_secrets import Unreadable, unreadable
from auth.keys.vault import Vault, VaultError
from auth.operators.authority import REASON_MAX
from auth.postern import Postern, open_postern
from config import ConfigError, Configuration, Settings, read
from models import database

Answer = TypeVar("Answer")
_LONGEST_INPUT = 64 * 1024
"""How many bytes a command reads from standard input at most."""
_DATABASE_ERRORS = (
    sqlite3.Error,
    BaseORMException,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def acting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option --reason, and the operator whom security events name."""

    @wraps(command)
    def with_operator(*args: Any, reason: str, **given: Any) -> None:
        if len(reason) > REASON_MAX or (reason and not reason.isprintable()):
            raise click.UsageError("--reason takes up to 255 characters on one line.")
        command(
            *args, operator=Operator(user_agent="postern", reason=reason, at_console=True), **given
        )

    return click.option("--reason", default="", help="Why; the security event keeps it.")(
        with_operator
    )


as_json = click.option("--json", "in_json", is_flag=True, help="Answer in JSON, for programs.")


def say(in_json: bool, data: object, *lines: str) -> None:
    """Print the result of a command: the data as JSON, or the lines for a person."""
    if in_json or lines:
        click.echo(json.dumps(data) if in_json else "\n".join(lines))


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun: `1 user`, `2 users`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def ask(work: Callable[[Postern], Awaitable[Answer]], *, without_changes: bool = False) -> Answer:
    """Migrate the database, run the work connected to it, and return the result.

    The work sees the settings that operators have changed, unless `without_changes` is set. A
    refusal ends the command with one line.
    """
    postern, _ = migrated()

    async def connected() -> Answer:
        async with database.connected(postern.settings):
            return await work(postern if without_changes else await live_settings.newest(postern))

    return _run(connected(), postern.settings)


def with_changes(postern: Postern) -> Postern:
    """Return this Postern with the settings that operators have changed."""

    async def connected() -> Postern:
        async with database.connected(postern.settings):
            return await live_settings.newest(postern)

    return _run(connected(), postern.settings)


def look(work: Callable[[Settings], Awaitable[Answer]]) -> Answer:
    """Run work that only reads, and return the result; create no folder, key or table.

    A database that is missing or not up to date ends the command with one line.
    """
    settings = chosen_settings()

    async def connected() -> Answer:
        refuse_missing_database(settings)
        async with database.connected(settings, read_only=True):
            if pending := await database.pending():
                raise click.ClickException(
                    f"The database is not up to date ({len(pending)} migrations are missing): run "
                    "`postern migrate` first."
                )
            return await work(settings)

    return _run(connected(), settings)


def refuse_missing_database(settings: Settings) -> None:
    """Raise ClickException if the database is an SQLite file that does not exist."""
    path = database.sqlite_file(settings)
    if path is not None and not path.is_file():
        raise click.ClickException(f"There is no database at {path}: run `postern migrate` first.")


def warn_on_screen(text: str) -> None:
    """Write a warning to standard error."""
    click.echo(f"Warning: {text}", err=True)


def migrated(warn: Callable[[str], None] = warn_on_screen) -> tuple[Postern, list[str]]:
    """Open the Postern that the environment describes, and migrate its database.

    Returns it with the applied migrations. An error ends the command with one line.
    """
    postern = opened(warn)
    try:
        return postern, asyncio.run(database.migrate(postern.settings))
    except Exception as error:  # each driver has its own exceptions
        raise _unusable(postern.settings, error) from None


def opened(warn: Callable[[str], None] = warn_on_screen) -> Postern:
    """Open the Postern that the environment describes; create its data folder and keys.

    If the database has secrets that a missing key sealed, no encryption key is created: the vault
    stays empty.
    """
    configuration = read_configuration(warn)
    settings = settings_of(configuration)
    try:
        make_key = not _has_sealed_secrets(settings)
        return open_postern(configuration, make_encryption_key=make_key)
    except (Argon2Error, UnusableKeyError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"AUTH_DATA_DIR cannot be used: {error}") from None


def refuse_without_encryption_key(postern: Postern) -> None:
    """Raise ClickException if secrets are stored and there is no encryption key at all."""

    async def sealed() -> Unreadable | None:
        async with database.connected(postern.settings):
            return await unreadable(postern.vault)

    if not postern.vault.is_empty:
        return
    if found := _run(sealed(), postern.settings):
        raise click.ClickException(f"{found}. No key was made beside them.")


def _has_sealed_secrets(settings: Settings) -> bool:
    """Return whether the database has secrets; checked only if there is no encryption key."""
    if settings.encryption_keys or (settings.data_dir / ENCRYPTION_KEYS_FILE).exists():
        return False
    path = database.sqlite_file(settings)
    if path is not None and not path.is_file():
        return False

    async def found() -> bool:
        async with database.connected(settings):
            if await database.is_empty():
                return False
            return await unreadable(Vault([])) is not None

    return _run(found(), settings)


def chosen_settings(warn: Callable[[str], None] = warn_on_screen) -> Settings:
    """Load the settings, without changes at run time; call `warn` for what may be a mistake."""
    return settings_of(read_configuration(warn))


def read_configuration(warn: Callable[[str], None] = warn_on_screen) -> Configuration:
    """Read the environment and the file; call `warn` for what may be a mistake."""
    try:
        configuration = read(os.environ)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    for warning in configuration.warnings:
        warn(f"{warning}.")
    return configuration


def settings_of(configuration: Configuration) -> Settings:
    """Return the settings without changes at run time. Raises ClickException."""
    try:
        return configuration.settings()
    except ConfigError as error:
        raise click.ClickException(str(error)) from None


def read_password() -> str:
    """Prompt for a password; without a terminal, read it from the first line of standard input.

    Raises ClickException if it is missing or not UTF-8 text.
    """
    if sys.stdin.isatty():
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    line = sys.stdin.buffer.readline(_LONGEST_INPUT)
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if not line:
        raise click.ClickException("Standard input has no password in its first line.")
    return as_text(line, "The password on standard input")


def read_input() -> bytes:
    """Read standard input to its end, at most 64 KiB. Raises ClickException."""
    content = sys.stdin.buffer.read(_LONGEST_INPUT + 1)
    if len(content) > _LONGEST_INPUT:
        raise click.ClickException(f"Standard input has more than {_LONGEST_INPUT} bytes.")
    return content


def as_text(content: bytes, what: str) -> str:
    """Decode UTF-8 text without NUL. Raises ClickException, which names `what`, not the content."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.ClickException(f"{what} is not UTF-8 text.") from None
    if "\0" in text:
        raise click.ClickException(f"{what} contains a NUL character; is it UTF-16?")
    return text


def _run(work: Coroutine[Any, Any, Answer], settings: Settings) -> Answer:
    try:
        return asyncio.run(work)
    except (AuthError, ConfigError, UnusableKeyError, VaultError) as error:
        raise click.ClickException(str(error)) from None
    except _DATABASE_ERRORS as error:
        raise _unusable(settings, error) from None


def _unusable(settings: Settings, error: Exception) -> click.ClickException:
    first_line = str(error).partition("\n")[0] or type(error).__name__
    return click.ClickException(
        f"The database {database.describe(settings)} cannot be used: {first_line}"
    )
