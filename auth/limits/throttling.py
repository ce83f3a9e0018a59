"""Throttling of one account: the delay between failed attempts grows, and decays.

NIST SP 800-63B-4, section 3.2.2. An attempt is counted before its outcome has an effect or is told.
Otherwise any number of attempts could be made at the same instant. A success clears the count.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from tortoise.expressions import F

from auth import events, tokens
from auth.caller import Caller
from auth.errors import AuthError
from auth.events import EventType
from auth.limits.rate_limits import Limit, network_of, too_many_requests
from auth.limits.throttle_log import throttle_log
from auth.postern import Postern
from config import Settings
from models import SecurityEvent, Throttle, User
from models.hot_paths.sign_ins import Admission, FailureCount
from models.hot_paths.throttles import Pace, clear_failures, count_failure, uncount_failure
from models.proofs import Proof
from models.throttle import CODES

LONGEST_DELAY = 60 * 60
"""Seconds. NIST's example: "30 seconds up to an hour"."""
DECAY = 60 * 60
"""Seconds after which one failed attempt is forgotten."""
_KNOWN_SIGN_INS, _KNOWN_NETWORKS = 100, 10
"""A user's known networks: those of the last 100 sign-ins, at most 10. Each network has a failure
count of its own."""
_NEW_CREDENTIAL = (
    "FACTOR_ON", "PASSKEY_ADDED", "PASSWORD_CHANGED", "PASSWORD_RESET", "PASSWORD_SET",
    "PASSWORD_REMOVED", "EMAIL_CHANGE_UNDONE",
)  # fmt: skip
"""Events that reset the known networks: networks of earlier sign-ins are no longer known."""


@dataclass(frozen=True)
class Attempt:
    """An attempt to authenticate, which may be a guess."""

    postern: Postern
    caller: Caller
    subject: str
    """What is tried: what `password_of`, `mailed_codes_of`, `passkeys_of` or `codes_of` returns."""
    user_id: UUID | None
    """The account's user; None if there is no such account."""
    key: str
    """The key in the table `throttles`."""
    device: UUID | None = None
    """The trusted browser that it comes from: a known place, whatever its network."""
    counted: bool = False
    """Whether it is already counted as failed. If not, a success checks that it is allowed."""
    waits_until: int | None = None
    """When the wait that it began is over, in seconds since 1970; 0 if it began none; None if that
    is not known."""

    def admission(self, user: User, proof: Proof) -> Admission:
        """Return what the database needs to admit the user and to clear this failure count."""
        count = FailureCount(self.key, counted=self.counted)
        return Admission(user, proof, count, self.caller.origin, self.postern.now())

    async def count(self) -> "Attempt":
        """Count it as failed, before it is checked.

        Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
        """
        counted = await self.count_here() or await self.count_where_known()
        if counted is None:
            raise await self.refused()
        return counted

    async def count_here(self) -> "Attempt | None":
        """Count it as failed, under the count for all networks; None if it has to wait."""
        settings, now = self.postern.settings, int(self.postern.now().timestamp())
        if not settings.rate_limit_enable:
            return replace(self, counted=True)
        waits_until = await count_failure(pace(settings), self.key, now)
        return None if waits_until is None else replace(self, counted=True, waits_until=waits_until)

    async def count_where_known(self) -> "Attempt | None":
        """Count it as failed, under the count of a known network; None in unknown networks.

        Each known network has its own count, so that attackers elsewhere cannot lock the user out.
        Returns None if the attempt has to wait here too.
        """
        return await self.where_known().count_here() if await self.is_where_known() else None

    async def is_where_known(self) -> bool:
        """Return whether the user has signed in from this network before."""
        if self.device:
            return True
        return await _has_signed_in_from(network_of(self.caller.address), self.user_id)

    def where_known(self, *, known: bool = True) -> "Attempt":
        """Return the same attempt, under the count of the network that it comes from.

        If the network is not known, its attempts share one dummy count, so that both cases take the
        same time.
        """
        network = f"device {self.device}" if self.device else network_of(self.caller.address)
        subject = self.subject if known else "nobody"
        # The network first: a subject is whatever somebody sends, and must not read like another.
        return replace(self, key=tokens.digest(f"from {network}: {subject}"))

    async def refused(self, wait: float = 0) -> AuthError:
        """Return the refusal of an attempt that has to wait, for at least `wait` seconds.

        The attempt was not checked. It adds one to the count of refused attempts.
        """
        throttle = await Throttle.get_or_none(key=self.key)
        now = int(self.postern.now().timestamp())
        await Throttle.filter(key=self.key).update(refused=F("refused") + 1)
        wait = max(wait, throttle.allowed_at - now if throttle else 1)
        throttle_log.refused("account", str(self.user_id or self.key), wait)
        return too_many_requests(wait)

    async def failed(self, kind: EventType) -> None:
        """Record the failure's event, announce a wait, and count the failure for the address."""
        await events.record(self.postern, self.caller, kind, self.user_id)
        await self.announce_wait()
        await self.postern.rate_limits.wait(Limit.GUESSES, self.caller.address)

    async def announce_wait(self) -> None:
        """If this failure has begun a wait, record an event about it, once."""
        now = int(self.postern.now().timestamp())
        begun = Throttle.filter(key=self.key, allowed_at__gt=now, announced_at__lt=F("allowed_at"))
        if await begun.update(announced_at=F("allowed_at")):
            held_back = EventType.ATTEMPTS_HELD_BACK
            await events.record(self.postern, self.caller, held_back, self.user_id)

    async def succeed(self) -> bool:
        """Clear the count if the attempt is allowed now or was counted before; return whether so.

        For a success that opens no session. Otherwise the change that opens the session does this.
        """
        now = int(self.postern.now().timestamp())
        return await clear_failures(self.key, now, counted=self.counted)

    async def undo(self) -> None:
        """Take one failure off the count, since the attempt failed for no fault of its answer.

        The wait that it began ends; the count decays from now on.
        """
        await uncount_failure(self.key, self.waits_until)

    async def forget(self) -> None:
        """Clear the count after a success, in the transaction that the attempt allows."""
        await Throttle.filter(key=self.key).delete()


