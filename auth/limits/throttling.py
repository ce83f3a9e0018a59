"""Throttling of one account: the delay between failed attempts grows, and decays.

NIST SP 800-63B-4, section 3.2.2. An attempt is counted before its outcome has an effect or is told,
since otherwise any number could be made at the same instant; one that succeeds clears the count.
"""

from dataclasses import dataclass, replace
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
from models.hot_paths.throttles import Pace, clear_failures, count_failure
from models.proofs import Proof
from models.throttle import CODES

LONGEST_DELAY = 60 * 60
"""Seconds. NIST's example: "30 seconds up to an hour"."""
DECAY = 60 * 60
"""Seconds after which one failed attempt is forgotten."""
_KNOWN_SIGN_INS, _KNOWN_NETWORKS = 100, 10
"""The latest sign-ins of a user whose addresses are known ones, and how many of those count: each
has a count of failures of its own."""
_NEW_CREDENTIAL = ("FACTOR_ON", "PASSWORD_CHANGED", "PASSWORD_RESET", "PASSWORD_SET")
"""Events after which only those know a user's networks who have shown the new credential."""


@dataclass(frozen=True)
class Attempt:
    """Something that is tried and may be a guess."""

    postern: Postern
    caller: Caller
    subject: str
    """What is tried: `password_of` or `codes_of`."""
    user_id: UUID | None
    """Whose it is; None where there is no such account."""
    key: str
    """Its key in the table `throttles`."""
    counted: bool = False
    """As a failure, already. Otherwise a success makes sure that the attempt is allowed."""

    def admission(self, user: User, proof: Proof) -> Admission:
        """What a success is worth in the database: it clears this count of failures."""
        count = FailureCount(self.key, counted=self.counted)
        return Admission(user, proof, count, self.caller.origin, self.postern.now())

    async def count(self) -> "Attempt":
        """Count it as failed, before it is looked at.

        Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
        """
        counted = await self.count_here() or await self.count_where_known()
        if counted is None:
            raise await self.refused()
        return counted

    async def count_here(self) -> "Attempt | None":
        """Count it as failed, wherever it comes from; None if that is not allowed now."""
        settings, now = self.postern.settings, int(self.postern.now().timestamp())
        if settings.rate_limit_enable and not await count_failure(pace(settings), self.key, now):
            return None
        return replace(self, counted=True)

    async def count_where_known(self) -> "Attempt | None":
        """The same in a network where the user has signed in before, which has its own count.

        So nobody elsewhere can keep the user out. None in other networks.
        """
        return await self.where_known().count_here() if await self.is_where_known() else None

    async def is_where_known(self) -> bool:
        """Whether the user has signed in from this network before."""
        return await _has_signed_in_from(network_of(self.caller.address), self.user_id)

    def where_known(self, *, known: bool = True) -> "Attempt":
        """The same attempt, under the count of the network that it comes from.

        Where the user is not known there, all attempts from the network share one dummy count, so
        that both take as long.
        """
        network = network_of(self.caller.address)
        subject = self.subject if known else "nobody"
        return replace(self, key=tokens.digest(f"{subject} from {network}"))

    async def refused(self, wait: float = 0) -> AuthError:
        """The refusal of an attempt that has to wait, for at least so many seconds; it is counted.

        The attempt was not looked at.
        """
        throttle = await Throttle.get_or_none(key=self.key)
        now = int(self.postern.now().timestamp())
        await Throttle.filter(key=self.key).update(refused=F("refused") + 1)
        wait = max(wait, throttle.allowed_at - now if throttle else 1)
        throttle_log.refused("account", str(self.user_id or self.key), wait)
        return too_many_requests(wait)

    async def failed(self, kind: EventType) -> None:
        """Tell the trail that it failed, count it for the address, and announce a wait."""
        await events.record(self.postern, self.caller, kind, self.user_id)
        await self.announce_wait()
        await self.postern.rate_limits.wait(Limit.GUESSES, self.caller.address)

    async def announce_wait(self) -> None:
        """Tell the trail, once, of the wait that this failure has begun, if it has."""
        now = int(self.postern.now().timestamp())
        begun = Throttle.filter(key=self.key, allowed_at__gt=now, announced_at__lt=F("allowed_at"))
        if await begun.update(announced_at=F("allowed_at")):
            held_back = EventType.ATTEMPTS_HELD_BACK
            await events.record(self.postern, self.caller, held_back, self.user_id)

    async def succeed(self) -> bool:
        """Clear the count if the attempt is allowed now, or was counted before; whether it is.

        For a success that opens nothing, in place of the atomic change of one that does.
        """
        now = int(self.postern.now().timestamp())
        return await clear_failures(self.key, now, counted=self.counted)

    async def undo(self) -> None:
        """Take one failure off the count: the attempt could not be looked at.

        A wait that it began is over; the count decays from now on.
        """
        counted = Throttle.filter(key=self.key, failures__gt=0)
        await counted.update(failures=F("failures") - 1, allowed_at=0)

    async def forget(self) -> None:
        """Clear the count after a success: fits into the atomic change that the attempt allows."""
        await Throttle.filter(key=self.key).delete()


