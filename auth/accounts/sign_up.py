"""Flow: create an account and its first session."""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tortoise.exceptions import IntegrityError

from auth import admission, email_addresses, events, passwords
from auth.admission import Proven
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.limits import throttling
from auth.limits.rate_limits import Limit
from auth.mail import links, outbox
from auth.mail.requested import SIGN_UP_AGAIN, VERIFY_EMAIL
from auth.postern import Postern
from auth.sessions.opening import Session
from config import Settings
from models import User, proofs
from models.transactions import atomic

_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
"""A NUL character in JSON; PostgreSQL cannot store it."""
DISPLAY_NAME_MAX = 100
"""Maximum length of a display name, in characters."""


@dataclass(frozen=True)
class Wishes:
    """What a person who signs up may choose; None means the operator's default."""

    display_name: str | None = None
    locale: str | None = None
    """A locale that the operator has not allowed is ignored, as in Nhost Auth."""
    allowed_roles: Sequence[str] | None = None
    default_role: str | None = None
    metadata: dict[str, Any] | None = None
    redirect_to: str | None = None
    """Where the link of the verification mail leads in the end."""


NO_WISHES = Wishes()


async def sign_up_email_password(
    postern: Postern,
    caller: Caller,
    email: str,
    password: str,
    wishes: Wishes = NO_WISHES,
) -> Session:
    """Create an account and sign its user in.

    The account and its first session are created together or not at all. If new accounts must wait
    for the operator, only the account is created, and DISABLED_USER or UNVERIFIED_USER is raised.
    Raises AuthError: these two, SIGNUP_DISABLED, TOO_MANY_REQUESTS, and whatever `create_account`
    raises.
    """
    if postern.settings.disable_signup:
        raise AuthError(ErrorCode.SIGNUP_DISABLED)
    await postern.rate_limits.spend(Limit.SIGN_UPS, caller.address)
    link = {"redirectTo": links.allowed_redirect(postern.settings, wishes.redirect_to)}
    user = await _new_user(postern, email, password, wishes)
    user.disabled = postern.settings.disable_new_users
    attempt = throttling.begun(postern, caller, throttling.password_of(user.email), user.id)
    shown = replace(attempt, counted=True)  # a new password is not a guess: it need not wait
    proven = Proven(user, passwords.AMR, proofs.password_unchanged(user), shown)
    kept_out = admission.kept_out(postern, user)
    by_mail = kept_out is ErrorCode.UNVERIFIED_USER and postern.settings.mail != "off"
    if by_mail:
        await outbox.spend_limits(postern, caller, VERIFY_EMAIL, user.email)
    try:
        async with atomic():
            await _store(postern, caller, user)
            if by_mail:
                await outbox.request(postern, VERIFY_EMAIL, user.email, link)
            session = None if kept_out else await admission.admit(proven)
    except AuthError as error:
        if not by_mail or error.code is not ErrorCode.EMAIL_ALREADY_IN_USE:
            raise
        # The same answer as for a new account: the mail tells the owner of this one.
        await outbox.request(postern, SIGN_UP_AGAIN, user.email, link)
    if kept_out:
        raise AuthError(kept_out, tells_of_account=True)
    assert isinstance(session, Session)  # noqa: S101 - nobody else can have seen the account
    return session


async def create_account(
    postern: Postern, caller: Caller, email: str, password: str, wishes: Wishes = NO_WISHES
) -> User:
    """Create an account. The display name defaults to the e-mail address.

    Raises AuthError: INVALID_REQUEST (an invalid e-mail address or display name, a password beyond
    1024 bytes, metadata with a NUL character), PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON,
    ROLE_NOT_ALLOWED, DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES, EMAIL_ALREADY_IN_USE,
    TOO_MANY_REQUESTS.
    """
    user = await _new_user(postern, email, password, wishes)
    async with atomic():
        await _store(postern, caller, user)
    return user


async def _new_user(postern: Postern, email: str, password: str, wishes: Wishes) -> User:
    """Validate the input and return the account, not stored yet."""
    settings = postern.settings
    address = email_addresses.required(email)
    passwords.refuse_unfit(password, email=address, settings=settings)
    name = shown_name(wishes.display_name)
    default_role, roles = _roles(settings, wishes)
    if _NUL.search(json.dumps(wishes.metadata)):
        raise AuthError(ErrorCode.INVALID_REQUEST, "metadata: expected no NUL character.")
    return User(
        email=address,
        password_hash=await postern.passwords.hash(password),
        display_name=name or address,
        locale=wishes.locale if wishes.locale in settings.locales else settings.default_locale,
        default_role=default_role,
        roles=roles,
        metadata=wishes.metadata,
    )


async def _store(postern: Postern, caller: Caller, user: User) -> None:
    """Store the account and its event. Raises AuthError: EMAIL_ALREADY_IN_USE."""
    try:
        await user.save(force_create=True)
    except IntegrityError:
        raise AuthError(ErrorCode.EMAIL_ALREADY_IN_USE) from None
    await events.record(postern, caller, EventType.SIGNED_UP, user.id)


def _roles(settings: Settings, wishes: Wishes) -> tuple[str, list[str]]:
    """Return the default role and all roles of a new user."""
    allowed = settings.roles_of_a_new_user
    roles = list(dict.fromkeys(allowed if wishes.allowed_roles is None else wishes.allowed_roles))
    if not set(roles) <= set(allowed):
        raise AuthError(ErrorCode.ROLE_NOT_ALLOWED, allowed=allowed)
    default_role = wishes.default_role or settings.default_role
    if default_role not in roles:
        raise AuthError(ErrorCode.DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES)
    return default_role, roles


def shown_name(display_name: str | None) -> str:
    """Return the name as it is stored: trimmed, and "" if there is none.

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
