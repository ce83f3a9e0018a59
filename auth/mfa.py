"""Flow: the TOTP factor of a signed-in user: enrol, activate, turn off.

A user has no factor, a pending one or an active one; each step between them is one conditional
UPDATE of the user's row, which also spends the code that allowed it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from auth import email as addresses
from auth import sessions, totp
from auth.errors import AuthError, ErrorCode
from auth.postern import Postern
from models import User


@dataclass(frozen=True)
class Enrolment:
    """A pending factor: what its user puts into an authenticator app."""

    image_url: str = field(repr=False)
    totp_secret: str = field(repr=False)
    otpauth_url: str = field(repr=False)


@dataclass(frozen=True)
class MfaChange:
    """What has become of the factor."""

    user: User
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


async def change_user_mfa(postern: Postern, access_token: str | None) -> Enrolment:
    """Hand out a fresh secret, pending until a code proves that it has arrived.

    Replaces the secret of an earlier enrolment that was not activated.
    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, TOTP_ALREADY_ACTIVE (the
    active factor is not touched).
    """
    refuse_unless_enabled(postern)
    user = await sessions.signed_in_user(postern, access_token)
    secret = totp.new_secret()
    sealed = postern.vault.seal(secret, _context(user))
    pending = User.filter(id=user.id, totp_activated_at__isnull=True)
    if not await pending.update(totp_secret=sealed):
        raise AuthError(ErrorCode.TOTP_ALREADY_ACTIVE)
    uri = totp.key_uri(secret, account=user.email, issuer=postern.settings.mfa_totp_issuer)
    return Enrolment(await asyncio.to_thread(totp.qr_code, uri), secret, uri)


async def verify_change_user_mfa(
    postern: Postern, access_token: str | None, active_mfa_type: str, code: str
) -> MfaChange:
    """Turn the factor on (`"totp"`) or off (`""`) with a current code.

    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, INVALID_REQUEST (another
    type); to turn on, TOTP_ALREADY_ACTIVE, NO_TOTP_SECRET; to turn off, DISABLED_MFA_TOTP; and
    INVALID_TOTP (wrong or already used).
    """
    refuse_unless_enabled(postern)
    user = await sessions.signed_in_user(postern, access_token)
    change = _CHANGES.get(active_mfa_type)
    if change is None:
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            'activeMfaType: expected "totp" to turn the factor on or "" to turn it off.',
        )
    if not await change(postern, user, code):
        raise AuthError(ErrorCode.INVALID_TOTP)
    return MfaChange(await User.get(id=user.id))


async def reset_mfa(email: str) -> bool:
    """Delete the factor of the user with this address, without a code: for the operator alone.

    False where there is no such user. The user's time steps stay spent.
    """
    user = User.filter(email=addresses.normalise(email))
    return bool(await user.update(totp_secret=None, totp_activated_at=None))


def refuse_unless_enabled(postern: Postern) -> None:
    """Raises AuthError: DISABLED_ENDPOINT."""
    if not postern.settings.mfa_enabled:
        raise AuthError(ErrorCode.DISABLED_ENDPOINT)


def matching_time_step(postern: Postern, user: User, code: str) -> int | None:
    """The time step of the user's active factor whose code this is, or None; to be spent.

    Raises AuthError: DISABLED_MFA_TOTP.
    """
    if user.active_mfa_type is None:
        raise AuthError(ErrorCode.DISABLED_MFA_TOTP)
    return _matching_time_step(postern, user, code)


async def spend_time_step(user: User, step: int) -> bool:
    """Accept the code of this time step, once ever: False if it, or a later one, was before.

    Also False where the factor that the code was checked against is not active any more.
    """
    return await _spend(user, step, active=True)


async def _activate(postern: Postern, user: User, code: str) -> bool:
    if user.active_mfa_type is not None:
        raise AuthError(ErrorCode.TOTP_ALREADY_ACTIVE)
    if user.totp_secret is None:
        raise AuthError(ErrorCode.NO_TOTP_SECRET)
    step = _matching_time_step(postern, user, code)
    return step is not None and await _spend(
        user, step, active=False, totp_activated_at=postern.now()
    )


async def _deactivate(postern: Postern, user: User, code: str) -> bool:
    step = matching_time_step(postern, user, code)
    return step is not None and await _spend(
        user, step, active=True, totp_secret=None, totp_activated_at=None
    )


_CHANGES: Mapping[str, Callable[[Postern, User, str], Awaitable[bool]]] = {
    "totp": _activate,
    "": _deactivate,
}


async def _spend(user: User, step: int, *, active: bool, **changes: object) -> bool:
    """Spend a time step and change the factor in one statement, or do neither.

    The secret is compared too: it must still be the one that the code was checked against.
    """
    return bool(
        await User.filter(
            id=user.id,
            totp_secret=user.totp_secret,
            totp_activated_at__isnull=not active,
            totp_last_step__lt=step,
        ).update(totp_last_step=step, **changes)
    )


def _matching_time_step(postern: Postern, user: User, code: str) -> int | None:
    secret = postern.vault.open(str(user.totp_secret), _context(user))
    drift = postern.settings.mfa_totp_drift
    return totp.matching_time_step(secret, code, postern.now(), drift=drift)


def _context(user: User) -> str:
    return f"totp secret of {user.id}"
