"""Throttling of one account: the delay between failed attempts grows, and decays.

NIST SP 800-63B-4, section 3.2.2. An attempt is counted before its outcome has an effect or is told,
since otherwise any number could be made at the same instant; one that succeeds is forgotten, and
those before it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from tortoise import connections

from auth import tokens
from auth.caller import Caller
from auth.events import EventType
from auth.postern import Postern
from auth.rate_limits import Limit, network_of, too_many_requests
from auth.throttle_log import throttle_log
from config import Settings
from models import SecurityEvent, Throttle, User

LONGEST_DELAY = 60 * 60
"""Seconds. NIST's example: "30 seconds up to an hour"."""
DECAY = 60 * 60
"""Seconds after which one failed attempt is forgotten."""
_KNOWN_SIGN_INS = 100
"""The latest sign-ins of a user whose addresses are known ones."""


@dataclass(frozen=True)
class Attempt:
    """Something that is tried and may be a guess."""

    postern: Postern
    caller: Caller
    subject: str
    """What is tried: `password_of` or `codes_of`."""
    user_id: UUID
    """Whose it is; of nobody where there is no such account."""
    key: str
    """Under what it is counted."""
    counted: bool = False
    """As a failure, already. Else a success has to make sure that it is allowed (`NO_FAILURE`)."""

    async def count(self) -> "Attempt":
        """Count it as failed, before it is looked at. The address has been asked already.

        Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
        """
        if await self.count_here():
            return replace(self, counted=True)
        # Under attack from elsewhere: where the user has signed in before, another count is kept.
        network, key = network_of(self.caller.address), self.key
        if await _has_signed_in_from(network, self.user_id):
            key = tokens.digest(f"{self.subject} from {network}")
            if await _counted(self.postern, key):
                return replace(self, key=key, counted=True)
        throttle = await Throttle.get_or_none(key=key)
        now = int(self.postern.now().timestamp())
        wait = throttle.allowed_at - now if throttle else 1
        throttle_log.refused("account", str(self.user_id), wait)
        raise too_many_requests(wait)

    async def count_here(self) -> bool:
        """Count it as failed, wherever it comes from; False if that is not allowed now."""
        enabled = self.postern.settings.rate_limit_enable
        return not enabled or await _counted(self.postern, self.key)

    async def succeeded(self) -> None:
        """It was none: forget it, and the failures before it."""
        await self.forget()
        await self.give_back()

    async def forget(self) -> None:
        """Of the two halves of a success, the database's: it fits into a transaction."""
        await Throttle.filter(key=self.key).delete()

    async def give_back(self) -> None:
        """The other half, the address's: for after the transaction."""
        await self.postern.rate_limits.give_back(Limit.GUESSES, self.caller.address)


async def try_password(postern: Postern, caller: Caller, user: User) -> Attempt:
    """Begin to try a password of this user.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`; nothing is counted while the server is
    too busy to look at passwords.
    """
    postern.passwords.refuse_when_busy()
    await postern.rate_limits.spend(Limit.GUESSES, caller.address)
    return await begun(postern, caller, password_of(user.email), user.id).count()


async def try_code(postern: Postern, caller: Caller, user: User) -> Attempt:
    """Begin to try a one-time code or a recovery code of this user.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
    """
    await postern.rate_limits.spend(Limit.GUESSES, caller.address)
    return await begun(postern, caller, codes_of(user.id), user.id).count()


def begun(postern: Postern, caller: Caller, subject: str, user_id: UUID) -> Attempt:
    """An attempt that is not counted yet."""
    return Attempt(postern, caller, subject, user_id, key_of(subject))


def password_of(address: str) -> str:
    """What is tried, and counted: the password of whoever has this address, if anybody."""
    return f"password of {address}"


def codes_of(user_id: UUID) -> str:
    """What is tried, and counted: the codes of this user, of either kind."""
    return f"{_CODES}{user_id}"


def key_of(subject: str) -> str:
    """Under what it is counted.

    Who has an address here is not to be read from the counts; a user's id tells nothing.
    """
    return subject if subject.startswith(_CODES) else tokens.digest(subject)


