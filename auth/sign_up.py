"""Flow: a new account, and its first session."""

import unicodedata

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from auth import email as addresses
from auth import events, passwords, sessions, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.postern import Postern
from auth.rate_limits import Limit
from auth.sessions import Session
from models import User

DISPLAY_NAME_MAX = 100
"""Characters of a display name."""


async def sign_up_email_password(
    postern: Postern, caller: Caller, email: str, password: str, display_name: str | None
) -> Session:
    """Create an account and sign its user in.

    Raises AuthError: SIGNUP_DISABLED, TOO_MANY_REQUESTS, whatever `create_account` raises, and
    DISABLED_USER where new accounts wait for the operator (the account is made).
    """
    if postern.settings.disable_signup:
        raise AuthError(ErrorCode.SIGNUP_DISABLED)
    await postern.rate_limits.spend(Limit.SIGN_UPS, caller.address)
    user = await create_account(
        postern, caller, email, password, display_name, disabled=postern.settings.disable_new_users
    )
    sessions.refuse_disabled(user)
    async with in_transaction():
        if not await sessions.hold_unchanged(postern, user):
            raise AuthError(ErrorCode.DISABLED_USER)
        return await sessions.open_session(postern, caller, user, tokens.PASSWORD)


async def create_account(
    postern: Postern,
    caller: Caller,
    email: str,
    password: str,
    display_name: str | None = None,
    *,
    disabled: bool = False,
) -> User:
    """Create an account. The name shown is the e-mail address unless one is given.

    Raises AuthError: INVALID_REQUEST (no e-mail address, a name that cannot be shown, a password
    beyond 1024 bytes), PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON, EMAIL_ALREADY_IN_USE,
    TOO_MANY_REQUESTS.
    """
    settings = postern.settings
    address = addresses.normalise(email)
    if address is None:
        raise AuthError(ErrorCode.INVALID_REQUEST, "email: expected an e-mail address.")
    passwords.refuse_unfit(password, email=address, settings=settings)
    name = shown_name(display_name)
    password_hash = await postern.passwords.hash(password)
    try:
        async with in_transaction():
            user = await User.create(
                email=address,
                password_hash=password_hash,
                display_name=name or address,
                locale=settings.default_locale,
                default_role=settings.default_role,
                roles=settings.roles_of_a_new_user,
                disabled=disabled,
            )
            await events.record(postern, caller, EventType.SIGNED_UP, user.id)
            return user
    except IntegrityError:
        raise AuthError(ErrorCode.EMAIL_ALREADY_IN_USE) from None


def shown_name(display_name: str | None) -> str:
    """A name as it is stored: trimmed, and "" for none.

    Raises AuthError: INVALID_REQUEST beyond 100 characters, or with a control character.
    """
    name = (display_name or "").strip()
    if len(name) > DISPLAY_NAME_MAX or any(unicodedata.category(c) == "Cc" for c in name):
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            f"displayName: expected at most {DISPLAY_NAME_MAX} characters, none of them a control "
            "character.",
        )
    return name
