"""What the two ways in by mail, a code and a link, have in common."""

from auth import new_accounts
from auth.caller import Caller
from auth.email_addresses import required
from auth.errors import AuthError, ErrorCode
from auth.mail import requested
from auth.new_accounts import Wishes
from auth.postern import Postern
from models import User


async def send(
    postern: Postern,
    caller: Caller,
    kind: str,
    email: str,
    wishes: Wishes,
    *,
    only_new: bool = False,
) -> None:
    """Send a mail to sign in with to whoever has the address; an unknown one may get an account.

    With `only_new`, nothing is sent to an address that has an account.
    Raises AuthError: MAIL_NOT_CONFIGURED, INVALID_REQUEST, REDIRECT_TO_NOT_ALLOWED,
    ROLE_NOT_ALLOWED, DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES, TOO_MANY_REQUESTS; SIGNUP_DISABLED
    only with `only_new`.
    """
    if only_new and postern.settings.disable_signup:
        raise AuthError(ErrorCode.SIGNUP_DISABLED)
    new_accounts.described(postern.settings, required(email), wishes)  # refuses unfit wishes
    await requested.send(postern, caller, kind, email, wishes, only_new=only_new)


def verify_address(user: User) -> bool:
    """Note on the loaded user that the address is verified; return whether it was not before."""
    is_first, user.email_verified = not user.email_verified, True
    return is_first
