"""Which Argon2 is in use, whether it is right, and how fast it is.

The wheel of argon2-cffi-bindings is compiled for every x86-64 processor. Compiled for AVX2, the
same source makes 1.5 to 1.9 times as many hashes a second: `deploy/build_argon2.py`.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path

from argon2 import Type
from argon2.low_level import hash_secret_raw

WITH_AVX2 = "x86-64-v3"
"""The level of the x86-64 psABI that has AVX2: Intel since 2013, AMD since 2015, most servers."""
_FLAGS = frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"})
"""What Linux calls the instructions of that level."""
_KNOWN_ANSWERS = {
    1: "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
    2: "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037",
}
"""By lanes: Argon2id of "password" and "somesalt", 2 passes, 256 KiB (the reference's test.c)."""


class Argon2Error(Exception):
    """The installed Argon2 cannot be used; the message says what to do."""


def build_tag(architecture: str) -> str:
    """Return the build tag of a wheel for these processors, from which `built_for` reads them."""
    return f"1_{architecture.replace('-', '_')}"


def built_for() -> str | None:
    """Return the processors that the installed Argon2 was built for; None for the usual wheel."""
    about = distribution("argon2-cffi-bindings").read_text("WHEEL") or ""
    tags = [line.partition(":")[2].strip() for line in about.splitlines() if "Build:" in line]
    return tags[0].removeprefix("1_").replace("_", "-") if tags else None


def has_avx2() -> bool:
    """Return whether this processor runs what is built for `WITH_AVX2`. Only Linux says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return set(flags.split()) >= _FLAGS


def refuse_unusable() -> None:
    """Raise Argon2Error unless Argon2 runs on this processor and gives known answers.

    With a wrong hash, no password would match.
    """
    if built_for() == WITH_AVX2 and not has_avx2():
        raise Argon2Error(
            f"Argon2 was built for {WITH_AVX2}, which this processor is not: install it again "
            "(make clean serve)."
        )
    for lanes, answer in _KNOWN_ANSWERS.items():
        if hash_once(memory_cost=256, time_cost=2, parallelism=lanes).hex() != answer:
            raise Argon2Error(
                "Argon2 gives wrong hashes here: install it again (make clean serve)."
            )


def hash_once(*, memory_cost: int, time_cost: int, parallelism: int) -> bytes:
    """Hash a constant, with `memory_cost` in KiB."""
    return hash_secret_raw(
        b"password",
        b"somesalt",
        time_cost=time_cost,
        memory_cost=memory_cost,
        parallelism=parallelism,
        hash_len=32,
        type=Type.ID,
    )


def seconds_of_a_hash(
    *, memory_cost: int, time_cost: int, parallelism: int, threads: int, least: float = 0.4
) -> float:
    """Measure how long a hash takes while `threads` of them run, for `least` seconds or more."""

    def hash_for_a_while(until: float) -> int:
        count = 0
        while count == 0 or time.perf_counter() < until:
            hash_once(memory_cost=memory_cost, time_cost=time_cost, parallelism=parallelism)
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        counts = list(pool.map(hash_for_a_while, [began + least] * threads))
        return (time.perf_counter() - began) * threads / sum(counts)
