"""Flow: what users change about themselves, and what the operator changes about them."""

from auth import email as addresses
from auth import events, passwords, sessions
from auth.caller import Caller
from auth.elevation import confirm_password
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.postern import Postern
from auth.sessions import Session, SignedIn
from auth.sign_up import shown_name
from models import MfaTicket, User
from models.transactions import atomic


async def change_user(
    postern: Postern, caller: Caller, *, display_name: str | None, locale: str | None
) -> SignedIn:
    """Change the name that is shown or the language of the signed-in user; None leaves it.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, INVALID_REQUEST, LOCALE_NOT_ALLOWED.
    """
    viewer = await sessions.signed_in(postern, caller)
    user = viewer.user
    changes: dict[str, str] = {}
    if display_name is not None:
        changes["display_name"] = shown_name(display_name) or user.email
    if locale is not None:
        allowed = postern.settings.locales
        if locale not in allowed:
            raise AuthError(ErrorCode.LOCALE_NOT_ALLOWED, allowed=allowed)
        changes["locale"] = locale
    if changes:
        await User.filter(id=user.id).update(**changes)
        user.update_from_dict(changes)
    return viewer


async def change_user_password(
    postern: Postern, caller: Caller, current_password: str, new_password: str
) -> Session:
    """Replace the password; every other session and every open ticket of the user ends with it.

    The session that asks gets new tokens, and its older refresh tokens are dead at once.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, ELEVATED_CLAIM_REQUIRED, INVALID_PASSWORD
    (the current one is another), INVALID_REQUEST, PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON,
    TOO_MANY_REQUESTS.
    """
    viewer = await sessions.recently_signed_in(postern, caller)
    user = viewer.user
    passwords.refuse_unfit(new_password, email=user.email, settings=postern.settings)
    await confirm_password(postern, caller, user, current_password)
    return await _replace_password(postern, caller, viewer, new_password)


async def set_password(postern: Postern, caller: Caller, new_password: str) -> Session:
    """The same for clients that do not ask for the current password, as Nhost's do not.

    That the sign-in is recent has to do; it always has to be, however the operator has set that.
    Raises AuthError: what `change_user_password` does, but for INVALID_PASSWORD.
    """
    viewer = await sessions.recently_signed_in(postern, caller, at_least=True)
    passwords.refuse_unfit(new_password, email=viewer.user.email, settings=postern.settings)
    return await _replace_password(postern, caller, viewer, new_password)


async def _replace_password(
    postern: Postern, caller: Caller, viewer: SignedIn, new_password: str
) -> Session:
    user = viewer.user
    new_hash = await postern.passwords.hash(new_password)
    async with atomic():
        same = User.filter(id=user.id, password_hash=user.password_hash, disabled=False)
        if not await same.update(password_hash=new_hash):
            raise AuthError(ErrorCode.INVALID_PASSWORD)
        await MfaTicket.filter(user_id=user.id).delete()
        await sessions.end_all(postern, caller, user, but=viewer.session.id)
        await events.record(postern, caller, EventType.PASSWORD_CHANGED, user.id)
        return await sessions.reissue(postern, viewer.session)


async def find(email: str) -> User | None:
    """The user with this address, however it is spelt."""
    return await User.get_or_none(email=addresses.normalise(email))


async def set_email_verified(postern: Postern, caller: Caller, user: User) -> None:
    """Mark the e-mail address as the user's own. For the operator alone, who has made sure."""
    async with atomic():
        await User.filter(id=user.id).update(email_verified=True)
        await events.record(postern, caller, EventType.EMAIL_VERIFIED, user.id)


async def set_disabled(postern: Postern, caller: Caller, user: User, *, disabled: bool) -> None:
    """Disable a user, which ends all of their sessions and open sign-ins, or enable them again.

    For the operator alone.
    """
    kind = EventType.USER_DISABLED if disabled else EventType.USER_ENABLED
    async with atomic():
        await User.filter(id=user.id).update(disabled=disabled)
        if disabled:
            await MfaTicket.filter(user_id=user.id).delete()
            await sessions.end_all(postern, caller, user)
        await events.record(postern, caller, kind, user.id)
