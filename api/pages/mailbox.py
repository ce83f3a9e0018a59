"""The mailbox of a server without a mail server: mails that nobody but this machine may read.

Whoever reads a mail can use its links. So it is shown to requests that name this machine as their
host, which no site of the web can make a browser do, that come from no page of another origin, and
that come through no proxy.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from api.http import postern_of
from api.pages import content_policy
from api.pages.html import page
from auth.mail import templates
from auth.mail.templates import Rendered
from config import Settings
from config.values import is_loopback
from models import Mail

_THIS_MACHINE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_OF_PROXIES = {
    "forwarded", "via", "x-real-ip", "x-original-host", "x-client-ip", "cf-connecting-ip",
    "true-client-ip", "fastly-client-ip", "x-envoy-external-address",
}  # fmt: skip
SHOWN = 50
"""Mails in the list, the newest first."""


def routes(settings: Settings) -> list[Route]:
    """The mailbox, where mails are kept; no route where they are sent, or refused."""
    if settings.mail != "mailbox":
        return []

    async def listed(request: Request) -> Response:
        delivered = Mail.filter(delivered_at__isnull=False).select_related("user")
        mails = await delivered.order_by("-delivered_at", "id").limit(SHOWN)
        shown = [_shown(mail, await _rendered(request, mail)) for mail in mails]
        if "text/html" in request.headers.get("accept", "").lower():
            return page("mailbox.html", title="Mailbox", wide=True, mails=shown)
        return JSONResponse(shown, headers={"cache-control": "no-store"})

    async def one(request: Request) -> Response:
        mail = await _found(request)
        shown = _shown(mail, await _rendered(request, mail))
        return page("mail.html", title=shown["subject"], wide=True, mail=shown)

    async def html(request: Request) -> Response:
        rendered = await _rendered(request, await _found(request))
        policy = {"content-security-policy": content_policy.MAIL, "cache-control": "no-store"}
        return HTMLResponse(rendered.html, headers=policy)

    return [
        Route("/mailbox", _for_this_machine(listed)),
        Route("/mailbox/{id}", _for_this_machine(one)),
        Route("/mailbox/{id}/html", _for_this_machine(html)),
    ]


def _for_this_machine(
    answer: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        names = request.headers.keys()
        proxied = any(name in _OF_PROXIES or name.startswith("x-forwarded") for name in names)
        peer = request.client.host if request.client else ""
        here = _THIS_MACHINE.fullmatch(request.headers.get("host", "")) and is_loopback(peer)
        if not here or proxied or "origin" in names:
            raise HTTPException(404)
        return await answer(request)

    return guarded


async def _found(request: Request) -> Mail:
    try:
        wanted = UUID(request.path_params["id"])
    except ValueError:
        raise HTTPException(404) from None
    delivered = Mail.filter(id=wanted, delivered_at__isnull=False)
    mail = await delivered.select_related("user").first()
    if mail is None:
        raise HTTPException(404)
    return mail


async def _rendered(request: Request, mail: Mail) -> Rendered:
    return await asyncio.to_thread(templates.render_mail, postern_of(request.scope), mail)


def _shown(mail: Mail, rendered: Rendered) -> dict[str, Any]:
    return {
        "id": str(mail.id),
        "at": f"{mail.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "to": mail.recipient,
        "kind": mail.kind,
        "subject": rendered.subject,
        "link": rendered.headers["X-Link"],
        "ticket": rendered.headers["X-Ticket"],
        "text": rendered.text,
    }
