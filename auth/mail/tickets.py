"""Tickets in mails, stored as a digest, for one purpose and one use.

A link has a ticket of 128 random bits. A code has six digits, so it is looked for among the user's
tickets only, and takes few tries.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from auth import tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.limits import throttling
from auth.postern import Postern
from models import MailTicket, User, proofs
from models.hot_paths.throttles import Pace, count_failure
from models.mail_ticket import MailPurpose

LIVES = {
    MailPurpose.VERIFY_EMAIL: 24 * 60 * 60,
    MailPurpose.RESET_PASSWORD: 60 * 60,
    MailPurpose.CHANGE_EMAIL: 60 * 60,
    MailPurpose.UNDO_EMAIL_CHANGE: 7 * 24 * 60 * 60,
    MailPurpose.SIGN_IN: 60 * 60,
    MailPurpose.SIGN_IN_CODE: 10 * 60,
}
"""Seconds for which a ticket is good. An hour is Nhost's; ten minutes are NIST's for a code that is
sent (SP 800-63B-4, section 3.1.3.2)."""
CODE_DIGITS, CODE_TRIES = 6, 5
_TRIES = Pace(CODE_TRIES, (2 * LIVES[MailPurpose.SIGN_IN_CODE],), 2 * 60 * 60)
_CODES = "postern code in a mail"


async def issue(
    postern: Postern,
    user: User,
    purpose: MailPurpose,
    address: str,
    *,
    asked_at: datetime | None = None,
) -> str:
    """Store a fresh ticket for this mailbox, in the transaction around; return its text.

    A new code replaces the user's older ones. A ticket that undoes a change keeps the address from
    others, if it is known to be the user's.
    """
    ticket = MailTicket(
        id=uuid4(),
        user=user,
        purpose=purpose,
        address=address,
        keeps_address=purpose is MailPurpose.UNDO_EMAIL_CHANGE and user.email_verified,
        asked_at=asked_at or postern.now(),
        expires_at=postern.now() + timedelta(seconds=LIVES[purpose]),
    )
    if purpose is MailPurpose.SIGN_IN_CODE:
        await MailTicket.filter(user_id=user.id, purpose=purpose).delete()
        text = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        ticket.digest = _digests(postern, ticket.id, text)[0]
    else:
        text = f"{purpose.value}:{tokens.opaque_token()}"
        ticket.digest = tokens.digest(text)
    await ticket.save(force_create=True)
    return text


async def find(postern: Postern, caller: Caller, ticket: str, purpose: MailPurpose) -> MailTicket:
    """The ticket with its user, who is not disabled; nothing is spent.

    Raises AuthError: INVALID_TICKET, DISABLED_USER, TOO_MANY_REQUESTS.
    """
    good = MailTicket.filter(
        digest=tokens.digest(ticket), purpose=purpose, expires_at__gt=postern.now()
    )
    found = await good.select_related("user").first()
    if found is None or not _still_proves(found):
        await throttling.failed(postern, caller)
        raise invalid()
    if found.user.disabled:
        raise AuthError(ErrorCode.DISABLED_USER)
    return found


def _still_proves(ticket: MailTicket) -> bool:
    """Return whether the mailbox is still the user's, or the one that the user wants.

    Spending the ticket decides; until then, a page should not offer what will not happen.
    """
    user = ticket.user
    belongs_to = {
        MailPurpose.CHANGE_EMAIL: user.new_email,
        MailPurpose.UNDO_EMAIL_CHANGE: ticket.address,
    }
    return ticket.address == belongs_to.get(MailPurpose(ticket.purpose), user.email)


async def check_code(
    postern: Postern, user: User | None, address: str, code: str
) -> MailTicket | None:
    """Return the ticket of the code that was sent to the user, if this is the code.

    Each ticket takes five answers, right or wrong; each is counted before it is checked. The same
    statements run for an address without a user.
    """
    purpose, now = MailPurpose.SIGN_IN_CODE, postern.now()
    mine = MailTicket.filter(user_id=user.id if user else throttling.NOBODY, purpose=purpose)
    ticket = await mine.filter(expires_at__gt=now).order_by("-expires_at").first()
    tried = tokens.digest(f"tries of code {ticket.id if ticket else address}")
    counted = await count_failure(_TRIES, tried, int(now.timestamp()))
    digests = _digests(postern, ticket.id if ticket else throttling.NOBODY, code)
    stored = ticket.digest if ticket else ""
    same = [hmac.compare_digest(digest, stored) for digest in digests]
    return ticket if counted is not None and any(same) else None


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


def _digests(postern: Postern, ticket_id: UUID, code: str) -> list[str]:
    """Return the code's digest with each encryption key: who reads the database cannot guess it."""
    text = f"{ticket_id} {code}".encode()
    return [hmac.digest(key, text, "sha256").hex() for key in postern.vault.derived_keys(_CODES)]
