"""What all endpoints share: the caller of a request, its rate limit, and the size of its body."""

import asyncio
import logging
from dataclasses import dataclass
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.client_address import client_address
from auth import tokens
from auth.caller import ADDRESS_MAX, USER_AGENT_MAX, Caller
from auth.errors import AuthError, ErrorCode
from auth.limits.rate_limits import Limit
from auth.limits.throttle_log import OVERLOAD_SECONDS, throttle_log
from auth.live_settings import Live
from auth.postern import Postern

logger = logging.getLogger("postern")

FORWARDED = {"forwarded", "x-forwarded-for", "x-real-ip"}
"""Headers in which proxies report their client's address."""
WARNED_OF = 5
"""How many addresses the log warns of: a server without trusted proxies may meet many."""

MOST_IN_PROGRESS = 512
"""How many requests a process has in progress: it takes about a second for all of them."""
RETRY_SECONDS = 2
"""Seconds after which a client whose request was shed should try again."""

BODY_MAX = 64 * 1024
"""Maximum size of a request body, in bytes."""
BODY_SECONDS = 10
"""Seconds that a client may take to send the body."""


@dataclass
class InProgress:
    """How many requests wait for this process: they have arrived, and no response has begun.

    Who sends a body slowly, or reads a response slowly, does not count: they would lock others out.
    """

    count: int = 0


class OnePostern:
    """Gives every request the Postern of this moment, which it keeps: `postern_of`.

    It also counts the requests that wait for a response, for `shed_load`.
    """

    def __init__(self, app: ASGIApp, live: Live) -> None:
        self.app, self._live = app, live
        self._in_progress = InProgress()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        in_progress, waits = self._in_progress, True
        scope["postern"], scope["in_progress"] = self._live.postern, in_progress
        in_progress.count += 1

        async def answering(message: Message) -> None:
            nonlocal waits
            if waits:
                waits = False
                in_progress.count -= 1
            await send(message)

        try:
            await self.app(scope, receive, answering)
        finally:
            if waits:
                in_progress.count -= 1


def shed_load(scope: Scope) -> None:
    """Refuse what would wait so long that its client has gone by the time it is answered.

    A server that answers in vain never catches up: bench/simulate.py. Passwords that wait to be
    hashed do not count: their queue is bounded too.
    Raises AuthError: SERVICE_UNAVAILABLE with `retryAfter`.
    """
    in_progress: InProgress = scope["in_progress"]
    if in_progress.count - postern_of(scope).passwords.unfinished > MOST_IN_PROGRESS:
        throttle_log.refused("requests in progress", "everybody", OVERLOAD_SECONDS)
        raise AuthError(ErrorCode.SERVICE_UNAVAILABLE, retryAfter=RETRY_SECONDS)


def postern_of(scope: Scope) -> Postern:
    """Return the Postern that answers this request, with the settings that it began with."""
    postern: Postern = scope["postern"]
    return postern


def caller_of(postern: Postern, request: Request) -> Caller:
    """Return the caller of a request. Only operations that need the access token verify it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return Caller(
        address=address_of(postern, request),
        user_agent=request.headers.get("user-agent", "")[:USER_AGENT_MAX] or None,
        access_token=token.strip() if scheme.lower() == "bearer" else None,
    )


def address_of(postern: Postern, request: Request) -> str | None:
    """Return the address that the request comes from."""
    peer = request.client.host if request.client else None
    chosen = postern.settings
    if not chosen.trusted_proxies and FORWARDED.intersection(request.headers.keys()):
        _warn_of_unnamed_proxy(peer)
    address = client_address(
        peer, request.headers, chosen.trusted_proxies, chosen.trusted_proxy_header
    )
    return address[:ADDRESS_MAX] if address else None


async def count_request(postern: Postern, request: Request) -> Caller:
    """Count a request for its address, and return its caller.

    If the address has used up its requests, each signed-in session has as many of its own. Raises
    AuthError: TOO_MANY_REQUESTS, SERVICE_UNAVAILABLE.
    """
    shed_load(request.scope)
    caller, limits = caller_of(postern, request), postern.rate_limits
    try:
        await limits.spend(Limit.REQUESTS, caller.address)
    except AuthError:
        try:
            claims = tokens.read(caller.access_token or "", postern.key_ring, postern.now())
        except tokens.InvalidTokenError:
            claims = None
        if claims is None:
            raise
        await limits.spend(Limit.REQUESTS, None, f"session {claims.session_id}")
    return caller


@lru_cache(maxsize=64)
def _warn_of_unnamed_proxy(peer: str | None) -> None:
    """Log a warning, once per address. Anybody can send such a header, so it has no effect."""
    if _warn_of_unnamed_proxy.cache_info().currsize < WARNED_OF:
        logger.warning(
            "%s says that it asks for somebody else, and is not believed. If it is your proxy, "
            "name it in AUTH_TRUSTED_PROXIES: until then all its clients share the limits of one "
            "address.",
            peer,
        )


def is_json(content_type: str) -> bool:
    """Return whether a body of this type is JSON, which a page can send only after a preflight."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


def bounded(scope: Scope, receive: Receive) -> Receive:
    """Limit the size of a request body, and the time until it has arrived.

    The returned function raises HTTPException: 408, 413.
    """
    received, in_progress = 0, scope["in_progress"]
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS

    async def counted() -> Message:
        nonlocal received
        in_progress.count -= 1
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(
                408, f"The request body took longer than {BODY_SECONDS} seconds."
            ) from None
        finally:
            in_progress.count += 1
        received += len(message.get("body", b""))
        if received > BODY_MAX:
            raise HTTPException(413, f"The request body is larger than {BODY_MAX} bytes.")
        return message

    return counted
