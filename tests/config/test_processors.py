"""How many processors count: those that the process may use."""

import subprocess
import sys
from pathlib import Path

import pytest

from config import processors
from tests.support import ROOT


def test_only_the_processors_that_the_process_is_bound_to_count() -> None:
    script = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from config.settings import Settings; print(Settings().argon2_threads)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "1\n"


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("100000 100000\n", 1),
        ("10000 100000\n", 1),
        ("110000 100000\n", 2),
        ("max 100000\n", 3),
        ("900000 100000\n", 3),
        ("0 0\n", 3),
        ("garbled", 3),
        ("", 3),
        (None, 3),
    ],
)
def test_a_container_counts_its_share(
    quota: str | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    if quota is not None:
        file.write_text(quota)
    monkeypatch.setattr(processors, "QUOTA", file)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2})
    assert processors.processors() == expected
