"""What a mail says: texts in a few languages, one layout, and the operator's own templates.

A placeholder is `${name}`, as in Nhost's templates. Its value is escaped in HTML.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import DictLoader
from jinja2.sandbox import SandboxedEnvironment

from auth.mail import links, outbox
from auth.mail.kinds import TICKETS
from auth.postern import Postern
from config import Settings
from models import Mail

_FOLDER = files("auth.mail") / "texts"
LOCALES = ("en", "de", "es", "fr")
"""The languages of our own texts."""


@dataclass(frozen=True)
class Rendered:
    """A mail that can be read."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def render_mail(postern: Postern, mail: Mail) -> Rendered:
    """A mail of the outbox, in the language of its user. Raises VaultError, and Jinja's errors."""
    settings, user = postern.settings, mail.user
    redirect_to = str(mail.variables.get("redirectTo") or settings.client_url)
    ticket, purpose = outbox.ticket_of(postern, mail), TICKETS.get(mail.kind)
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
    rendered = render(settings, mail.kind, values)
    headers = {
        "X-Email-Template": mail.kind,
        "X-Ticket": ticket,
        "X-Redirect-To": redirect_to,
        "X-Link": values["link"],
    }
    return Rendered(rendered.subject, rendered.text, rendered.html, headers)


def render(settings: Settings, kind: str, values: Mapping[str, str]) -> Rendered:
    """A mail of this kind: the operator's template for the language, else ours."""
    locale = str(values["locale"])
    if settings.email_templates_path and (
        own := _own(settings.email_templates_path, kind, locale, settings.default_locale)
    ):
        html = _html.from_string(own["body.html"]).render(values)
        text = _text.from_string(own.get("body.txt", "${link}\n")).render(values)
        return Rendered(_text.from_string(own["subject.txt"]).render(values).strip(), text, html)
    said = texts(locale, settings.default_locale)
    shown = {**values, **filled(said[kind] | {"footer": said["footer"]}, values)}
    html = _html.get_template("layout.html").render(shown)
    text = _text.get_template("layout.txt").render(shown)
    return Rendered(str(shown["subject"]), text, html)


def filled(said: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """Return our texts with their placeholders filled; whatever shows them escapes them."""
    return {
        name: [_text.from_string(each).render(values) for each in text]
        if isinstance(text, list)
        else _text.from_string(text).render(values)
        for name, text in said.items()
    }


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


@cache
def _own(folder: Path, kind: str, locale: str, default: str) -> Mapping[str, str] | None:
    """The operator's template, in Nhost's layout, read once."""
    for each in _fallbacks(locale, default):
        place = folder / each / kind
        if (place / "subject.txt").is_file() and (place / "body.html").is_file():
            names = ("subject.txt", "body.html", "body.txt")
            return {
                name: (place / name).read_text(encoding="utf-8")
                for name in names
                if (place / name).is_file()
            }
    return None


def _environment(*, autoescape: bool) -> SandboxedEnvironment:
    layouts = ("layout.html", "layout.txt")
    return SandboxedEnvironment(
        autoescape=autoescape,
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
