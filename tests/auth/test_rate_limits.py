"""Counters for client addresses, in memory and in a real Redis."""

import asyncio
import ipaddress
import logging
import secrets
from collections.abc import AsyncIterator, Callable

import pytest
from limits.aio.storage import MemoryStorage

from auth.errors import AuthError
from auth.limits.rate_limits import Limit, RateLimits, network_of
from config import Settings
from tests.support import free_port, redis_url, refusal

pytestmark = pytest.mark.anyio
Limits = Callable[..., RateLimits]
REDIS = redis_url()
needs_redis = pytest.mark.skipif(REDIS is None, reason="no Redis answers")


@pytest.fixture
async def limits() -> AsyncIterator[Limits]:
    """A function that creates the counters of a process with this storage."""
    opened: list[RateLimits] = []

    def open_limits(storage: str = "memory://", **changes: object) -> RateLimits:
        chosen = Settings.model_validate({"rate_limit_storage": storage} | changes)
        opened.append(RateLimits(chosen))
        return opened[-1]

    yield open_limits
    for each in opened:
        await each.close()


def somewhere() -> str:
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


@pytest.mark.parametrize("storage", ["memory://", pytest.param(str(REDIS), marks=needs_redis)])
async def test_each_address_has_fifty_guesses(limits: Limits, storage: str) -> None:
    counted, here = limits(storage), somewhere()
    for _ in range(50):
        await counted.spend(Limit.GUESSES, here)
    with pytest.raises(AuthError) as refused:
        await counted.spend(Limit.GUESSES, here)
    assert refused.value.code.name == "TOO_MANY_REQUESTS"
    assert 290 <= refused.value.extensions["retryAfter"] <= 300
    await counted.spend(Limit.GUESSES, somewhere())
    await counted.spend(Limit.SIGN_UPS, here)
    await counted.spend(Limit.REQUESTS, here)


@pytest.mark.parametrize("storage", ["memory://", pytest.param(str(REDIS), marks=needs_redis)])
async def test_a_success_is_taken_off_the_count(limits: Limits, storage: str) -> None:
    counted, here = limits(storage), somewhere()
    for _ in range(120):
        await counted.spend(Limit.GUESSES, here)
        await counted.give_back(Limit.GUESSES, here)
    for _ in range(50):
        await counted.spend(Limit.GUESSES, here)
    assert await refusal(counted.spend(Limit.GUESSES, here)) == "TOO_MANY_REQUESTS"


async def test_an_address_has_ten_guesses_at_each_account(limits: Limits) -> None:
    counted, here = limits(), somewhere()
    for account in ("one", "another"):
        for _ in range(10):
            assert await counted.wait(Limit.GUESSES_AT_ACCOUNT, here, account) == 0
        assert await counted.wait(Limit.GUESSES_AT_ACCOUNT, here, account) > 290


@pytest.mark.parametrize(("apart", "room"), [(64, 50), (72, 100), (80, 200)])
async def test_ipv6_networks_are_counted_at_three_sizes(
    limits: Limits, apart: int, room: int
) -> None:
    """Three hundred addresses of one /64, of 256 /64s in one /56, of 300 /64s in one /48."""
    counted = limits()
    start = int(ipaddress.ip_address(somewhere())) >> 80 << 80
    step = {64: 1, 72: 1 << 64, 80: 1 << 72}[apart]
    allowed = 0
    for n in range(300):
        address = str(ipaddress.ip_address(start + n % 256 * step + n // 256))
        allowed += await counted.wait(Limit.GUESSES, address) == 0
    assert allowed == room


async def test_a_refusal_is_not_counted_for_wider_networks(limits: Limits) -> None:
    counted = limits()
    for _ in range(500):
        await counted.wait(Limit.GUESSES, "2001:db8:1:2::1")
    assert await counted.wait(Limit.GUESSES, "2001:db8:1:3::1") == 0


async def test_a_refused_address_is_logged_once(
    limits: Limits, caplog: pytest.LogCaptureFixture
) -> None:
    counted = limits()
    for _ in range(120):
        await counted.wait(Limit.SIGN_UPS, "192.0.2.7")
    (line,) = caplog.messages
    assert line == "throttled sign_ups: 192.0.2.7"


@needs_redis
async def test_processes_that_share_redis_share_the_count(limits: Limits) -> None:
    one, other, here = limits(str(REDIS)), limits(str(REDIS)), somewhere()
    for _ in range(25):
        await one.spend(Limit.GUESSES, here)
        await other.spend(Limit.GUESSES, here)
    assert await refusal(one.spend(Limit.GUESSES, here)) == "TOO_MANY_REQUESTS"
    assert await refusal(other.spend(Limit.GUESSES, here)) == "TOO_MANY_REQUESTS"


async def test_without_redis_a_process_counts_for_itself_and_logs_it(
    limits: Limits, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    away = limits(f"redis://joe:hunter2@127.0.0.1:{free_port()}/0")
    here = somewhere()
    for _ in range(50):
        await away.spend(Limit.GUESSES, here)
    assert await refusal(away.spend(Limit.GUESSES, here)) == "TOO_MANY_REQUESTS"
    assert caplog.text.count("counts for itself") == 1, "Redis is tried again only after a pause"
    assert "hunter2" not in caplog.text


async def test_many_clients_do_not_slow_down_the_count(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If each hit looked through all counters, attackers could keep a server busy."""
    looked = 0
    expire = MemoryStorage._MemoryStorage__expire_events  # type: ignore[attr-defined]

    async def counted(storage: MemoryStorage) -> None:
        nonlocal looked
        looked += 1
        await expire(storage)

    monkeypatch.setattr(MemoryStorage, "_MemoryStorage__expire_events", counted)
    busy = limits(rate_limit_global_interval=1)
    for n in range(200):
        await busy.spend(Limit.REQUESTS, f"192.0.2.{n}")
        await asyncio.sleep(0)
    assert 1 <= looked <= 3
    storage = busy._own.storage
    assert isinstance(storage, MemoryStorage)
    await asyncio.sleep(1.1)
    await busy.spend(Limit.REQUESTS, "198.51.100.1")
    await asyncio.sleep(0.1)
    assert len(storage.storage) == 1, "expired counters are deleted"


async def test_with_rate_limits_off_no_address_is_counted(limits: Limits) -> None:
    off, here = limits(rate_limit_enable=False), somewhere()
    for _ in range(200):
        await off.spend(Limit.REQUESTS, here)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "elsewhere"),
        ("testclient", "elsewhere"),
    ],
)
def test_a_client_is_an_address_or_an_ipv6_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
