"""Flow: a link that was sent to an e-mail address -> Session | MfaTicket."""

from dataclasses import replace

from auth import admission
from auth.admission import MfaTicket, Proven
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.limits import throttling
from auth.mail import tickets
from auth.mail.kinds import SIGN_IN_LINK
from auth.new_accounts import NO_WISHES, Wishes
from auth.postern import Postern
from auth.sessions.opening import Session
from auth.ways_in import by_mail
from models import MailTicket, proofs
from models.mail_ticket import MailPurpose


async def sign_in_passwordless_email(
    postern: Postern,
    caller: Caller,
    email: str,
    wishes: Wishes = NO_WISHES,
    *,
    only_new: bool = False,
) -> None:
    """Send a link to sign in with.

    Raises AuthError: DISABLED_ENDPOINT, and as `by_mail.send` does.
    """
    _refuse_unless_enabled(postern)
    await by_mail.send(postern, caller, SIGN_IN_LINK, email, wishes, only_new=only_new)


async def verify_sign_in_passwordless_email(
    postern: Postern, caller: Caller, ticket: str
) -> Session | MfaTicket:
    """Exchange the link's ticket for a session, or for a ticket if the user has a second factor.

    Raises AuthError: DISABLED_ENDPOINT, INVALID_TICKET, DISABLED_USER, TOO_MANY_REQUESTS.
    """
    _refuse_unless_enabled(postern)
    found = await tickets.find(postern, caller, ticket, MailPurpose.SIGN_IN)
    return await admit(postern, caller, found, claims=by_mail.verify_address(found.user))


async def admit(
    postern: Postern, caller: Caller, ticket: MailTicket, *, claims: bool
) -> Session | MfaTicket:
    """Admit the user of a ticket that was read in their mailbox.

    Raises AuthError: INVALID_TICKET (it was spent in the meantime), and as `admission.admit` does.
    """
    user = ticket.user
    attempt = throttling.begun(postern, caller, throttling.mailed_codes_of(user.email), user.id)
    shown = replace(attempt, counted=True)  # 128 random bits are not a guess: they need not wait
    proof = proofs.mail_ticket(ticket, postern.now())
    answer = await admission.admit(Proven(user, proof, shown, claims=claims))
    if answer is None:
        raise tickets.invalid()
    return answer


def _refuse_unless_enabled(postern: Postern) -> None:
    if not postern.settings.passwordless_enabled:
        raise AuthError(
            ErrorCode.DISABLED_ENDPOINT,
            "Signing in with a link by mail is switched off on this server.",
        )
