"""How many threads should hash passwords? Run `.venv/bin/python -m bench.hashing` to see.

It verifies passwords through `auth.passwords` on 1, 2, 4, … threads, in several interleaved rounds.
It prints the rate of each, compared with one thread, and how long an event loop that serves other
requests meanwhile has to wait.
"""

import asyncio
import os
import statistics
import time

from auth.argon2_build import built_for
from auth.passwords import Passwords
from config import Settings

ROUNDS = 5
PASSWORDS_A_ROUND = 60
"""Fewer than the queue of one thread holds."""


def _passwords(threads: int) -> Passwords:
    chosen = Settings()
    return Passwords(
        memory_cost=chosen.argon2_memory_cost,
        time_cost=chosen.argon2_time_cost,
        parallelism=chosen.argon2_parallelism,
        threads=threads,
    )


async def _round(passwords: Passwords, password_hash: str) -> tuple[float, float]:
    """Return verifications per second, and the maximum delay of the event loop in milliseconds."""
    late = 0.0

    async def heartbeat() -> None:
        nonlocal late
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late = max(late, time.perf_counter() - before - 0.001)

    beating = asyncio.create_task(heartbeat())
    start = time.perf_counter()
    await asyncio.gather(
        *(passwords.verify(password_hash, "a password") for _ in range(PASSWORDS_A_ROUND))
    )
    elapsed = time.perf_counter() - start
    beating.cancel()
    return PASSWORDS_A_ROUND / elapsed, late * 1000


async def main() -> None:
    """Measure and print a Markdown table."""
    cores = os.cpu_count() or 1
    pools = {
        threads: _passwords(threads) for threads in (2**n for n in range(7)) if threads <= 8 * cores
    }
    password_hash = await pools[1].hash("a password")
    rounds = [
        {threads: await _round(pool, password_hash) for threads, pool in pools.items()}
        for _ in range(ROUNDS)
    ]
    print(f"Argon2: {built_for() or 'the wheel for any processor'}")
    print(f"{cores} cores, median of {ROUNDS} rounds of {PASSWORDS_A_ROUND}\n")
    print("| threads | verifications a second | relative to one | event loop delay | memory |")
    print("|---|---|---|---|---|")
    for threads, pool in pools.items():
        rate = statistics.median(measured[threads][0] for measured in rounds)
        ratio = statistics.median(measured[threads][0] / measured[1][0] for measured in rounds)
        late = statistics.median(measured[threads][1] for measured in rounds)
        memory = threads * Settings().argon2_memory_cost / 1024
        print(f"| {threads} | {rate:.0f} | {ratio:.2f} | {late:.1f} ms | {memory:.0f} MiB |")
        pool.close()


if __name__ == "__main__":
    asyncio.run(main())
