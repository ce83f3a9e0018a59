"""How many processors this process may use."""

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a container may use (Linux, cgroup v2): microseconds of processors in a period, or `max`."""


def processors() -> int:
    """Return how many processors this process may use, at least one.

    A container or a service may be bound to some of the machine's processors, or to a share of
    their time: more hashing threads would take more memory, and hash no faster.
    """
    found = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        found = len(os.sched_getaffinity(0))
    try:
        quota, period = QUOTA.read_text().split()
        found = min(found, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no cgroup v2, or no limit
        pass
    return max(1, found)
