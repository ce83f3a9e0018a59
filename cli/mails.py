"""What the operator does about mail: try the mail server, and look at the templates."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import aiosmtplib
import click

from auth import email_addresses
from auth.mail import template_check, templates
from auth.mail.kinds import KINDS
from auth.mail.smtp import MailServer, MisconfiguredError, RefusedMailError
from auth.mail.templates import BadTemplateError, Rendered
from cli.command import as_json, chosen_settings, say
from config import Settings
from models import Mail


@click.command("send-test-mail")
@click.argument("address")
@as_json
def send_test_mail(address: str, in_json: bool) -> None:
    """Send a mail to ADDRESS through the mail server, at once.

    What goes wrong is said in one sentence.
    """
    settings = chosen_settings()
    if email_addresses.normalise(address) is None:
        raise click.ClickException(f"{address!r} is not an e-mail address.")
    if not settings.smtp_host:
        raise click.ClickException("There is no mail server: set AUTH_SMTP_HOST.")
    try:
        asyncio.run(_send(settings, address))
    except (
        aiosmtplib.SMTPException,
        MisconfiguredError,
        RefusedMailError,
        OSError,
        UnicodeError,
    ) as error:
        server = f"{settings.smtp_host}:{settings.smtp_port}"
        raise click.ClickException(f"{server}: {_said(settings, error)}") from None
    say(in_json, {"sent": address}, f"A mail to {address} was handed to {settings.smtp_host}.")


@click.command("preview-mail")
@click.argument("name", type=click.Choice(KINDS))
@click.option("--locale", default="en", help="The language (en).")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path(),
    help="Where to write the files (the current folder).",
)  # fmt: skip
@as_json
def preview_mail(name: str, locale: str, folder: Path, in_json: bool) -> None:
    """Write the mail NAME, with values of an example, as files that you can open."""
    settings = chosen_settings()
    try:
        rendered = templates.render(settings, name, templates.example(settings, name, locale))
    except BadTemplateError as error:
        raise click.ClickException(error.explained) from None
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}.{locale}.html": rendered.html, f"{name}.{locale}.txt": rendered.text}
    for file, content in files.items():
        (folder / file).write_text(content, encoding="utf-8")
    for problem in template_check.problems(settings, name):
        click.echo(f"Warning: {problem}", err=True)
    written = [str(folder / file) for file in files]
    say(in_json, {"subject": rendered.subject, "files": written}, rendered.subject, *written)


async def _send(settings: Settings, address: str) -> None:
    text = f"This is a test of the mail server {settings.smtp_host}. It works."
    rendered = Rendered("Test of your mail server", f"{text}\n", f"<p>{text}</p>")
    server = MailServer(settings)
    mail = Mail(id=uuid4(), created_at=datetime.now(UTC), recipient=address)
    try:
        await server.send(mail, rendered)
    finally:
        await server.close()


def _said(settings: Settings, error: Exception) -> str:
    """The reason and what to do, for a person."""
    if "hostname mismatch" in str(error).lower() or "ip address mismatch" in str(error).lower():
        return "the certificate of the mail server is not valid for this name."
    if "certificate" in str(error).lower():
        return (
            "the certificate of the mail server is not trusted here. Name the file of the "
            "authority that has signed it in SSL_CERT_FILE."
        )
    if "WRONG_VERSION_NUMBER" in str(error):
        return (
            "the mail server does not speak TLS from the first byte on this port. Remove "
            "AUTH_SMTP_SECURE, or set AUTH_SMTP_PORT=465."
        )
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        refused = error.recipients[0]
        return f"the mail server refuses the recipient for now ({refused.code}). Try again later."
    if "STARTTLS" in str(error) and not settings.smtp_secure:
        return (
            "the mail server offers no TLS. Set AUTH_SMTP_SECURE=true where it speaks TLS from the "
            "first byte, or AUTH_SMTP_REQUIRE_TLS=false to send in the clear."
        )
    return f"{str(error).partition(chr(10))[0] or type(error).__name__}."
