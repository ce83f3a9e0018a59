"""The page behind a link in a mail: it says what will happen, and a button does it.

Scanners follow links by GET and HEAD. They change nothing: only the button's POST does.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.http import bounded, caller_of
from api.pages.html import page
from api.refusals import refusal_of
from auth.accounts import password_reset, verification
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.mail import links, templates
from auth.postern import Postern
from models.mail_ticket import MailPurpose


@dataclass(frozen=True)
class _Deed:
    """What a kind of link does, and the words for it in `texts/*.toml`."""

    words: str
    do: Callable[[Postern, Caller, str, str], Awaitable[None]]
    """Takes the ticket and the password that was typed, if one is asked for."""


async def _verify(postern: Postern, caller: Caller, ticket: str, _password: str) -> None:
    await verification.verify_email(postern, caller, ticket)


_DEEDS = {
    MailPurpose.VERIFY_EMAIL: _Deed("verify", _verify),
    MailPurpose.RESET_PASSWORD: _Deed("reset", password_reset.reset_password),
}


def route(postern: Postern) -> Route:
    """The route that links in mails lead to."""

    async def answer(request: Request) -> Response:
        lang = _language(request, postern.settings.default_locale)
        said = templates.texts(lang)["page"]
        ticket = request.query_params.get("ticket", "")
        purpose = _purpose(ticket)
        deed = _DEEDS[purpose] if purpose else None
        if deed is None:
            return page(
                "mail_link.html", lang=lang, title=said["verify_title"], wrong=said["invalid"]
            )
        shown: dict[str, Any] = {
            "lang": lang, "said": said, "title": said[f"{deed.words}_title"], "form": deed.words,
        }  # fmt: skip
        if request.method != "POST":
            return page("mail_link.html", **shown)
        try:
            password = (await _form(request)).get("newPassword", [""])[0]
            await deed.do(postern, caller_of(postern, request), ticket, password)
        except Exception as error:
            refusal = refusal_of(error)
            spent = refusal.code is ErrorCode.INVALID_TICKET
            shown |= {"wrong": said["invalid"] if spent else refusal.message}
            shown |= {"form": None} if spent else {}
            return page("mail_link.html", status=refusal.status, **shown)
        continue_to = _continue_to(postern, request)
        return page(
            "mail_link.html", **shown, done=said[f"{deed.words}_done"], continue_to=continue_to
        )

    return Route(f"{postern.settings.api_prefix}/verify", answer, methods=["GET", "HEAD", "POST"])


def _purpose(ticket: str) -> MailPurpose | None:
    name = ticket.partition(":")[0]
    return next((purpose for purpose in MailPurpose if purpose.value == name), None)


async def _form(request: Request) -> dict[str, list[str]]:
    """The form's fields. Raises HTTPException: 408, 413; AuthError: INVALID_REQUEST."""
    body = await Request(request.scope, bounded(request.receive)).body()
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        raise AuthError(ErrorCode.INVALID_REQUEST) from None


def _continue_to(postern: Postern, request: Request) -> str:
    """Where the user goes next, if that is allowed still."""
    try:
        return links.allowed_redirect(postern.settings, request.query_params.get("redirectTo"))
    except AuthError:
        return postern.settings.client_url


def _language(request: Request, default: str) -> str:
    """The first of the languages that the browser asks for that there is, else the default."""
    for part in request.headers.get("accept-language", "").split(","):
        lang = part.partition(";")[0].strip().lower().partition("-")[0]
        if lang in templates.LOCALES:
            return lang
    return default if default in templates.LOCALES else "en"
