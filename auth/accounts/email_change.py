"""Flow: another e-mail address for an account: confirmed from there, undone from the old one."""

from datetime import datetime

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from auth import access_lists, email_addresses, events, new_accounts
from auth.accounts.new_password import end_what_was_begun
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor
from auth.mail import kinds, links, notices, outbox, tickets
from auth.postern import Postern
from auth.sessions import current
from models import MailTicket, User
from models.mail_ticket import MailPurpose
from models.transactions import atomic


async def change_user_email(
    postern: Postern, caller: Caller, new_email: str, redirect_to: str | None = None
) -> None:
    """Send a link to the new address; the account keeps the old one until somebody follows it.

    The old address is told at once, with a link that undoes the change. A later request replaces
    this one. Whether another account has the address is not told: its owner gets a mail.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER, ELEVATED_CLAIM_REQUIRED,
    MAIL_NOT_CONFIGURED, REDIRECT_TO_NOT_ALLOWED, INVALID_REQUEST, EMAIL_NOT_ALLOWED,
    TOO_MANY_REQUESTS.
    """
    viewer = await current.recently_signed_in(postern, caller)
    user = viewer.user
    outbox.refuse_without_mail(postern)
    link = {"redirectTo": links.allowed_redirect(postern.settings, redirect_to)}
    address = email_addresses.required(new_email, field="newEmail")
    if address == user.email:
        raise AuthError(ErrorCode.INVALID_REQUEST, "This is your address already.")
    access_lists.refuse_unwelcome(postern.settings, address)
    recipients = {address, user.email}
    await outbox.spend_limits(postern, caller, kinds.CHANGE_EMAIL, *recipients, str(user.id))
    async with atomic():
        await current.hold(viewer)
        same = User.filter(id=user.id, email=user.email, disabled=False)
        if not await same.update(new_email=address):
            raise AuthError(ErrorCode.UNAUTHENTICATED)
        earlier = MailTicket.filter(user_id=user.id, purpose=MailPurpose.CHANGE_EMAIL)
        await earlier.delete()
        names = {"email": user.email, "newEmail": address}
        await outbox.post(postern, user, kinds.CHANGE_EMAIL, link | names, to=address)
        await _tell_old_address(postern, caller, user, kinds.CHANGE_ASKED, names, postern.now())
        await events.record(postern, caller, EventType.EMAIL_CHANGE_ASKED, user.id)


async def verify_change_user_email(postern: Postern, caller: Caller, ticket: str) -> None:
    """Give the account its new address, which is verified by this. It opens no session.

    For seven days, a link sent to the old address undoes it, and nobody else can sign up with that.
    Raises AuthError: INVALID_TICKET, DISABLED_USER, EMAIL_ALREADY_IN_USE, TOO_MANY_REQUESTS.
    """
    found = await tickets.find(postern, caller, ticket, MailPurpose.CHANGE_EMAIL)
    async with atomic():
        if not await tickets.spend(postern, found):
            raise tickets.invalid()
        user = await User.get(id=found.user.id)
        names = {"email": user.email, "newEmail": found.address}
        asked_at = found.asked_at or postern.now()
        await _tell_old_address(postern, caller, user, kinds.EMAIL_CHANGED, names, asked_at)
        await _move(postern, user, found.address)
        await events.record(postern, caller, EventType.EMAIL_CHANGED, user.id)


async def undo_change_user_email(postern: Postern, caller: Caller, ticket: str) -> None:
    """Give the account back the address that the ticket was sent to; all its sessions end.

    Its password goes too: somebody else knows it, or has set it meanwhile. A mail with a link for a
    new one follows. Passkeys added since the change was asked for go too; all of them, if the
    address was not verified before. A change that is not confirmed yet is cancelled. Of several
    changes, the later ones cannot be undone any more: whoever asked for them may not be the user.
    Raises AuthError: INVALID_TICKET, DISABLED_USER, EMAIL_ALREADY_IN_USE, TOO_MANY_REQUESTS.
    """
    found = await tickets.find(postern, caller, ticket, MailPurpose.UNDO_EMAIL_CHANGE)
    async with atomic():
        if not await tickets.spend(postern, found):
            raise tickets.invalid()
        user = await User.get(id=found.user.id)
        await _move(postern, user, found.address)
        # Of an address that was not verified, all passkeys may be a stranger's.
        since = found.asked_at if found.keeps_address else None
        await second_factor.forget_passkeys(postern, caller, user, since)
        if user.has_password:
            await User.filter(id=user.id).update(password_hash=None)
            await outbox.request(postern, kinds.RESET_PASSWORD, found.address, {})
        from_now_on = Q(expires_at__gte=found.expires_at) | Q(address=found.address)
        dead = from_now_on | ~Q(purpose=MailPurpose.UNDO_EMAIL_CHANGE)
        await MailTicket.filter(dead, user_id=user.id).delete()
        await end_what_was_begun(postern, caller, user)
        await events.record(postern, caller, EventType.EMAIL_CHANGE_UNDONE, user.id)


async def _tell_old_address(
    postern: Postern,
    caller: Caller,
    user: User,
    kind: str,
    names: dict[str, str],
    asked_at: datetime,
) -> None:
    """Write the mail whose link undoes the change.

    Its ticket is made at once, not when the mail is sent: it keeps the address from others.
    """
    purpose = MailPurpose.UNDO_EMAIL_CHANGE
    ticket = await tickets.issue(postern, user, purpose, user.email, asked_at=asked_at)
    variables = names | notices.circumstances(postern, caller)
    await outbox.post(postern, user, kind, variables, to=user.email, ticket=ticket)


async def _move(postern: Postern, user: User, address: str) -> None:
    """Write the address; a display name that is the old one follows."""
    shown = address if user.display_name == user.email else user.display_name
    moved = User.filter(id=user.id)
    try:
        await moved.update(email=address, new_email=None, email_verified=True, display_name=shown)
    except IntegrityError:
        raise AuthError(ErrorCode.EMAIL_ALREADY_IN_USE) from None
    await new_accounts.refuse_reserved(postern, user, address)
