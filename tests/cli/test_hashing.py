"""Which Argon2 is in use, and what `postern tune` proposes."""

import json
import os
import re
from pathlib import Path

import pytest

from auth import argon2_build
from auth.argon2_build import WITH_AVX2, Argon2Error, built_for, refuse_unusable
from auth.postern import open_postern
from config import load, read
from deploy.build_argon2 import why_not
from tests.support import environment, postern


@pytest.mark.skipif(not os.environ.get("CI"), reason="elsewhere the wheel may be in use")
def test_argon2_is_built_for_this_processor_where_that_is_possible() -> None:
    missing = why_not(WITH_AVX2, to_run_here=True)
    assert built_for() == (None if missing else WITH_AVX2)


def test_no_server_starts_with_an_argon2_that_hashes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_unusable()
    monkeypatch.setattr(argon2_build, "hash_once", lambda **_: b"wrong")
    with pytest.raises(Argon2Error, match="wrong hashes"):
        open_postern(read(environment(tmp_path / "var")))
    assert not (tmp_path / "var").exists()


def test_an_argon2_of_another_processor_is_refused_before_it_crashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(argon2_build, "built_for", lambda: WITH_AVX2)
    monkeypatch.setattr(argon2_build, "has_avx2", lambda: False)
    with pytest.raises(Argon2Error, match="which this processor is not"):
        refuse_unusable()


def test_doctor_says_which_argon2_is_in_use_and_how_fast_it_is(tmp_path: Path) -> None:
    env = environment(tmp_path / "var")
    said = postern("doctor", env=env).stdout.splitlines()[-1]
    assert re.fullmatch(r"Argon2 (built for|the wheel) .+: \d+ hashes a second on .+\.", said)
    told = json.loads(postern("doctor", "--json", env=env).stdout)["argon2"]
    assert told["builtFor"] == built_for()
    assert told["hashesPerSecond"] > 0


def test_tune_never_proposes_less_than_owasp_asks_for(tmp_path: Path) -> None:
    env = environment(tmp_path / "var")
    least = json.loads(postern("tune", "--milliseconds", "10", "--json", env=env).stdout)
    assert least["AUTH_PASSWORD_ARGON2_MEMORY_COST"] == 19456
    assert least["AUTH_PASSWORD_ARGON2_TIME_COST"] == 2
    more = json.loads(postern("tune", "--milliseconds", "2000", "--json", env=env).stdout)
    assert more["AUTH_PASSWORD_ARGON2_MEMORY_COST"] == 64 * 1024
    assert more["AUTH_PASSWORD_ARGON2_TIME_COST"] > 1


def test_what_tune_proposes_are_settings(tmp_path: Path) -> None:
    lines = postern("tune", env=environment(tmp_path / "var")).stdout.splitlines()
    proposed = dict(line.split("=") for line in lines if not line.startswith("#"))
    settings, _ = load(environment(tmp_path / "var", **proposed))
    assert settings.argon2_memory_cost == int(proposed["AUTH_PASSWORD_ARGON2_MEMORY_COST"])