_CODES = "code of "
_ALLOWED = "NOT EXISTS (SELECT 1 FROM throttles WHERE key = {key} AND allowed_at > :seconds)"
PASSWORD_ALLOWED = _ALLOWED.format(key=":throttle")
"""A question of a `Read`: an attempt at what has this key is allowed now."""
CODE_ALLOWED = _ALLOWED.format(key=f"'{_CODES}' || CAST(users.id AS TEXT)")
"""A condition of a `Read`: an attempt at a code of the user is allowed now."""
NO_FAILURE = """
    INSERT INTO throttles (key, failures, failed_at, allowed_at)
    SELECT :throttle, 0, :seconds, 0 WHERE {so_far}
    ON CONFLICT (key) DO UPDATE SET failures = 0, allowed_at = 0
    WHERE throttles.allowed_at <= :seconds OR :counted
    RETURNING key
"""
"""A step of a `Change`: an attempt that succeeds, if one is allowed now or it was counted before.

It writes a row though there is nothing to count, so that it waits for the attempts that fail at the
same moment, or they for it.
"""


async def failed(postern: Postern, caller: Caller) -> None:
    """Count a guess at something too random to be guessed: for its address alone.

    Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`.
    """
    await postern.rate_limits.spend(Limit.GUESSES, caller.address)


def delays(free: int, interval: int) -> list[int]:
    """Seconds to wait after the failed attempt number `free`, the one after it, …; the last stays.

    Up to there nobody waits. Then the pace is that of `free` attempts in `interval` seconds at
    first, and half of it each time, down to one an hour.
    """
    growing = [min(LONGEST_DELAY, max(1, interval // free))]
    while growing[-1] < LONGEST_DELAY:
        growing.append(min(LONGEST_DELAY, growing[-1] * 2))
    return growing


def all_forgotten(settings: Settings) -> int:
    """Seconds after which nothing is left to count of whatever failed."""
    free = settings.rate_limit_brute_force_burst
    return DECAY * (free + len(delays(free, settings.rate_limit_brute_force_interval)))


async def _counted(postern: Postern, key: str) -> bool:
    """Count an attempt as failed; False, and nothing is changed, if it comes too early.

    One statement, since what is counted must not depend on who asks at the same time. Its sums are
    whole seconds, written so that SQLite and PostgreSQL understand them alike.
    """
    connection, chosen = connections.get("default"), postern.settings
    statement = _statement(
        chosen.rate_limit_brute_force_burst, chosen.rate_limit_brute_force_interval
    )
    if connection.capabilities.dialect == "sqlite":
        statement = statement.replace("$", "?")
    now = int(postern.now().timestamp())
    return bool(await connection.execute_query_dict(statement, [key, now]))


@lru_cache
def _statement(free: int, interval: int) -> str:
    growing = delays(free, interval)
    most = free + len(growing) - 1
    waits = " ".join(f"WHEN {n} THEN {wait}" for n, wait in enumerate(growing, free))
    now = "CAST($2 AS BIGINT)"  # PostgreSQL would take it for an INTEGER here and there
    return f"""
        INSERT INTO throttles (key, failures, failed_at, allowed_at)
        VALUES ($1, 1, {now}, {now} + CASE 1 {waits} ELSE 0 END)
        ON CONFLICT (key) DO UPDATE SET (failures, failed_at, allowed_at) = (
            SELECT n, {now}, {now} + CASE n {waits} ELSE 0 END
            FROM (
                SELECT CASE WHEN kept < 0 THEN 1 WHEN kept >= {most} THEN {most} ELSE kept + 1 END
                    AS n
                FROM (
                    SELECT throttles.failures - ({now} - throttles.failed_at) / {DECAY} AS kept
                ) AS decayed
            ) AS counted
        )
        WHERE throttles.allowed_at <= {now}
        RETURNING key
    """  # noqa: S608 - of numbers alone


async def _has_signed_in_from(network: str, user_id: UUID) -> bool:
    addresses = (
        SecurityEvent.filter(user_id=user_id, type=EventType.SIGNED_IN.name)
        .order_by("-id")
        .limit(_KNOWN_SIGN_INS)
        .values_list("address", flat=True)
    )
    return network in {network_of(str(address)) for address in await addresses}
