"""GraphQL over HTTP: Strawberry's view, with answers that are typed and tell no secrets."""

import contextlib
import json
import re
from dataclasses import replace
from typing import Any

from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, process_result
from strawberry.types import ExecutionResult

from api import playground
from api.context import Context
from api.http import address_of, bounded, caller_of, say_when, unforeseen
from api.schema import build_schema
from api.trusted_documents import read_manifest
from auth.errors import CONCEALED, AuthError, ErrorCode
from auth.postern import Postern
from auth.rate_limits import Limit

JSON, GRAPHQL_RESPONSE = "application/json", "application/graphql-response+json"
"""The media types of an answer (GraphQL over HTTP, section 4). The second one tells with its status
whether the operation has run."""
_ECHO = re.compile(r"(cannot represent [^:]*): .*|(String|Name|Int|Float) '.*'\.?", re.DOTALL)
"""Where graphql-core repeats what was sent: it could be a password in the wrong place."""
_SUGGESTION = re.compile(r" Did you mean .*", re.DOTALL)


class GraphQLEndpoint(GraphQL[Context, None]):
    """`/graphql`: operations by POST, queries by GET too, GraphiQL for browsers."""

    def __init__(self, postern: Postern) -> None:
        """Raises ConfigError for a manifest of trusted documents that cannot be used."""
        settings = postern.settings
        super().__init__(
            build_schema(introspection=settings.graphql_introspection),
            graphql_ide="graphiql" if settings.graphiql_enabled else None,
            subscription_protocols=(),
        )
        self._postern = postern
        manifest = settings.graphql_trusted_documents
        self._trusted = read_manifest(manifest) if manifest else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with JSON whatever happens."""
        request = Request(scope, bounded(receive))
        request.state.media_type = media_type = media_type_for(request.headers.get("accept", ""))
        try:
            await self._postern.rate_limits.spend(
                Limit.REQUESTS, address_of(self._postern, request)
            )
            response = await self.run(request)
        except HTTPException as error:
            code = ErrorCode.INVALID_REQUEST
            response = _refusal(media_type, error.status_code, code, error.reason)
        except AuthError as error:
            response = _refusal(media_type, 429, error.code, **error.details)
            say_when(response, error.extensions)
        except ClientDisconnect:
            return
        except Exception as error:
            code, details = unforeseen(error)
            status = 503 if code is ErrorCode.SERVICE_UNAVAILABLE else 500
            response = _refusal(media_type, status, code, **details)
        response.headers["cache-control"] = "no-store"  # it may hold tokens
        await response(scope, receive, send)

    async def get_context(self, request: Request, response: Response) -> Context:  # type: ignore[override]
        """What the resolvers are told."""
        request.state.response = response
        return Context(self._postern, caller_of(self._postern, request))

    def parse_json(self, data: str | bytes) -> Any:
        """The JSON object in `data`. Raises HTTPException for everything else."""
        try:
            value = json.loads(data)
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        except (ValueError, RecursionError):
            raise HTTPException(400, "Expected JSON in UTF-8.") from None
        if not isinstance(value, dict):
            raise HTTPException(400, "Expected a JSON object.")
        return value

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> Any:
        """The operation that is asked for; with trusted documents, one of those."""
        asked = await super().parse_http_body(request)
        if self._trusted is None or isinstance(asked, list):
            return asked
        if request.method == "GET":
            named = {**request.query_params, "extensions": asked.extensions}
        else:
            named = self.parse_json(await request.get_body())
        document = self._trusted.find(named)
        if document is None:
            raise HTTPException(400, "Expected one of this server's trusted documents.")
        return replace(asked, query=document)

    async def render_graphql_ide(self, request: Request) -> HTMLResponse:
        """GraphiQL, from our own files."""
        return playground.page()

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """The answer as the client sees it: every error with a code and without a secret."""
        conceal = self._postern.settings.conceal_errors
        suggest = self._postern.settings.graphql_introspection
        result.errors = [
            _presentable(error, conceal=conceal, suggest=suggest) for error in result.errors or ()
        ]
        for error in result.errors:
            say_when(request.state.response, error.extensions or {})
        answer = process_result(result)
        response: Response = request.state.response
        response.media_type = request.state.media_type
        never_ran = result.data is None and not any(error.path for error in result.errors)
        if never_ran and response.media_type == GRAPHQL_RESPONSE:
            del answer["data"]
            response.status_code = 400
        return answer

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: Response,
    ) -> Response:
        """The answer in the media type that the client has asked for."""
        response = super().create_response(response_data, sub_response)
        response.headers["content-type"] = f"{sub_response.media_type}; charset=utf-8"
        return response


def media_type_for(accept: str) -> str:
    """The media type of the answer to a client that accepts these (RFC 9110, section 12.5.1).

    That of GraphQL over HTTP where it is asked for by name and nothing of ours is liked better;
    else JSON, whatever is asked for.
    """
    liked: dict[str, float] = {}
    for entry in accept.lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        with contextlib.suppress(ValueError):
            liked[name] = float(weight)
    asked, json_too = liked.get(GRAPHQL_RESPONSE, 0), liked.get(JSON, 0)
    return GRAPHQL_RESPONSE if asked > 0 and asked >= json_too else JSON


def _presentable(error: GraphQLError, *, conceal: bool, suggest: bool) -> GraphQLError:
    cause = error.original_error
    details: dict[str, str] = {}
    if isinstance(cause, AuthError):
        if not conceal or cause.code not in CONCEALED:
            return error
        code = ErrorCode.INVALID_REQUEST
        message = code.message
    elif cause is None or isinstance(cause, GraphQLError):
        message = _ECHO.sub(r"\1\2.", error.message)
        message = message if suggest else _SUGGESTION.sub("", message)
        code = ErrorCode.INVALID_REQUEST
    else:
        code, details = unforeseen(cause)
        message = code.message
    return GraphQLError(
        message,
        error.nodes,
        error.source,
        error.positions,
        error.path,
        extensions={"code": code.name, **details},
    )


def _refusal(
    media_type: str, status: int, code: ErrorCode, message: str = "", **details: object
) -> JSONResponse:
    error = {"message": message or code.message, "extensions": {"code": code.name, **details}}
    return JSONResponse({"errors": [error]}, status, media_type=f"{media_type}; charset=utf-8")
