"""Opening a session, and issuing new tokens for one.

A session is a row and its family of refresh tokens. Ending the session deletes the row, so that all
of its tokens stop working at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from auth import events, tokens
from auth.caller import Caller
from auth.claims import hasura_claims
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor
from auth.limits.rate_limits import network_of
from auth.limits.throttling import Attempt
from auth.mail import notices
from auth.postern import Postern
from auth.tokens import SessionClaims
from models import MfaTicket, RefreshToken, User, UserSession
from models.hot_paths import sign_ins, users
from models.hot_paths.sign_ins import NewSession
from models.proofs import Proof
from models.transactions import atomic


@dataclass(frozen=True)
class Session:
    """A user who is signed in, and the tokens that prove it."""

    access_token: str = field(repr=False)
    access_token_expires_in: int
    refresh_token: str = field(repr=False)
    refresh_token_id: UUID
    session_id: UUID
    user: User
    device_token: str | None = field(default=None, repr=False)
    """Stands for the second factor at later sign-ins of this browser."""


@dataclass
class _Claims:
    """What an access token says of a session that was just opened."""

    id: UUID
    methods: list[str]
    authenticated_at: datetime


async def open_session(
    attempt: Attempt,
    user: User,
    methods: tuple[str, ...],
    proof: Proof,
    *,
    ticket: MfaTicket | None = None,
) -> Session | None:
    """Sign the user in, spend the proof and clear the failures; with a ticket, redeem it too.

    Only `auth.admission` and `auth.tickets` may call it: they know which factors this user needs.
    Returns None if the user or the ticket has changed since, the proof was spent in the meantime,
    or the attempt has to wait.
    """
    postern, caller, now = attempt.postern, attempt.caller, attempt.postern.now()
    most, refresh_token = postern.settings.sessions_per_user, tokens.opaque_token()
    session = NewSession(
        id=uuid4(),
        token_id=uuid4(),
        digest=tokens.digest(refresh_token),
        methods=methods,
        expires_at=now + timedelta(seconds=postern.settings.refresh_token_expires_in),
        many=max(0, most - _SIGN_INS_AT_ONCE),
    )
    had_many = await _store(attempt, user, proof, session, ticket, familiar=True)
    if had_many is None:
        async with atomic():
            await users.lock(user.id)  # of several at the same moment, the first one is new
            is_new = await _is_from_elsewhere(caller, user)
            had_many = await _store(attempt, user, proof, session, ticket)
            if had_many is not None and is_new:
                await events.record(postern, caller, EventType.NEW_SIGN_IN, user.id)
                await notices.post(postern, caller, user, EventType.NEW_SIGN_IN)
    if had_many is None:
        return None
    if had_many or most <= _SIGN_INS_AT_ONCE:
        await _displace_oldest(postern, caller, user)
    claims = _Claims(session.id, list(methods), now)
    return handed_out(postern, user, claims, refresh_token, session.token_id)


async def _store(
    attempt: Attempt,
    user: User,
    proof: Proof,
    session: NewSession,
    ticket: MfaTicket | None,
    *,
    familiar: bool = False,
) -> bool | None:
    admission = attempt.admission(user, proof)
    had_many = await sign_ins.open_session(admission, session, ticket=ticket, familiar=familiar)
    if had_many is not None:
        events.log(attempt.postern, attempt.caller, EventType.SIGNED_IN, user.id)
    return had_many


async def _is_from_elsewhere(caller: Caller, user: User) -> bool:
    """Return whether the user is to be told of a sign-in from here.

    That is so unless one of their last sign-ins came from this network with this client. Of an
    account's first sign-in there is nothing to tell.
    """
    seen = await sign_ins.latest_origins(user.id)
    here = (network_of(caller.address), caller.user_agent)
    return bool(seen) and here not in {(network_of(each.address), each.user_agent) for each in seen}


async def reissue(
    postern: Postern, session: UserSession, *, shown: Sequence[str] = (), elevated: bool = False
) -> Session:
    """Issue new tokens for the session, with a random refresh token, and revoke its older ones.

    `shown` are `amr` values of what its user has just shown. Call it in the transaction of every
    change of a credential, so that older refresh tokens stop working. The caller locks the user's
    row first.
    Raises AuthError: UNAUTHENTICATED (the session has ended in the meantime),
    SECOND_FACTOR_REQUIRED (the operator requires one of the user by now).
    """
    stored = await UserSession.get_or_none(id=session.id)
    if stored is None:
        raise AuthError(ErrorCode.UNAUTHENTICATED)
    # As they are now: with the last factor, `mfa` goes.
    session.methods = list(dict.fromkeys([*stored.methods, *shown]))
    used = {"last_used_at": postern.now(), "methods": session.methods}
    await UserSession.filter(id=session.id).update(**used)
    older = RefreshToken.filter(session_id=session.id, revoked_at__isnull=True)
    await older.update(revoked_at=postern.now())
    await session.user.refresh_from_db()  # the change is part of the answer
    if await second_factor.is_due(postern, session.user):
        raise AuthError(ErrorCode.SECOND_FACTOR_REQUIRED)
    return await _hand_out(postern, session, elevated=elevated)


async def _hand_out(postern: Postern, session: UserSession, *, elevated: bool = False) -> Session:
    """Issue new tokens for a session whose user is loaded."""
    refresh_token = tokens.opaque_token()
    stored = await RefreshToken.create(session=session, digest=tokens.digest(refresh_token))
    user = session.user
    return handed_out(postern, user, session, refresh_token, stored.id, elevated=elevated)


async def _displace_oldest(postern: Postern, caller: Caller, user: User) -> None:
    """End the oldest sessions of a user who has too many.

    Sign-ins at the same instant do not see each other's sessions; here they run one after another.
    """
    newest = UserSession.filter(user_id=user.id).order_by("-created_at", "id")
    async with atomic():
        await users.lock(user.id)
        over = await newest.offset(postern.settings.sessions_per_user).values_list("id", flat=True)
        if over:
            await UserSession.filter(id__in=over).delete()
            await events.record(postern, caller, EventType.SESSION_DISPLACED, user.id)


def handed_out(
    postern: Postern,
    user: User,
    session: SessionClaims,
    refresh_token: str,
    refresh_token_id: UUID,
    *,
    elevated: bool = False,
) -> Session:
    """Return the session as its user gets it: with a new access token and this refresh token."""
    expires_in = postern.settings.access_token_expires_in
    hasura = hasura_claims(user, postern.settings.jwt_custom_claims, elevated=elevated)
    access_token = tokens.access_token(
        postern.key_ring,
        user,
        session,
        now=postern.now(),
        expires_in=expires_in,
        hasura=hasura,
    )
    return Session(access_token, expires_in, refresh_token, refresh_token_id, session.id, user)


_SIGN_INS_AT_ONCE = 64
"""How many sign-ins of one user may run at the same instant, in all processes. Whoever has so few
sessions that these fit in too cannot have too many; else the oldest are looked for and ended."""
