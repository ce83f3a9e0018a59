import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from auth import passwords
from auth.errors import AuthError, ErrorCode
from auth.limits import hashing_threads
from auth.limits.throttle_log import ThrottleLog
from auth.passwords import Match, Passwords

pytestmark = pytest.mark.anyio
PARAMETERS = {"memory_cost": 64, "time_cost": 1, "parallelism": 1, "threads": 2}


@pytest.fixture
def hasher() -> Iterator[Passwords]:
    made = Passwords(**PARAMETERS)
    yield made
    made.close()


async def test_a_password_matches_only_its_own_hash(hasher: Passwords) -> None:
    hashed = await hasher.hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await hasher.verify(hashed, "correct horse")
    assert not await hasher.verify(hashed, "correct horse ")
    assert not await hasher.verify(None, "correct horse")


async def test_two_hashes_of_one_password_differ(hasher: Passwords) -> None:
    assert await hasher.hash("correct horse") != await hasher.hash("correct horse")


async def test_an_empty_password_is_never_right(hasher: Passwords) -> None:
    assert not await hasher.verify(await hasher.hash(""), "")


@pytest.mark.parametrize("password", [" ", "\0", "pass\0word", "🔑" * 256])
async def test_a_password_is_taken_exactly_as_sent(hasher: Passwords, password: str) -> None:
    hashed = await hasher.hash(password)
    assert await hasher.verify(hashed, password)
    assert not await hasher.verify(hashed, password + "\0")


@pytest.mark.parametrize(
    ("one", "other"),
    [("caf\u00e9", "cafe\u0301"), ("a b", "a\u00a0b"), ("a b", "a\u3000b"), ("\u212b", "\u00c5")],
)
async def test_a_password_is_the_same_on_every_keyboard(
    hasher: Passwords, one: str, other: str
) -> None:
    """RFC 8265, OpaqueString: spaces are mapped, characters composed."""
    assert await hasher.verify(await hasher.hash(one), other) is Match.YES
    assert await hasher.verify(await hasher.hash(other), one) is Match.YES


@pytest.mark.parametrize(("one", "other"), [("\ufb01", "fi"), ("\uff21", "A"), ("a", "A")])
async def test_passwords_that_only_look_alike_are_different(
    hasher: Passwords, one: str, other: str
) -> None:
    assert not await hasher.verify(await hasher.hash(one), other)


async def test_a_hash_from_before_passwords_were_prepared_still_verifies(
    hasher: Passwords,
) -> None:
    before = hasher._hasher.hash("cafe\u0301")
    assert await hasher.verify(before, "cafe\u0301") is Match.OUTDATED
    assert await hasher.verify(before, "caf\u00e9") is Match.NO


async def test_a_hash_with_other_parameters_is_outdated(hasher: Passwords) -> None:
    stronger = Passwords(**PARAMETERS | {"time_cost": 2})
    hashed = await hasher.hash("correct horse")
    assert await hasher.verify(hashed, "correct horse") is Match.YES
    assert await stronger.verify(hashed, "correct horse") is Match.OUTDATED
    stronger.close()


BCRYPT = "$2b$10$abcdefghijklmnopqrstuuKpPhWKSfMdqs9jgyXFUCtBvVnT1oDOm"


@pytest.mark.parametrize(
    "stored",
    [
        None,
        PasswordHasher(memory_cost=4096, time_cost=1, parallelism=1).hash("x"),
        PasswordHasher(memory_cost=19456, time_cost=4, parallelism=1).hash("x"),
        BCRYPT,
    ],
    ids=["nothing", "cheap", "dear", "bcrypt"],
)
@pytest.mark.parametrize("password", ["wrong", "w" * 100, "wrong\u00a0"])
async def test_a_refusal_takes_the_same_work_whatever_is_stored(
    stored: str | None, password: str
) -> None:
    """A refusal takes the work of the costliest known kind, in seconds of its thread."""
    hasher = Passwords(memory_cost=19456, time_cost=2, parallelism=1, threads=1)
    dear = PasswordHasher(memory_cost=19456, time_cost=4, parallelism=1).hash("x")
    await hasher.learn([dear, BCRYPT, "$2b$10$broken", "", "$argon2id$v=19$m=8"])

    def work(password_hash: str | None) -> float:
        began = time.thread_time()
        assert hasher._verify(password_hash, password) is Match.NO
        return time.thread_time() - began

    ratios = sorted(work(stored) / work(None) for _ in range(9))
    assert 0.75 < ratios[4] < 1.33, f"{ratios[4]:.2f} times the work"
    hasher.close()


@pytest.mark.parametrize(
    "broken",
    ["", "x", "$2b$10$", "$2b$31$" + "a" * 53, "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$"],
)
async def test_a_broken_hash_matches_nothing(hasher: Passwords, broken: str) -> None:
    assert await hasher.verify(broken, "x") is Match.NO
    assert not passwords.is_known(broken)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
async def test_hashing_threads_have_a_lower_priority(hasher: Passwords) -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await hasher.run(priority) > priority()


async def test_the_queue_is_bounded_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hashing_threads, "QUEUE_PER_THREAD", 3)
    monkeypatch.setattr(hashing_threads, "throttle_log", ThrottleLog())
    hasher = Passwords(**PARAMETERS | {"threads": 1})
    answers = await asyncio.gather(
        *(hasher.hash("correct horse") for _ in range(6)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, AuthError)]
    assert [answer.code for answer in refused] == [ErrorCode.TOO_MANY_REQUESTS] * 2
    assert caplog.messages == ["throttled waiting passwords: everybody"], "once in a while"
    assert await hasher.hash("correct horse"), "and there is room again"
    hasher.close()


async def test_the_event_loop_runs_while_passwords_are_hashed() -> None:
    hasher = Passwords(**PARAMETERS | {"memory_cost": 65536, "time_cost": 8})
    hashing = asyncio.create_task(hasher.hash("correct horse"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10, "a blocked loop would run once or twice"
    hasher.close()


def test_an_oversized_password_is_refused_by_its_bytes() -> None:
    passwords.refuse_oversized("é" * 512)
    with pytest.raises(AuthError) as refused:
        passwords.refuse_oversized("é" * 512 + "x")
    assert refused.value.code is ErrorCode.INVALID_REQUEST
