"""The `postern` command."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable
from typing import TypeVar

import click

from api.app import VERSION
from api.schema import schema
from auth import mfa, sign_up
from auth.errors import AuthError
from auth.keys import KeyFileError
from auth.postern import Postern, open_postern
from cli import server
from config import ConfigError, load
from models import database

Answer = TypeVar("Answer")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings come from config/nhost.toml and the environment; README.md lists them.",
)
@click.version_option(VERSION, prog_name="postern")
def main() -> None:
    """A GraphQL-first authentication server."""
    os.umask(0o077)  # whatever is made here is for its owner alone
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@main.command()
def serve() -> None:
    """Bring the database up to date and serve until stopped."""
    postern, _ = _open()
    server.serve(postern)


@main.command()
def migrate() -> None:
    """Bring the database up to date. Safe to repeat."""
    postern, applied = _open()
    for name in applied:
        click.echo(f"Applied {name}.")
    click.echo(f"The database is up to date: {database.describe(postern.settings)}")


@main.command("export-schema")
def export_schema() -> None:
    """Print the GraphQL schema, for code generators."""
    click.echo(schema.as_str())


@main.command("create-user")
@click.argument("email")
@click.option("--display-name", help="The name to show. The e-mail address unless given.")
def create_user(email: str, display_name: str | None) -> None:
    """Make an account that can sign in with EMAIL.

    The password is asked for; where there is no terminal, it is the first line of standard input.
    """
    password = _read_password()
    postern, _ = _open()
    account = sign_up.create_account(postern, email, password, display_name)
    user = _run(postern, account)
    click.echo(f"Created {user.email}, id {user.id}.")


@main.command("reset-mfa")
@click.argument("email")
def reset_mfa(email: str) -> None:
    """Delete a user's second factor.

    For the user with EMAIL whose phone is lost; they then sign in with the password alone. Make
    sure first that it is them who asks.
    """
    postern, _ = _open()
    if not _run(postern, mfa.reset_mfa(email)):
        raise click.ClickException(f"There is no user with the address {email}.")
    click.echo(f"The second factor of {email} is deleted.")


def _read_password() -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


def _open() -> tuple[Postern, list[str]]:
    """The Postern that the environment describes, and the migrations that its database took.

    What is wrong with either ends the command with one line.
    """
    try:
        settings, warnings = load(os.environ)
        for warning in warnings:
            click.echo(f"Warning: {warning}.", err=True)
        postern = open_postern(settings)
    except (ConfigError, KeyFileError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"AUTH_DATA_DIR cannot be used: {error}") from None
    try:
        return postern, asyncio.run(database.migrate(settings))
    except Exception as error:  # each driver has its own
        first_line = str(error).partition("\n")[0]
        raise click.ClickException(f"The database cannot be used: {first_line}") from None


def _run(postern: Postern, work: Awaitable[Answer]) -> Answer:
    """Await the work with the models usable; a refusal ends the command with one line."""

    async def connected() -> Answer:
        async with database.connected(postern.settings):
            return await work

    try:
        return asyncio.run(connected())
    except AuthError as error:
        raise click.ClickException(str(error)) from None
