"""Making an account: what somebody may choose for it, and how it is stored."""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tortoise.exceptions import IntegrityError

from auth import events
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.postern import Postern
from config import Settings
from models import MailTicket, User

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
    """Where the link of a mail leads in the end."""

    def as_json(self) -> dict[str, Any]:
        """Return them as a waiting mail keeps them; `Wishes(**…)` reads them."""
        return asdict(self)


NO_WISHES = Wishes()


def described(settings: Settings, address: str, wishes: Wishes) -> User:
    """Return the account of a normalised address, not stored, without a password.

    The display name defaults to the e-mail address.
    Raises AuthError: INVALID_REQUEST (an invalid display name, metadata with a NUL character),
    ROLE_NOT_ALLOWED, DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES.
    """
    name = shown_name(wishes.display_name)
    default_role, roles = _roles(settings, wishes)
    if _NUL.search(json.dumps(wishes.metadata)):
        raise AuthError(ErrorCode.INVALID_REQUEST, "metadata: expected no NUL character.")
    return User(
        email=address,
        display_name=name or address,
        locale=wishes.locale if wishes.locale in settings.locales else settings.default_locale,
        default_role=default_role,
        roles=roles,
        metadata=wishes.metadata,
        disabled=settings.disable_new_users,
    )


async def store(postern: Postern, caller: Caller, user: User) -> None:
    """Store the account and its event, in the transaction around.

    Raises AuthError: EMAIL_ALREADY_IN_USE.
    """
    try:
        await user.save(force_create=True)
    except IntegrityError:
        raise AuthError(ErrorCode.EMAIL_ALREADY_IN_USE) from None
    await refuse_reserved(postern, user, user.email)
    await events.record(postern, caller, EventType.SIGNED_UP, user.id)


async def refuse_reserved(postern: Postern, user: User, address: str) -> None:
    """Refuse an address to which another account may still return by undoing its change.

    Call it after the address was written, in the same transaction: a simultaneous change that gives
    the address up has then either committed, and is seen here, or makes the write fail.
    Raises AuthError: EMAIL_ALREADY_IN_USE.
    """
    returning = MailTicket.filter(address=address, keeps_address=True, expires_at__gt=postern.now())
    if await returning.exclude(user_id=user.id).exists():
        raise AuthError(ErrorCode.EMAIL_ALREADY_IN_USE)


def shown_name(display_name: str | None, *, field: str = "displayName") -> str:
    """Return the name as it is stored: trimmed, and "" if there is none.

    Raises AuthError: INVALID_REQUEST, which names the field, beyond 100 characters, or with a
    control character.
    """
    name = (display_name or "").strip()
    if len(name) > DISPLAY_NAME_MAX or any(unicodedata.category(c) == "Cc" for c in name):
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            f"{field}: expected at most {DISPLAY_NAME_MAX} characters, none of them a control "
            "character.",
        )
    return name


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
