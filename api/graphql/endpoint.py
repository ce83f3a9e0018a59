"""GraphQL over HTTP: every error has a code and contains no secret."""

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import ExecutionResult, GraphQLError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.graphql.context import Context
from api.graphql.messages import without_values
from api.graphql.operations import Operations
from api.graphql.schema import CREDENTIALS, schema
from api.graphql.trusted_documents import TrustedDocuments, read_manifest
from api.http import bounded, count_request, is_json, postern_of
from api.json_text import parse_json
from api.pages import dashboard, graphiql
from api.refusals import Refusal, refusal_of
from auth.errors import ErrorCode
from auth.postern import Postern

JSON, GRAPHQL_RESPONSE = "application/json", "application/graphql-response+json"
"""The media types of a response (GraphQL over HTTP, section 4). With the second one, the status
tells whether the operation has run."""
_as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_MEMBERS = {
    "query": (str, "a string"),
    "operationName": (str, "a string"),
    "variables": (dict, "an object"),
    "extensions": (dict, "an object"),
}
"""The members of a request; each can be null (GraphQL over HTTP, section 5.1)."""


@dataclass(frozen=True)
class Handled:
    """What runs a request's operation, and whether its errors hide what they tell of accounts."""

    context: Any
    conceal: bool = False


class GraphQLOverHttp(ABC):
    """A schema over HTTP: operations by POST, and queries by GET where `methods` has it."""

    methods = "GET, POST"

    def __init__(self, operations: Operations, trusted: TrustedDocuments | None = None) -> None:
        self._operations, self._trusted = operations, trusted

    @abstractmethod
    async def begun(self, request: Request) -> Handled:
        """Count the request and find out who sends it. Raises AuthError, HTTPException."""

    def page(self, request: Request) -> Response | None:
        """Return what a browser gets that opens the address; None to go on."""
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with JSON even for errors."""
        request = Request(scope, bounded(scope, receive))
        media_type = media_type_for(request.headers.get("accept", ""))
        try:
            response = await self._answer(request, await self.begun(request), media_type)
        except ClientDisconnect:
            return
        except Exception as error:
            response = _refused(media_type, refusal_of(error))
        response.headers["cache-control"] = "no-store"  # it may hold tokens
        await response(scope, receive, send)

    async def _answer(self, request: Request, handled: Handled, media_type: str) -> Response:
        if request.method not in self.methods.split(", "):
            expected = self.methods.replace(", ", " or ")
            raise HTTPException(405, f"Expected {expected}.", {"allow": self.methods})
        reads = request.method == "GET"
        if reads and (page := self.page(request)):
            return page
        members = _in_query(request.query_params) if reads else await _in_body(request)
        for member, (kind, expected) in _MEMBERS.items():
            value = members.get(member)
            if value is not None and not isinstance(value, kind):
                raise HTTPException(400, f"{member}: expected {expected} or null.")
        result = await self._operations.run(
            self._text(members),
            handled.context,
            members.get("variables"),
            members.get("operationName") or None,  # some clients send "" for no name
            only_query=reads,
        )
        return _shown(result, media_type, conceal=handled.conceal)

    def _text(self, members: Mapping[str, Any]) -> str:
        """Return the text of the operation; with trusted documents, only one of them."""
        text = self._trusted.find(members) if self._trusted else members.get("query")
        if text is None and self._trusted:
            raise HTTPException(400, "Expected one of this server's trusted documents.")
        if not text:
            raise HTTPException(400, "query: expected a GraphQL operation.")
        return str(text)


class GraphQLEndpoint(GraphQLOverHttp):
    """`/graphql`: the public schema, with GraphiQL for browsers."""

    def __init__(self, postern: Postern) -> None:
        """Raise ConfigError if the manifest of trusted documents cannot be used."""
        settings = postern.settings
        manifest = settings.graphql_trusted_documents
        ours = dashboard.documents() if settings.admin_enabled is not False else {}
        super().__init__(
            Operations(schema, CREDENTIALS, introspection=settings.graphql_introspection),
            read_manifest(manifest).and_also(ours) if manifest else None,
        )

    async def begun(self, request: Request) -> Handled:
        """Count the request; an access token is verified by the operations that need it."""
        postern = postern_of(request.scope)
        caller = await count_request(postern, request)
        return Handled(Context(postern, caller), conceal=postern.settings.conceal_errors)

    def page(self, request: Request) -> Response | None:
        """Return GraphiQL to a browser."""
        if not _is_browsing(request):
            return None
        if not postern_of(request.scope).settings.graphiql_enabled:
            raise HTTPException(404, "There is no GraphiQL here.")
        return graphiql.page()


def _shown(result: ExecutionResult, media_type: str, *, conceal: bool) -> Response:
    """Return the response: every error has a code and contains no secret."""
    if not result.errors:
        return _response(media_type, 200, {"data": result.data})
    errors = [_presentable(error, conceal=conceal) for error in result.errors]
    shown = [error.formatted for error in errors]
    never_ran = result.data is None and not any(error.path for error in errors)
    if never_ran and media_type == GRAPHQL_RESPONSE:
        response = _response(media_type, 400, {"errors": shown})
    else:
        response = _response(media_type, 200, {"data": result.data, "errors": shown})
    for error in errors:
        if retry_after := (error.extensions or {}).get("retryAfter"):
            response.headers["retry-after"] = str(retry_after)
    return response


def _is_browsing(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "query" not in request.query_params and ("text/html" in accepted or "*/*" in accepted)


def _in_query(params: Mapping[str, str]) -> dict[str, Any]:
    """Return the members of a request in a URL, where objects are written as JSON."""
    members: dict[str, Any] = dict(params)
    for name in ("variables", "extensions"):
        if name in members:
            members[name] = parse_json(members[name])
    return members


async def _in_body(request: Request) -> dict[str, Any]:
    """Return the members of a request in a body.

    The body must be JSON. A page of another site can send forms and plain text from its visitor's
    browser, but JSON needs a preflight.
    """
    if not is_json(request.headers.get("content-type", "")):
        raise HTTPException(415, f"Expected a body of the type {JSON}.")
    body = parse_json(await request.body())
    if not isinstance(body, dict):
        raise HTTPException(400, "Expected a JSON object.")
    return body


@lru_cache(maxsize=64)
def media_type_for(accept: str) -> str:
    """Return the media type of the response to a client with this `Accept` (RFC 9110, 12.5.1).

    That of GraphQL over HTTP if the client names it and does not prefer JSON; else JSON, whatever
    the client accepts.
    """
    liked: dict[str, float] = {}
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        with contextlib.suppress(ValueError):
            liked[name] = float(weight)
    wished, json_too = liked.get(GRAPHQL_RESPONSE, 0), liked.get(JSON, 0)
    return GRAPHQL_RESPONSE if wished > 0 and wished >= json_too else JSON


def _presentable(error: GraphQLError, *, conceal: bool) -> GraphQLError:
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        code = ErrorCode.INVALID_REQUEST
        refusal = Refusal(code, without_values(error.message), 400)
    else:
        refusal = refusal_of(cause, conceal=conceal)
    shown = GraphQLError(refusal.message, path=error.path, extensions=refusal.extensions)
    shown.locations = error.locations
    return shown


def _refused(media_type: str, refusal: Refusal) -> Response:
    """Return the response to a request that was refused as a whole."""
    error = {"message": refusal.message, "extensions": refusal.extensions}
    response = _response(media_type, refusal.status, {"errors": [error]})
    response.headers.update(refusal.headers)
    return response


def _response(media_type: str, status: int, answer: object) -> Response:
    return Response(_as_json(answer), status, media_type=f"{media_type}; charset=utf-8")
