"""Tickets in mails: 128 random bits, stored as a digest, for one purpose and one use."""

from datetime import timedelta
from uuid import uuid4

from auth import tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.limits import throttling
from auth.postern import Postern
from models import MailTicket, User, proofs
from models.mail_ticket import MailPurpose

LIVES = {
    MailPurpose.VERIFY_EMAIL: 24 * 60 * 60,
    MailPurpose.RESET_PASSWORD: 60 * 60,
}
"""Seconds for which a ticket is good. An hour is Nhost's for a reset."""


async def issue(postern: Postern, user: User, purpose: MailPurpose, address: str) -> str:
    """Store a fresh ticket for this mailbox, in the transaction around. Its text is not stored."""
    text = f"{purpose.value}:{tokens.opaque_token()}"
    await MailTicket.create(
        id=uuid4(),
        user=user,
        purpose=purpose,
        digest=tokens.digest(text),
        address=address,
        expires_at=postern.now() + timedelta(seconds=LIVES[purpose]),
    )
    return text


async def find(postern: Postern, caller: Caller, ticket: str, purpose: MailPurpose) -> MailTicket:
    """The ticket with its user; nothing is spent.

    Raises AuthError: INVALID_TICKET, TOO_MANY_REQUESTS.
    """
    good = MailTicket.filter(
        digest=tokens.digest(ticket), purpose=purpose, expires_at__gt=postern.now()
    )
    found = await good.select_related("user").first()
    if found is None:
        await throttling.failed(postern, caller)
        raise invalid()
    return found


async def spend(postern: Postern, ticket: MailTicket) -> bool:
    """Spend the ticket, in the transaction around; False, and nothing is changed, if that is late.

    The user's row is locked first. The ticket proves a mailbox only as long as it is the user's.
    """
    return await proofs.spend(ticket.user, proofs.mail_ticket(ticket, postern.now()))


def invalid() -> AuthError:
    """The refusal of a ticket that is unknown, used or expired."""
    return AuthError(
        ErrorCode.INVALID_TICKET, "This link is not valid any more. Please ask for a new mail."
    )
