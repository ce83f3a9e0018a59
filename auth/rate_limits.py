"""How often one client address may ask, try and sign up.

An address that fails is slowed down whoever it tries; `auth.throttling` slows down what is done to
one account, whoever tries.
"""

import ipaddress
import logging
import time
from enum import Enum, unique
from functools import lru_cache
from typing import TYPE_CHECKING

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from auth.errors import AuthError, ErrorCode
from auth.throttle_log import throttle_log
from config import Settings

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

STORAGE_PAUSE = 10
"""Seconds for which a storage that failed is left alone."""
_STORAGE_TIMEOUT = 0.5
"""Seconds that a storage may take to answer."""
_IPV6_PREFIX = 64
"""Bits of an IPv6 address that tell one client from another (RFC 6177): the rest is theirs."""

logger = logging.getLogger("postern")


@unique
class Limit(Enum):
    """What is counted for an address, by its name in the settings."""

    REQUESTS = "global"
    GUESSES = "brute_force"
    SIGN_UPS = "signups"


class _Memory(MemoryStorage):
    """The library's storage, looking for expired counters once a second.

    It would look through all of them at every hit, which takes 1 ms with ten thousand clients.
    """

    _looks_again_at = 0.0

    async def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - its private name
        if time.monotonic() >= self._looks_again_at:
            self._looks_again_at = time.monotonic() + 1
            await super()._MemoryStorage__schedule_expiry()  # type: ignore[misc]


class RateLimits:
    """Counters for client addresses, shared through Redis or in the memory of this process.

    While Redis cannot be reached, each process counts for itself.
    """

    def __init__(self, settings: Settings) -> None:
        chosen = settings.model_dump()
        self._enabled = settings.rate_limit_enable
        self._items = {
            limit: RateLimitItemPerSecond(
                chosen[f"rate_limit_{limit.value}_burst"],
                chosen[f"rate_limit_{limit.value}_interval"],
                namespace="postern",
            )
            for limit in Limit
        }
        self._own = FixedWindowRateLimiter(_Memory())
        self._pool = _redis(settings)
        self._shared = FixedWindowRateLimiter(_storage(self._pool)) if self._pool else self._own
        self._shared_again_at = 0.0

    async def spend(self, limit: Limit, address: str | None) -> None:
        """Count one for this address. Raises AuthError: TOO_MANY_REQUESTS with `retryAfter`."""
        if not self._enabled:
            return
        item, network = self._items[limit], network_of(address)
        if await self._hit(limit, network, 1):
            return
        try:
            stats = await self._limiter().get_window_stats(item, limit.value, network)
        except StorageError:
            raise too_many_requests(item.get_expiry()) from None
        wait = stats.reset_time - time.time()
        throttle_log.refused(limit.value, network, wait)
        raise too_many_requests(wait)

    async def give_back(self, limit: Limit, address: str | None) -> None:
        """Uncount one: what was tried succeeded."""
        if self._enabled:
            await self._hit(limit, network_of(address), -1)

    async def close(self) -> None:
        """Let the connections to Redis go."""
        if self._pool:
            await self._pool.aclose()

    async def _hit(self, limit: Limit, network: str, cost: int) -> bool:
        item = self._items[limit]
        try:
            return await self._limiter().hit(item, limit.value, network, cost=cost)
        except StorageError as error:
            logger.warning(
                "AUTH_RATE_LIMIT_STORAGE cannot be used, so this process counts for itself: %s",
                type(error.storage_error).__name__,
            )
            self._shared_again_at = time.monotonic() + STORAGE_PAUSE
            return await self._own.hit(item, limit.value, network, cost=cost)

    def _limiter(self) -> FixedWindowRateLimiter:
        return self._own if time.monotonic() < self._shared_again_at else self._shared


def too_many_requests(seconds: float) -> AuthError:
    """The refusal that says when to come again: after so many seconds, one at least."""
    return AuthError(ErrorCode.TOO_MANY_REQUESTS, retryAfter=max(1, -int(-seconds // 1)))


@lru_cache(maxsize=4096)
def network_of(address: str | None) -> str:
    """What counts as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "elsewhere"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_PREFIX), strict=False))


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
