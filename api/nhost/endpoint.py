"""The routes of Nhost Auth, for its own clients: the same flows as GraphQL, in their words.

Each operation is one entry of `OPERATIONS`; what validates a request also describes it in the
OpenAPI document (`api.openapi`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.http import bounded, caller_of, is_json, say_when, unforeseen
from api.json_text import parse_json
from auth import admission
from auth.accounts import enrolment, password_change, sign_up
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.factors import recovery_codes, totp
from auth.postern import Postern
from auth.sessions import current, ending, opening, refreshing
from auth.ways_in import email_password
from models import User

RENAMED = {
    ErrorCode.EMAIL_ALREADY_IN_USE: "user-already-exists",
    ErrorCode.INVALID_RECOVERY_CODE: "invalid-totp",
    ErrorCode.PASSWORD_TOO_COMMON: "password-in-hibp-database",
    ErrorCode.UNAUTHENTICATED: "unauthorized",
}
"""Where Nhost Auth has another word for it; elsewhere the code in lower case, with dashes."""
STATUS = {
    ErrorCode.DISABLED_ENDPOINT: 409,
    ErrorCode.DISABLED_MFA_TOTP: 401,
    ErrorCode.DISABLED_USER: 401,
    ErrorCode.ELEVATED_CLAIM_REQUIRED: 403,
    ErrorCode.EMAIL_ALREADY_IN_USE: 409,
    ErrorCode.INTERNAL_SERVER_ERROR: 500,
    ErrorCode.INVALID_EMAIL_PASSWORD: 401,
    ErrorCode.INVALID_RECOVERY_CODE: 401,
    ErrorCode.INVALID_REFRESH_TOKEN: 401,
    ErrorCode.INVALID_TICKET: 401,
    ErrorCode.INVALID_TOTP: 401,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
    ErrorCode.SIGNUP_DISABLED: 403,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.UNVERIFIED_USER: 401,
}
"""Of a refusal over HTTP; 400 for all others."""
CHALLENGE, INVALID_TOKEN = 'Bearer realm="postern"', ', error="invalid_token"'
"""What a 401 asks for, and what it says of a token that was sent (RFC 6750, section 3)."""


class Asked(BaseModel):
    """What a client sends, with the names of Nhost's client; unknown ones are refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, hide_input_in_errors=True
    )


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class Options(Asked):
    """What somebody who signs up may ask for."""

    display_name: str | None = None
    locale: str | None = None
    default_role: str | None = None
    allowed_roles: Annotated[list[str] | None, Field(fail_fast=True)] = None
    metadata: dict[str, Any] | None = None
    redirect_to: str | None = Field(
        default=None,
        description="Taken for the client's sake: no mail is sent that could lead there.",
    )


class SignUpRequest(Asked):
    """A new account."""

    email: str
    password: str
    options: Options | None = None


class SignInRequest(Asked):
    """E-mail address and password."""

    email: str
    password: str


class TotpRequest(Asked):
    """A ticket, and the code that redeems it."""

    ticket: str
    otp: str = Field(description="A one-time code of six digits, or a recovery code.")


class MfaRequest(Asked):
    """A change of the second factor, and the code that allows it."""

    code: str
    active_mfa_type: Literal["totp", ""] = Field(
        default="", description="`totp` for on, empty for off."
    )


class RefreshRequest(Asked):
    """The refresh token of the last session."""

    refresh_token: str


class VerifyTokenRequest(Asked):
    """An access token to look at, instead of the one in the header."""

    token: str | None = None


class SignOutRequest(Asked):
    """Which session to end."""

    refresh_token: str | None = None
    all: bool = Field(default=False, description="All sessions of the signed-in user.")


class PasswordRequest(Asked):
    """A new password for the signed-in user."""

    new_password: str
    ticket: str | None = Field(
        default=None, description="Of a reset by mail, which this server has not."
    )


class UserAnswer(Answer):
    """Someone who has an account."""

    id: str
    email: str
    display_name: str
    avatar_url: str
    locale: str
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    is_anonymous: bool
    default_role: str
    roles: list[str]
    metadata: dict[str, Any] | None
    email_verified: bool
    phone_number_verified: bool
    active_mfa_type: str | None


class SessionAnswer(Answer):
    """A user who is signed in, and the tokens that prove it."""

    access_token: str
    access_token_expires_in: int
    refresh_token: str
    refresh_token_id: str
    user: UserAnswer


class SessionPayload(Answer):
    """A session, wrapped."""

    session: SessionAnswer


class MfaChallenge(Answer):
    """A sign-in that waits for its second factor."""

    ticket: str


class SignUpAnswer(Answer):
    """A session; left out where the e-mail address has to be verified first."""

    session: SessionAnswer | None = None


