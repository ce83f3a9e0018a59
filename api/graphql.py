"""GraphQL over HTTP: Strawberry's view, with answers that are typed and tell no secrets."""

import json
import logging
import re
import traceback
from typing import Any
from uuid import uuid4

from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, process_result
from strawberry.types import ExecutionResult
from tortoise.exceptions import OperationalError

from api.context import Context
from api.schema import schema
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.postern import Postern

logger = logging.getLogger("postern")

USER_AGENT_MAX, ADDRESS_MAX = 255, 45
"""Characters that are kept of what a client calls itself, and of where it is."""
BODY_MAX = 64 * 1024
"""Bytes of a request."""
_ECHO = re.compile(r"(cannot represent [^:]*): .*|(String|Name|Int|Float) '.*'\.?", re.DOTALL)
"""Where graphql-core repeats what was sent: it could be a password in the wrong place."""


class GraphQLEndpoint(GraphQL[Context, None]):
    """`/graphql`: operations by POST, queries by GET too, GraphiQL for browsers."""

    def __init__(self, postern: Postern) -> None:
        super().__init__(schema, graphql_ide="graphiql", subscription_protocols=())
        self._postern = postern

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with JSON whatever happens."""
        try:
            response = await self.run(Request(scope, _bounded(receive)))
        except HTTPException as error:
            response = _refusal(error.status_code, ErrorCode.INVALID_REQUEST, error.reason)
        except Exception as error:
            response = _refusal(500, ErrorCode.INTERNAL_SERVER_ERROR, **_logged(error))
        response.headers["cache-control"] = "no-store"  # it may hold tokens
        await response(scope, receive, send)

    async def get_context(self, request: Request, response: Response) -> Context:  # type: ignore[override]
        """The access token is only looked at by the operations that need one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        caller = Caller(
            address=request.client.host[:ADDRESS_MAX] if request.client else None,
            user_agent=request.headers.get("user-agent", "")[:USER_AGENT_MAX] or None,
            access_token=token.strip() if scheme.lower() == "bearer" else None,
        )
        return Context(self._postern, caller)

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

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """The answer as the client sees it: every error with a code and without a secret."""
        if result.errors:
            result.errors = [_presentable(error) for error in result.errors]
        return process_result(result)


def _bounded(receive: Receive) -> Receive:
    """The same body, but no more of it than an operation needs."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_MAX:
            raise HTTPException(413, f"Expected at most {BODY_MAX} bytes.")
        return message

    return counted


def _presentable(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    if isinstance(cause, AuthError):
        return error
    if cause is None or isinstance(cause, GraphQLError):
        message = _ECHO.sub(r"\1\2.", error.message)
        code, details = ErrorCode.INVALID_REQUEST, {}
    else:
        message = ErrorCode.INTERNAL_SERVER_ERROR.message
        code, details = ErrorCode.INTERNAL_SERVER_ERROR, _logged(cause)
    return GraphQLError(
        message,
        error.nodes,
        error.source,
        error.positions,
        error.path,
        extensions={"code": code.name, **details},
    )


def _logged(error: BaseException) -> dict[str, str]:
    """Write an unforeseen error to the log, under an id for whoever has met it.

    Where it happened, but not what it says: an error's text may repeat what a client sent. Only
    the database's and the system's own complaints do not.
    """
    error_id = str(uuid4())
    what = f": {error}" if isinstance(error, OSError | OperationalError) else ""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("error %s: %s%s\n%s", error_id, type(error).__name__, what, where)
    return {"id": error_id}


def _refusal(status: int, code: ErrorCode, message: str = "", **details: str) -> JSONResponse:
    error = {"message": message or code.message, "extensions": {"code": code.name, **details}}
    return JSONResponse({"errors": [error]}, status)
