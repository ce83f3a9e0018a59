"""Flow: the TOTP factor of a signed-in user: enrol, activate, turn off; its recovery codes.

A user has no factor, a pending one or an active one; each step between them is one conditional
UPDATE of the user's row, and the code that allows it is spent by it or before it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tortoise.transactions import in_transaction

from auth import events, factors, sessions, throttling, totp
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.postern import Postern
from models import User

ENROLMENT_LIFE = timedelta(hours=1)
"""How long a secret that was handed out waits for its first code."""


@dataclass(frozen=True)
class Enrolment:
    """A pending factor: what its user puts into an authenticator app."""

    image_url: str = field(repr=False)
    totp_secret: str = field(repr=False)
    otpauth_url: str = field(repr=False)


@dataclass(frozen=True)
class MfaChange:
    """What has become of the factor."""

    viewer: sessions.SignedIn
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


async def change_user_mfa(postern: Postern, caller: Caller) -> Enrolment:
    """Hand out a fresh secret, pending until a code proves that it has arrived.

    Replaces the secret of an earlier enrolment that was not activated.
    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, ELEVATED_CLAIM_REQUIRED,
    TOTP_ALREADY_ACTIVE (the active factor is not touched).
    """
    factors.refuse_unless_enabled(postern)
    user = (await sessions.recently_signed_in(postern, caller)).user
    secret = totp.new_secret()
    sealed = factors.seal_secret(postern, user, secret)
    not_active = User.filter(id=user.id, totp_activated_at__isnull=True)
    if not await not_active.update(totp_secret=sealed, totp_enrolled_at=postern.now()):
        raise AuthError(ErrorCode.TOTP_ALREADY_ACTIVE)
    uri = totp.key_uri(secret, account=user.email, issuer=postern.settings.mfa_totp_issuer)
    return Enrolment(await asyncio.to_thread(totp.qr_code, uri), secret, uri)


async def verify_change_user_mfa(
    postern: Postern, caller: Caller, active_mfa_type: str, code: str
) -> MfaChange:
    """Turn the factor on (`"totp"`) or off (`""`) with a current code.

    Turned on, it comes with recovery codes; a recovery code turns it off too.
    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, ELEVATED_CLAIM_REQUIRED,
    INVALID_REQUEST (another type), TOO_MANY_REQUESTS; to turn on, TOTP_ALREADY_ACTIVE,
    NO_TOTP_SECRET (also when it was handed out more than an hour ago); to turn off,
    DISABLED_MFA_TOTP; and INVALID_TOTP (wrong or already used).
    """
    factors.refuse_unless_enabled(postern)
    viewer = await sessions.recently_signed_in(postern, caller)
    change = _CHANGES.get(active_mfa_type)
    if change is None:
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            'activeMfaType: expected "totp" to turn the factor on or "" to turn it off.',
        )
    codes = await change(postern, caller, viewer.user, code)
    if codes is None:
        raise await _wrong_code(postern, caller, viewer.user)
    return MfaChange(await sessions.signed_in(postern, caller), codes)


async def regenerate_recovery_codes(postern: Postern, caller: Caller, code: str) -> tuple[str, ...]:
    """A new set of recovery codes for a current one-time code; the old ones are worth nothing.

    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, ELEVATED_CLAIM_REQUIRED,
    DISABLED_MFA_TOTP, INVALID_TOTP (wrong or already used), TOO_MANY_REQUESTS.
    """
    factors.refuse_unless_enabled(postern)
    user = (await sessions.recently_signed_in(postern, caller)).user
    factors.refuse_unless_active(user)
    attempt = await throttling.try_code(postern, caller, user)
    proof = factors.check_totp(postern, user, code)
    if proof is None or not await factors.spend(user, proof):
        raise await _wrong_code(postern, caller, user)
    await attempt.succeeded()
    codes = await _give_codes(
        postern, caller, user, EventType.RECOVERY_CODES_REPLACED, was_active=True
    )
    if codes is None:
        raise AuthError(ErrorCode.DISABLED_MFA_TOTP)
    return codes


async def reset_mfa(postern: Postern, caller: Caller, user: User) -> None:
    """Delete the user's factor without a code: for the operator alone.

    Open tickets verify nothing any more; the user's time steps stay spent.
    """
    async with in_transaction():
        await User.filter(id=user.id).update(**_NO_FACTOR)
        await factors.store_codes(user, None)
        await events.record(postern, caller, EventType.FACTOR_RESET, user.id)


_NO_FACTOR: dict[str, Any] = {
    "totp_secret": None,
    "totp_enrolled_at": None,
    "totp_activated_at": None,
    "recovery_salt": None,
}


async def _activate(
    postern: Postern, caller: Caller, user: User, code: str
) -> tuple[str, ...] | None:
    if user.active_mfa_type is not None:
        raise AuthError(ErrorCode.TOTP_ALREADY_ACTIVE)
    enrolled_at = user.totp_enrolled_at
    if not user.totp_secret or not enrolled_at or enrolled_at + ENROLMENT_LIFE <= postern.now():
        raise AuthError(ErrorCode.NO_TOTP_SECRET)
    attempt = await throttling.try_code(postern, caller, user)
    proof = factors.check_totp(postern, user, code)
    if proof is None or not await factors.spend(user, proof, active=False):
        return None
    await attempt.succeeded()
    return await _give_codes(
        postern,
        caller,
        user,
        EventType.FACTOR_ON,
        was_active=False,
        totp_activated_at=postern.now(),
    )


async def _give_codes(
    postern: Postern,
    caller: Caller,
    user: User,
    kind: EventType,
    *,
    was_active: bool,
    **changes: object,
) -> tuple[str, ...] | None:
    """Change the factor and give it a new set of recovery codes; None if it changed meanwhile.

    The code that allowed it is spent before: hashing a set is work, and of many requests with one
    code only one is to do it.
    """
    codes = await factors.new_code_set(postern)
    async with in_transaction():
        factor = factors.as_seen(user, active=was_active)
        if not await factor.update(recovery_salt=str(codes.salt), **changes):
            return None
        await factors.store_codes(user, codes)
        await events.record(postern, caller, kind, user.id)
    return codes.shown


async def _deactivate(
    postern: Postern, caller: Caller, user: User, code: str
) -> tuple[str, ...] | None:
    factors.refuse_unless_active(user)
    attempt = await throttling.try_code(postern, caller, user)
    proof = await factors.check_any(postern, user, code)
    if proof is None:
        return None
    async with in_transaction():
        if not await factors.spend(user, proof, **_NO_FACTOR):
            return None
        await factors.store_codes(user, None)
        if proof.recovery_digest:
            await events.record(postern, caller, EventType.RECOVERY_CODE_USED, user.id)
        await events.record(postern, caller, EventType.FACTOR_OFF, user.id)
    await attempt.succeeded()
    return ()


async def _wrong_code(postern: Postern, caller: Caller, user: User) -> AuthError:
    await events.record(postern, caller, EventType.WRONG_CODE, user.id)
    return AuthError(ErrorCode.INVALID_TOTP)


_CHANGES: Mapping[
    str, Callable[[Postern, Caller, User, str], Awaitable[tuple[str, ...] | None]]
] = {
    "totp": _activate,
    "": _deactivate,
}
