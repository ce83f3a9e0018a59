"""The `postern` command."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
from tortoise.exceptions import BaseORMException

from api.app import VERSION
from api.schema import schema
from auth import mfa, sign_up
from auth.errors import AuthError
from auth.keys import KeyFileError
from auth.postern import Postern, open_postern
from cli import server
from config import ConfigError, Settings, load
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
    postern = _open()
    _run(database.migrate(postern.settings))
    server.serve(postern)


@main.command()
def migrate() -> None:
    """Bring the database up to date. Safe to repeat."""
    settings = _open().settings
    applied = _run(database.migrate(settings))
    for name in applied:
        click.echo(f"Applied {name}.")
    click.echo(f"The database is up to date: {database.describe(settings)}")


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
    user = _with_database(
        lambda postern: sign_up.create_account(postern, email, password, display_name)
    )
    click.echo(f"Created {user.email}, id {user.id}.")


@main.command("reset-mfa")
@click.argument("email")
def reset_mfa(email: str) -> None:
    """Delete a user's second factor.

    For the user with EMAIL whose phone is lost; they then sign in with the password alone. Make
    sure first that it is them who asks.
    """
    if not _with_database(lambda _postern: mfa.reset_mfa(email)):
        raise click.ClickException(f"There is no user with the address {email}.")
    click.echo(f"The second factor of {email} is deleted.")


def _read_password() -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


def _open() -> Postern:
    """The Postern that the environment describes; what is wrong with it, in one line."""
    try:
        settings, warnings = load(os.environ)
        for warning in warnings:
            click.echo(f"Warning: {warning}.", err=True)
        return open_postern(settings)
    except (ConfigError, KeyFileError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"AUTH_DATA_DIR cannot be used: {error}") from None


def _with_database(work: Callable[[Postern], Awaitable[Answer]]) -> Answer:
    postern = _open()
    return _run(_connected(postern.settings, postern, work))


async def _connected(
    settings: Settings, postern: Postern, work: Callable[[Postern], Awaitable[Answer]]
) -> Answer:
    await database.migrate(settings)
    async with database.connected(settings):
        return await work(postern)


def _run(work: Awaitable[Answer]) -> Answer:
    async def waited() -> Answer:
        return await work

    try:
        return asyncio.run(waited())
    except AuthError as error:
        raise click.ClickException(str(error)) from None
    except (BaseORMException, OSError) as error:
        raise click.ClickException(f"The database cannot be used: {error}") from None
