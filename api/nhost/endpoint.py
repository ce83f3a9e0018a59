"""The routes of Nhost Auth over HTTP: JSON in, JSON out, even for errors."""

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.http import bounded, caller_of, is_json, postern_of
from api.json_text import parse_json
from api.nhost.messages import RequestBody
from api.nhost.operations import OPERATIONS, Operation
from api.refusals import Refusal, refusal_of
from auth.errors import AuthError, ErrorCode

RENAMED = {
    ErrorCode.EMAIL_ALREADY_IN_USE: "user-already-exists",
    ErrorCode.EMAIL_NOT_ALLOWED: "invalid-email-password",
    ErrorCode.INVALID_PASSKEY: "invalid-request",
    ErrorCode.INVALID_RECOVERY_CODE: "invalid-totp",
    ErrorCode.MAIL_NOT_CONFIGURED: "disabled-endpoint",
    ErrorCode.NO_PASSKEY: "invalid-request",
    ErrorCode.PASSKEY_WITHOUT_VERIFICATION: "invalid-request",
    ErrorCode.REDIRECT_TO_NOT_ALLOWED: "redirectTo-not-allowed",
    ErrorCode.PASSWORD_TOO_COMMON: "password-in-hibp-database",
    ErrorCode.UNAUTHENTICATED: "unauthorized",
}
"""Codes with another name in Nhost Auth. The others are the code in lower case, with dashes."""
CHALLENGE, INVALID_TOKEN = 'Bearer realm="postern"', ', error="invalid_token"'
"""`WWW-Authenticate` of a 401, and what is added if a token was sent (RFC 6750, section 3)."""


class Endpoint:
    """An operation as an ASGI application: JSON in, JSON out, even for errors."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, bounded(scope, receive))
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as error:
            response = self._refused(request, error)
        response.headers["cache-control"] = "no-store"  # it may hold tokens
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> JSONResponse:
        postern, operation = postern_of(request.scope), self._operation
        body = operation.request and _read(
            operation.request, request.headers.get("content-type", ""), await request.body()
        )
        given = (body,) if operation.request else ()
        answered = await operation.handle(postern, caller_of(postern, request), *given)
        if not isinstance(answered, BaseModel):
            return JSONResponse(answered)
        # A sign-in returns a session or a ticket; the other member is omitted.
        absent = {name for name in ("session", "mfa") if getattr(answered, name, "") is None}
        return JSONResponse(answered.model_dump(by_alias=True, exclude=absent))

    def _refused(self, request: Request, error: Exception) -> JSONResponse:
        postern = postern_of(request.scope)
        refusal = refusal_of(error, conceal=postern.settings.conceal_errors)
        response = answer(refusal)
        if response.status_code == 401:
            token = caller_of(postern, request).access_token
            sent = refusal.code is ErrorCode.UNAUTHENTICATED and token
            response.headers["www-authenticate"] = f"{CHALLENGE}{INVALID_TOKEN if sent else ''}"
        return response


def routes(prefix: str) -> list[Route]:
    """Return the routes of all operations, under the operator's prefix."""
    return [_route(prefix, operation) for operation in OPERATIONS]


def _route(prefix: str, operation: Operation) -> Route:
    route = Route(prefix + operation.path, Endpoint(operation), methods=[operation.method])
    # Starlette adds HEAD to every GET route, but one of Nhost's GET routes enrols a factor.
    route.methods = {operation.method}
    return route


def _read(model: type[RequestBody], content_type: str, body: bytes) -> RequestBody:
    """Parse and validate a request body.

    Raises AuthError: INVALID_REQUEST, which names the field; HTTPException: 400.
    """
    if body and not is_json(content_type):
        raise AuthError(ErrorCode.INVALID_REQUEST, "Expected content of type application/json.")
    value = parse_json(body or b"{}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "body"
        what = {"extra_forbidden": "there is no such field", "missing": "required"}
        said = what.get(first["type"], first["msg"][:1].lower() + first["msg"][1:])
        raise AuthError(ErrorCode.INVALID_REQUEST, f"{field[:64]}: {said}.") from None


def answer(refusal: Refusal) -> JSONResponse:
    """Return a refusal in Nhost's format."""
    error = error_name(refusal.code)
    body = {"status": refusal.status, "error": error, "message": refusal.message}
    return JSONResponse(body | dict(refusal.details), refusal.status, refusal.headers)


def error_name(code: ErrorCode) -> str:
    """Return Nhost's name of a code."""
    return RENAMED.get(code, code.name.lower().replace("_", "-"))