def keys_of(user: User) -> dict[str, str]:
    """Return the keys of a user's failure counts, by what is tried."""
    return {
        "password": key_of(password_of(user.email)),
        "code": key_of(codes_of(user.id)),
        "mailed code": key_of(mailed_codes_of(user.email)),
    }


async def try_password(postern: Postern, caller: Caller, user: User) -> Attempt:
    """Begin an attempt at the password of a signed-in user; it is counted as failed.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`; nothing is counted if the server is too
    busy to check passwords.
    """
    postern.passwords.refuse_when_busy()
    return await begun(postern, caller, password_of(user.email), user.id).count()


async def try_code(postern: Postern, caller: Caller, user: User) -> Attempt:
    """Begin an attempt at a one-time or recovery code of a signed-in user; it is counted as failed.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
    """
    return await begun(postern, caller, codes_of(user.id), user.id).count()


def begun(postern: Postern, caller: Caller, subject: str, user_id: UUID | None) -> Attempt:
    """Begin an attempt that is not counted yet. With rate limits off, it passes as counted."""
    uncounted = postern.settings.rate_limit_enable
    return Attempt(postern, caller, subject, user_id, key_of(subject), counted=not uncounted)


def password_of(address: str) -> str:
    """Return the subject of password attempts on this address, whether or not it has an account."""
    return f"password of {address}"


def mailed_codes_of(address: str) -> str:
    """Return the subject of attempts at codes sent to this address, whether or not any was sent."""
    return f"mailed code of {address}"


def passkeys_of(user_id: UUID) -> str:
    """Return the subject of sign-ins with this user's passkeys; they are no guesses."""
    return f"passkeys of {user_id}"


def codes_of(user_id: UUID) -> str:
    """Return the subject of attempts at this user's codes, one-time and recovery codes alike."""
    return f"{CODES}{user_id}"


def key_of(subject: str) -> str:
    """Return a subject's key in the table `throttles`; digested, so that it reveals no address."""
    return subject if subject.startswith(CODES) else tokens.digest(subject)


NOBODY = UUID(int=0)
"""An id that no user has: looking it up takes as long as looking up a user's."""


async def failed(postern: Postern, caller: Caller) -> None:
    """Count a wrong random token: for the caller's address only, since it cannot be guessed.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
    """
    await postern.rate_limits.spend(Limit.GUESSES, caller.address)


@lru_cache
def delays(free: int, interval: int) -> tuple[int, ...]:
    """Return the seconds to wait after failed attempt number `free`, the next one, and so on.

    Earlier attempts need no wait. The first wait gives a pace of `free` attempts in `interval`
    seconds; each further wait is twice as long, up to an hour. The last value repeats.
    """
    growing = [min(LONGEST_DELAY, max(1, interval // free))]
    while growing[-1] < LONGEST_DELAY:
        growing.append(min(LONGEST_DELAY, growing[-1] * 2))
    return tuple(growing)


def pace(settings: Settings) -> Pace:
    """Return how failures slow down further attempts, by the operator's settings."""
    free = settings.rate_limit_brute_force_burst
    waits = delays(free, settings.rate_limit_brute_force_interval)
    return Pace(free, waits, DECAY)


def all_forgotten(settings: Settings) -> int:
    """Return the seconds after which any number of failures has decayed to none."""
    chosen = pace(settings)
    return DECAY * (chosen.free + len(chosen.waits))


async def _has_signed_in_from(network: str, user_id: UUID | None) -> bool:
    """Return whether the user has signed in from the network with the current credentials.

    A network from which a credential was changed counts too.
    """
    trail = SecurityEvent.filter(user_id=user_id or NOBODY).order_by("-id")
    kinds = (EventType.SIGNED_IN.name, *_NEW_CREDENTIAL)
    found = trail.filter(type__in=kinds).limit(_KNOWN_SIGN_INS)
    known: set[str] = set()
    for kind, address in await found.values_list("type", "address"):
        known.add(network_of(address))
        if kind in _NEW_CREDENTIAL or len(known) >= _KNOWN_NETWORKS:
            break
    return network in known - {network_of(None)}
