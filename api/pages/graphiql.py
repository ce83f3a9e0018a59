"""GraphiQL, from files that `web/` builds: the page requests nothing from other hosts."""

import asyncio
import gzip
import hashlib
import re
import secrets
import threading
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from api.pages import content_policy

PATH = "/graphiql/{name}"
"""Where the page's scripts and styles are."""
_FILES = files("api.pages") / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}
_CACHING = {"cache-control": "no-cache", "vary": "accept-encoding"}
"""Browsers keep the files, and ask each time whether they have changed."""
CHUNK = 64 * 1024
"""How many bytes of a file are handed to a connection at once."""
_GZIP = re.compile(
    r"(?:^|[\s,])(?:x-)?gzip\s*(?:$|,|;\s*q=(?!0(?:\.0*)?\s*(?:$|,)))", re.IGNORECASE
)
"""Matches an `Accept-Encoding` that accepts gzip (RFC 9110, section 12.5.3)."""
_inflating = threading.Lock()
WHERE = {
    "graphql": "graphql",
    "openapi": "openapi.json",
    "jwks": ".well-known/jwks.json",
    "health": "healthz",
}
"""The server's addresses, relative to `/`, so that they also hold below a proxy's path prefix."""
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Postern: GraphiQL</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="graphiql/graphiql.css" nonce="{nonce}">
    <script type="module" src="graphiql/graphiql.js" nonce="{nonce}"></script>
  </head>
  <body>
    <main id="graphiql">
      <noscript>GraphiQL needs JavaScript. Any GraphQL client can talk to this address.</noscript>
    </main>
  </body>
</html>
"""


def page() -> HTMLResponse:
    """Return the page, with a policy that allows only its own files."""
    nonce = secrets.token_urlsafe(16)
    headers = {"content-security-policy": content_policy.page_policy(nonce)}
    return HTMLResponse(_PAGE.replace("{nonce}", nonce), headers=headers)


def front(*, has_page: bool) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of `/`: redirect browsers to the page, if any; list addresses otherwise.

    The redirect is relative: it contains neither the request's host nor a path prefix.
    """

    async def answer(request: Request) -> Response:
        headers = {"vary": "accept"}
        if has_page and "text/html" in request.headers.get("accept", "").lower():
            return Response(status_code=303, headers=headers | {"location": WHERE["graphql"]})
        return JSONResponse(WHERE, headers=headers)

    return answer


class SharedFile(Response):
    """A file that is in memory only once, for all connections.

    It is sent in chunks, so a client that does not read holds only one or two of them in memory.
    """

    def __init__(self, content: bytes, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(media_type=media_type, headers=headers)
        self.headers["content-length"] = str(len(content))
        self._content = memoryview(content)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file; `send` waits until the client has read."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        length = 0 if scope["method"] == "HEAD" else len(self._content)
        for at in range(0, length, CHUNK):
            chunk = self._content[at : at + CHUNK]
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def file(request: Request) -> Response:
    """Return one of the page's files, compressed as it is stored if the client accepts gzip."""
    name = request.path_params["name"]
    if name not in _names():
        raise HTTPException(404)
    packed, etag = _stored(name)
    compressed = _GZIP.search(request.headers.get("accept-encoding", ""))
    if not compressed:
        etag = f'{etag[:-1]}-plain"'
    headers = _CACHING | {"etag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    media_type = _TYPES[name[name.rindex(".") :]]
    if compressed:
        return SharedFile(packed, media_type, headers | {"content-encoding": "gzip"})
    return SharedFile(await asyncio.to_thread(_plain, name), media_type, headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(found.name.removesuffix(".gz") for found in _FILES.iterdir())


@cache
def _stored(name: str) -> tuple[bytes, str]:
    packed = (_FILES / f"{name}.gz").read_bytes()
    return packed, f'"{hashlib.sha256(packed).hexdigest()[:32]}"'


def _plain(name: str) -> bytes:
    """Return the file for clients without gzip, decompressed once."""
    with _inflating:
        return _inflated(name)


@cache
def _inflated(name: str) -> bytes:
    return gzip.decompress(_stored(name)[0])
