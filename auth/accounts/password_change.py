"""Flow: a new password, with the current one or after a recent sign-in; or a first password."""

from auth import events, passwords
from auth.accounts.new_password import end_what_was_begun
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.mail import notices
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.current import SignedIn
from auth.sessions.elevation import confirm_password
from auth.sessions.opening import Session
from models import User
from models.transactions import atomic


async def change_user_password(
    postern: Postern, caller: Caller, current_password: str | None, new_password: str
) -> Session:
    """Replace the password, and end every other session and every open ticket of the user.

    A user without a password sets a first one, and has no current one to show. The caller's session
    gets new tokens, and its older refresh tokens are revoked at once.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER, ELEVATED_CLAIM_REQUIRED,
    INVALID_PASSWORD (the current password is wrong, or changed in the meantime), INVALID_REQUEST,
    PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON, SECOND_FACTOR_REQUIRED, TOO_MANY_REQUESTS.
    """
    viewer = await current.recently_signed_in(postern, caller)
    user = viewer.user
    passwords.refuse_unfit(new_password, email=user.email, settings=postern.settings)
    if user.has_password:
        if current_password is None:
            raise AuthError(ErrorCode.INVALID_REQUEST, "currentPassword: required.")
        await confirm_password(postern, caller, user, current_password)
    return await _replace_password(postern, caller, viewer, new_password)


async def set_password(postern: Postern, caller: Caller, new_password: str) -> Session:
    """Replace the password without the current one, which Nhost's clients do not send.

    Requires a sign-in within the last 15 minutes, or less if the setting is shorter.
    Raises AuthError: as `change_user_password` does; INVALID_PASSWORD only if the password was
    changed in the meantime.
    """
    viewer = await current.recently_signed_in(postern, caller, always=True)
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
        await end_what_was_begun(postern, caller, user, but=viewer.session.id)
        await events.record(postern, caller, EventType.PASSWORD_CHANGED, user.id)
        await notices.post(postern, caller, user, EventType.PASSWORD_CHANGED)
        return await opening.reissue(postern, viewer.session)
