"""Commands that import users from other servers."""

import os
import sys
from uuid import UUID

import click

from auth.importing import nhost_import
from auth.importing.nhost_import import Report
from auth.importing.nhost_users import read_keys
from auth.postern import Postern
from cli.command import as_json, ask, count_of, say
from models.nhost_source import SourceError

KEY_VARIABLE = "NHOST_ENCRYPTION_KEY"


@click.command("import-nhost")
@click.option(
    "--from",
    "source",
    envvar="NHOST_DATABASE_URL",
    required=True,
    help="The Nhost database: postgres://… (or NHOST_DATABASE_URL, which `ps` does not show; the "
    "password alone can be in PGPASSWORD).",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; report what would happen.")
@click.option(
    "--strict", is_flag=True, help="Write nothing at all if somebody would lose a second factor."
)
@as_json
def import_nhost(source: str, dry_run: bool, strict: bool, in_json: bool) -> None:
    """Import the users of a Nhost Auth database, with their passwords and second factors.

    Existing users stay as they are, so the import can be stopped and repeated. TOTP secrets that
    Nhost Auth has encrypted are opened with its AUTH_ENCRYPTION_KEY, which is read here from
    NHOST_ENCRYPTION_KEY (commas before older keys). A user whose secret cannot be read is imported
    without a second factor, and listed.
    """
    try:
        keys = read_keys(os.environ.get(KEY_VARIABLE, ""))
    except ValueError as error:
        raise click.ClickException(f"{KEY_VARIABLE}: {error}.") from None

    async def imported(postern: Postern, *, only_look: bool) -> Report:
        with click.progressbar(length=1, label="Users", file=sys.stderr) as bar:

            def progress(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            try:
                return await nhost_import.import_users(
                    postern, source, dry_run=only_look, progress=progress, keys=keys
                )
            except SourceError as error:
                reason = str(error).partition("\n")[0].replace(source, "the address")
                raise click.ClickException(f"The Nhost database cannot be read: {reason}") from None

    if strict:
        looked_at = ask(lambda it: imported(it, only_look=True))
        if looked_at.factor_lost:
            raise click.ClickException(
                "Nothing was written, as these users would lose their second factor: "
                + "; ".join(f"{user_id} ({reason})" for user_id, reason in looked_at.factor_lost)
            )
    _tell(ask(lambda it: imported(it, only_look=dry_run)), dry_run=dry_run, in_json=in_json)


def _tell(report: Report, *, dry_run: bool, in_json: bool) -> None:
    lost = len(report.factor_lost)
    told = {
        "imported": report.imported,
        "withFactor": report.with_factor,
        "withoutTheirFactor": _listed(report.factor_lost),
        "changed": _listed(report.changed),
        "alreadyThere": report.already_there,
        "skipped": _listed(report.skipped),
        "dryRun": dry_run,
    }
    lines = [f"Skipped {user_id}: {reason}." for user_id, reason in report.skipped]
    lines += [f"Changed {user_id}: {what}." for user_id, what in report.changed]
    lines += [
        f"WITHOUT THE SECOND FACTOR {user_id}: {reason}." for user_id, reason in report.factor_lost
    ]
    say(
        in_json,
        told,
        *lines,
        f"{'Would import' if dry_run else 'Imported'} {count_of(report.imported, 'user')}, "
        f"{report.with_factor} of them with a second factor; {report.already_there} were there "
        f"already, {len(report.skipped)} were skipped.",
    )
    if lost:
        click.echo(
            f"Warning: {lost} users had a second factor and have none now: their password alone "
            "lets them in.",
            err=True,
        )


def _listed(named: list[tuple[UUID, str]]) -> list[dict[str, str]]:
    return [{"id": str(user_id), "reason": reason} for user_id, reason in named]
