"""The ASGI application: a list of routes, and what goes before them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admin import endpoint as admin
from api.cors import Cors
from api.graphql.endpoint import GraphQLEndpoint
from api.http import OnePostern, postern_of
from api.nhost import endpoint
from api.nhost.openapi import document
from api.pages import content_policy, dashboard, graphiql, mail_link, mailbox
from api.readiness import Readiness
from api.refusals import refusal_of
from api.request_limit import RequestLimit
from auth.figures import count_for_ever
from auth.live_settings import Live
from auth.mail.delivery import deliver_for_ever
from auth.postern import Postern
from auth.sweep import sweep_for_ever
from models import database
from models.hot_paths import users

VERSION = version("postern")
JWKS_CACHING = {"cache-control": "public, max-age=60"}
"""Hasura fetches the keys again only if the response says how long they are valid."""
PROBES = ("/healthz", "/readyz")
"""Paths that orchestrators and load balancers request all the time."""


class SecurityHeaders:
    """Adds headers to all responses: no guessed types, no loading, no framing, no referrer.

    A page sets its own content policy.
    """

    HEADERS: Mapping[bytes, bytes] = {
        b"x-content-type-options": b"nosniff",
        b"content-security-policy": content_policy.NOTHING.encode(),
        b"referrer-policy": b"no-referrer",
    }

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                missing = ((name, self.HEADERS[name]) for name in self.HEADERS.keys() - given)
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Direct:
    """Answers some paths before Starlette's routes and middleware, which cost 10 to 15 µs.

    What answers them must answer everything, whatever the method and the error.
    """

    def __init__(self, answers: Mapping[str, ASGIApp], others: ASGIApp) -> None:
        self._answers, self._others = answers, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on by its path."""
        answer = self._answers.get(scope["path"]) if scope["type"] == "http" else None
        await (answer or self._others)(scope, receive, send)


async def healthz(_request: Request) -> JSONResponse:
    """Answer as long as the process runs."""
    return JSONResponse("OK")


async def show_version(_request: Request) -> JSONResponse:
    """Return the version."""
    return JSONResponse({"version": VERSION})


async def not_found(_request: Request, _error: Exception) -> JSONResponse:
    """Answer an unknown route with JSON, since clients parse every body."""
    return JSONResponse({"status": 404, "error": "not-found", "message": "No such route."}, 404)


async def method_not_allowed(_request: Request, error: Exception) -> JSONResponse:
    """Answer a wrong method with JSON; `Allow` names the right methods."""
    body = {"status": 405, "error": "method-not-allowed", "message": "Method not allowed."}
    return JSONResponse(body, 405, getattr(error, "headers", None))


async def failed(_request: Request, error: Exception) -> JSONResponse:
    """Answer an unexpected error with JSON."""
    return endpoint.answer(refusal_of(error))


async def jwks(request: Request) -> JSONResponse:
    """Return the public keys that verify access tokens (RFC 7517)."""
    postern = postern_of(request.scope)
    keys = [key.jwk() for key in postern.key_ring.in_use(postern.now())]
    return JSONResponse({"keys": [key for key in keys if key]}, headers=JWKS_CACHING)


def create_app(postern: Postern) -> ASGIApp:
    """Return the application that serves this Postern. It connects to the database at startup.

    Raises ConfigError.
    """
    live, readiness = Live(postern), Readiness(postern)
    prefix = postern.settings.api_prefix
    uncounted = {admin.PATH, *(start + probe for start in ("", prefix) for probe in PROBES)}
    routed = Starlette(
        middleware=[Middleware(RequestLimit, uncounted)],
        routes=list(_routes(postern, live, readiness)),
        lifespan=_lifespan(live, readiness),
        exception_handlers={404: not_found, 405: method_not_allowed, 500: failed},
    )
    # Starlette would redirect to the host that the request names, which anybody can choose.
    routed.router.redirect_slashes = False
    direct = Direct({"/graphql": GraphQLEndpoint(postern)}, routed)
    return SecurityHeaders(OnePostern(Cors(direct), live))


def _routes(postern: Postern, live: Live, readiness: Readiness) -> Iterator[Route]:
    """Yield the routes; those about the server are at the root, and below the prefix too."""
    settings = postern.settings
    described = document(VERSION, settings.api_prefix, settings.server_url)

    async def readyz(_request: Request) -> JSONResponse:
        """Return whether the database answers and the encryption keys open its secrets."""
        if (why := await readiness.why_not()) is None:
            return JSONResponse("OK")
        body = {"status": 503, "error": "service-unavailable", "message": why}
        return JSONResponse(body, 503, {"retry-after": "1"})

    async def openapi(_request: Request) -> JSONResponse:
        """Return the OpenAPI 3.1 document of Nhost's routes, for clients and tools."""
        return JSONResponse(described)

    yield Route("/", graphiql.front(has_page=settings.graphiql_enabled))
    yield Route(admin.PATH, admin.AdminEndpoint(live))
    if settings.graphiql_enabled:
        yield Route(graphiql.PATH, graphiql.file)
    yield from dashboard.routes(settings)
    yield Route("/openapi.json", openapi)
    for prefix in dict.fromkeys(("", settings.api_prefix)):
        yield Route(f"{prefix}/healthz", healthz)
        yield Route(f"{prefix}/readyz", readyz)
        yield Route(f"{prefix}/version", show_version)
        yield Route(f"{prefix}/.well-known/jwks.json", jwks)
    yield from endpoint.routes(settings.api_prefix)
    yield mail_link.route(settings.api_prefix)
    yield from mailbox.routes(settings)


def _lifespan(
    live: Live, readiness: Readiness
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Return what connects to the database, and runs the tasks of this process meanwhile."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        postern = live.postern
        async with database.connected(postern.settings):
            await live.refresh()
            await postern.passwords.learn(await users.one_hash_of_each_kind())
            await readiness.count_unreadable()
            tasks = [
                asyncio.create_task(live.follow_for_ever()),
                asyncio.create_task(count_for_ever(live)),
                asyncio.create_task(sweep_for_ever(live)),
                asyncio.create_task(deliver_for_ever(live)),
            ]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await postern.rate_limits.close()
        postern.passwords.close()

    return lifespan
