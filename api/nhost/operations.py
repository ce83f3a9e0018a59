"""The operations of Nhost Auth that Postern serves: the same flows as GraphQL, in Nhost's format.

An operation is a decorated function. Its annotations are its request and its response: they
validate the request, and describe both in the OpenAPI document.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from api import contract
from api.contract import Contract
from api.nhost.messages import (
    OK,
    CodeRequest,
    CredentialRequest,
    EmailChangeRequest,
    EnrolmentChallenge,
    MailRequest,
    MfaChallenge,
    MfaRequest,
    NewCredentialRequest,
    Options,
    PasskeyAnswer,
    PasskeySignInRequest,
    PasskeySignUpRequest,
    PasswordRequest,
    RefreshRequest,
    RequestBody,
    SessionAnswer,
    SessionPayload,
    SignInAnswer,
    SignInMailRequest,
    SignInRequest,
    SignOutRequest,
    SignUpAnswer,
    SignUpRequest,
    TotpAnswer,
    TotpRequest,
    UserAnswer,
    VerifyTokenRequest,
    reset_answer,
    session_answer,
    user_answer,
)
from auth import admission, tickets
from auth.accounts import (
    email_change,
    enrolment,
    passkey_sign_up,
    passkeys,
    password_change,
    password_reset,
    reset_session,
    sign_up,
    verification,
)
from auth.accounts.passkeys import PasskeyChange
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.factors import recovery_codes, totp
from auth.new_accounts import Wishes
from auth.postern import Postern
from auth.sessions import current, elevation, ending, refreshing
from auth.sessions.opening import Session
from auth.ways_in import email_code, email_link, email_password, passkey

Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """One route: its request, its response, and the function that handles it."""

    method: str
    path: str
    contract: Contract
    """Its name is that of the method in Nhost's client."""
    request: type[RequestBody] | None
    answer: Any
    handle: Handler
    bearer: bool
    """Whether it needs an access token."""


OPERATIONS: list[Operation] = []


def operation(
    method: str, path: str, contract: Contract, *, bearer: bool = False
) -> Callable[[Handler], Handler]:
    """Register a function as an operation; its parameter `body` is the request body."""

    def registered(handle: Handler) -> Handler:
        hints = get_type_hints(handle)
        request, answer = hints.get("body"), hints["return"]
        OPERATIONS.append(Operation(method, path, contract, request, answer, handle, bearer))
        return handle

    return registered


@operation("POST", "/signup/email-password", contract.NHOST_SIGN_UP)
async def sign_up_email_password(
    postern: Postern, caller: Caller, body: SignUpRequest
) -> SignUpAnswer:
    return await _sign_up_answer(
        sign_up.sign_up_email_password(
            postern, caller, body.email, body.password, _wishes(body.options)
        )
    )


@operation("POST", "/signin/email-password", contract.SIGN_IN)
async def sign_in_email_password(
    postern: Postern, caller: Caller, body: SignInRequest
) -> SignInAnswer:
    answer = await email_password.sign_in_email_password(postern, caller, body.email, body.password)
    return _sign_in_answer(answer)


@operation("POST", "/signin/mfa/totp", contract.NHOST_VERIFY)
async def verify_sign_in_mfa_totp(
    postern: Postern, caller: Caller, body: TotpRequest
) -> SessionPayload:
    factor = recovery_codes if recovery_codes.looks_like_one(body.otp) else totp
    session = await tickets.redeem(postern, caller, body.ticket, factor, body.otp)
    return SessionPayload(session=session_answer(session))


@operation("GET", "/mfa/totp/generate", contract.ENROL, bearer=True)
async def change_user_mfa(postern: Postern, caller: Caller) -> TotpAnswer:
    pending = await enrolment.change_user_mfa(postern, caller)
    return TotpAnswer(image_url=pending.image_url, totp_secret=pending.totp_secret)


@operation("POST", "/user/mfa", contract.CHANGE_FACTOR, bearer=True)
async def verify_change_user_mfa(postern: Postern, caller: Caller, body: MfaRequest) -> OK:
    await enrolment.verify_change_user_mfa(postern, caller, body.active_mfa_type, body.code)
    return "OK"


