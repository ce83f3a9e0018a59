"""The way in with an address and a secret that could be guessed: counted, looked at, admitted.

Whatever the secret is (a password, a code in a mail), this is the one path for it. A refusal costs
the same work whether or not there is such an account.
"""

from typing import Protocol

from auth import admission, email_addresses, events
from auth.admission import MfaTicket, Proven
from auth.caller import Caller
from auth.errors import AuthError
from auth.events import EventType
from auth.limits import throttling
from auth.limits.rate_limits import Limit
from auth.limits.throttling import Attempt
from auth.postern import Postern
from auth.sessions.opening import Session
from models import User
from models.hot_paths import users
from models.proofs import Proof


class Secret(Protocol):
    """What somebody sends to prove that an account is theirs."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The `amr` values (RFC 8176) that it adds to a session."""

    def subject(self, address: str) -> str:
        """What is tried, as `auth.limits.throttling` counts it."""

    def wrong(self) -> AuthError:
        """The refusal of a wrong one, the same where there is no such account."""

    async def check(self, user: User | None) -> Proof | None:
        """What it proves, if anything, after the same work for everybody.

        Raises AuthError: TOO_MANY_REQUESTS.
        """

    async def pretend(self) -> None:
        """Take as long as `check`, with less urgency."""


async def sign_in(
    postern: Postern, caller: Caller, email: str, secret: Secret
) -> Session | MfaTicket:
    """A session for the right secret, or a ticket where the user has a second factor.

    Raises AuthError: what is `wrong` for this secret; DISABLED_USER, UNVERIFIED_USER,
    DISABLED_ENDPOINT (the user has a factor and the operator has switched factors off), all told
    only to whoever knows the secret; TOO_MANY_REQUESTS.
    """
    found, attempt, allowed = await _look_up(postern, caller, email, secret)
    wait = await _spend_for_address(attempt)
    if wait or not allowed:
        return await _held_back(attempt, found, secret, wait)
    proof = await secret.check(found)
    if not found or not proof:
        return await _wrong(attempt, found, secret)
    await _refuse_kept_out(attempt, found)
    # A right secret is one conditional statement on the count that wrong ones raise: of many at
    # the same instant, no more have an effect than if each had been counted before the check.
    answer = await admission.admit(Proven(found, secret.methods, proof, attempt))
    if answer is None:
        counted = await attempt.count_here()
        if counted is None:  # the wait began during the check
            return await _held_back(attempt, found, secret)
        answer = await admission.admit(Proven(found, secret.methods, proof, counted))
    if answer is None:  # the account changed during the check
        await events.record(postern, caller, EventType.SIGN_IN_FAILED, found.id)
        raise secret.wrong()
    await _give_back_for_address(attempt)
    return answer


async def _look_up(
    postern: Postern, caller: Caller, email: str, secret: Secret
) -> tuple[User | None, Attempt, bool]:
    """Whose address it is, if anybody's; the attempt, not counted; and whether it is allowed."""
    address = email_addresses.normalise(email)
    subject = secret.subject(address or email)
    found, allowed = await users.find_by_address(
        address,
        throttle=throttling.key_of(subject),
        seconds=int(postern.now().timestamp()),
    )
    attempt = throttling.begun(postern, caller, subject, found.id if found else None)
    return found, attempt, allowed or attempt.counted


async def _spend_for_address(attempt: Attempt) -> float:
    """Count the attempt for its network; the seconds to wait where that is one too many, else 0.

    Beyond the limit at one account, attempts do not count towards the network's total. Once the
    total is used up no account is counted any more: an attacker can invent any number of them.
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


async def _wrong(attempt: Attempt, found: User | None, secret: Secret) -> Session | MfaTicket:
    """Raises AuthError: what is `wrong`; what `_held_back` does if a wait has begun."""
    counted = await attempt.count_here()
    if counted is None:
        await attempt.count_here()  # as many statements as for a right one
        return await _held_back(attempt, found, secret)
    await events.record(attempt.postern, attempt.caller, EventType.SIGN_IN_FAILED, attempt.user_id)
    await counted.announce_wait()
    raise secret.wrong()


async def _held_back(
    attempt: Attempt, found: User | None, secret: Secret, wait: float = 0
) -> Session | MfaTicket:
    """Sign in while the account or the network has to wait, where the user has signed in before.

    So no stranger keeps them out. Each network has a count of its own for each account. Everybody
    else is told to wait, after the same work, which is only done while nobody waits for a hash.
    Raises AuthError: TOO_MANY_REQUESTS; DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT.
    """
    refusal = await attempt.refused(wait)
    known = await attempt.is_where_known()
    counted = await attempt.where_known(known=known).count_here()
    if not (found and known and counted):
        await secret.pretend()
        raise refusal
    proof = await secret.check(found)
    if not proof:
        raise refusal
    await _refuse_kept_out(counted, found, spent=not wait)
    answer = await admission.admit(Proven(found, secret.methods, proof, counted))
    if answer is None:
        raise refusal
    if not wait:
        await _give_back_for_address(attempt)
    return answer


async def _refuse_kept_out(attempt: Attempt, user: User, *, spent: bool = True) -> None:
    """Raises AuthError for a user who may not sign in though the secret is right.

    `spent` says whether the attempt was counted for its network: only then is it given back.
    """
    postern = attempt.postern
    reason = admission.kept_out(postern, user)
    if reason is None:
        return
    if not postern.settings.conceal_errors:
        # As for a session: what a right secret tells is one conditional statement on the count.
        if not await attempt.succeed() and await attempt.count_here() is None:
            raise await attempt.refused()
        if spent:
            await _give_back_for_address(attempt)
    elif not attempt.counted and await attempt.count_here() is None:
        raise await attempt.refused()  # concealed, it counts like a wrong one
    await events.record(postern, attempt.caller, EventType.SIGN_IN_FAILED, user.id)
    raise AuthError(reason, tells_of_account=True)
