"""What a mail says: texts in a few languages, one layout, and the operator's own templates.

A placeholder is `${name}`, as in Nhost's templates. Its value is escaped in HTML.
"""

import logging
import tomllib
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import (
    DictLoader,
    StrictUndefined,
    Template,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
)
from jinja2.sandbox import SandboxedEnvironment

from auth.keys.vault import VaultError
from auth.mail import links, outbox
from auth.mail.kinds import TICKETS
from auth.postern import Postern
from config import Settings
from models import Mail
from models.mail_ticket import MailPurpose

_FOLDER = files("auth.mail") / "texts"
LOCALES = ("en", "de", "es", "fr")
"""The languages of our own texts."""

logger = logging.getLogger("postern.mail")


class BadTemplateError(Exception):
    """A template of the operator cannot be used. The message names the file, and the line if known.

    It can be logged: what Jinja says of a value is only in `explained`.
    """

    def __init__(self, file: Path, line: int | None, kind: str, what: str) -> None:
        place = f"{file}, line {line}" if line else str(file)
        super().__init__(f"{place}: {kind}")
        self.explained = f"{place}: {what.rstrip('.')}."


@dataclass(frozen=True)
class Rendered:
    """A mail that can be read."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def render_mail(postern: Postern, mail: Mail) -> Rendered:
    """A mail of the outbox, in the language of its user.

    Without its link if no encryption key opens its ticket: that happens only in the mailbox, since
    each attempt to send a mail makes a new ticket.

    If a template of the operator is broken, the log says so, and our own text is sent: a mail that
    waits for somebody to mend a template is of no use to its user.
    """
    settings, user = postern.settings, mail.user
    redirect_to = str(mail.variables.get("redirectTo") or settings.client_url)
    ticket, purpose = "", TICKETS.get(mail.kind)
    with suppress(VaultError):
        ticket = outbox.ticket_of(postern, mail)
    values = {
        "email": user.email if user else mail.recipient,
        "newEmail": "",
        **mail.variables,
        "link": links.link(settings, purpose, ticket, redirect_to) if purpose and ticket else "",
        "ticket": ticket,
        "displayName": user.display_name if user else "",
        "redirectTo": redirect_to,
        "locale": user.locale if user else settings.default_locale,
        "serverUrl": settings.public_url,
        "clientUrl": settings.client_url,
        "service": settings.mfa_totp_issuer,
    }
    try:
        rendered = render(settings, mail.kind, values)
    except BadTemplateError as error:
        logger.error("a template is broken, and Postern's own text is used instead: %s", error)  # noqa: TRY400 - the error's cause may repeat a ticket
        rendered = _our_own(settings, mail.kind, values)
    headers = {
        "X-Email-Template": mail.kind,
        "X-Ticket": ticket,
        "X-Redirect-To": redirect_to,
        "X-Link": values["link"],
    }
    return Rendered(rendered.subject, rendered.text, rendered.html, headers)


EXAMPLE: Mapping[str, str] = {
    "link": "https://auth.example.com/v1/verify?ticket=example",
    "ticket": "123456",
    "displayName": "Joe Example",
    "email": "joe@example.com",
    "newEmail": "joe@example.org",
    "redirectTo": "https://app.example.com",
    "locale": "en",
    "serverUrl": "https://auth.example.com",
    "clientUrl": "https://app.example.com",
    "service": "Example",
    "when": "2026-11-27 09:00 UTC",
    "where": " (192.0.2.7)",
}
"""All placeholders, with values for a preview."""


def example(settings: Settings, kind: str, locale: str) -> Mapping[str, str]:
    """Return the values of an example of this mail: only those that it has when it is sent."""
    purpose = TICKETS.get(kind)
    values = {**EXAMPLE, "locale": locale, "service": settings.mfa_totp_issuer}
    if purpose is None:
        values["ticket"] = ""
    if purpose in (None, MailPurpose.SIGN_IN_CODE):
        values["link"] = ""
    else:
        values["ticket"] = f"{purpose.value}:example"
    return values


def render(settings: Settings, kind: str, values: Mapping[str, str]) -> Rendered:
    """A mail of this kind: the operator's template for the language, else ours.

    Raises BadTemplateError.
    """
    folder, locale = settings.email_templates_path, values["locale"]
    if folder and (own := _own(folder, kind, locale, settings.default_locale)):
        html, text = own["body.html"].render(values), own.get("body.txt")
        subject = own["subject.txt"].render(values).strip()
        if text:
            return Rendered(subject, text.render(values), html)
        plain = values["link"] or values["ticket"]  # a code has no link
        return Rendered(
            subject, f"{plain}\n" if plain else _our_own(settings, kind, values).text, html
        )
    return _our_own(settings, kind, values)


def _our_own(settings: Settings, kind: str, values: Mapping[str, str]) -> Rendered:
    said = texts(values["locale"], settings.default_locale)
    shown = {**values, **filled(said[kind] | {"footer": said["footer"]}, values)}
    html = _html.get_template("layout.html").render(shown)
    text = _text.get_template("layout.txt").render(shown)
    return Rendered(str(shown["subject"]), text, html)


def filled(said: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return our texts with their placeholders filled; whatever shows them escapes them."""
    return {
        name: [_compiled(each).render(values) for each in text]
        if isinstance(text, list)
        else _compiled(text).render(values)
        for name, text in said.items()
    }


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Template:
    """One of our own texts, compiled once: that takes longer than all else in a mail."""
    return _text.from_string(text)


