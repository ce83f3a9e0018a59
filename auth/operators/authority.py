"""Who is an operator: a user with the role, a second factor and a recent sign-in; or a script."""

import hmac

from auth import events
from auth.caller import Caller, Operator
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.limits import throttling
from auth.network_addresses import is_among, parsed
from auth.postern import Postern
from auth.sessions import current
from auth.sessions.current import SignedIn
from config.settings import OPERATOR_ROLE
from models.hot_paths import operators

REASON_MAX = 255
"""Maximum characters of a reason."""


async def is_open(postern: Postern, caller: Caller) -> bool:
    """Return whether the operators' interface answers this address at all."""
    settings = postern.settings
    if settings.admin_networks and not is_among(parsed(caller.address), settings.admin_networks):
        return False
    if settings.admin_enabled is None:
        return settings.admin_secret_enabled or await operators.exist()
    return settings.admin_enabled


async def identify(postern: Postern, caller: Caller, secret: str | None) -> Operator:
    """Return who acts: the user of the access token, or whoever has the admin secret.

    A token alone is not enough: its session must exist, must have been opened or confirmed within
    15 minutes, and must have seen a second factor.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER, NOT_AN_OPERATOR,
    SECOND_FACTOR_REQUIRED, ELEVATED_CLAIM_REQUIRED, TOO_MANY_REQUESTS (wrong secrets).
    """
    if secret is not None:
        return await _with_secret(postern, caller, secret)
    viewer = await refuse_unless_operator(postern, caller)
    return Operator(
        address=caller.address,
        user_agent=caller.user_agent,
        access_token=caller.access_token,
        id=viewer.user.id,
        name=viewer.user.email,
    )


async def refuse_unless_operator(postern: Postern, caller: Caller) -> SignedIn:
    """Return the user of the access token, who is an operator. Raises AuthError, as `identify`."""
    viewer = await current.signed_in(postern, caller)
    if OPERATOR_ROLE not in viewer.user.roles:
        raise AuthError(ErrorCode.NOT_AN_OPERATOR)
    if not viewer.user.has_second_factor:
        raise AuthError(ErrorCode.SECOND_FACTOR_REQUIRED)
    current.refuse_unless_recent(postern, viewer, always=True)
    return viewer


async def _with_secret(postern: Postern, caller: Caller, secret: str) -> Operator:
    settings = postern.settings
    right = settings.admin_secret.get_secret_value().encode()
    if not settings.admin_secret_enabled or not hmac.compare_digest(
        right, secret.encode(errors="replace")
    ):
        await throttling.failed(postern, caller)
        await events.record(postern, caller, EventType.ADMIN_SECRET_REFUSED)
        raise AuthError(
            ErrorCode.UNAUTHENTICATED, "The admin secret is wrong, or switched off on this server."
        )
    await events.record(postern, caller, EventType.ADMIN_SECRET_USED)
    return Operator(address=caller.address, user_agent=caller.user_agent, name="the admin secret")


def reason_of(text: str) -> str:
    """Return a reason as it is stored. Raises AuthError: INVALID_REQUEST."""
    reason = text.strip()
    if not reason or len(reason) > REASON_MAX or not reason.isprintable():
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            f"reason: expected 1 to {REASON_MAX} characters on one line, for the trail of events.",
        )
    return reason
