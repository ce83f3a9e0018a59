"""Flow: show a credential again, to change something that matters."""

from tortoise.transactions import in_transaction

from auth import events, factors, passwords, sessions, throttling, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import Proof
from auth.postern import Postern
from auth.sessions import Session, SignedIn
from models import RefreshToken, User, UserSession


async def elevate(
    postern: Postern, caller: Caller, password: str | None, code: str | None
) -> Session:
    """Fresh tokens of the same session, as after a sign-in that has just happened.

    The password proves it; where the user has a second factor, its code (or a recovery code) is
    required, and a password sent with it must be right too.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, INVALID_REQUEST (what is required is
    missing), INVALID_PASSWORD, INVALID_TOTP, TOO_MANY_REQUESTS.
    """
    viewer = await sessions.signed_in(postern, caller)
    user = viewer.user
    required, name = (password, "password") if user.active_mfa_type is None else (code, "code")
    if required is None:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"{name}: required to confirm that it is you.")
    if password is not None:
        await confirm_password(postern, caller, user, password)
    if user.active_mfa_type is None:
        async with in_transaction():
            return await _elevated(postern, caller, viewer, tokens.PASSWORD)
    attempt = await throttling.try_code(postern, caller, user)
    proof = await factors.check_any(postern, user, str(code))
    session = await _elevated_by_code(postern, caller, viewer, proof) if proof else None
    if session is None:
        await events.record(postern, caller, EventType.WRONG_CODE, user.id)
        raise AuthError(ErrorCode.INVALID_TOTP)
    await attempt.succeeded()
    return session


async def confirm_password(postern: Postern, caller: Caller, user: User, password: str) -> None:
    """Make sure that it is the password of a user who is signed in.

    Raises AuthError: INVALID_REQUEST beyond 1024 bytes, INVALID_PASSWORD, TOO_MANY_REQUESTS.
    """
    passwords.refuse_oversized(password)
    attempt = await throttling.try_password(postern, caller, user)
    if not await postern.passwords.verify(user.password_hash, password):
        await events.record(postern, caller, EventType.SIGN_IN_FAILED, user.id)
        raise AuthError(ErrorCode.INVALID_PASSWORD)
    await attempt.succeeded()


async def _elevated_by_code(
    postern: Postern, caller: Caller, viewer: SignedIn, proof: Proof
) -> Session | None:
    async with in_transaction():
        if not await factors.spend(viewer.user, proof):
            return None
        if proof.recovery_digest:
            await events.record(postern, caller, EventType.RECOVERY_CODE_USED, viewer.user.id)
        return await _elevated(postern, caller, viewer, tokens.SECOND_FACTOR)


async def _elevated(
    postern: Postern, caller: Caller, viewer: SignedIn, methods: tuple[str, ...]
) -> Session:
    """The same session with a new time of authentication; its refresh tokens are replaced."""
    now, user, session = postern.now(), viewer.user, viewer.session
    session.methods = list(dict.fromkeys([*session.methods, *methods]))
    session.authenticated_at = now
    changes = {"authenticated_at": now, "last_used_at": now, "methods": session.methods}
    if not await sessions.hold_unchanged(postern, user):
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    if not await UserSession.filter(id=session.id).update(**changes):
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    await RefreshToken.filter(session_id=session.id, rotated_at__isnull=True).update(rotated_at=now)
    await events.record(postern, caller, EventType.ELEVATED, user.id)
    return await sessions.hand_out(postern, session, elevated=True)
