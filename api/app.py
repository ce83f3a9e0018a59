"""The ASGI application: a list of routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from api.graphql import GraphQLEndpoint
from auth.postern import Postern
from auth.sweep import sweep_for_ever
from models import database

VERSION = version("postern")
JWKS_CACHING = {"cache-control": "public, max-age=60"}
"""Hasura looks again only when told for how long the keys are good."""


async def healthz(_request: Request) -> JSONResponse:
    """Whether the process answers."""
    return JSONResponse("OK")


async def show_version(_request: Request) -> JSONResponse:
    """Which Postern this is."""
    return JSONResponse({"version": VERSION})


async def not_found(_request: Request, _error: Exception) -> JSONResponse:
    """Clients parse every body, so a route that is not there answers JSON too."""
    return JSONResponse({"status": 404, "error": "not-found", "message": "No such route."}, 404)


async def method_not_allowed(_request: Request, error: Exception) -> JSONResponse:
    """The same for a method that a route does not have; `Allow` names those that it has."""
    body = {"status": 405, "error": "method-not-allowed", "message": "Not by this method."}
    return JSONResponse(body, 405, getattr(error, "headers", None))


def create_app(postern: Postern) -> Starlette:
    """The application that serves this Postern; it connects to the database when it starts."""

    async def jwks(_request: Request) -> JSONResponse:
        """The public keys that verify access tokens (RFC 7517)."""
        keys = [key.jwk() for key in postern.key_ring.in_use(postern.now())]
        return JSONResponse({"keys": [key for key in keys if key]}, headers=JWKS_CACHING)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database.connected(postern.settings):
            sweeping = asyncio.create_task(sweep_for_ever(postern))
            yield
            sweeping.cancel()
        postern.passwords.close()

    return Starlette(
        routes=[
            Route("/graphql", GraphQLEndpoint(postern)),
            Route("/healthz", healthz),
            Route("/version", show_version),
            Route("/.well-known/jwks.json", jwks),
        ],
        lifespan=lifespan,
        exception_handlers={404: not_found, 405: method_not_allowed},
    )
