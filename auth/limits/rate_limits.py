"""Rate limits of client addresses: requests, failed attempts and sign-ups.

Failed attempts are counted for each pair of address and account and, with a higher limit, for the
address as a whole. `auth.limits.throttling` limits attempts on one account from all addresses. IPv6
addresses are counted in nested networks, since a client that has one address has many.
"""

import asyncio
import copy
import ipaddress
import logging
import time
from enum import Enum, unique
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Self

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from auth.errors import AuthError, ErrorCode
from auth.limits.throttle_log import throttle_log
from auth.network_addresses import parsed
from config import Settings

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

STORAGE_PAUSE = 10
"""Seconds for which Redis is not used after it failed."""
_STORAGE_TIMEOUT = 0.5
"""Seconds that Redis may take to answer."""
_IPV6_PREFIXES = ((64, 1), (56, 2), (48, 4))
"""Prefix lengths of IPv6 networks that are counted as a client, each with a multiplier of limits.

A client has at least a /64, a home a /56, a site a /48 (RFC 6177, RIPE-690)."""

logger = logging.getLogger("postern")


@unique
class Limit(Enum):
    """What is counted for an address: the setting's name, and a multiplier of its burst."""

    REQUESTS = ("global", 1)
    SIGN_UPS = ("signups", 1)
    GUESSES = ("brute_force", 5)
    """Failed attempts of any kind."""
    GUESSES_AT_ACCOUNT = ("brute_force", 1)
    """Failed attempts on one account."""
    MAILS = ("email", 1)
    """Mails that are asked for."""
    MAILS_TO = ("email", 0.5)
    """Mails to one recipient, whoever asks for them."""
    ALL_MAILS = ("email", 100)
    """Mails that are asked for, by all clients together."""


class Network(NamedTuple):
    """A network that is counted as one client."""

    name: str
    room: int
    """The multiplier of a single client's limits."""


class _Memory(MemoryStorage):
    """The library's storage, which here looks for expired counters only once a second.

    By default it looks through all of them at every hit: 1 ms with ten thousand clients.
    """

    _looks_again_at = 0.0

    async def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - its private name
        if time.monotonic() >= self._looks_again_at:
            self._looks_again_at = time.monotonic() + 1
            await super()._MemoryStorage__schedule_expiry()  # type: ignore[misc]


