"""What all endpoints share: who sends a request, how often, and how large its body may be."""

import asyncio
import logging
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from api.client_address import client_address
from auth import tokens
from auth.caller import Caller
from auth.errors import AuthError
from auth.limits.rate_limits import Limit
from auth.postern import Postern

logger = logging.getLogger("postern")

FORWARDED = {"forwarded", "x-forwarded-for", "x-real-ip"}
"""Headers in which proxies say who asks them."""
WARNED_OF = 5
"""Addresses that the log warns of: a server without named proxies may meet many."""

USER_AGENT_MAX, ADDRESS_MAX = 255, 45
"""Characters that are kept of what a client calls itself, and of where it is."""
BODY_MAX = 64 * 1024
"""Bytes of a request."""
BODY_SECONDS = 10
"""How long a client may take to send them."""


def caller_of(postern: Postern, request: Request) -> Caller:
    """Who asks. The access token is only looked at by the operations that need one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return Caller(
        address=address_of(postern, request),
        user_agent=request.headers.get("user-agent", "")[:USER_AGENT_MAX] or None,
        access_token=token.strip() if scheme.lower() == "bearer" else None,
    )


def address_of(postern: Postern, request: Request) -> str | None:
    """Where the request comes from."""
    peer = request.client.host if request.client else None
    chosen = postern.settings
    if not chosen.trusted_proxies and FORWARDED.intersection(request.headers.keys()):
        _warn_of_unnamed_proxy(peer)
    address = client_address(
        peer, request.headers, chosen.trusted_proxies, chosen.trusted_proxy_header
    )
    return address[:ADDRESS_MAX] if address else None


async def count_request(postern: Postern, request: Request) -> Caller:
    """Count a request for its address; who asks.

    Where strangers have used up the address's requests, whoever is signed in has as many of their
    own, by session. Raises AuthError: TOO_MANY_REQUESTS.
    """
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
    """Say it once for an address. Anybody can send such a header, so nothing is concluded."""
    if _warn_of_unnamed_proxy.cache_info().currsize < WARNED_OF:
        logger.warning(
            "%s says that it asks for somebody else, and is not believed. If it is your proxy, "
            "name it in AUTH_TRUSTED_PROXIES: until then all its clients share the limits of one "
            "address.",
            peer,
        )


def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON: what a page can only send after a preflight."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


def bounded(receive: Receive) -> Receive:
    """The same body, but no more of it than an operation needs, and within a time.

    Raises HTTPException: 408, 413.
    """
    received = 0
    deadline = asyncio.get_running_loop().time() + BODY_SECONDS

    async def counted() -> Message:
        nonlocal received
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise HTTPException(
                408, f"The request body took longer than {BODY_SECONDS} seconds."
            ) from None
        received += len(message.get("body", b""))
        if received > BODY_MAX:
            raise HTTPException(413, f"The request body is larger than {BODY_MAX} bytes.")
        return message

    return counted
