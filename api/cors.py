"""Cross-Origin Resource Sharing: which pages of other sites may call this server (Fetch standard).

No response allows credentials, since Postern uses no cookies. Access from public pages to private
networks (`Access-Control-Allow-Private-Network`) is not granted: browsers now ask their user.
"""

import logging
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import postern_of

METHODS = "GET, POST"
EXPOSED = "retry-after, www-authenticate"
"""Response headers that a page may read, besides those that are always readable."""
MAX_AGE = 24 * 60 * 60
"""Seconds for which a browser may remember a preflight; each browser has a lower limit."""
MAX_HEADERS = 2048
"""Maximum length of the list of header names in a preflight, in characters."""
MAX_REPORTED = 100
"""How many refused origins one process names in its log."""
_ORIGIN_SHOWN = 255
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+([ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
"""A list of header names (RFC 9110, section 5.6)."""
_PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

logger = logging.getLogger("postern")


class Cors:
    """Answers preflights, and tells browsers which pages may read the other responses.

    A preflight is not counted for its address: it costs less than the count would.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._reported: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight; pass any other request on, and add the headers to the response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        is_allowed = origin in postern_of(scope).settings.allowed_origins if origin else False
        if origin and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await self._preflight(origin, headers, is_allowed=is_allowed)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(raw=message["headers"])
                answered.add_vary_header("Origin")
                if origin and is_allowed:
                    answered["access-control-allow-origin"] = origin
                    answered["access-control-expose-headers"] = EXPOSED
                message["headers"] = answered.raw
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _preflight(self, origin: str, headers: Headers, *, is_allowed: bool) -> Response:
        vary = {"vary": _PREFLIGHT_VARY}
        if not is_allowed:
            self._report(origin)
            message = "Pages of this origin may not call this server."
            body = {"status": 400, "error": "origin-not-allowed", "message": message}
            return JSONResponse(body, 400, vary)
        allowed = {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": METHODS,
            "access-control-max-age": str(MAX_AGE),
        }
        wanted = headers.get("access-control-request-headers", "").strip()
        if wanted and len(wanted) <= MAX_HEADERS and _NAMES.fullmatch(wanted):
            allowed["access-control-allow-headers"] = wanted
        return Response(headers=vary | allowed)

    def _report(self, origin: str) -> None:
        """Log a refused origin: once each, and only the first 100."""
        shown = origin[:_ORIGIN_SHOWN]
        if shown in self._reported or len(self._reported) >= MAX_REPORTED:
            return
        self._reported.add(shown)
        logger.warning("refused a page of the origin %r: AUTH_CORS_ORIGINS does not name it", shown)
        if len(self._reported) == MAX_REPORTED:
            logger.warning("further refused origins are not written to this log")