class RateLimits:
    """Counters for client addresses, in Redis or in the memory of this process.

    While Redis cannot be reached, each process counts for itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._enabled = settings.rate_limit_enable
        self.items = _items(settings)
        self._own = FixedWindowRateLimiter(_Memory())
        self._pool = _redis(settings)
        self._shared = FixedWindowRateLimiter(_storage(self._pool)) if self._pool else self._own
        self._shared_again_at = 0.0

    def with_settings(self, settings: Settings) -> Self:
        """Return the same counters, with the limits of these settings."""
        changed = copy.copy(self)
        changed.items = _items(settings)
        return changed

    async def spend(self, limit: Limit, address: str | None, account: str = "") -> None:
        """Count one for this address. Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`."""
        if wait := await self.wait(limit, address, account):
            raise too_many_requests(wait)

    async def wait(self, limit: Limit, address: str | None, account: str = "") -> float:
        """Count one for this address; return the seconds to wait if it is too many, else 0."""
        if not self._enabled:
            return 0
        for network in networks_of(address):  # a refusal costs wider networks nothing
            if not await self._hit(limit, network, account, 1):
                return await self._rest(limit, network, account)
        return 0

    async def look(self, limit: Limit, address: str | None) -> float:
        """Return the seconds until another one is allowed, or 0. Counts nothing."""
        if not self._enabled:
            return 0
        for network in networks_of(address):
            item, names = self.items[limit, network.room], (limit.name, network.name, "")
            try:
                allowed = await self._limiter().test(item, *names)
            except StorageError:
                allowed = await self._own.test(item, *names)
            if not allowed:
                return await self._rest(limit, network, "")
        return 0

    async def give_back(self, limit: Limit, address: str | None, account: str = "") -> None:
        """Take one off the count, since the attempt succeeded."""
        if self._enabled:
            networks = networks_of(address)
            await asyncio.gather(*(self._hit(limit, each, account, -1) for each in networks))

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._pool:
            await self._pool.aclose()

    async def _hit(self, limit: Limit, network: Network, account: str, cost: int) -> bool:
        item, names = self.items[limit, network.room], (limit.name, network.name, account)
        try:
            return await self._limiter().hit(item, *names, cost=cost)
        except StorageError as error:
            if time.monotonic() >= self._shared_again_at:  # logged once for all requests
                logger.warning(
                    "AUTH_RATE_LIMIT_STORAGE cannot be used, so this process counts for itself: %s",
                    type(error.storage_error).__name__,
                )
            self._shared_again_at = time.monotonic() + STORAGE_PAUSE
            return await self._own.hit(item, *names, cost=cost)

    async def _rest(self, limit: Limit, network: Network, account: str) -> float:
        """Return the seconds until this network's window ends, at least one; log the refusal."""
        item, names = self.items[limit, network.room], (limit.name, network.name, account)
        try:
            stats = await self._limiter().get_window_stats(item, *names)
        except StorageError:
            return float(item.get_expiry())
        rest = max(1.0, stats.reset_time - time.time())
        throttle_log.refused(limit.name.lower(), network.name, rest)
        return rest

    def _limiter(self) -> FixedWindowRateLimiter:
        return self._own if time.monotonic() < self._shared_again_at else self._shared


def _items(settings: Settings) -> dict[tuple[Limit, int], RateLimitItemPerSecond]:
    chosen = settings.model_dump()
    return {
        (limit, room): RateLimitItemPerSecond(
            max(1, int(chosen[f"rate_limit_{name}_burst"] * times)) * room,
            chosen[f"rate_limit_{name}_interval"],
            namespace="postern",
        )
        for limit in Limit
        for name, times in [limit.value]
        for _, room in _IPV6_PREFIXES
    }


def too_many_requests(seconds: float) -> AuthError:
    """Return the refusal, with the seconds until the next attempt, at least one."""
    wait = max(1, -int(-seconds // 1))
    if wait <= _A_MOMENT:
        return AuthError(ErrorCode.TOO_MANY_REQUESTS, retryAfter=wait)
    minutes = -(-wait // 60)
    return AuthError(
        ErrorCode.TOO_MANY_REQUESTS,
        f"Too many attempts. Please try again in {minutes} minutes.",
        retryAfter=wait,
    )


_A_MOMENT = 90
"""Seconds; a longer wait is said in minutes."""


@lru_cache(maxsize=4096)
def networks_of(address: str | None) -> tuple[Network, ...]:
    """Return the networks counted for an address: an IPv4 address itself; an IPv6 /64, /56, /48."""
    known = parsed(address)
    if known is None:
        return (Network("elsewhere", 1),)
    if known.version == 4:
        return (Network(str(known), 1),)
    return tuple(
        Network(str(ipaddress.ip_network((int(known), prefix), strict=False)), room)
        for prefix, room in _IPV6_PREFIXES
    )


def network_of(address: str | None) -> str:
    """Return the narrowest network of an address. Known networks of a user are of this size."""
    return networks_of(address)[0].name


def _redis(settings: Settings) -> "ConnectionPool | None":
    url = settings.rate_limit_storage.get_secret_value()
    if url.startswith("memory"):
        return None
    from redis.asyncio import ConnectionPool  # noqa: PLC0415 - half a tenth of a second at the start

    return ConnectionPool.from_url(
        url.replace("redis+unix", "unix"),
        socket_timeout=_STORAGE_TIMEOUT,
        socket_connect_timeout=_STORAGE_TIMEOUT,
    )


def _storage(pool: "ConnectionPool") -> RedisStorage:
    return RedisStorage(
        "async+redis://",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="postern",
        connection_pool=pool,  # type: ignore[arg-type] # its options are typed too narrowly
    )
