"""The outbox: a mail is a row, written in the transaction that it tells of.

A request writes the row and answers; nobody waits for a mail server. `auth.mail.delivery` sends it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from auth import tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.limits.rate_limits import Limit
from auth.postern import Postern
from models import Mail, User
from models.transactions import after_commit


@dataclass(frozen=True)
class Letter:
    """A mail to a user, ready to be written to the outbox."""

    kind: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its template shows beside what is known of the user; no secret."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def refuse_without_mail(postern: Postern) -> None:
    """Raises AuthError: MAIL_NOT_CONFIGURED."""
    if postern.settings.mail == "off":
        raise AuthError(ErrorCode.MAIL_NOT_CONFIGURED)


async def spend_limits(postern: Postern, caller: Caller, recipient: str) -> None:
    """Count a mail that a stranger asks for, before anything is written.

    Raises AuthError: TOO_MANY_REQUESTS.
    """
    limits = postern.rate_limits
    await limits.spend(Limit.MAILS, caller.address)
    await limits.spend(Limit.MAILS_TO, None, tokens.digest(recipient))
    await limits.spend(Limit.ALL_MAILS, None)


async def request(
    postern: Postern, kind: str, recipient: str, variables: Mapping[str, str]
) -> None:
    """Write a mail for whoever has this address, if anybody does.

    Whose it is is looked up when it is sent, so the request takes the same time for everybody.
    """
    await _write(postern, kind, recipient, variables)


async def post(postern: Postern, user: User, letter: Letter, *, to: str | None = None) -> None:
    """Write a mail to a user, in the transaction around. Without mail, nothing is written."""
    if postern.settings.mail == "off":
        return
    mail = await _write(postern, letter.kind, to or user.email, letter.variables, user=user)
    if letter.secrets:
        await seal(postern, mail, letter.secrets)


async def seal(postern: Postern, mail: Mail, secrets: Mapping[str, str]) -> None:
    """Store the secrets of a mail, encrypted."""
    mail.sealed = postern.vault.seal(json.dumps(dict(secrets)), _context(mail))
    await Mail.filter(id=mail.id).update(sealed=mail.sealed)


def opened(postern: Postern, mail: Mail) -> dict[str, str]:
    """The secrets of a mail. Raises VaultError where no key opens them."""
    if mail.sealed is None:
        return {}
    secrets: dict[str, str] = json.loads(postern.vault.open(mail.sealed, _context(mail)))
    return secrets


async def _write(
    postern: Postern,
    kind: str,
    recipient: str,
    variables: Mapping[str, str],
    *,
    user: User | None = None,
) -> Mail:
    now = postern.now()
    mail = await Mail.create(
        id=uuid4(),
        created_at=now,
        kind=kind,
        recipient=recipient,
        user=user,
        variables=dict(variables),
        due_at=now,
    )
    after_commit(postern.mail_is_waiting.set)
    return mail


def _context(mail: Mail) -> str:
    return f"secrets of mail {mail.id}"
