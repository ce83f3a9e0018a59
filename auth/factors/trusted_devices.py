"""Trusted browsers: a token, shown with the password, stands for the second factor at sign-in.

It never does at a step-up. All of a user's trusted browsers end with a change of the password or of
a factor, and when a refresh token is reused.
"""

from datetime import timedelta
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from auth import events, tokens
from auth.caller import Caller
from auth.events import EventType
from auth.postern import Postern
from models import TrustedDevice, User
from models.hot_paths import users
from models.transactions import atomic

MOST = 10
"""How many trusted browsers a user may have; one more ends the oldest."""


async def trust(postern: Postern, caller: Caller, user: User) -> str | None:
    """Trust the caller's browser, in the transaction in which it has shown a second factor.

    Returns its token, of 128 random bits; None where the operator has not enabled this.
    """
    life = postern.settings.mfa_trust_device_for
    if not life:
        return None
    token, now = tokens.opaque_token(), postern.now()
    await TrustedDevice.create(
        id=uuid4(),
        user_id=user.id,
        digest=tokens.digest(token),
        created_at=now,
        expires_at=now + timedelta(seconds=life),
        address=caller.address,
        user_agent=caller.user_agent,
    )
    newest = TrustedDevice.filter(user_id=user.id).order_by("-created_at", "id")
    over = await newest.offset(MOST).limit(MOST).values_list("id", flat=True)
    if over:
        await TrustedDevice.filter(id__in=over).delete()
    await events.record(postern, caller, EventType.DEVICE_TRUSTED, user.id)
    return token


async def find(postern: Postern, user: User | None, token: str | None) -> TrustedDevice | None:
    """Return the user's trusted browser with this token, if it is still trusted.

    The work is the same if there is no such user.
    """
    if token is None or not postern.settings.mfa_trust_device_for:
        return None
    by_token = _trusted(postern).filter(digest=tokens.digest(token))
    found = await by_token.select_related("user").first()
    return found if found and user and found.user.id == user.id else None


async def of(postern: Postern, user: User) -> list[TrustedDevice]:
    """Return the browsers that a user trusts now, the latest first."""
    return await _trusted(postern).filter(user_id=user.id).order_by("-created_at", "id")


async def revoke(postern: Postern, caller: Caller, user: User, device_id: UUID) -> bool:
    """Stop trusting one browser of the user; False if there is no such one."""
    async with atomic():
        await users.lock(user.id)
        gone = await TrustedDevice.filter(id=device_id, user_id=user.id).delete()
        if gone:
            await events.record(postern, caller, EventType.DEVICE_FORGOTTEN, user.id)
    return bool(gone)


async def forget_all(user_id: UUID) -> None:
    """Stop trusting all browsers of a user, in the transaction of the change that requires it."""
    await TrustedDevice.filter(user_id=user_id).delete()


def _trusted(postern: Postern) -> QuerySet[TrustedDevice]:
    """Return the browsers that are trusted now; with an operator's time of 0, none is."""
    now, life = postern.now(), timedelta(seconds=postern.settings.mfa_trust_device_for)
    # The operator may have shortened the time since.
    return TrustedDevice.filter(expires_at__gt=now, created_at__gt=now - life)
