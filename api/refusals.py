"""One refusal for both APIs: what the client and the log are told of an exception."""

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from starlette.exceptions import HTTPException
from tortoise.exceptions import OperationalError

from auth.errors import AuthError, ErrorCode
from models import database

logger = logging.getLogger("postern")

STATUS = {
    ErrorCode.DISABLED_ENDPOINT: 409,
    ErrorCode.DISABLED_MFA_TOTP: 401,
    ErrorCode.DISABLED_USER: 401,
    ErrorCode.ELEVATED_CLAIM_REQUIRED: 403,
    ErrorCode.EMAIL_ALREADY_IN_USE: 409,
    ErrorCode.INTERNAL_SERVER_ERROR: 500,
    ErrorCode.INVALID_EMAIL_PASSWORD: 401,
    ErrorCode.EMAIL_NOT_ALLOWED: 401,
    ErrorCode.INVALID_RECOVERY_CODE: 401,
    ErrorCode.INVALID_REFRESH_TOKEN: 401,
    ErrorCode.INVALID_TICKET: 401,
    ErrorCode.INVALID_TOTP: 401,
    ErrorCode.MAIL_NOT_CONFIGURED: 409,
    ErrorCode.PASSKEY_ALREADY_ADDED: 409,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
    ErrorCode.NOT_AN_OPERATOR: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.SECOND_FACTOR_REQUIRED: 403,
    ErrorCode.SIGNUP_DISABLED: 403,
    ErrorCode.TOO_MANY_REQUESTS: 429,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.UNVERIFIED_USER: 401,
}
"""The HTTP status if the request as a whole is refused; 400 for the codes not listed."""


@dataclass(frozen=True)
class Refusal:
    """What a client is told; each API only formats it."""

    code: ErrorCode
    message: str
    status: int
    details: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_concealed: bool = False
    """Whether code and message replace those of a refusal that would tell about an account."""

    @property
    def extensions(self) -> dict[str, object]:
        """Code and details, as in the `extensions` of a GraphQL error."""
        return {"code": self.code.name, **self.details}


def refusal_of(error: BaseException, *, conceal: bool = False) -> Refusal:
    """Turn an exception into a refusal.

    With `conceal`, a code that tells something about an account becomes INVALID_REQUEST. An
    unexpected error is logged under an id that the client gets.
    """
    if isinstance(error, HTTPException):
        code = ErrorCode.INVALID_REQUEST
        return Refusal(code, error.detail, error.status_code, headers=error.headers or {})
    if not isinstance(error, AuthError):
        return _unforeseen(error)
    if conceal and error.is_concealable:
        code = ErrorCode.INVALID_REQUEST
        return Refusal(code, code.message, 400, is_concealed=True)
    retry_after = error.details.get("retryAfter")
    return Refusal(
        error.code,
        str(error),
        STATUS.get(error.code, 400),
        error.details,
        {} if retry_after is None else {"retry-after": str(retry_after)},
    )


def _unforeseen(error: BaseException) -> Refusal:
    """Log where the error happened, but not its message, which may repeat what a client sent.

    Messages of the operating system and operational errors of the database do not: they are logged.
    """
    error_id = str(uuid4())
    what = f": {error}" if isinstance(error, OSError | OperationalError) else ""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("error %s: %s%s\n%s", error_id, type(error).__name__, what, where)
    unavailable = database.is_unavailable(error)
    code = ErrorCode.SERVICE_UNAVAILABLE if unavailable else ErrorCode.INTERNAL_SERVER_ERROR
    return Refusal(code, code.message, STATUS[code], {"id": error_id})
