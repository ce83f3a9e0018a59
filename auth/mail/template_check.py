"""Looking through the operator's templates for mails, before a user gets one of them."""

from collections.abc import Iterator
from pathlib import Path

from auth.mail import templates
from auth.mail.kinds import KINDS, TICKETS
from auth.mail.templates import BadTemplateError
from config import Settings

_REQUIRED = ("subject.txt", "body.html")


def problems(settings: Settings, kind: str | None = None) -> Iterator[str]:
    """Yield what is wrong with the operator's templates: all, or those of one kind of mail."""
    folder = settings.email_templates_path
    if folder is None or not folder.is_dir():
        return
    for place in sorted(folder.glob("*/*")):
        if place.is_dir() and kind in (None, place.name):
            yield from _problems_of(settings, place)


def _problems_of(settings: Settings, place: Path) -> Iterator[str]:
    kind, locale = place.name, place.parent.name
    if kind not in KINDS:
        yield f"{place}: Postern sends no such mail. Its mails are {', '.join(KINDS)}."
        return
    missing = [name for name in _REQUIRED if not (place / name).is_file()]
    if missing:
        yield f"{place}: {' and '.join(missing)} missing, so Postern's own text is used."
        return
    values = templates.example(settings, kind, locale)
    try:
        rendered = templates.render(settings, kind, values)
    except BadTemplateError as error:
        yield error.explained
        return
    wanted, name = (values["link"], "link") if values["link"] else (values["ticket"], "ticket")
    if kind in TICKETS and wanted not in rendered.html.replace("&amp;", "&"):
        yield f"{place / 'body.html'}: without ${{{name}}}, its user cannot do anything with it."
