"""What is behind a link in a mail: a page that says what will happen, and a button that does it.

Scanners follow links by GET and HEAD. They change nothing: only the button's POST does. Where the
operator wants Nhost's shape (`AUTH_VERIFY_PAGE=false`), `nhost_link` answers instead.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.http import bounded, caller_of, postern_of
from api.nhost import verify_redirect
from api.pages.html import page
from api.refusals import refusal_of
from auth.accounts import email_change, password_reset, verification
from auth.admission import MfaTicket
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.mail import links, templates, tickets
from auth.postern import Postern
from auth.sessions.opening import Session
from auth.ways_in import email_link
from models import MailTicket
from models.mail_ticket import MailPurpose

Act = Callable[[Postern, Caller, str], Awaitable[Session | MfaTicket | None]]
_ACTS: Mapping[MailPurpose, tuple[str, Act | None]] = {
    MailPurpose.VERIFY_EMAIL: ("verify", verification.verify_email),
    MailPurpose.RESET_PASSWORD: ("reset", None),
    MailPurpose.CHANGE_EMAIL: ("change", email_change.verify_change_user_email),
    MailPurpose.UNDO_EMAIL_CHANGE: ("undo", email_change.undo_change_user_email),
    MailPurpose.SIGN_IN: ("sign_in", email_link.verify_sign_in_passwordless_email),
}
"""What each kind of link does, and which words of `texts/*.toml` say so. A reset takes a password
too."""
_ALWAYS_BY_PAGE = (MailPurpose.CHANGE_EMAIL, MailPurpose.UNDO_EMAIL_CHANGE)
"""A scanner that follows such a link would give one account the address of another person."""
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*:(//[a-z0-9.:\[\]-]+)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Visit:
    """A request for the page of a link."""

    postern: Postern
    request: Request
    ticket: str
    purpose: MailPurpose

    @property
    def lang(self) -> str:
        return _language(self.request, self.postern.settings.default_locale)

    @property
    def continue_to(self) -> str:
        """Where the user goes next, if that is allowed still."""
        try:
            wanted = self.request.query_params.get("redirectTo")
            return links.allowed_redirect(self.postern.settings, wanted)
        except AuthError:
            return self.postern.settings.client_url

    @property
    def caller(self) -> Caller:
        return caller_of(self.postern, self.request)


def route(prefix: str) -> Route:
    """The route that links in mails lead to."""
    return Route(f"{prefix}/verify", _answer, methods=["GET", "HEAD", "POST"])


async def _answer(request: Request) -> Response:
    postern, ticket = postern_of(request.scope), request.query_params.get("ticket", "")
    purpose = _purpose(ticket)
    by_page = postern.settings.verify_page or purpose in _ALWAYS_BY_PAGE
    if not by_page and request.method == "GET":
        return await verify_redirect.follow(postern, request, ticket, purpose)
    if purpose is None or purpose not in _ACTS:
        lang = _language(request, postern.settings.default_locale)
        said = templates.texts(lang)["page"]
        again = {"said": said, "continue_to": postern.settings.client_url}
        return _shown(lang, said["link_title"], status=401, wrong=said["invalid"], **again)
    return await _visited(_Visit(postern, request, ticket, purpose))


async def _visited(visit: _Visit) -> Response:
    words, _ = _ACTS[visit.purpose]
    said = templates.texts(visit.lang)["page"]
    title, shown = said[f"{words}_title"], dict[str, Any]()
    try:
        found = await tickets.find(visit.postern, visit.caller, visit.ticket, visit.purpose)
        values = {"email": found.user.email, "address": found.address}
        values["newEmail"] = found.user.new_email or ""
        values["minLength"] = str(visit.postern.settings.password_min_length)
        shown = {"form": words, "said": templates.filled(said, values), "email": found.user.email}
        if visit.purpose is MailPurpose.SIGN_IN and not visit.continue_to:
            return _shown(visit.lang, title, status=409, wrong=said["nowhere"])
        if visit.request.method != "POST":
            return _shown(visit.lang, title, to=visit.continue_to, **shown)
        return await _act(visit, found, title, shown)
    except Exception as error:
        refusal = refusal_of(error, conceal=visit.postern.settings.conceal_errors)
        over = refusal.code is ErrorCode.INVALID_TICKET or refusal.is_concealed
        again = shown
        if over or not shown:
            again = {"said": said, "continue_to": visit.continue_to}
        wrong = said["invalid"] if over else refusal.message
        return _shown(visit.lang, title, status=refusal.status, wrong=wrong, **again)


async def _act(visit: _Visit, found: MailTicket, title: str, shown: dict[str, Any]) -> Response:
    words, act = _ACTS[visit.purpose]
    if act is None:
        password = (await _form(visit.request)).get("newPassword", [""])[0]
        await password_reset.reset_password(visit.postern, visit.caller, visit.ticket, password)
        answer = None
    else:
        answer = await act(visit.postern, visit.caller, visit.ticket)
    if answer is not None:
        to = links.with_query(visit.continue_to, verify_redirect.carried(answer, visit.purpose))
        return RedirectResponse(to, 303, headers={"cache-control": "no-store"})
    done = shown["said"][f"{words}_done"]
    said = shown["said"]
    return _shown(visit.lang, title, said=said, done=done, continue_to=visit.continue_to)


def _shown(lang: str, title: str, *, to: str = "", status: int = 200, **shown: Any) -> Response:
    """Return the page; its form may lead to `to`, which the policy has to name."""
    parts = urlsplit(to)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.scheme.startswith("http") else parts.scheme
    source = origin if "://" in origin or not origin else f"{origin}:"
    leads_to = source if _ORIGIN.fullmatch(source) else ""
    return page("mail_link.html", lang=lang, status=status, title=title, leads_to=leads_to, **shown)


def _purpose(ticket: str) -> MailPurpose | None:
    name = ticket.partition(":")[0]
    return next((purpose for purpose in MailPurpose if purpose.value == name), None)


async def _form(request: Request) -> dict[str, list[str]]:
    """The form's fields. Raises HTTPException: 408, 413; AuthError: INVALID_REQUEST."""
    body = await Request(request.scope, bounded(request.scope, request.receive)).body()
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        raise AuthError(ErrorCode.INVALID_REQUEST) from None


def _language(request: Request, default: str) -> str:
    """The first of the languages that the browser asks for that there is, else the default."""
    for part in request.headers.get("accept-language", "").split(","):
        lang = part.partition(";")[0].strip().lower().partition("-")[0]
        if lang in templates.LOCALES:
            return lang
    return default if default in templates.LOCALES else "en"
