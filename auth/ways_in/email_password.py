"""Flow: e-mail address and password -> Session | MfaTicket."""

from contextlib import suppress

from auth import admission, email_addresses, events, passwords
from auth.admission import MfaTicket, Proven
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.limits import throttling
from auth.limits.rate_limits import Limit
from auth.limits.throttling import Attempt
from auth.passwords import Match
from auth.postern import Postern
from auth.sessions.opening import Session
from models import User, proofs
from models.hot_paths import users


async def sign_in_email_password(
    postern: Postern, caller: Caller, email: str, password: str
) -> Session | MfaTicket:
    """A session for the right password, or a ticket where the user has a second factor.

    Raises AuthError: INVALID_EMAIL_PASSWORD (after the same work, account or none),
    DISABLED_USER, UNVERIFIED_USER (told only to whoever knows the password), DISABLED_ENDPOINT
    (the user has a factor and the operator has switched factors off), INVALID_REQUEST,
    TOO_MANY_REQUESTS.
    """
    passwords.refuse_oversized(password)
    postern.passwords.refuse_when_busy()
    found, attempt, allowed = await _look_up(postern, caller, email)
    wait = await _spend_for_address(attempt)
    if wait or not allowed:
        return await _held_back(attempt, found, password, wait)
    match = await postern.passwords.verify(found.password_hash if found else None, password)
    if not found or not match:
        return await _wrong(attempt, found, password)
    await _refuse_kept_out(attempt, found)
    # A right password is one conditional statement on the count that wrong ones raise: of many at
    # the same instant, no more have an effect than if each had been counted before it was hashed.
    answer = await _admit(attempt, found)
    if answer is None:
        counted = await attempt.count_here()
        if counted is None:  # the wait began while the password was hashed
            return await _held_back(attempt, found, password)
        answer = await _admit(counted, found)
    if answer is None:  # the account changed while the password was hashed
        await events.record(postern, caller, EventType.SIGN_IN_FAILED, found.id)
        raise AuthError(ErrorCode.INVALID_EMAIL_PASSWORD)
    await _give_back_for_address(attempt)
    if match is Match.OUTDATED:
        await _hash_anew(postern, found, password)
    return answer


async def _look_up(
    postern: Postern, caller: Caller, email: str
) -> tuple[User | None, Attempt, bool]:
    """Whose address it is, if anybody's; the attempt, not counted; and whether it is allowed."""
    address = email_addresses.normalise(email)
    subject = throttling.password_of(address or email)
    found, allowed = await users.find_by_address(
        address,
        throttle=throttling.key_of(subject),
        seconds=int(postern.now().timestamp()),
    )
    attempt = throttling.begun(postern, caller, subject, found.id if found else None)
    return found, attempt, allowed or attempt.counted


async def _spend_for_address(attempt: Attempt) -> float:
    """Count the attempt for its address; the seconds to wait where that is one too many, else 0.

    What an address tries at one account beyond its limit is not counted against its whole. Once
    that is used up no accounts are counted any more: an attacker can invent any number of them.
    """
    limits, address = attempt.postern.rate_limits, attempt.caller.address
    return (
        await limits.look(Limit.GUESSES, address)
        or await limits.wait(Limit.GUESSES_AT_ACCOUNT, address, attempt.key)
        or await limits.wait(Limit.GUESSES, address)
    )


async def _give_back_for_address(attempt: Attempt) -> None:
    limits, address = attempt.postern.rate_limits, attempt.caller.address
    await limits.give_back(Limit.GUESSES_AT_ACCOUNT, address, attempt.key)
    await limits.give_back(Limit.GUESSES, address)


async def _wrong(attempt: Attempt, found: User | None, password: str) -> Session | MfaTicket:
    """Raises AuthError: INVALID_EMAIL_PASSWORD; what `_held_back` does if a wait has begun."""
    counted = await attempt.count_here()
    if counted is None:
        await attempt.count_here()  # as many statements as for a right one
        return await _held_back(attempt, found, password)
    await events.record(attempt.postern, attempt.caller, EventType.SIGN_IN_FAILED, attempt.user_id)
    await counted.announce_wait()
    raise AuthError(ErrorCode.INVALID_EMAIL_PASSWORD)


async def _held_back(
    attempt: Attempt, found: User | None, password: str, wait: float = 0
) -> Session | MfaTicket:
    """Sign in during a wait of the account or of the address, from where the user is known.

    So no stranger keeps them out. The network has a count of its own for each account. Everybody
    else is told to wait, after the same work, which is only done while nobody waits for a hash.
    Raises AuthError: TOO_MANY_REQUESTS; DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT.
    """
    refusal = await attempt.refused(wait)
    known = await attempt.is_where_known()
    counted = await attempt.where_known(known=known).count_here()
    if not (found and known and counted):
        await attempt.postern.passwords.pretend(password)
        raise refusal
    match = await attempt.postern.passwords.verify(found.password_hash, password)
    if not match:
        raise refusal
    await _refuse_kept_out(counted, found, spent=not wait)
    answer = await _admit(counted, found)
    if answer is None:
        raise refusal
    if not wait:
        await _give_back_for_address(attempt)
    return answer


async def _refuse_kept_out(attempt: Attempt, user: User, *, spent: bool = True) -> None:
    """Raises AuthError for a user who may not sign in though the password is right.

    `spent` says whether the attempt was counted for its address: only then is it given back.
    """
    postern = attempt.postern
    reason = admission.kept_out(postern, user)
    if reason is None:
        return
    if not postern.settings.conceal_errors:
        # As for a session: what a right password tells is one conditional statement on the count.
        if not await attempt.succeed() and await attempt.count_here() is None:
            raise await attempt.refused()
        if spent:
            await _give_back_for_address(attempt)
    elif not attempt.counted and await attempt.count_here() is None:
        raise await attempt.refused()  # concealed, it counts like a wrong one
    await events.record(postern, attempt.caller, EventType.SIGN_IN_FAILED, user.id)
    raise AuthError(reason, tells_of_account=True)


async def _admit(attempt: Attempt, user: User) -> Session | MfaTicket | None:
    """What the right password is good for, if the user is still as they were found."""
    return await admission.admit(
        Proven(user, passwords.AMR, proofs.password_unchanged(user), attempt)
    )


async def _hash_anew(postern: Postern, user: User, password: str) -> None:
    """Store the hash in the form in force; if the server is too busy, at another sign-in."""
    with suppress(AuthError):
        fresh = await postern.passwords.hash(password)
        same = User.filter(id=user.id, password_hash=user.password_hash)
        await same.update(password_hash=fresh)
