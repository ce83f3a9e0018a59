"""The pages' scripts and styles: files that `web/` builds, kept compressed, sent as they are."""

import asyncio
import gzip
import hashlib
import re
import threading
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_FILES = files("api.pages") / "static"
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".txt": "text/plain",
    ".json": "application/json",
}
_CACHING = {"cache-control": "no-cache", "vary": "accept-encoding"}
"""Browsers keep the files, and ask each time whether they have changed."""
CHUNK = 64 * 1024
"""How many bytes of a file are handed to a connection at once."""
_GZIP = re.compile(
    r"(?:^|[\s,])(?:x-)?gzip\s*(?:$|,|;\s*q=(?!0(?:\.0*)?\s*(?:$|,)))", re.IGNORECASE
)
"""Matches an `Accept-Encoding` that accepts gzip (RFC 9110, section 12.5.3)."""
_inflating = threading.Lock()


def serve(belongs: Callable[[str], bool]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a page's files: those whose names belong to the page."""

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _names() or not belongs(name):
            raise HTTPException(404)
        return await _answer(request, name)

    return file


def text_of(name: str) -> str:
    """Return the text of a built file."""
    return _inflated(name).decode()


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


async def _answer(request: Request, name: str) -> Response:
    """Return a file, compressed as it is stored if the client accepts gzip."""
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
