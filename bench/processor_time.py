"""How long processes have used a processor, on Linux."""

import os
from collections.abc import Sequence
from pathlib import Path


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
