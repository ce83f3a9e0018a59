"""`python -m bench.sampled SCRIPT ARGUMENTS…` runs a script, and samples it by processor time.

SIGUSR1 begins, and SIGUSR2 ends: it writes the samples to the file in SAMPLES, one stack a line,
the innermost call last, with the number of samples. A profiler from outside samples by the clock:
it counts a call during which the system lets another process run for as long as that takes.
"""

import os
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

MILLISECONDS = 1
"""Of the processor, between two samples."""
HERE = f"{Path.cwd()}/"
samples: Counter[str] = Counter()


def _sample(_signal: int, frame: FrameType | None) -> None:
    stack = []
    while frame is not None:
        file = frame.f_code.co_filename.removeprefix(HERE).rpartition("site-packages/")[2]
        stack.append(f"{frame.f_code.co_qualname} ({file})")
        frame = frame.f_back
    samples[";".join(reversed(stack))] += 1


def _begin(_signal: int, _frame: FrameType | None) -> None:
    samples.clear()
    signal.setitimer(signal.ITIMER_PROF, MILLISECONDS / 1000, MILLISECONDS / 1000)


def _end(_signal: int, _frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    lines = "".join(f"{stack} {count}\n" for stack, count in samples.items())
    draft = Path(os.environ["SAMPLES"] + ".draft")
    draft.write_text(lines)
    draft.replace(os.environ["SAMPLES"])


if __name__ == "__main__":
    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR1, _begin)
    signal.signal(signal.SIGUSR2, _end)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
