"""Links in mails in Nhost's shape: they act at once, and redirect to the front end.

What came of it is in the query: `refreshToken` and `type`, or `error` and `errorDescription`.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.http import caller_of
from api.nhost.endpoint import answer, error_name
from api.refusals import refusal_of
from auth.accounts import verification
from auth.admission import MfaTicket
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.mail import links, tickets
from auth.postern import Postern
from auth.sessions.opening import Session
from auth.ways_in import email_link
from models.mail_ticket import MailPurpose

TYPES = {
    MailPurpose.VERIFY_EMAIL: "verifyEmail",
    MailPurpose.RESET_PASSWORD: "passwordReset",
    MailPurpose.SIGN_IN: "passwordlessEmail",
}
"""Nhost's names for what a link was for."""


async def follow(
    postern: Postern, request: Request, ticket: str, purpose: MailPurpose | None
) -> Response:
    """Do what the link is for, and redirect."""
    client_url = postern.settings.client_url
    try:
        wanted = request.query_params.get("redirectTo")
        to = links.allowed_redirect(postern.settings, wanted)
    except AuthError as error:
        return _redirected(client_url, _refused(postern, error))
    if not to:
        return answer(refusal_of(AuthError(ErrorCode.REDIRECT_TO_NOT_ALLOWED)))
    try:
        query = await _act(postern, caller_of(postern, request), ticket, purpose)
    except Exception as error:
        query = _refused(postern, error)
    return _redirected(to, query)


def carried(answer: Session | MfaTicket, purpose: MailPurpose) -> dict[str, str]:
    """Return what a redirect carries for the front end after somebody was admitted."""
    kind = {"type": TYPES[purpose]}
    if isinstance(answer, MfaTicket):
        factors = ",".join(factor.name for factor in answer.factors)
        may = ",".join(factor.name for factor in answer.enrolment)
        told = {"mfaEnrolment": may} if may else {"mfaFactors": factors}
        return kind | {"mfaTicket": answer.ticket} | told
    return kind | {"refreshToken": answer.refresh_token}


async def _act(
    postern: Postern, caller: Caller, ticket: str, purpose: MailPurpose | None
) -> Mapping[str, str]:
    if purpose is None or purpose not in TYPES:
        raise tickets.invalid()
    if purpose is MailPurpose.RESET_PASSWORD:
        return await _reset(postern, caller, ticket)
    if purpose is MailPurpose.VERIFY_EMAIL:
        admitted = await verification.verify_email_and_sign_in(postern, caller, ticket)
    else:
        admitted = await email_link.verify_sign_in_passwordless_email(postern, caller, ticket)
    return carried(admitted, purpose)


async def _reset(postern: Postern, caller: Caller, ticket: str) -> Mapping[str, str]:
    """Spend nothing: the ticket is the refresh token of a session that can only set a password.

    Users with a second factor get no such session, and their front end sends the ticket itself.
    """
    found = await tickets.find(postern, caller, ticket, MailPurpose.RESET_PASSWORD)
    kind = {"type": TYPES[MailPurpose.RESET_PASSWORD]}
    if found.user.has_second_factor:
        told = "Please send the ticket with the new password, then sign in with your second factor."
        return kind | {"error": "mfa-required", "errorDescription": told, "ticket": ticket}
    return kind | {"refreshToken": ticket}


def _refused(postern: Postern, error: Exception) -> Mapping[str, str]:
    refusal = refusal_of(error, conceal=postern.settings.conceal_errors)
    return {"error": error_name(refusal.code), "errorDescription": refusal.message}


def _redirected(to: str, query: Mapping[str, str]) -> Response:
    if not to:
        return answer(refusal_of(AuthError(ErrorCode.REDIRECT_TO_NOT_ALLOWED)))
    return RedirectResponse(links.with_query(to, query), 302, {"cache-control": "no-store"})
