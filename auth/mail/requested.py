"""Mails that anybody may ask for by an address: whom they are for is decided when they are sent."""

from auth import email_addresses
from auth.caller import Caller
from auth.mail import links, outbox, tickets
from auth.postern import Postern
from models import Mail, User
from models.hot_paths import users
from models.mail_ticket import MailPurpose
from models.transactions import atomic

VERIFY_EMAIL, RESET_PASSWORD = "email-verify", "password-reset"
SIGN_UP_AGAIN = "sign-up-again"
PURPOSES = {
    VERIFY_EMAIL: MailPurpose.VERIFY_EMAIL,
    RESET_PASSWORD: MailPurpose.RESET_PASSWORD,
    SIGN_UP_AGAIN: MailPurpose.RESET_PASSWORD,  # perhaps it was somebody else who signed up first
}
"""What the tickets of the mails are good for that have one."""


async def send(
    postern: Postern, caller: Caller, kind: str, email: str, redirect_to: str | None
) -> None:
    """Write a mail for whoever has this address; whether anybody has is not told, not by time.

    Raises AuthError: MAIL_NOT_CONFIGURED, INVALID_REQUEST (no e-mail address),
    REDIRECT_TO_NOT_ALLOWED, TOO_MANY_REQUESTS.
    """
    outbox.refuse_without_mail(postern)
    allowed = links.allowed_redirect(postern.settings, redirect_to)
    address = email_addresses.required(email)
    await outbox.spend_limits(postern, caller, kind, address)
    await outbox.request(postern, kind, address, {"redirectTo": allowed})


async def prepare(postern: Postern, mail: Mail) -> bool:
    """Find out whose address it is, and make the ticket that the mail carries.

    False if there is nobody to write to.
    """
    async with atomic():
        user = await User.get_or_none(email=mail.recipient)
        if user is None or user.disabled:
            return False
        if mail.kind == VERIFY_EMAIL and user.email_verified:
            return False
        await users.lock(user.id)
        mail.user = user
        await Mail.filter(id=mail.id).update(user_id=user.id)
        ticket = await tickets.issue(postern, user, PURPOSES[mail.kind], mail.recipient)
        await outbox.seal(postern, mail, ticket)
    return True
