"""Flow: prove a credential again, before a sensitive change."""

from auth import events, passwords
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import passkeys, second_factor
from auth.factors.passkeys import Ceremony
from auth.factors.second_factor import Checked
from auth.limits import throttling
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.current import SignedIn
from auth.sessions.opening import Session
from models import User, UserSession, proofs
from models.passkey_challenge import CeremonyPurpose
from models.proofs import Proof
from models.transactions import atomic


async def elevate(
    postern: Postern, caller: Caller, password: str | None, code: str | None
) -> Session:
    """Issue new tokens of the same session, whose user counts as having just signed in.

    Requires the password; if the user has a second factor, requires its code (or a recovery code)
    instead, and a password sent with it must be right too.
    Raises AuthError: UNAUTHENTICATED (also if the account changed in the meantime), DISABLED_USER,
    UNVERIFIED_USER, INVALID_REQUEST (the required credential is missing, or a password beyond 1024
    bytes), NO_PASSWORD (a user without password and factor signs in again instead),
    INVALID_PASSWORD, INVALID_TOTP, SECOND_FACTOR_REQUIRED, TOO_MANY_REQUESTS. Raises VaultError if
    no encryption key opens the secret.
    """
    viewer = await current.signed_in(postern, caller)
    user = viewer.user
    # Begins their period without one, which the refusal below would undo.
    await second_factor.is_due(postern, user)
    has_factor = user.has_second_factor
    if not has_factor and not user.has_password:
        raise AuthError(ErrorCode.NO_PASSWORD)
    required, name = (code, "code") if has_factor else (password, "password")
    if required is None:
        other = ", unless you call startElevatePasskey" if user.has_passkeys else ""
        raise AuthError(
            ErrorCode.INVALID_REQUEST, f"{name}: required to confirm that it is you{other}."
        )
    if password is not None:
        await confirm_password(postern, caller, user, password)
    if not has_factor:
        async with atomic():
            return await _elevated(postern, caller, viewer, proofs.password_unchanged(user))
    checked = await second_factor.check_any(postern, caller, user, required)
    return await _confirmed(postern, caller, viewer, checked)


async def start_elevate_passkey(postern: Postern, caller: Caller) -> str:
    """Return the options, as JSON, of confirming with a passkey that it is the user.

    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER,
    NO_PASSKEY.
    """
    passkeys.refuse_unless_enabled(postern)
    viewer = await current.signed_in(postern, caller)
    if not viewer.user.has_passkeys:
        raise AuthError(ErrorCode.NO_PASSKEY)
    ceremony = _elevating(caller, viewer)
    return await ceremony.options(postern, viewer.user, verification="preferred")


async def verify_elevate_passkey(postern: Postern, caller: Caller, credential: str) -> Session:
    """Issue new tokens of the same session, whose user counts as having just signed in.

    A wrong answer counts as a wrong code does.
    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED (also if the account changed in the
    meantime), DISABLED_USER, UNVERIFIED_USER, NO_PASSKEY, INVALID_PASSKEY, TOO_MANY_REQUESTS.
    """
    passkeys.refuse_unless_enabled(postern)
    viewer = await current.signed_in(postern, caller)
    user = viewer.user
    if not user.has_passkeys:
        raise AuthError(ErrorCode.NO_PASSKEY)
    ceremony = _elevating(caller, viewer)
    checked = await second_factor.check(postern, caller, user, ceremony, credential)
    return await _confirmed(postern, caller, viewer, checked)


def _elevating(caller: Caller, viewer: SignedIn) -> Ceremony:
    return Ceremony(caller, CeremonyPurpose.ELEVATE, str(viewer.session.id))


async def confirm_password(postern: Postern, caller: Caller, user: User, password: str) -> None:
    """Check the password of a signed-in user.

    Raises AuthError: INVALID_REQUEST beyond 1024 bytes, INVALID_PASSWORD, TOO_MANY_REQUESTS.
    """
    passwords.refuse_oversized(password)
    attempt = await throttling.try_password(postern, caller, user)
    if not await postern.passwords.verify(user.password_hash, password):
        await attempt.failed(EventType.SIGN_IN_FAILED)
        raise AuthError(ErrorCode.INVALID_PASSWORD)
    await attempt.forget()


async def _confirmed(
    postern: Postern, caller: Caller, viewer: SignedIn, checked: Checked
) -> Session:
    async with checked.change():
        if checked.proof and await checked.accept(viewer.user):
            return await _elevated(postern, caller, viewer, checked.proof)
    raise await checked.refused()


async def _elevated(postern: Postern, caller: Caller, viewer: SignedIn, proof: Proof) -> Session:
    """Set a new `auth_time`, and issue new tokens; revoke the session's older refresh tokens."""
    now, user, session = postern.now(), viewer.user, viewer.session
    session.methods = list(dict.fromkeys([*session.methods, *proof.methods]))
    session.authenticated_at = now
    if not await _hold_unchanged(postern, user):
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    changes = {"authenticated_at": now, "methods": session.methods}
    await UserSession.filter(id=session.id).update(**changes)
    await events.record(postern, caller, EventType.ELEVATED, user.id)
    return await opening.reissue(postern, session, elevated=True)


async def _hold_unchanged(postern: Postern, user: User) -> bool:
    """Return whether the account is unchanged since its credentials were checked.

    Call it first in the transaction that issues tokens: it locks the user's row until the end. A
    simultaneous change of the password or factor, or disabling the user, then comes before (and
    this returns False) or after (and revokes the issued tokens).
    """
    unchanged = User.filter(
        id=user.id,
        password_hash=user.password_hash,
        has_second_factor=user.has_second_factor,
        disabled=False,
    )
    return bool(await unchanged.update(last_signed_in_at=postern.now()))
