"""Mails that are asked for by an address: whom they are for is decided when they are sent.

So a request takes the same time, and has the same answer, whether or not the address has an
account.
"""

from dataclasses import replace

from auth import access_lists, email_addresses, new_accounts
from auth.caller import SYSTEM, Caller
from auth.errors import AuthError, ErrorCode
from auth.mail import kinds, links, outbox, tickets
from auth.new_accounts import NO_WISHES, Wishes
from auth.postern import Postern
from models import Mail, SecurityEvent, User
from models.hot_paths import users
from models.transactions import atomic

_BEFORE_USE = ("SIGNED_UP", "SIGN_IN_FAILED", "ATTEMPTS_HELD_BACK", "MAIL_NOT_SENT")
"""Events of an account that neither its owner nor the operator has touched."""


async def send(
    postern: Postern,
    caller: Caller,
    kind: str,
    email: str,
    wishes: Wishes = NO_WISHES,
    *,
    only_new: bool = False,
) -> None:
    """Write a mail for whoever has this address; whether anybody has is not told, not by time.

    A mail to sign in with makes an account for an unknown address, with these wishes, where the
    operator allows that. With `only_new`, it goes to unknown addresses only.
    Raises AuthError: MAIL_NOT_CONFIGURED, INVALID_REQUEST (no e-mail address),
    REDIRECT_TO_NOT_ALLOWED, TOO_MANY_REQUESTS.
    """
    outbox.refuse_without_mail(postern)
    allowed = links.allowed_redirect(postern.settings, wishes.redirect_to)
    address = email_addresses.required(email)
    await outbox.spend_limits(postern, caller, kind, address)
    known = wishes.locale if wishes.locale in postern.settings.locales else None
    stored = replace(wishes, locale=known).as_json()
    variables = {"redirectTo": allowed, "wishes": stored, "onlyNew": only_new}
    await outbox.request(postern, kind, address, variables)


async def prepare(postern: Postern, mail: Mail) -> bool:
    """Find out whom the mail is for, and make the ticket that it carries.

    False if there is nobody to write to.
    """
    for _ in range(2):  # once more if somebody signed up with the address at the same moment
        try:
            async with atomic():
                return await _prepare(postern, mail)
        except AuthError as error:
            if error.code is not ErrorCode.EMAIL_ALREADY_IN_USE:
                raise
    return False


async def _prepare(postern: Postern, mail: Mail) -> bool:
    user = await _addressee(postern, mail)
    if user is None or user.disabled:
        return False
    await users.lock(user.id)
    mail.user = user
    found = {"user_id": user.id, "kind": mail.kind, "variables": mail.variables}
    await Mail.filter(id=mail.id).update(**found)
    if mail.kind in kinds.TICKETS:
        purpose, asked_at = kinds.TICKETS[mail.kind], mail.created_at
        ticket = await tickets.issue(postern, user, purpose, mail.recipient, asked_at=asked_at)
        await outbox.seal(postern, mail, ticket)
    return True


async def _addressee(postern: Postern, mail: Mail) -> User | None:
    owner = await User.get_or_none(email=mail.recipient)
    if mail.kind == kinds.CHANGE_EMAIL:
        return await _who_changes(mail, owner)
    if mail.kind in {kinds.SIGN_IN_CODE, kinds.SIGN_IN_LINK}:
        if owner is None:
            return await _signed_up(postern, mail)
        # The account may have been made for this very mail, by an attempt that failed.
        if mail.variables["onlyNew"] and getattr(mail, "user_id", None) != owner.id:
            return None
        return await _described_anew(postern, mail, owner)
    if mail.kind == kinds.VERIFY_EMAIL and owner and owner.email_verified:
        return None
    return owner


async def _who_changes(mail: Mail, owner: User | None) -> User | None:
    """Return who wants the address; if it has an owner already, the owner, for another mail."""
    wanting = await User.get_or_none(id=getattr(mail, "user_id", None), new_email=mail.recipient)
    if wanting is None or owner is None:
        return wanting
    mail.kind, mail.variables = kinds.EMAIL_TAKEN, {"newEmail": mail.recipient}
    return owner


async def _described_anew(postern: Postern, mail: Mail, owner: User) -> User:
    """Give an account that nobody has used yet the wishes of this mail.

    Whoever asked for the first mail may be a stranger. What the operator has changed since stays.
    One conditional statement decides whether the account is unused: its owner may sign in at this
    moment.
    """
    await users.lock(owner.id)
    if await SecurityEvent.filter(user_id=owner.id).exclude(type__in=_BEFORE_USE).exists():
        return owner
    wanted = Wishes(**mail.variables["wishes"])
    fresh = new_accounts.described(postern.settings, owner.email, wanted)
    names = ("display_name", "locale", "default_role", "roles", "metadata")
    unused = User.filter(
        id=owner.id,
        last_signed_in_at__isnull=True,
        email_verified=False,
        password_hash__isnull=True,
    )
    if await unused.update(**{name: getattr(fresh, name) for name in names}):
        await owner.refresh_from_db()
    return owner


async def _signed_up(postern: Postern, mail: Mail) -> User | None:
    """Make an account for an unknown address, if the operator allows that.

    Raises AuthError: EMAIL_ALREADY_IN_USE (meanwhile, or another account may return to it).
    """
    settings = postern.settings
    if settings.disable_signup or not access_lists.is_welcome(settings, mail.recipient):
        return None
    if settings.disable_auto_signup and not mail.variables["onlyNew"]:
        return None
    user = new_accounts.described(settings, mail.recipient, Wishes(**mail.variables["wishes"]))
    await new_accounts.store(postern, SYSTEM, user)
    return user