@operation("POST", "/token", contract.NHOST_REFRESH)
async def refresh_token(postern: Postern, caller: Caller, body: RefreshRequest) -> SessionAnswer:
    if reset_session.is_refresh_token(body.refresh_token):
        return reset_answer(
            await reset_session.open_reset_session(postern, caller, body.refresh_token)
        )
    return session_answer(await refreshing.refresh_session(postern, caller, body.refresh_token))


@operation("POST", "/token/verify", contract.NHOST_VERIFY_TOKEN)
async def verify_token(postern: Postern, caller: Caller, body: VerifyTokenRequest) -> OK:
    token = caller.access_token if body.token is None else body.token.removeprefix("Bearer ")
    await current.signed_in(postern, Caller(caller.address, caller.user_agent, token))
    return "OK"


@operation("POST", "/signout", contract.SIGN_OUT)
async def sign_out(postern: Postern, caller: Caller, body: SignOutRequest) -> OK:
    if body.refresh_token is None and not body.all and caller.access_token is None:
        raise AuthError(ErrorCode.INVALID_REQUEST, "refreshToken: required without a bearer token.")
    await ending.sign_out(postern, caller, body.refresh_token, everywhere=body.all)
    return "OK"


@operation("GET", "/user", contract.NHOST_GET_USER, bearer=True)
async def get_user(postern: Postern, caller: Caller) -> UserAnswer:
    return user_answer((await current.signed_in(postern, caller)).user)


@operation("POST", "/signin/otp/email", contract.NHOST_SEND_CODE)
async def sign_in_otp_email(postern: Postern, caller: Caller, body: SignInMailRequest) -> OK:
    await email_code.sign_in_otp_email(postern, caller, body.email, _wishes(body.options))
    return "OK"


@operation("POST", "/signup/otp/email", contract.NHOST_SIGN_UP_CODE)
async def sign_up_otp_email(postern: Postern, caller: Caller, body: SignInMailRequest) -> OK:
    wishes = _wishes(body.options)
    await email_code.sign_in_otp_email(postern, caller, body.email, wishes, only_new=True)
    return "OK"


@operation("POST", "/signin/otp/email/verify", contract.VERIFY_CODE)
async def verify_sign_in_otp_email(
    postern: Postern, caller: Caller, body: CodeRequest
) -> SignInAnswer:
    return _sign_in_answer(
        await email_code.verify_sign_in_otp_email(postern, caller, body.email, body.otp)
    )


@operation("POST", "/signin/passwordless/email", contract.NHOST_SEND_LINK)
async def sign_in_passwordless_email(
    postern: Postern, caller: Caller, body: SignInMailRequest
) -> OK:
    wishes = _wishes(body.options)
    await email_link.sign_in_passwordless_email(postern, caller, body.email, wishes)
    return "OK"


@operation("POST", "/signup/passwordless/email", contract.NHOST_SIGN_UP_LINK)
async def sign_up_passwordless_email(
    postern: Postern, caller: Caller, body: SignInMailRequest
) -> OK:
    wishes = _wishes(body.options)
    await email_link.sign_in_passwordless_email(postern, caller, body.email, wishes, only_new=True)
    return "OK"


@operation("POST", "/user/email/change", contract.CHANGE_EMAIL, bearer=True)
async def change_user_email(postern: Postern, caller: Caller, body: EmailChangeRequest) -> OK:
    redirect_to = body.options.redirect_to if body.options else None
    await email_change.change_user_email(postern, caller, body.new_email, redirect_to)
    return "OK"


@operation("POST", "/user/email/send-verification-email", contract.SEND_VERIFICATION)
async def send_verification_email(postern: Postern, caller: Caller, body: MailRequest) -> OK:
    redirect_to = body.options.redirect_to if body.options else None
    await verification.send_verification_email(postern, caller, body.email, redirect_to)
    return "OK"


@operation("POST", "/user/password/reset", contract.SEND_RESET)
async def send_password_reset_email(postern: Postern, caller: Caller, body: MailRequest) -> OK:
    redirect_to = body.options.redirect_to if body.options else None
    await password_reset.send_password_reset_email(postern, caller, body.email, redirect_to)
    return "OK"


@operation("POST", "/user/password", contract.NHOST_SET_PASSWORD, bearer=True)
async def change_user_password(postern: Postern, caller: Caller, body: PasswordRequest) -> OK:
    ticket = body.ticket or reset_session.ticket_in(caller.access_token)
    if ticket is not None:
        await password_reset.reset_password(postern, caller, ticket, body.new_password)
        return "OK"
    await password_change.set_password(postern, caller, body.new_password)
    return "OK"


