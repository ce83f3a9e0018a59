"""Flow: a user shows that an e-mail address is theirs, with a ticket that was sent there."""

from auth import events
from auth.admission import MfaTicket
from auth.caller import Caller
from auth.events import EventType
from auth.mail import kinds, requested, tickets
from auth.new_accounts import Wishes
from auth.postern import Postern
from auth.sessions.opening import Session
from auth.ways_in import by_mail, email_link
from models import MailTicket, User
from models.mail_ticket import MailPurpose
from models.transactions import atomic


async def send_verification_email(
    postern: Postern, caller: Caller, email: str, redirect_to: str | None = None
) -> None:
    """Send a link to an address whose account has not verified it, if there is one: not told.

    Raises AuthError: MAIL_NOT_CONFIGURED, REDIRECT_TO_NOT_ALLOWED, TOO_MANY_REQUESTS.
    """
    wishes = Wishes(redirect_to=redirect_to)
    await requested.send(postern, caller, kinds.VERIFY_EMAIL, email, wishes)


async def verify_email(postern: Postern, caller: Caller, ticket: str) -> None:
    """Mark the address as the user's own. It opens no session.

    Raises AuthError: INVALID_TICKET, DISABLED_USER, TOO_MANY_REQUESTS.
    """
    found = await tickets.find(postern, caller, ticket, MailPurpose.VERIFY_EMAIL)
    async with atomic():
        if not await tickets.spend(postern, found):
            raise tickets.invalid()
        await _record(postern, caller, found.user)


async def verify_email_and_sign_in(
    postern: Postern, caller: Caller, ticket: str
) -> Session | MfaTicket:
    """Mark the address as the user's own, and admit the user: what Nhost's links do.

    Raises AuthError: INVALID_TICKET, DISABLED_USER, DISABLED_ENDPOINT, TOO_MANY_REQUESTS.
    """
    found = await tickets.find(postern, caller, ticket, MailPurpose.VERIFY_EMAIL)
    by_mail.verify_address(found.user)
    async with atomic():
        answer = await email_link.admit(postern, caller, found, claims=False)
        await _record(postern, caller, found.user)
    return answer


async def _record(postern: Postern, caller: Caller, user: User) -> None:
    await MailTicket.filter(user_id=user.id, purpose=MailPurpose.VERIFY_EMAIL).delete()
    await events.record(postern, caller, EventType.EMAIL_VERIFIED, user.id)
