"""Flow: a forgotten password, replaced with a ticket that was sent to the user's mailbox.

The ticket proves the mailbox and nothing more: no session is opened, and the sign-in that follows
asks for the second factor of whoever has one.
"""

from auth import events, passwords
from auth.accounts.new_password import end_what_was_begun
from auth.caller import Caller
from auth.events import EventType
from auth.factors import second_factor
from auth.limits import throttling
from auth.mail import kinds, notices, requested, tickets
from auth.new_accounts import Wishes
from auth.postern import Postern
from models import Throttle, User
from models.mail_ticket import MailPurpose
from models.transactions import atomic


async def send_password_reset_email(
    postern: Postern, caller: Caller, email: str, redirect_to: str | None = None
) -> None:
    """Send a link for a new password, if the address has an account; whether it has is not told.

    Raises AuthError: MAIL_NOT_CONFIGURED, REDIRECT_TO_NOT_ALLOWED, TOO_MANY_REQUESTS.
    """
    wishes = Wishes(redirect_to=redirect_to)
    await requested.send(postern, caller, kinds.RESET_PASSWORD, email, wishes)


async def reset_password(postern: Postern, caller: Caller, ticket: str, new_password: str) -> None:
    """Replace the password of the ticket's user; all their sessions and open sign-ins end.

    A password that is refused costs the ticket nothing.
    Raises AuthError: INVALID_TICKET, INVALID_REQUEST, PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON,
    DISABLED_USER, TOO_MANY_REQUESTS.
    """
    passwords.refuse_oversized(new_password)
    found = await tickets.find(postern, caller, ticket, MailPurpose.RESET_PASSWORD)
    user = found.user
    passwords.refuse_unfit(new_password, email=user.email, settings=postern.settings)
    new_hash = await postern.passwords.hash(new_password)
    async with atomic():
        if not await tickets.spend(postern, found):
            raise tickets.invalid()
        await second_factor.forget_unverified_passkeys(postern, caller, user)
        await User.filter(id=user.id).update(password_hash=new_hash, email_verified=True)
        await Throttle.filter(key=throttling.key_of(throttling.password_of(user.email))).delete()
        await end_what_was_begun(postern, caller, user)
        await events.record(postern, caller, EventType.PASSWORD_RESET, user.id)
        await notices.post(postern, caller, user, EventType.PASSWORD_RESET)