class SignInAnswer(Answer):
    """A session, or a ticket where the user has a second factor; the other one is left out."""

    session: SessionAnswer | None = None
    mfa: MfaChallenge | None = None


class TotpAnswer(Answer):
    """A secret for an authenticator app, as text and as the picture of a QR code."""

    image_url: str
    totp_secret: str


class ErrorAnswer(Answer):
    """Why a request was refused."""

    status: int
    error: str
    message: str


OK = Literal["OK"]
Handler = Callable[[Postern, Caller, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """One route: what it takes, what it answers, and the flow that does it."""

    method: str
    path: str
    id: str
    """The name of the method of Nhost's client."""
    says: str
    request: type[Asked] | None
    answer: Any
    handle: Handler
    bearer: bool = False
    """Whether it needs an access token."""


async def _sign_up(postern: Postern, caller: Caller, asked: SignUpRequest) -> SignUpAnswer:
    options = asked.options or Options()
    wishes = sign_up.Wishes(
        display_name=options.display_name,
        locale=options.locale,
        allowed_roles=options.allowed_roles,
        default_role=options.default_role,
        metadata=options.metadata,
    )
    try:
        session = await sign_up.sign_up_email_password(
            postern, caller, asked.email, asked.password, wishes
        )
    except AuthError as error:
        if error.code is not ErrorCode.UNVERIFIED_USER:
            raise
        return SignUpAnswer()
    return SignUpAnswer(session=_session(session))


async def _sign_in(postern: Postern, caller: Caller, asked: SignInRequest) -> SignInAnswer:
    answer = await email_password.sign_in_email_password(
        postern, caller, asked.email, asked.password
    )
    if isinstance(answer, admission.MfaTicket):
        return SignInAnswer(mfa=MfaChallenge(ticket=answer.ticket))
    return SignInAnswer(session=_session(answer))


async def _verify(postern: Postern, caller: Caller, asked: TotpRequest) -> SessionPayload:
    factor = recovery_codes if recovery_codes.looks_like_one(asked.otp) else totp
    session = await admission.redeem(postern, caller, asked.ticket, factor, asked.otp)
    return SessionPayload(session=_session(session))


async def _generate(postern: Postern, caller: Caller, _: None) -> TotpAnswer:
    pending = await enrolment.change_user_mfa(postern, caller)
    return TotpAnswer(image_url=pending.image_url, totp_secret=pending.totp_secret)


async def _change_mfa(postern: Postern, caller: Caller, asked: MfaRequest) -> OK:
    await enrolment.verify_change_user_mfa(postern, caller, asked.active_mfa_type, asked.code)
    return "OK"


async def _refresh(postern: Postern, caller: Caller, asked: RefreshRequest) -> SessionAnswer:
    return _session(await refreshing.refresh_session(postern, caller, asked.refresh_token))


async def _verify_token(postern: Postern, caller: Caller, asked: VerifyTokenRequest) -> OK:
    token = caller.access_token if asked.token is None else asked.token.removeprefix("Bearer ")
    await current.signed_in(postern, Caller(caller.address, caller.user_agent, token))
    return "OK"


async def _sign_out(postern: Postern, caller: Caller, asked: SignOutRequest) -> OK:
    if asked.refresh_token is None and not asked.all and caller.access_token is None:
        raise AuthError(ErrorCode.INVALID_REQUEST, "refreshToken: required without a bearer token.")
    await ending.sign_out(postern, caller, asked.refresh_token, everywhere=asked.all)
    return "OK"


async def _user(postern: Postern, caller: Caller, _: None) -> UserAnswer:
    return _user_answer((await current.signed_in(postern, caller)).user)


async def _change_password(postern: Postern, caller: Caller, asked: PasswordRequest) -> OK:
    if asked.ticket is not None:
        raise AuthError(ErrorCode.INVALID_TICKET)
    await password_change.set_password(postern, caller, asked.new_password)
    return "OK"


OPERATIONS: Sequence[Operation] = (
    Operation(
        "POST", "/signup/email-password", "signUpEmailPassword",
        "Make an account and sign in to it.", SignUpRequest, SignUpAnswer, _sign_up,
    ),
    Operation(
        "POST", "/signin/email-password", "signInEmailPassword",
        "Sign in with e-mail address and password.", SignInRequest, SignInAnswer, _sign_in,
    ),
    Operation(
        "POST", "/signin/mfa/totp", "verifySignInMfaTotp",
        "Redeem a sign-in ticket with a code.", TotpRequest, SessionPayload, _verify,
    ),
    Operation(
        "GET", "/mfa/totp/generate", "changeUserMfa",
        "A fresh secret for the second factor, pending until `POST /user/mfa`.",
        None, TotpAnswer, _generate, bearer=True,
    ),
    Operation(
        "POST", "/user/mfa", "verifyChangeUserMfa",
        "Turn the second factor on or off.", MfaRequest, OK, _change_mfa, bearer=True,
    ),
    Operation(
        "POST", "/token", "refreshToken",
        "Exchange a refresh token for a fresh session.", RefreshRequest, SessionAnswer, _refresh,
    ),
    Operation(
        "POST", "/token/verify", "verifyToken",
        "Whether an access token is good.", VerifyTokenRequest, OK, _verify_token,
    ),
    Operation(
        "POST", "/signout", "signOut",
        "End a session, or all of them.", SignOutRequest, OK, _sign_out,
    ),
    Operation(
        "GET", "/user", "getUser", "Who is signed in.", None, UserAnswer, _user, bearer=True,
    ),
    Operation(
        "POST", "/user/password", "changeUserPassword",
        "Replace the password of a user who has signed in not long ago.",
        PasswordRequest, OK, _change_password, bearer=True,
    ),
)  # fmt: skip


class Endpoint:
    """An operation as an ASGI application: JSON in, JSON out, whatever happens."""

    def __init__(self, postern: Postern, operation: Operation) -> None:
        self._postern, self._operation = postern, operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, bounded(receive))
        try:
            response = await self._answer(request)
        except HTTPException as error:
            response = refusal(error.status_code, ErrorCode.INVALID_REQUEST, error.detail)
        except AuthError as error:
            response = self._refused(request, error)
        except ClientDisconnect:
            return
        except Exception as error:
            code, details = unforeseen(error)
            response = refusal(STATUS[code], code, **details)
        response.headers["cache-control"] = "no-store"  # it may hold tokens
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> JSONResponse:
        postern, operation = self._postern, self._operation
        asked = operation.request and _read(
            operation.request, request.headers.get("content-type", ""), await request.body()
        )
        answer = await operation.handle(postern, caller_of(postern, request), asked)
        if not isinstance(answer, BaseModel):
            return JSONResponse(answer)
        # Of a sign-in's two answers, the one that it is not is left out.
        absent = {name for name in ("session", "mfa") if getattr(answer, name, "") is None}
        return JSONResponse(answer.model_dump(by_alias=True, exclude=absent))

    def _refused(self, request: Request, error: AuthError) -> JSONResponse:
        code, message = error.code, str(error)
        if self._postern.settings.conceal_errors and error.is_concealable:
            return refusal(400, ErrorCode.INVALID_REQUEST)
        response = refusal(STATUS.get(code, 400), code, message, **error.details)
        say_when(response, error.details)
        if response.status_code == 401:
            token = caller_of(self._postern, request).access_token
            sent = code is ErrorCode.UNAUTHENTICATED and token
            response.headers["www-authenticate"] = f"{CHALLENGE}{INVALID_TOKEN if sent else ''}"
        return response


def routes(postern: Postern) -> list[Route]:
    """The operations under the operator's prefix."""
    return [_route(postern, operation) for operation in OPERATIONS]


def _route(postern: Postern, operation: Operation) -> Route:
    path = postern.settings.api_prefix + operation.path
    route = Route(path, Endpoint(postern, operation), methods=[operation.method])
    # Starlette answers HEAD wherever it answers GET, and one GET of Nhost's enrols a factor.
    route.methods = {operation.method}
    return route


def _read(model: type[Asked], content_type: str, body: bytes) -> Asked:
    """The request's body.

    Raises AuthError: INVALID_REQUEST, naming the field; HTTPException: 400.
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


def refusal(status: int, code: ErrorCode, message: str = "", **details: object) -> JSONResponse:
    """The answer to a request that was refused, as Nhost's clients read it."""
    error = RENAMED.get(code, code.name.lower().replace("_", "-"))
    body = {"status": status, "error": error, "message": message or code.message, **details}
    return JSONResponse(body, status)


def _session(session: opening.Session) -> SessionAnswer:
    return SessionAnswer(
        access_token=session.access_token,
        access_token_expires_in=session.access_token_expires_in,
        refresh_token=session.refresh_token,
        refresh_token_id=str(session.refresh_token_id),
        user=_user_answer(session.user),
    )


def _user_answer(user: User) -> UserAnswer:
    return UserAnswer(
        id=str(user.id),
        email=user.email,
        display_name=user.display_name,
        avatar_url="",
        locale=user.locale,
        created_at=user.created_at.isoformat(),
        is_anonymous=False,
        default_role=user.default_role,
        roles=user.roles,
        metadata=user.metadata,
        email_verified=user.email_verified,
        phone_number_verified=False,
        active_mfa_type=user.active_mfa_type,
    )
