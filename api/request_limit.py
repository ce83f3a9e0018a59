"""The rate limit of all requests of an address."""

from collections.abc import Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http import count_request, postern_of
from api.nhost import endpoint
from api.refusals import refusal_of
from auth.errors import AuthError


class RequestLimit:
    """Refuses the requests of an address that has made too many.

    `uncounted` are paths: the operators' GraphQL, which counts its requests itself and refuses them
    in its own format, and the probes. Orchestrators and load balancers send probes often, from one
    address, and restart or bypass a server that refuses them. Probes cost less than the count.
    """

    def __init__(self, app: ASGIApp, uncounted: Collection[str]) -> None:
        self.app, self._uncounted = app, frozenset(uncounted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, and pass it on or refuse it."""
        if scope["type"] == "http" and scope["path"] not in self._uncounted:
            try:
                await count_request(postern_of(scope), Request(scope))
            except AuthError as error:
                response = endpoint.answer(refusal_of(error))
                response.headers["cache-control"] = "no-store"
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)
