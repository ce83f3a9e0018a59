"""Sign-in with an address and a guessable secret: count the attempt, check it, admit the user.

All such secrets (a password, a code in a mail) take this one path. A refusal costs the same work
whether or not the account exists.
"""

from dataclasses import replace
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
from models import TrustedDevice, User
from models.hot_paths import users
from models.proofs import Proof


class Secret(Protocol):
    """What somebody sends to prove that an account is theirs."""

    def subject(self, address: str) -> str:
        """Return the subject under which `auth.limits.throttling` counts attempts."""

    def wrong(self) -> AuthError:
        """Return the refusal of a wrong secret; it is the same if there is no such account."""

    @property
    def claims(self) -> bool:
        """Whether the secret that was just checked is the first proof of the user's address."""

    async def check(self, user: User | None) -> Proof | None:
        """Return what the secret proves, or None. The work is the same with and without a user.

        `user` becomes what spending the proof makes of it.

        Raises AuthError: TOO_MANY_REQUESTS.
        """

    async def device(self, user: User | None) -> TrustedDevice | None:
        """Return the trusted browser of the user that the secret came from, if it is one."""

    async def pretend(self) -> None:
        """Take as long as `check`, but do no work while other jobs wait."""


async def sign_in(
    postern: Postern, caller: Caller, email: str, secret: Secret
) -> Session | MfaTicket:
    """Exchange a right secret for a session, or for a ticket if the user has a second factor.

    Raises AuthError: the secret's `wrong`; DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT (the
    user has a factor and the operator has switched factors off), all three only if the secret is
    right; TOO_MANY_REQUESTS.
    """
    found, attempt, allowed = await _look_up(postern, caller, email, secret)
    wait = await _spend_for_address(attempt)
    if wait or not allowed:
        return await _held_back(attempt, found, secret, wait)
    proof = await secret.check(found)
    if not found or not proof:
        return await _wrong(attempt, found, secret)
    await _refuse_kept_out(attempt, found)
    # Admitting is one conditional statement on the failure count. So of many attempts at the same
    # instant, no more have an effect than if each had been counted before the check.
    answer = await admission.admit(_proven(found, secret, proof, attempt))
    if answer is None:
        counted = await attempt.count_here()
        if counted is None:  # the wait began during the check
            return await _held_back(attempt, found, secret)
        answer = await admission.admit(_proven(found, secret, proof, counted))
        if answer is None:  # the account changed during the check; its hash perhaps, and no more
            answer = await _check_again(counted, found, secret)
    if answer is None:
        await events.record(postern, caller, EventType.SIGN_IN_FAILED, found.id)
        raise secret.wrong()
    await _give_back_for_address(attempt)
    return answer


def _proven(user: User, secret: Secret, proof: Proof, attempt: Attempt) -> Proven:
    return Proven(user, proof, attempt, claims=secret.claims)


async def _check_again(counted: Attempt, found: User, secret: Secret) -> Session | MfaTicket | None:
    """Check the secret against what is stored now, if the account is otherwise as it was.

    Another sign-in may have stored the same password's hash in its newer form.
    """
    factor = found.has_second_factor
    now = await User.get_or_none(id=found.id, disabled=False, has_second_factor=factor)
    proof = await secret.check(now) if now else None
    if not now or not proof:
        return None
    return await admission.admit(_proven(now, secret, proof, counted))


async def _look_up(
    postern: Postern, caller: Caller, email: str, secret: Secret
) -> tuple[User | None, Attempt, bool]:
    """Return the address's user, if any; the attempt, uncounted; and whether it is allowed."""
    address = email_addresses.normalise(email)
    subject = secret.subject(address or email)
    found, allowed = await users.find_by_address(
        address,
        throttle=throttling.key_of(subject),
        seconds=int(postern.now().timestamp()),
    )
    attempt = throttling.begun(postern, caller, subject, found.id if found else None)
    device = await secret.device(found)
    if device:
        attempt = replace(attempt, device=device.id)
    return found, attempt, allowed or attempt.counted


async def _spend_for_address(attempt: Attempt) -> float:
    """Count the attempt for its network; return the seconds to wait if it exceeds a limit, else 0.

    Attempts beyond the limit for one account do not count towards the network's total. Beyond the
    total, nothing is counted for accounts, since an attacker can invent any number of them.
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
    """Count the failure and raise the secret's `wrong`; or `_held_back`, if a wait has begun."""
    counted = await attempt.count_here()
    if counted is None:
        await attempt.count_here()  # as many statements as for a right secret
        return await _held_back(attempt, found, secret)
    await events.record(attempt.postern, attempt.caller, EventType.SIGN_IN_FAILED, attempt.user_id)
    await counted.announce_wait()
    raise secret.wrong()


async def _held_back(
    attempt: Attempt, found: User | None, secret: Secret, wait: float = 0
) -> Session | MfaTicket:
    """Handle an attempt that has to wait: it is still checked if it comes from a known network.

    So a stranger cannot lock the user out. Each network has its own count for each account. All
    other attempts are refused after the same time; `Secret.pretend` works only while a thread is
    idle.
    Raises AuthError: TOO_MANY_REQUESTS; DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT.
    """
    refusal = await attempt.refused(wait)
    known = await attempt.is_where_known()
    counted = await attempt.where_known(known=known).count_here()
    if not (found and known and counted):
        await secret.pretend()
        raise refusal
    proof = await secret.check(found)
    concealed = attempt.postern.settings.conceal_errors
    if not proof or (concealed and admission.kept_out(attempt.postern, found)):
        raise refusal
    await _refuse_kept_out(counted, found, spent=not wait)
    answer = await admission.admit(_proven(found, secret, proof, counted))
    if answer is None:
        raise refusal
    if not wait:
        await _give_back_for_address(attempt)
    return answer


async def _refuse_kept_out(attempt: Attempt, user: User, *, spent: bool = True) -> None:
    """Raise AuthError if the user may not sign in even with the right secret.

    `spent` says whether the attempt was counted for its network; only then is it given back.
    """
    postern = attempt.postern
    reason = admission.kept_out(postern, user)
    if reason is None:
        return
    if not postern.settings.conceal_errors:
        # As for a session, telling that the secret is right takes one conditional statement.
        if not await attempt.succeed() and await attempt.count_here() is None:
            raise await attempt.refused()
        if spent:
            await _give_back_for_address(attempt)
        await events.record(postern, attempt.caller, EventType.SIGN_IN_FAILED, user.id)
    else:  # it counts like a wrong one, and leaves the same trace
        counted = await attempt.count_here()
        if counted is None:
            raise await attempt.refused()
        await events.record(postern, attempt.caller, EventType.SIGN_IN_FAILED, user.id)
        await counted.announce_wait()
    raise AuthError(reason, tells_of_account=True)
