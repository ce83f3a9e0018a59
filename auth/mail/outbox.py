"""The outbox: a mail is a row, written in the transaction of the change that it reports.

A request writes the row and answers; nobody waits for a mail server. `auth.mail.delivery` sends it.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from auth import tokens
from auth.caller import Caller
from auth.email_addresses import mailbox
from auth.errors import AuthError, ErrorCode
from auth.limits.rate_limits import Limit
from auth.postern import Postern
from models import Mail, User
from models.transactions import after_commit

SPREAD = 3
"""Seconds within which a requested mail is sent, at random. The work of sending one is not done for
addresses without an account: right after the request, it would slow down the next one."""


def refuse_without_mail(postern: Postern) -> None:
    """Raise AuthError: MAIL_NOT_CONFIGURED."""
    if postern.settings.mail == "off":
        raise AuthError(ErrorCode.MAIL_NOT_CONFIGURED)


async def spend_limits(postern: Postern, caller: Caller, kind: str, *subjects: str) -> None:
    """Count a mail that somebody asks for, before anything is written.

    The subjects are the recipients, and the account if it is known. Each kind has a count of its
    own for each of them: asking for one kind does not block another. Addresses that may lead to one
    mailbox are counted as one.
    Raises AuthError: TOO_MANY_REQUESTS.
    """
    limits = postern.rate_limits
    await limits.spend(Limit.MAILS, caller.address)
    for subject in subjects:
        await limits.spend(Limit.MAILS_TO, None, tokens.digest(f"{kind} {mailbox(subject)}"))
    await limits.spend(Limit.ALL_MAILS, None)


async def request(
    postern: Postern, kind: str, recipient: str, variables: Mapping[str, Any]
) -> None:
    """Write a mail for whoever has this address, if anybody does.

    Whose address it is is looked up when the mail is sent, so the request takes the same time for
    every address.
    """
    spread = secrets.randbelow(int(SPREAD * 1000)) if postern.settings.mail == "smtp" else 0
    await _write(postern, kind, recipient, variables, after=timedelta(milliseconds=spread))


async def post(
    postern: Postern,
    user: User,
    kind: str,
    variables: Mapping[str, Any],
    *,
    to: str | None = None,
    ticket: str | None = None,
) -> None:
    """Write a mail to a user, in the caller's transaction. Without mail, nothing is written.

    It goes to the user's address unless `to` is another one.
    """
    if postern.settings.mail != "off":
        mail = await _write(postern, kind, to or user.email, variables, user=user)
        if ticket is not None:
            await seal(postern, mail, ticket)


async def post_to(postern: Postern, address: str, kind: str, variables: Mapping[str, Any]) -> None:
    """Write a mail to an address that no account has any more."""
    await _write(postern, kind, address, variables)


async def seal(postern: Postern, mail: Mail, ticket: str) -> None:
    """Store the ticket of a mail, encrypted."""
    mail.sealed = postern.vault.seal(ticket, _context(mail))
    await Mail.filter(id=mail.id).update(sealed=mail.sealed)


def ticket_of(postern: Postern, mail: Mail) -> str:
    """Return the ticket of a mail, or "". Raises VaultError if no key opens it."""
    return postern.vault.open(mail.sealed, _context(mail)) if mail.sealed else ""


async def _write(
    postern: Postern,
    kind: str,
    recipient: str,
    variables: Mapping[str, Any],
    *,
    user: User | None = None,
    after: timedelta = timedelta(),
) -> Mail:
    now = postern.now()
    mail = await Mail.create(
        id=uuid4(),
        created_at=now,
        kind=kind,
        recipient=recipient,
        user=user,
        variables=dict(variables),
        due_at=now + after,
    )
    after_commit(postern.mail_is_waiting.set)
    return mail


def _context(mail: Mail) -> str:
    return f"ticket of mail {mail.id}"