def texts(*locales: str) -> Mapping[str, Any]:
    """Our texts in the first of these languages that there is: `de` for `de-AT`; else English."""
    for locale in _fallbacks(*locales):
        if locale in LOCALES:
            return _texts(locale)
    return _texts("en")


@cache
def _texts(locale: str) -> Mapping[str, Any]:
    return tomllib.loads((_FOLDER / f"{locale}.toml").read_text(encoding="utf-8"))


def _fallbacks(*locales: str) -> Iterator[str]:
    for locale in locales:
        yield locale
        yield locale.partition("-")[0].partition("_")[0]


@dataclass(frozen=True)
class _OwnTemplate:
    """A file of the operator's, compiled."""

    file: Path
    compiled: Template

    @classmethod
    def read(cls, file: Path) -> "_OwnTemplate":
        try:
            environment = _own_html if file.suffix == ".html" else _own_text
            return cls(file, environment.from_string(file.read_text(encoding="utf-8")))
        except TemplateSyntaxError as error:
            said = error.message or "syntax error"
            raise BadTemplateError(file, error.lineno, said, said) from None
        except (OSError, UnicodeError) as error:
            kind = "not UTF-8" if isinstance(error, UnicodeError) else "cannot be read"
            raise BadTemplateError(file, None, kind, kind) from None

    def render(self, values: Mapping[str, str]) -> str:
        try:
            return self.compiled.render(values)
        except Exception as error:
            # Jinja shows the template's own lines in the traceback.
            lines = [
                frame.lineno
                for frame in traceback.extract_tb(error.__traceback__)
                if frame.filename == "<template>"
            ]
            line, kind = lines[-1] if lines else None, type(error).__name__
            missing = isinstance(error, TemplateNotFound)
            if isinstance(error, UndefinedError):
                kind = "unknown placeholder"
            what = f"there is no template {error}" if missing else str(error) or kind
            raise BadTemplateError(self.file, line, kind, what) from None


@cache
def _own(folder: Path, kind: str, locale: str, default: str) -> Mapping[str, _OwnTemplate] | None:
    """The operator's template, in Nhost's layout, read once. Raises BadTemplateError."""
    for each in _fallbacks(locale, default):
        place = folder / each / kind
        if (place / "subject.txt").is_file() and (place / "body.html").is_file():
            files_of = (place / name for name in ("subject.txt", "body.html", "body.txt"))
            return {file.name: _OwnTemplate.read(file) for file in files_of if file.is_file()}
    return None


def _environment(*, autoescape: bool, strict: bool = False) -> SandboxedEnvironment:
    layouts = ("layout.html", "layout.txt")
    return SandboxedEnvironment(
        autoescape=autoescape,
        undefined=StrictUndefined if strict else Undefined,
        variable_start_string="${",
        variable_end_string="}",
        comment_start_string="{##",
        comment_end_string="##}",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=DictLoader({name: (_FOLDER / name).read_text(encoding="utf-8") for name in layouts}),
    )


_html, _text = _environment(autoescape=True), _environment(autoescape=False)
_own_html = _environment(autoescape=True, strict=True)
_own_text = _environment(autoescape=False, strict=True)
