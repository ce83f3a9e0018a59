"""Flow: users change their profile."""

from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.new_accounts import shown_name
from auth.postern import Postern
from auth.sessions import current
from auth.sessions.current import SignedIn
from models import User


async def change_user(
    postern: Postern, caller: Caller, *, display_name: str | None, locale: str | None
) -> SignedIn:
    """Change the signed-in user's display name or locale; None leaves the value as it is.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER, INVALID_REQUEST,
    LOCALE_NOT_ALLOWED.
    """
    viewer = await current.signed_in(postern, caller)
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
