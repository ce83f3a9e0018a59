"""Flow: a user shows that an e-mail address is theirs, with a ticket that was sent there."""

from auth import events
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.mail import requested, tickets
from auth.postern import Postern
from models import MailTicket, User
from models.mail_ticket import MailPurpose
from models.transactions import atomic


async def send_verification_email(
    postern: Postern, caller: Caller, email: str, redirect_to: str | None = None
) -> None:
    """Send a link to an address whose account has not verified it, if there is one: not told.

    Raises AuthError: MAIL_NOT_CONFIGURED, REDIRECT_TO_NOT_ALLOWED, TOO_MANY_REQUESTS.
    """
    await requested.send(postern, caller, requested.VERIFY_EMAIL, email, redirect_to)


async def verify_email(postern: Postern, caller: Caller, ticket: str) -> None:
    """Mark the address as the user's own. It opens no session.

    Raises AuthError: INVALID_TICKET, DISABLED_USER, TOO_MANY_REQUESTS.
    """
    found = await tickets.find(postern, caller, ticket, MailPurpose.VERIFY_EMAIL)
    if found.user.disabled:
        raise AuthError(ErrorCode.DISABLED_USER)
    async with atomic():
        if not await tickets.spend(postern, found):
            raise tickets.invalid()
        await User.filter(id=found.user.id).update(email_verified=True)
        await MailTicket.filter(user_id=found.user.id, purpose=MailPurpose.VERIFY_EMAIL).delete()
        await events.record(postern, caller, EventType.EMAIL_VERIFIED, found.user.id)
