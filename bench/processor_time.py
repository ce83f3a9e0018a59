"""Which processor this is, and how long processes have used it, on Linux."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path


def machine() -> str:
    """Return what tells this machine from others: its processor and number of cores."""
    try:
        described = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in described if "model name" in line]
    except OSError:
        names = []
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def used(processes: Sequence[int]) -> float:
    """Return the seconds of a processor that these processes have used."""
    ticks = 0
    for pid in processes:
        try:
            numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(numbers[11]) + int(numbers[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def postgres() -> list[int]:
    """Return the process ids of all PostgreSQL servers on this machine."""
    found = []
    for each in Path("/proc").glob("[0-9]*/comm"):
        try:
            if each.read_text().strip() == "postgres":
                found.append(int(each.parent.name))
        except OSError:
            continue
    return found
