"""The `postern` command."""

import errno
import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from api.admin.schema import schema as admin_schema
from api.app import VERSION
from api.graphql.schema import schema
from auth import backup
from auth.backup import BackupError
from auth.sweep import sweep as sweep_once
from cli import (
    backups,
    doctor,
    hashing,
    importing,
    keys,
    live_settings,
    logs,
    mails,
    profiles,
    server,
    users,
)
from cli.command import (
    as_json,
    ask,
    migrated,
    refuse_without_encryption_key,
    say,
    with_changes,
)
from config import ConfigError
from models import database

logger = logging.getLogger("postern")


class Commands(click.Group):
    """The group of commands. Wrong input ends a command with one line."""

    def make_context(
        self, info_name: str | None, args: list[str], *rest: Any, **extra: Any
    ) -> click.Context:
        """Refuse arguments that are not UTF-8: they could be neither stored nor shown."""
        _open_standard_streams()
        for position, argument in enumerate(args, 1):
            if argument.encode("utf-8", "replace").decode() != argument:
                raise click.UsageError(f"Argument {position} is not UTF-8 text.")
        return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UnicodeError:
            raise click.ClickException("What was typed is not UTF-8 text.") from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader is gone, as with `| head -1`
                raise
            raise click.ClickException(str(error)) from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings come from config/nhost.toml and the environment: docs/configuration.md.",
)
@click.version_option(VERSION, prog_name="postern")
def main() -> None:
    """A GraphQL-first authentication server."""
    server.prepare_process()


@main.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    help="Processes that share the work (1); with more than one, use PostgreSQL.",
)
def serve(workers: int) -> None:
    """Migrate the database, and serve until stopped."""
    logger.setLevel(logging.INFO)
    with logs.refusals():
        postern, _ = migrated(logger.warning)
        refuse_without_encryption_key(postern)
        postern = with_changes(postern)
        for risk in doctor.grave(postern.settings, os.environ):
            logger.warning("%s.", risk)
        if workers > 1 and database.sqlite_file(postern.settings):
            logger.warning(
                "Several workers take turns at writing to SQLite, and are slower than one: use "
                "PostgreSQL for them."
            )
        if workers > 1 and postern.settings.rate_limit_storage.get_secret_value() == "memory://":
            logger.warning(
                "Each worker counts the attempts of an address by itself; with "
                "AUTH_RATE_LIMIT_STORAGE=redis://… they count together."
            )
        try:
            with backup.in_use(postern.settings.data_dir):
                server.serve(postern, workers=workers)
        except (ConfigError, BackupError) as error:
            raise click.ClickException(str(error)) from None


@main.command()
@as_json
def migrate(in_json: bool) -> None:
    """Migrate the database. Safe to repeat."""
    postern, applied = migrated()
    where = database.describe(postern.settings)
    lines = [f"Applied {name}." for name in applied]
    say(in_json, {"applied": applied}, *lines, f"The database is up to date: {where}")


@main.command("export-schema")
@click.option("--admin", is_flag=True, help="The operators' schema instead.")
def export_schema(admin: bool) -> None:
    """Print the GraphQL schema, for code generators."""
    click.echo((admin_schema if admin else schema).as_str())


@main.command()
@as_json
def sweep(in_json: bool) -> None:
    """Delete expired data. A running server does this itself."""
    swept = ask(sweep_once)
    say(in_json, swept, *(f"Deleted {count} {what}." for what, count in swept.items()))


for _command in (
    users.create_user,
    profiles.list_users,
    profiles.show_user,
    users.verify_user,
    users.disable_user,
    users.enable_user,
    users.set_password,
    users.reset_mfa,
    users.send_reset,
    users.delete_user,
    users.revoke_sessions,
    profiles.show_events,
    profiles.set_roles,
    profiles.set_metadata,
    keys.rotate_keys,
    keys.rotate_encryption_key,
    doctor.doctor,
    hashing.tune,
    backups.backup,
    backups.restore,
    importing.import_nhost,
    mails.send_test_mail,
    mails.preview_mail,
    live_settings.settings,
):
    main.add_command(_command)


def _open_standard_streams() -> None:
    """Open standard input, output and error on /dev/null if the caller has closed them.

    Otherwise the next file that is opened would take their place, and output for the screen would
    be written into a database. Characters that the screen cannot show are escaped.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(opened, True)  # noqa: FBT003 - the parameter has no name
    os.close(opened)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - it stays open
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
