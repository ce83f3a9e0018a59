"""GraphiQL, from files of our own that `web/` builds: no other host is asked for anything."""

import asyncio
import gzip
import hashlib
import secrets
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api import content_policy

PATH = "/graphiql/{name}"
"""Where the page's scripts and styles are."""
_FILES = files("api") / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}
_CACHING = {"cache-control": "no-cache", "vary": "accept-encoding"}
"""Browsers keep the files, and ask whether they are still the same."""
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Postern: GraphiQL</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/graphiql/graphiql.css" nonce="{nonce}">
    <script type="module" src="/graphiql/graphiql.js" nonce="{nonce}"></script>
  </head>
  <body>
    <main id="graphiql">
      <noscript>GraphiQL needs JavaScript. Any GraphQL client can talk to this address.</noscript>
    </main>
  </body>
</html>
"""


def page() -> HTMLResponse:
    """The page, with the policy under which it works and nothing else does."""
    nonce = secrets.token_urlsafe(16)
    headers = {"content-security-policy": content_policy.page_policy(nonce)}
    return HTMLResponse(_PAGE.replace("{nonce}", nonce), headers=headers)


async def file(request: Request) -> Response:
    """One of the page's files, compressed as it is stored wherever that is understood."""
    name, accepted = request.path_params["name"], request.headers.get("accept-encoding", "")
    if name not in _names():
        return Response(status_code=404)
    packed, etag = _stored(name)
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=_CACHING | {"etag": etag})
    media_type = _TYPES[name[name.rindex(".") :]]
    if "gzip" not in accepted:
        plain = await asyncio.to_thread(gzip.decompress, packed)
        return Response(plain, media_type=media_type, headers=_CACHING)
    headers = _CACHING | {"etag": etag, "content-encoding": "gzip"}
    return Response(packed, media_type=media_type, headers=headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(found.name.removesuffix(".gz") for found in _FILES.iterdir())


@cache
def _stored(name: str) -> tuple[bytes, str]:
    packed = (_FILES / f"{name}.gz").read_bytes()
    return packed, f'"{hashlib.sha256(packed).hexdigest()[:32]}"'
