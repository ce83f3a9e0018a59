"""Flow: show a credential again, to change something that matters."""

from auth import events, passwords, tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor
from auth.factors.second_factor import Proof
from auth.limits import throttling
from auth.limits.throttling import Attempt
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.current import SignedIn
from auth.sessions.opening import Session
from models import User, UserSession
from models.transactions import atomic


async def elevate(
    postern: Postern, caller: Caller, password: str | None, code: str | None
) -> Session:
    """Fresh tokens of the same session, as after a sign-in that has just happened.

    The password proves it; where the user has a second factor, its code (or a recovery code) is
    required, and a password sent with it must be right too.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, INVALID_REQUEST (what is required is
    missing), INVALID_PASSWORD, INVALID_TOTP, TOO_MANY_REQUESTS.
    """
    viewer = await current.signed_in(postern, caller)
    user = viewer.user
    has_factor = user.active_mfa_type is not None
    required, name = (code, "code") if has_factor else (password, "password")
    if required is None:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"{name}: required to confirm that it is you.")
    if password is not None:
        await confirm_password(postern, caller, user, password)
    if not has_factor:
        async with atomic():
            return await _elevated(postern, caller, viewer, tokens.PASSWORD)
    attempt = await second_factor.try_any(postern, caller, user, required)
    proof = await second_factor.check_any(postern, user, required)
    session = await _elevated_by_code(attempt, viewer, proof) if proof else None
    if session is None:
        await attempt.failed(EventType.WRONG_CODE)
        raise AuthError(ErrorCode.INVALID_TOTP)
    return session


async def confirm_password(postern: Postern, caller: Caller, user: User, password: str) -> None:
    """Make sure that it is the password of a user who is signed in.

    Raises AuthError: INVALID_REQUEST beyond 1024 bytes, INVALID_PASSWORD, TOO_MANY_REQUESTS.
    """
    passwords.refuse_oversized(password)
    attempt = await throttling.try_password(postern, caller, user)
    if not await postern.passwords.verify(user.password_hash, password):
        await attempt.failed(EventType.SIGN_IN_FAILED)
        raise AuthError(ErrorCode.INVALID_PASSWORD)
    await attempt.forget()


async def _elevated_by_code(attempt: Attempt, viewer: SignedIn, proof: Proof) -> Session | None:
    postern, caller = attempt.postern, attempt.caller
    async with atomic():
        if not await second_factor.spend(viewer.user, proof):
            return None
        await attempt.forget()
        if proof.recovery_digest:
            await events.record(postern, caller, EventType.RECOVERY_CODE_USED, viewer.user.id)
        return await _elevated(postern, caller, viewer, tokens.SECOND_FACTOR)


async def _elevated(
    postern: Postern, caller: Caller, viewer: SignedIn, methods: tuple[str, ...]
) -> Session:
    """The same session with a new time of authentication; all its older refresh tokens are dead."""
    now, user, session = postern.now(), viewer.user, viewer.session
    session.methods = list(dict.fromkeys([*session.methods, *methods]))
    session.authenticated_at = now
    if not await opening.hold_unchanged(postern, user):
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    changes = {"authenticated_at": now, "methods": session.methods}
    await UserSession.filter(id=session.id).update(**changes)
    await events.record(postern, caller, EventType.ELEVATED, user.id)
    return await opening.reissue(postern, session, elevated=True)
