"""Identifying the user of an access token, and checking that they may act."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from auth import tokens
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.factors import second_factor
from auth.factors.factor_type import MULTI_FACTOR
from auth.postern import Postern
from models import User, UserSession
from models.hot_paths import sessions, users


@dataclass(frozen=True)
class SignedIn:
    """The user of a valid access token, and when they last proved a credential."""

    user: User
    session: UserSession
    authenticated_at: datetime
    methods: tuple[str, ...]
    """How they had signed in when the token was issued."""

    @property
    def has_shown_factor(self) -> bool:
        """Whether the session has seen a second factor, and did so before the token was issued.

        Whoever has copied an older token gains nothing when the user shows a factor.
        """
        return MULTI_FACTOR in self.session.methods and MULTI_FACTOR in self.methods


async def me(postern: Postern, caller: Caller) -> SignedIn | None:
    """Return the user of the access token; None if the request has no token.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER.
    """
    return None if caller.access_token is None else await signed_in(postern, caller)


async def signed_in(postern: Postern, caller: Caller) -> SignedIn:
    """Return the user of the access token.

    Raises AuthError: UNAUTHENTICATED (the token is missing, malformed, expired or forged, or its
    session has ended), DISABLED_USER, UNVERIFIED_USER.
    """
    if caller.access_token is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    try:
        claims = tokens.read(caller.access_token, postern.key_ring, postern.now())
    except tokens.InvalidTokenError:
        raise AuthError(ErrorCode.UNAUTHENTICATED) from None
    session = await sessions.find_alive(
        claims.session_id, claims.user_id, postern.now(), idle_since(postern)
    )
    if session is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    refuse_kept_out(postern, session.user)
    return SignedIn(session.user, session, claims.authenticated_at, claims.methods)


async def recently_signed_in(postern: Postern, caller: Caller, *, always: bool = False) -> SignedIn:
    """Return the user of the access token, who has proven a credential recently enough.

    A user with a second factor must have shown one in this session: a trusted browser, or a session
    from before the factor was set up, is not enough.
    With `always`, at most 15 minutes ago, even if the operator allows longer or requires nothing.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER, ELEVATED_CLAIM_REQUIRED.
    """
    viewer = await signed_in(postern, caller)
    await second_factor.is_due(postern, viewer.user)  # begins their period without one
    refuse_unless_recent(postern, viewer, always=always)
    return viewer


def refuse_unless_recent(postern: Postern, viewer: SignedIn, *, always: bool = False) -> None:
    """Raise AuthError: ELEVATED_CLAIM_REQUIRED, as `recently_signed_in` does."""
    max_age, mode = postern.settings.elevation_max_age, postern.settings.elevation_mode
    if mode == "disabled" or (mode == "recommended" and not viewer.user.has_second_factor):
        max_age = 0
    if always:
        max_age = min(max_age or _QUARTER_OF_AN_HOUR, _QUARTER_OF_AN_HOUR)
    shows_factor = always or mode != "disabled"
    if shows_factor and viewer.user.has_second_factor and not viewer.has_shown_factor:
        raise AuthError(ErrorCode.ELEVATED_CLAIM_REQUIRED)
    if max_age and viewer.authenticated_at + timedelta(seconds=max_age) < postern.now():
        raise AuthError(ErrorCode.ELEVATED_CLAIM_REQUIRED)


async def hold(viewer: SignedIn) -> None:
    """Lock the user's row, and refuse if the session has ended since it was looked up.

    Call it first in the transaction of a change that rests on the session alone. What ends the
    session (a new password, say) then comes before, and refuses this, or after, and undoes it.
    Raises AuthError: UNAUTHENTICATED.
    """
    await users.lock(viewer.user.id)
    if not await UserSession.filter(id=viewer.session.id).exists():
        raise AuthError(ErrorCode.UNAUTHENTICATED)


async def hold_to_add_factor(viewer: SignedIn) -> None:
    """Lock the row of a user who adds a factor; one who has a factor must have shown it here.

    The new factor counts as shown in this session. So a trusted browser, or a session from before
    the user had a factor, must not add one, whatever the operator asks of other changes. Call it
    first in the transaction.
    Raises AuthError: UNAUTHENTICATED, ELEVATED_CLAIM_REQUIRED.
    """
    await users.lock(viewer.user.id)
    now = await UserSession.get_or_none(id=viewer.session.id).select_related("user")
    if now is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    if now.user.has_second_factor and not replace(viewer, session=now).has_shown_factor:
        raise AuthError(ErrorCode.ELEVATED_CLAIM_REQUIRED)


def kept_out(postern: Postern, user: User) -> ErrorCode | None:
    """Return why the user may not act even with right credentials; None if they may."""
    if user.disabled:
        return ErrorCode.DISABLED_USER
    if postern.settings.email_verified_required and not user.email_verified:
        return ErrorCode.UNVERIFIED_USER
    return None


def refuse_kept_out(postern: Postern, user: User) -> None:
    """Raise AuthError: DISABLED_USER or UNVERIFIED_USER, if the user may not act.

    Call it only after the user's credentials were verified.
    """
    if code := kept_out(postern, user):
        raise AuthError(code)


def idle_since(postern: Postern) -> datetime:
    """Return the time after which a session must have been used to be alive."""
    timeout = postern.settings.session_inactivity_timeout
    return postern.now() - timedelta(seconds=timeout) if timeout else _LONG_AGO


_QUARTER_OF_AN_HOUR = 15 * 60


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
