"""`postern doctor`: one line for each risk, with what to do."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import click

from api.graphql.trusted_documents import read_manifest
from auth.keys import sealed_secrets
from auth.keys.key_files import UnusableKeyError, encryption_keys
from auth.keys.key_ring import given_key_ring
from auth.keys.vault import Vault
from cli import hashing, risks
from cli.command import as_json, read_configuration, say, settings_of
from cli.risks import Risk
from config import ConfigError, Configuration, Settings
from config.settings import OPERATOR_ROLE
from models import SecurityEvent, User, database
from models.hot_paths import settings as live


@click.command()
@as_json
@click.pass_context
def doctor(ctx: click.Context, in_json: bool) -> None:
    """Look for risks in the configuration, the files and the database; change nothing.

    Says too which Argon2 is in use, and how many passwords a second it hashes here.

    The exit code is 1 if one of them is grave.
    """
    configuration, now = read_configuration(), datetime.now(UTC)
    settings, unusable = asyncio.run(_in_force(configuration))
    found = [
        *unusable,
        *risks.of_settings(settings, os.environ, now),
        *_of_given_keys(settings),
        *_of_trusted_documents(settings),
        *asyncio.run(of_the_database(settings, now)),
    ]
    listed = [{"grave": risk.grave, "risk": risk.what, "advice": risk.advice} for risk in found]
    lines = [f"{'GRAVE' if risk.grave else 'Risk '}  {risk}." for risk in found]
    argon2, built = hashing.in_use(settings)
    say(in_json, {"risks": listed, "argon2": argon2}, *(lines or ["No risk was found."]), built)
    if any(risk.grave for risk in found):
        ctx.exit(1)


async def _in_force(configuration: Configuration) -> tuple[Settings, list[Risk]]:
    """Return the settings with what operators have changed, if that can be read and used."""
    settings = settings_of(configuration)
    path = database.sqlite_file(settings)
    changed: Mapping[str, str] = {}
    if path is None or path.is_file():
        with suppress(Exception):  # what is wrong with the database is told below
            async with database.connected(settings, read_only=True):
                _, changed = await live.changed()
    try:
        return configuration.settings(changed), []
    except ConfigError as error:
        first = str(error).splitlines()[0]
        why = f"What operators have set cannot be used: {first}"
        advice = "No server starts with it; see `postern settings unset`"
        return settings, [Risk(why, advice, grave=True)]


def _of_given_keys(settings: Settings) -> list[Risk]:
    """Return a risk if the server cannot start with the key in HASURA_GRAPHQL_JWT_SECRET."""
    if settings.jwt_secret is None:
        return []
    try:
        given_key_ring(settings.jwt_secret, token_life=settings.access_token_expires_in)
    except UnusableKeyError as error:
        return [Risk(str(error), "No server starts with it", grave=True)]
    return []


def _of_trusted_documents(settings: Settings) -> list[Risk]:
    manifest = settings.graphql_trusted_documents
    try:
        if manifest:
            read_manifest(manifest)
    except ConfigError as error:
        return [Risk(str(error), "No server starts with it", grave=True)]
    return []


def grave(settings: Settings, environ: Mapping[str, str]) -> list[Risk]:
    """Return the grave risks of the settings, for the log of a server that starts."""
    found = risks.of_settings(settings, environ, datetime.now(UTC))
    return [risk for risk in found if risk.grave]


async def of_the_database(settings: Settings, now: datetime) -> list[Risk]:
    """Return the risks that show in the database."""
    path = database.sqlite_file(settings)
    if path is not None and not path.is_file():
        return [Risk("There is no database yet", "Run: postern migrate")]
    try:
        async with database.connected(settings, read_only=True):
            if await database.is_foreign():
                foreign = "The database has tables, but none of Postern's"
                return [Risk(foreign, "See DATABASE_URL; if it is right, run: postern migrate")]
            if pending := await database.pending():
                missing = f"The database is not up to date: {len(pending)} migrations are missing"
                return [Risk(missing, "Run: postern migrate")]
            return await _of_what_is_stored(settings, now)
    except (PermissionError, UnusableKeyError) as error:
        return [Risk(f"A file cannot be used: {error}", "See AUTH_DATA_DIR", grave=True)]
    except Exception as error:  # each driver has its own exceptions
        reason = str(error).partition("\n")[0] or type(error).__name__
        return [Risk(f"The database cannot be used: {reason}", "See DATABASE_URL", grave=True)]


async def _of_what_is_stored(settings: Settings, now: datetime) -> list[Risk]:
    newest = await SecurityEvent.all().order_by("-id").first()
    found = risks.of_events(now, newest.created_at if newest else None)
    # Operators may always use an app.
    with_an_app = User.filter(totp_activated_at__isnull=False, has_passkeys=False)
    roles = (
        [] if settings.totp_is_on else await with_an_app.limit(1000).values_list("roles", flat=True)
    )
    if any(OPERATOR_ROLE not in (each or ()) for each in roles):
        found.append(
            Risk(
                "Authenticator apps are switched off, and users who have one cannot sign in",
                "Set AUTH_MFA_ENABLED=true, or reset their factors (postern reset-mfa)",
                grave=True,
            )
        )
    given = [key.get_secret_value() for key in settings.encryption_keys or ()]
    vault = Vault(given or encryption_keys(settings.data_dir, make=False))
    if unreadable := await sealed_secrets.unreadable(vault):
        found.append(Risk(str(unreadable), "Until then /readyz answers 503", grave=True))
    return found
