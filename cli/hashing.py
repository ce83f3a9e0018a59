"""How fast passwords are hashed here: a line of `postern doctor`, and `postern tune`."""

import click

from auth.argon2_build import built_for, seconds_of_a_hash
from cli.command import as_json, chosen_settings, say
from cli.risks import OWASP_ARGON2
from config import Settings

KIB = 1024
LEAST_KIB = 19 * KIB
"""The least memory that is proposed: that of the default."""


def in_use(settings: Settings) -> tuple[dict[str, object], str]:
    """Measure the Argon2 in use with these settings, and describe it: as data, and as a line."""
    threads = settings.argon2_threads
    seconds = seconds_of_a_hash(
        memory_cost=settings.argon2_memory_cost,
        time_cost=settings.argon2_time_cost,
        parallelism=settings.argon2_parallelism,
        threads=threads,
    )
    a_second, architecture = threads / seconds, built_for()
    built = f"built for {architecture}" if architecture else "the wheel for any processor"
    line = f"Argon2 {built}: {a_second:.0f} hashes a second on {_threads(threads)}."
    return {"builtFor": architecture, "hashesPerSecond": round(a_second), "threads": threads}, line


@click.command()
@click.option(
    "--milliseconds",
    type=click.IntRange(10, 10_000),
    default=250,
    show_default=True,
    help="How long a hash may take while all threads hash.",
)
@click.option(
    "--memory",
    type=click.IntRange(19, 4096),
    default=64,
    show_default=True,
    help="The memory that a hash may take, in MiB.",
)
@as_json
def tune(milliseconds: int, memory: int, in_json: bool) -> None:
    """Propose a cost of password hashes for this machine; change nothing.

    The proposal uses the most memory that the duration allows, then as many passes (RFC 9106,
    section 4), and never less than OWASP asks for. Old hashes stay valid, and are made anew when
    their users sign in.
    """
    settings = chosen_settings()
    threads = settings.argon2_threads
    now = in_use(settings)[0]["hashesPerSecond"]
    memory_cost, passes, seconds = _proposal(milliseconds / 1000, memory * KIB, threads)
    found = {
        "AUTH_PASSWORD_ARGON2_MEMORY_COST": memory_cost,
        "AUTH_PASSWORD_ARGON2_TIME_COST": passes,
        "AUTH_PASSWORD_ARGON2_PARALLELISM": 1,
    }
    measured = {
        "milliseconds": round(seconds * 1000),
        "hashesPerSecond": round(threads / seconds, 1),
        "mebibytes": round(threads * memory_cost / KIB),
        "hashesPerSecondNow": now,
    }
    lines = [f"{name}={value}" for name, value in found.items()]
    lines += [
        f"# {measured['milliseconds']} ms for a hash while {_threads(threads)} hash:",
        f"# {measured['hashesPerSecond']} hashes a second, in {measured['mebibytes']} MiB; "
        f"the settings in force make {now}.",
        "# Measured with whatever else this machine does: run it while that is little.",
    ]
    if seconds > 1.2 * milliseconds / 1000:  # measured twice, so a little more is the same
        lines += ["# This is the least that OWASP asks for; this machine takes longer for it."]
    say(in_json, found | measured, *lines)


def _proposal(wished: float, memory_cost: int, threads: int) -> tuple[int, int, float]:
    """Return memory in KiB, passes, and the seconds that a hash takes with them."""
    while True:
        needed = next(passes for enough, passes in OWASP_ARGON2 if memory_cost >= enough)
        seconds = _measured(memory_cost, needed, threads)
        if seconds <= wished:
            break
        if memory_cost == LEAST_KIB:
            return memory_cost, needed, seconds
        memory_cost = max(LEAST_KIB, memory_cost // 2)
    # The first pass costs twice as much as another: it takes the memory from the system. Whatever
    # else runs here may disturb one of the two measurements, so another costs a quarter at least.
    another = (_measured(memory_cost, needed + 2, threads) - seconds) / 2
    passes = needed + int((wished - seconds) / max(another, seconds / needed / 4))
    return memory_cost, passes, _measured(memory_cost, passes, threads)


def _measured(memory_cost: int, passes: int, threads: int) -> float:
    return seconds_of_a_hash(
        memory_cost=memory_cost, time_cost=passes, parallelism=1, threads=threads
    )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
