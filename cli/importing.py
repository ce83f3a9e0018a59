"""Bringing users along from elsewhere."""

import sys

import asyncpg
import click

from auth import nhost_import
from auth.postern import Postern
from cli.command import as_json, ask, say


@click.command("import-nhost")
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

            try:
                return await nhost_import.import_users(
                    postern, source, dry_run=dry_run, progress=progress
                )
            except (asyncpg.PostgresError, OSError, ValueError) as error:
                reason = str(error).partition("\n")[0].replace(source, "the address")
                raise click.ClickException(f"The Nhost database cannot be read: {reason}") from None

    report = ask(imported)
    skipped = [{"id": str(user_id), "reason": reason} for user_id, reason in report.skipped]
    told = {
        "imported": report.imported,
        "withFactor": report.with_factor,
        "alreadyThere": report.already_there,
        "skipped": skipped,
        "dryRun": dry_run,
    }
    say(
        in_json,
        told,
        *(f"Skipped {one['id']}: {one['reason']}." for one in skipped),
        f"{'Would import' if dry_run else 'Imported'} {report.imported} users, "
        f"{report.with_factor} of them with a second factor; {report.already_there} were there "
        f"already, {len(skipped)} were skipped.",
    )