@operation("POST", "/user/webauthn/add", contract.NHOST_ADD_PASSKEY, bearer=True)
async def add_security_key(postern: Postern, caller: Caller) -> dict[str, Any]:
    return _options(await passkeys.add_passkey(postern, caller))


@operation("POST", "/user/webauthn/verify", contract.NHOST_VERIFY_ADD_PASSKEY, bearer=True)
async def verify_add_security_key(
    postern: Postern, caller: Caller, body: NewCredentialRequest
) -> PasskeyAnswer:
    credential = json.dumps(body.credential)
    added = await passkeys.verify_add_passkey(postern, caller, credential, body.nickname)
    return PasskeyAnswer(id=str(added.passkey.id), nickname=added.passkey.nickname)


@operation("POST", "/signin/webauthn", contract.NHOST_SIGN_IN_PASSKEY)
async def sign_in_webauthn(
    postern: Postern, caller: Caller, body: PasskeySignInRequest
) -> dict[str, Any]:
    return _options(await passkey.start_sign_in_passkey(postern))


@operation("POST", "/signin/webauthn/verify", contract.NHOST_VERIFY_SIGN_IN_PASSKEY)
async def verify_sign_in_webauthn(
    postern: Postern, caller: Caller, body: CredentialRequest
) -> SessionPayload:
    credential = json.dumps(body.credential)
    session = await passkey.verify_sign_in_passkey(postern, caller, credential)
    return SessionPayload(session=session_answer(session))


@operation("POST", "/signup/webauthn", contract.NHOST_SIGN_UP_PASSKEY)
async def sign_up_webauthn(
    postern: Postern, caller: Caller, body: PasskeySignUpRequest
) -> dict[str, Any]:
    wishes = _wishes(body.options)
    return _options(await passkey_sign_up.sign_up_passkey(postern, caller, body.email, wishes))


@operation("POST", "/signup/webauthn/verify", contract.NHOST_VERIFY_SIGN_UP_PASSKEY)
async def verify_sign_up_webauthn(
    postern: Postern, caller: Caller, body: NewCredentialRequest
) -> SignUpAnswer:
    credential = json.dumps(body.credential)
    return await _sign_up_answer(
        passkey_sign_up.verify_sign_up_passkey(postern, caller, credential, body.nickname)
    )


@operation("POST", "/elevate/webauthn", contract.NHOST_ELEVATE_PASSKEY, bearer=True)
async def elevate_webauthn(postern: Postern, caller: Caller) -> dict[str, Any]:
    return _options(await elevation.start_elevate_passkey(postern, caller))


@operation("POST", "/elevate/webauthn/verify", contract.NHOST_VERIFY_ELEVATE_PASSKEY, bearer=True)
async def verify_elevate_webauthn(
    postern: Postern, caller: Caller, body: CredentialRequest
) -> SessionPayload:
    credential = json.dumps(body.credential)
    session = await elevation.verify_elevate_passkey(postern, caller, credential)
    return SessionPayload(session=session_answer(session))


def _options(as_json: str) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(as_json)
    return options


def _wishes(options: Options | None) -> Wishes:
    given = options or Options()
    return Wishes(
        display_name=given.display_name,
        locale=given.locale,
        allowed_roles=given.allowed_roles,
        default_role=given.default_role,
        metadata=given.metadata,
        redirect_to=given.redirect_to,
    )


async def _sign_up_answer(signing_up: Awaitable[Session | PasskeyChange]) -> SignUpAnswer:
    """Return the session, or none where a mail has to be read first."""
    try:
        signed_up = await signing_up
    except AuthError as error:
        if error.code is not ErrorCode.UNVERIFIED_USER:
            raise
        return SignUpAnswer()
    session = signed_up.session if isinstance(signed_up, PasskeyChange) else signed_up
    return SignUpAnswer(session=session_answer(session))


def _sign_in_answer(answer: Session | admission.MfaTicket) -> SignInAnswer:
    if isinstance(answer, admission.MfaTicket):
        if answer.enrolment:
            may = [factor.name for factor in answer.enrolment]
            return SignInAnswer(mfa=EnrolmentChallenge(ticket=answer.ticket, enrolment=may))
        return SignInAnswer(mfa=MfaChallenge(ticket=answer.ticket))
    return SignInAnswer(session=session_answer(answer))
