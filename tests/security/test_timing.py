"""How long an answer takes tells nothing of an account."""

import random
import statistics
import time
from pathlib import Path

import httpx2

from tests.support import JOE, PASSWORD, Client, payload, postern, running_server

CALLS = 200
"""Of each kind."""
RESAMPLES = 2000
CERTAINTY = 0.999
TRIES = 3
"""By chance alone, one in a few dozen comparisons fails; three in a row do not."""
AMY, BOB, NOBODY = "amy@example.com", "bob@example.com", "nobody@example.com"


def difference(one: list[float], other: list[float]) -> float:
    return abs(statistics.median(one) - statistics.median(other))


def noise(samples: list[float], chance: random.Random) -> float:
    """How far the medians of two samples of one kind lie apart, but once in a thousand times."""
    apart = sorted(
        difference(chance.choices(samples, k=CALLS), chance.choices(samples, k=CALLS))
        for _ in range(RESAMPLES)
    )
    return apart[int(RESAMPLES * CERTAINTY) - 1]


def measure(http: httpx2.Client, chance: random.Random) -> dict[str, list[float]]:
    """How long a wrong password takes for each of them, in seconds."""
    took: dict[str, list[float]] = {}
    kinds = [NOBODY, JOE, AMY, BOB] * CALLS
    chance.shuffle(kinds)  # whatever else the machine does falls on all of them alike
    said = set()
    for email in kinds:
        body = payload("signInEmailPassword", {"email": email, "password": f"{PASSWORD}!"})
        began = time.perf_counter()
        answer = http.post("/graphql", json=body)
        took.setdefault(email, []).append(time.perf_counter() - began)
        said.add(answer.text)
    assert len(said) == 1
    return took


def test_no_account_a_wrong_password_and_a_disabled_account_take_the_same_time(
    tmp_path: Path,
) -> None:
    chance, seen = random.Random(), []
    with (
        running_server(tmp_path / "var") as server,
        httpx2.Client(base_url=server.url, timeout=30) as http,
    ):
        for email in (JOE, AMY, BOB):
            Client(http).sign_up(email)
        assert postern("disable-user", BOB, env=server.env).returncode == 0
        for _ in range(TRIES):
            took = measure(http, chance)
            same = noise(took[JOE] + took[AMY], chance)
            apart = [difference(took[kind], took[JOE] + took[AMY]) for kind in (NOBODY, BOB)]
            seen.append(f"{max(apart) * 1000:.2f} ms apart, noise {same * 1000:.2f} ms")
            if max(apart) <= same:
                break
        else:
            raise AssertionError(seen)
