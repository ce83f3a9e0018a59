"""The `postern` command."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg
import click

from api.app import VERSION
from api.schema import schema
from auth import (
    accounts,
    events,
    factors,
    key_files,
    key_ring,
    mfa,
    nhost_import,
    sessions,
    sign_up,
)
from auth.caller import Caller
from auth.errors import AuthError
from auth.key_files import UnusableKeyError
from auth.postern import Postern, open_postern
from auth.sweep import sweep as sweep_once
from cli import logs, server
from config import ConfigError, load
from models import User, database

logger = logging.getLogger("postern")
Answer = TypeVar("Answer")
OPERATOR = Caller(user_agent="postern")
"""Who a security event names when it was the operator."""

as_json = click.option("--json", "in_json", is_flag=True, help="Answer in JSON, for programs.")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings come from config/nhost.toml and the environment; README.md lists them.",
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
    """Bring the database up to date and serve until stopped."""
    logger.setLevel(logging.INFO)
    with logs.refusals():
        postern, _ = _open(logger.warning)
        if workers > 1 and postern.settings.rate_limit_storage.get_secret_value() == "memory://":
            logger.warning(
                "Each worker counts the attempts of an address by itself; with "
                "AUTH_RATE_LIMIT_STORAGE=redis://… they count together."
            )
        try:
            server.serve(postern, workers=workers)
        except ConfigError as error:
            raise click.ClickException(str(error)) from None


@main.command()
@as_json
def migrate(in_json: bool) -> None:
    """Bring the database up to date. Safe to repeat."""
    postern, applied = _open()
    where = database.describe(postern.settings)
    lines = [f"Applied {name}." for name in applied]
    _say(in_json, {"applied": applied}, *lines, f"The database is up to date: {where}")


@main.command("export-schema")
def export_schema() -> None:
    """Print the GraphQL schema, for code generators."""
    click.echo(schema.as_str())


@main.command("create-user")
@click.argument("email")
@click.option("--display-name", help="The name to show. The e-mail address unless given.")
@as_json
def create_user(email: str, display_name: str | None, in_json: bool) -> None:
    """Make an account that can sign in with EMAIL.

    The password is asked for; where there is no terminal, it is the first line of standard input.
    """
    password = _read_password()
    wishes = sign_up.Wishes(display_name=display_name)
    user = _ask(lambda it: sign_up.create_account(it, OPERATOR, email, password, wishes))
    _say(in_json, _shown(user), f"Created {user.email}, id {user.id}.")


@main.command("list-users")
@click.option("--limit", type=click.IntRange(1), default=1000, help="How many at the most (1000).")
@as_json
def list_users(limit: int, in_json: bool) -> None:
    """List the accounts, the newest first."""
    users = _ask(lambda _: User.all().order_by("-created_at").limit(limit))
    lines = (
        f"{user.created_at:%Y-%m-%d}  {'disabled' if user.disabled else 'enabled ':8}  "
        f"{user.active_mfa_type or '-':4}  {user.email}"
        for user in users
    )
    _say(in_json, [_shown(user) for user in users], *lines)


@main.command("verify-user")
@click.argument("email")
@as_json
def verify_user(email: str, in_json: bool) -> None:
    """Mark a user's e-mail address as theirs.

    For where only such users are let in (AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED). Make sure of
    it first: this server sends no mail.
    """
    user = _change(email, lambda it, user: accounts.set_email_verified(it, OPERATOR, user))
    _say(in_json, _shown(user), f"{user.email} is verified.")


@main.command("disable-user")
@click.argument("email")
@as_json
def disable_user(email: str, in_json: bool) -> None:
    """Keep a user out, and end all of their sessions at once."""
    user = _change(email, lambda it, user: accounts.set_disabled(it, OPERATOR, user, disabled=True))
    _say(in_json, _shown(user), f"{user.email} is disabled; their sessions are over.")


@main.command("enable-user")
@click.argument("email")
@as_json
def enable_user(email: str, in_json: bool) -> None:
    """Let a user in again."""
    user = _change(
        email, lambda it, user: accounts.set_disabled(it, OPERATOR, user, disabled=False)
    )
    _say(in_json, _shown(user), f"{user.email} is enabled.")


@main.command("reset-mfa")
@click.argument("email")
@as_json
def reset_mfa(email: str, in_json: bool) -> None:
    """Delete a user's second factor.

    For the user with EMAIL who has lost phone and recovery codes; they then sign in with the
    password alone. Make sure first that it is them who asks.
    """
    user = _change(email, lambda it, user: mfa.reset_mfa(it, OPERATOR, user))
    _say(in_json, _shown(user), f"The second factor of {user.email} is deleted.")


@main.command("revoke-sessions")
@click.argument("email")
@as_json
def revoke_sessions(email: str, in_json: bool) -> None:
    """End all sessions of a user."""
    user = _change(email, lambda it, user: sessions.end_all(it, OPERATOR, user))
    _say(in_json, _shown(user), f"{user.email} is signed out everywhere.")


@main.command("events")
@click.option("--user", "email", help="Only those of the user with this address.")
@click.option("--limit", type=click.IntRange(1), default=50, help="How many at the most (50).")
@as_json
def show_events(email: str | None, limit: int, in_json: bool) -> None:
    """Show the trail of security events, the newest first."""

    async def found(_postern: Postern) -> list[dict[str, object]]:
        user = await _user(email) if email else None
        return [events.as_json(event) for event in await events.latest(user=user, limit=limit)]

    trail = _ask(found)
    lines = (
        f"{event['at']}  {event['event']:24}  {event['user'] or '-':36}  {event['address'] or '-'}"
        for event in trail
    )
    _say(in_json, trail, *lines)


@main.command()
@as_json
def sweep(in_json: bool) -> None:
    """Delete what has expired. A running server does so by itself."""
    swept = _ask(sweep_once)
    _say(in_json, swept, *(f"Deleted {count} {what}." for what, count in swept.items()))


@main.command("rotate-keys")
@as_json
def rotate_keys(in_json: bool) -> None:
    """Sign access tokens with a new key from now on.

    The old key verifies until its last token has expired. Running servers that share the data
    folder notice by themselves.
    """
    settings = _opened().settings
    if settings.jwt_secret:
        raise click.ClickException("The key is HASURA_GRAPHQL_JWT_SECRET; change it there.")
    try:
        key = key_ring.rotate_signing_key(
            settings.data_dir, datetime.now(UTC), token_life=settings.access_token_expires_in
        )
    except (UnusableKeyError, OSError) as error:
        raise click.ClickException(str(error)) from None
    _say(in_json, {"kid": key.kid}, f"Access tokens are signed with {key.kid} from now on.")


@main.command("rotate-encryption-key")
@as_json
def rotate_encryption_key(in_json: bool) -> None:
    """Encrypt the TOTP secrets with a new key.

    Where the keys are a file in the data folder, a new one is put in front. Then every secret that
    another key encrypted is encrypted with the first one. Running servers go on, and notice by
    themselves. With AUTH_ENCRYPTION_KEYS, put the new key in front there first, and start the
    servers again. It can be repeated.
    """
    settings = _opened().settings
    if settings.encryption_keys is None:
        try:
            key_files.add_encryption_key(settings.data_dir)
        except (UnusableKeyError, OSError) as error:
            raise click.ClickException(str(error)) from None

    async def resealed(postern: Postern) -> dict[str, object]:
        sealed, unreadable = await factors.reseal_secrets(postern)
        return {"keyId": postern.vault.current, "sealed": sealed, "unreadable": unreadable}

    done = _ask(resealed)
    lines = [f"Encrypted {done['sealed']} secrets with the key {done['keyId']}."]
    if done["unreadable"]:
        lines += [f"{done['unreadable']} secrets cannot be opened with any of the keys."]
    else:
        lines += ["The older keys are only needed for older backups."]
    _say(in_json, done, *lines)


@main.command("import-nhost")
@click.option("--from", "source", required=True, help="The Nhost database: postgres://…")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would become of whom.")
@as_json
def import_nhost(source: str, dry_run: bool, in_json: bool) -> None:
    """Bring the users of a Nhost Auth database along, with their passwords and second factors.

    Users who are here already stay as they are, so it can be stopped and repeated.
    """

    async def imported(postern: Postern) -> nhost_import.Report:
        with click.progressbar(length=1, label="Users", file=sys.stderr) as bar:

            def progress(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            return await nhost_import.import_users(
                postern, source, dry_run=dry_run, progress=progress
            )

    try:
        report = _ask(imported)
    except (asyncpg.PostgresError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0].replace(source, "the address")
        raise click.ClickException(f"The Nhost database cannot be read: {reason}") from None
    skipped = [{"id": str(user_id), "reason": reason} for user_id, reason in report.skipped]
    told = {
        "imported": report.imported,
        "withFactor": report.with_factor,
        "alreadyThere": report.already_there,
        "skipped": skipped,
        "dryRun": dry_run,
    }
    _say(
        in_json,
        told,
        *(f"Skipped {one['id']}: {one['reason']}." for one in skipped),
        f"{'Would import' if dry_run else 'Imported'} {report.imported} users, "
        f"{report.with_factor} of them with a second factor; {report.already_there} were there "
        f"already, {len(skipped)} were skipped.",
    )


def _say(in_json: bool, data: object, *lines: str) -> None:
    click.echo(json.dumps(data) if in_json else "\n".join(lines))


def _shown(user: User) -> dict[str, object]:
    return {
        "id": str(user.id),
        "email": user.email,
        "displayName": user.display_name,
        "emailVerified": user.email_verified,
        "disabled": user.disabled,
        "activeMfaType": user.active_mfa_type,
        "createdAt": user.created_at.isoformat(),
        "lastSignedInAt": user.last_signed_in_at and user.last_signed_in_at.isoformat(),
    }


def _read_password() -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


async def _user(email: str) -> User:
    user = await accounts.find(email)
    if user is None:
        raise click.ClickException(f"There is no user with the address {email}.")
    return user


def _change(email: str, change: Callable[[Postern, User], Awaitable[Any]]) -> User:
    """The user with this address, after the change."""

    async def changed(postern: Postern) -> User:
        user = await _user(email)
        await change(postern, user)
        return await User.get(id=user.id)

    return _ask(changed)


def _ask(work: Callable[[Postern], Awaitable[Answer]]) -> Answer:
    """What the work answers with the models usable; a refusal ends the command with one line."""
    postern, _ = _open()

    async def connected() -> Answer:
        async with database.connected(postern.settings):
            return await work(postern)

    try:
        return asyncio.run(connected())
    except AuthError as error:
        raise click.ClickException(str(error)) from None


def _warn(text: str) -> None:
    click.echo(f"Warning: {text}", err=True)


def _open(warn: Callable[[str], None] = _warn) -> tuple[Postern, list[str]]:
    """The Postern that the environment describes, and the migrations that its database took.

    What is wrong with either ends the command with one line.
    """
    postern = _opened(warn)
    try:
        return postern, asyncio.run(database.migrate(postern.settings))
    except Exception as error:  # each driver has its own
        first_line = str(error).partition("\n")[0]
        raise click.ClickException(f"The database cannot be used: {first_line}") from None


def _opened(warn: Callable[[str], None] = _warn) -> Postern:
    try:
        settings, warnings = load(os.environ)
        for warning in warnings:
            warn(f"{warning}.")
        return open_postern(settings)
    except (ConfigError, UnusableKeyError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"AUTH_DATA_DIR cannot be used: {error}") from None
