"""Flow: the TOTP factor of a signed-in user: enrol, activate, turn off; its recovery codes.

A user has no factor, a pending one or an active one. Each change between these states is one
conditional UPDATE of the user's row. The code that allows the change is spent in it or before it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from tortoise.expressions import Q

from auth import events
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import (
    one_time_codes,
    recovery_codes,
    second_factor,
    totp,
    trusted_devices,
)
from auth.factors.recovery_codes import CodeSet, NoCodesError
from auth.factors.second_factor import Factor
from auth.keys.vault import VaultError
from auth.limits.rate_limits import Limit
from auth.mail import notices
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.current import SignedIn
from auth.sessions.opening import Session
from models import User
from models.transactions import atomic

ENROLMENT_LIFE = timedelta(hours=1)
"""How long a new secret stays pending until its first code."""


@dataclass(frozen=True)
class Enrolment:
    """A pending factor, in the forms that an authenticator app reads."""

    image_url: str = field(repr=False)
    totp_secret: str = field(repr=False)
    otpauth_url: str = field(repr=False)


@dataclass(frozen=True)
class MfaChange:
    """A change's result: the caller's session with new tokens, and new recovery codes if any."""

    session: Session
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)


async def change_user_mfa(
    postern: Postern, caller: Caller, *, new_secret: bool = False
) -> Enrolment:
    """Return a secret that is pending for an hour, until a code confirms it.

    A repeated call within that hour returns the same secret, unless `new_secret` is set.
    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER,
    ELEVATED_CLAIM_REQUIRED, TOTP_ALREADY_ACTIVE (the active factor is not touched).
    """
    await _refuse_unless_enabled(postern, caller, totp)
    viewer = await current.recently_signed_in(postern, caller)
    begun_by = str(viewer.session.id)
    async with atomic():
        await current.hold(viewer)
        secret = await begin_totp(postern, viewer.user, begun_by, new_secret=new_secret)
    return await shown(postern, viewer.user, secret)


async def shown(postern: Postern, user: User, secret: str) -> Enrolment:
    """Return a pending secret in the forms that an authenticator app reads."""
    uri = one_time_codes.key_uri(
        secret, account=user.email, issuer=postern.settings.mfa_totp_issuer
    )
    return Enrolment(await asyncio.to_thread(one_time_codes.qr_code, uri), secret, uri)


async def _refuse_unless_enabled(postern: Postern, caller: Caller, factor: Factor) -> None:
    """Raise AuthError: DISABLED_ENDPOINT, unless the caller may have the factor anyway."""
    if factor.is_enabled(postern.settings):
        return
    with suppress(AuthError):
        user = (await current.signed_in(postern, caller)).user
        if factor.is_enabled(postern.settings, user):
            return
    raise AuthError(ErrorCode.DISABLED_ENDPOINT)


async def verify_change_user_mfa(
    postern: Postern, caller: Caller, active_mfa_type: str, code: str
) -> MfaChange:
    """Turn the factor on (`"totp"`) or off (`""`) with a current code.

    Turning it on returns recovery codes; a recovery code can turn it off too. The caller's session
    gets new tokens, and its older refresh tokens are revoked at once.
    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER,
    ELEVATED_CLAIM_REQUIRED, INVALID_REQUEST (another type), TOO_MANY_REQUESTS; to turn on,
    TOTP_ALREADY_ACTIVE, NO_TOTP_SECRET (also if the secret is more than an hour old); to turn off,
    DISABLED_MFA_TOTP, SECOND_FACTOR_REQUIRED; and INVALID_TOTP (wrong or already used). Raises
    VaultError if no encryption key opens the secret.
    """
    await _refuse_unless_enabled(postern, caller, totp)
    viewer = await current.recently_signed_in(postern, caller)
    change = _CHANGES.get(active_mfa_type)
    if change is None:
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            'activeMfaType: expected "totp" to turn the factor on or "" to turn it off.',
        )
    return await change(postern, caller, viewer, code)


async def regenerate_recovery_codes(
    postern: Postern, caller: Caller, code: str | None
) -> MfaChange:
    """Replace the recovery codes; the old codes stop working.

    With an authenticator app, that takes a current one-time code; with passkeys alone, a sign-in
    within the last 15 minutes.
    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER,
    ELEVATED_CLAIM_REQUIRED, DISABLED_MFA_TOTP (no factor at all), INVALID_REQUEST (no code),
    INVALID_TOTP (wrong or already used), TOO_MANY_REQUESTS. Raises VaultError if no encryption key
    opens the secret.
    """
    await _refuse_unless_enabled(postern, caller, recovery_codes)
    viewer = await current.recently_signed_in(postern, caller)
    user = viewer.user
    if totp.belongs_to(user):
        if code is None:
            raise AuthError(ErrorCode.INVALID_REQUEST, "code: required.")
        await _spend_totp(postern, caller, user, code)
    else:
        if not user.has_second_factor:
            raise AuthError(totp.missing)
        current.refuse_unless_recent(postern, viewer, always=True)
        await postern.rate_limits.spend(Limit.SIGN_UPS, caller.address)  # as much hashing
    codes = await recovery_codes.new_set(postern)
    as_checked = User.filter(
        id=user.id, totp_secret=user.totp_secret, has_second_factor=True, disabled=False
    )
    async with atomic():
        if not await as_checked.update(has_second_factor=True):
            raise AuthError(totp.missing)
        await recovery_codes.replace(user, codes)
        await trusted_devices.forget_all(user.id)
        await events.record(postern, caller, EventType.RECOVERY_CODES_REPLACED, user.id)
        await notices.post(postern, caller, user, EventType.RECOVERY_CODES_REPLACED)
        return MfaChange(await opening.reissue(postern, viewer.session), codes.shown)


async def begin_totp(
    postern: Postern, user: User, begun_by: str, *, new_secret: bool = False
) -> str:
    """Return the secret that is pending for this session or ticket; else make and store one.

    A secret that somebody else has begun with is never returned: whoever knows only the password
    must not learn the secret that the user will confirm.
    Raises AuthError: TOTP_ALREADY_ACTIVE.
    """
    secret, now = one_time_codes.new_secret(), postern.now()
    not_active = User.filter(id=user.id, totp_activated_at__isnull=True)
    stale = (
        Q(totp_secret__isnull=True)
        | Q(totp_enrolled_at__lte=now - ENROLMENT_LIFE)
        | Q(totp_begun_by__isnull=True)
        | ~Q(totp_begun_by=begun_by)
    )
    replaced = not_active if new_secret else not_active.filter(stale)
    sealed = totp.seal_secret(postern, user, secret)
    fresh = {"totp_secret": sealed, "totp_enrolled_at": now, "totp_begun_by": begun_by}
    if await replaced.update(**fresh):
        return secret
    pending = await not_active.first()
    if pending is None:
        raise AuthError(ErrorCode.TOTP_ALREADY_ACTIVE)
    if pending.totp_secret is not None:
        with suppress(VaultError):
            return totp.open_secret(postern, pending)
    return await begin_totp(postern, user, begun_by, new_secret=True)


def is_pending(postern: Postern, user: User, begun_by: str) -> bool:
    """Return whether this session or ticket has begun an enrolment that waits for its code."""
    at = user.totp_enrolled_at
    is_mine = user.totp_secret is not None and user.totp_begun_by == begun_by
    return is_mine and at is not None and at + ENROLMENT_LIFE > postern.now()


async def _activate(postern: Postern, caller: Caller, viewer: SignedIn, code: str) -> MfaChange:
    """Turn the factor on. A user without recovery codes, from another factor, gets a set.

    The one-time code is spent before. So of many requests with the same code, only one pays for
    hashing a set.
    """
    user = viewer.user
    if totp.belongs_to(user):
        raise AuthError(ErrorCode.TOTP_ALREADY_ACTIVE)
    if not is_pending(postern, user, str(viewer.session.id)):
        raise AuthError(ErrorCode.NO_TOTP_SECRET)
    await _spend_totp(postern, caller, user, code)
    if recovery_codes.belongs_to(user):
        with suppress(NoCodesError):  # another request may remove the last factor meanwhile
            return await _turn_on(postern, caller, viewer, None)
    return await _turn_on(postern, caller, viewer, await recovery_codes.new_set(postern))


async def _turn_on(
    postern: Postern, caller: Caller, viewer: SignedIn, codes: CodeSet | None
) -> MfaChange:
    async with atomic():
        await current.hold_to_add_factor(viewer)
        shown_codes = await turn_totp_on(postern, caller, viewer.user, codes)
        session = await opening.reissue(postern, viewer.session, shown=totp.METHODS)
        return MfaChange(session, shown_codes)


async def turn_totp_on(
    postern: Postern, caller: Caller, user: User, codes: CodeSet | None
) -> tuple[str, ...]:
    """Turn a pending factor on, in the transaction around; return the recovery codes to show.

    Raises AuthError: NO_TOTP_SECRET (it was replaced or turned on meanwhile). Raises NoCodesError.
    """
    pending = User.filter(
        id=user.id,
        totp_secret=user.totp_secret,
        totp_activated_at__isnull=True,
        disabled=False,
    )
    now = postern.now()
    if not await pending.update(totp_activated_at=now, totp_begun_by=None, has_second_factor=True):
        raise AuthError(ErrorCode.NO_TOTP_SECRET)
    await trusted_devices.forget_all(user.id)
    given = await recovery_codes.give(user, codes)
    await events.record(postern, caller, EventType.FACTOR_ON, user.id)
    await notices.post(postern, caller, user, EventType.FACTOR_ON)
    return given


async def _spend_totp(postern: Postern, caller: Caller, user: User, code: str) -> None:
    """Accept a one-time code of the user's pending or active factor, once.

    Raises AuthError: INVALID_TOTP, TOO_MANY_REQUESTS.
    """
    checked = await second_factor.check(postern, caller, user, totp, code)
    async with checked.change():
        accepted = await checked.accept(user)
    if not accepted:
        raise await checked.refused()


async def _deactivate(postern: Postern, caller: Caller, viewer: SignedIn, code: str) -> MfaChange:
    user = viewer.user
    if not totp.belongs_to(user):
        raise AuthError(totp.missing)
    checked = await second_factor.check_any(postern, caller, user, code)
    async with checked.change():
        if await checked.accept(user):
            await second_factor.remove(user, totp)
            second_factor.refuse_without_required(postern, user)
            await events.record(postern, caller, EventType.FACTOR_OFF, user.id)
            await notices.post(postern, caller, user, EventType.FACTOR_OFF)
            return MfaChange(await opening.reissue(postern, viewer.session))
    raise await checked.refused()


_CHANGES: Mapping[str, Callable[[Postern, Caller, SignedIn, str], Awaitable[MfaChange]]] = {
    "totp": _activate,
    "": _deactivate,
}