async def try_password(postern: Postern, caller: Caller, user: User) -> Attempt:
    """Begin to try a password of a user who is signed in; it is counted as failed.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`; nothing is counted while the server is
    too busy to look at passwords.
    """
    postern.passwords.refuse_when_busy()
    return await begun(postern, caller, password_of(user.email), user.id).count()


async def try_code(postern: Postern, caller: Caller, user: User) -> Attempt:
    """Begin to try a one-time code or a recovery code of a user who is signed in; it is counted.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
    """
    return await begun(postern, caller, codes_of(user.id), user.id).count()


def begun(postern: Postern, caller: Caller, subject: str, user_id: UUID | None) -> Attempt:
    """An attempt that is not counted yet."""
    uncounted = postern.settings.rate_limit_enable
    return Attempt(postern, caller, subject, user_id, key_of(subject), counted=not uncounted)


def password_of(address: str) -> str:
    """What is tried, and counted: the password of whoever has this address, if anybody."""
    return f"password of {address}"


def codes_of(user_id: UUID) -> str:
    """What is tried, and counted: the codes of this user, of either kind."""
    return f"{CODES}{user_id}"


def key_of(subject: str) -> str:
    """The key in the table `throttles`; digested, so that the table reveals no address."""
    return subject if subject.startswith(CODES) else tokens.digest(subject)


NOBODY = UUID(int=0)
"""The id of no user: looking for it takes as long as looking for a user's."""


async def failed(postern: Postern, caller: Caller) -> None:
    """Count a guess at something too random to be guessed: for its address alone.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
    """
    await postern.rate_limits.spend(Limit.GUESSES, caller.address)


def delays(free: int, interval: int) -> list[int]:
    """Seconds to wait after the failed attempt number `free`, the one after it, …; the last stays.

    Up to there nobody waits. Then the pace is that of `free` attempts in `interval` seconds at
    first; each wait is twice the one before, up to an hour.
    """
    growing = [min(LONGEST_DELAY, max(1, interval // free))]
    while growing[-1] < LONGEST_DELAY:
        growing.append(min(LONGEST_DELAY, growing[-1] * 2))
    return growing


def pace(settings: Settings) -> Pace:
    """How failures slow down what follows, as the operator has chosen."""
    free = settings.rate_limit_brute_force_burst
    waits = tuple(delays(free, settings.rate_limit_brute_force_interval))
    return Pace(free, waits, DECAY)


def all_forgotten(settings: Settings) -> int:
    """Seconds after which nothing is left to count of whatever failed."""
    chosen = pace(settings)
    return DECAY * (chosen.free + len(chosen.waits))


async def _has_signed_in_from(network: str, user_id: UUID | None) -> bool:
    """Whether the network is known: of the latest sign-ins with the credentials of today.

    Who changed one of them did so from a network that is known, too.
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
