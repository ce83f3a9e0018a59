import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import pytest

from auth import hashing_threads, passwords
from auth.errors import AuthError, ErrorCode
from auth.passwords import Passwords

pytestmark = pytest.mark.anyio
PARAMETERS = {"memory_cost": 64, "time_cost": 1, "parallelism": 1, "threads": 2}


@pytest.fixture
def hasher() -> Iterator[Passwords]:
    made = Passwords(**PARAMETERS)
    yield made
    made.close()


async def test_a_password_verifies_against_its_own_hash_alone(hasher: Passwords) -> None:
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


async def test_two_spellings_of_one_letter_are_two_passwords(hasher: Passwords) -> None:
    assert not await hasher.verify(await hasher.hash("caf\u00e9"), "cafe\u0301")


async def test_a_hash_of_other_parameters_wants_to_be_made_again(hasher: Passwords) -> None:
    stronger = Passwords(**PARAMETERS | {"time_cost": 2})
    hashed = await hasher.hash("correct horse")
    assert not hasher.needs_rehash(hashed)
    assert stronger.needs_rehash(hashed)
    stronger.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all threads have one priority")
async def test_hashing_lets_the_event_loop_go_first(hasher: Passwords) -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await hasher.run(priority) > priority()


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing_threads, "QUEUE_PER_THREAD", 3)
    hasher = Passwords(**PARAMETERS | {"threads": 1})
    answers = await asyncio.gather(
        *(hasher.hash("correct horse") for _ in range(6)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, AuthError)]
    assert [answer.code for answer in refused] == [ErrorCode.TOO_MANY_REQUESTS] * 2
    assert await hasher.hash("correct horse"), "and room is made again"
    hasher.close()


async def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    hasher = Passwords(**PARAMETERS | {"memory_cost": 65536, "time_cost": 8})
    hashing = asyncio.create_task(hasher.hash("correct horse"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10, "a blocked loop would have turned once or twice"
    hasher.close()


def test_an_oversized_password_is_refused_by_its_bytes() -> None:
    passwords.refuse_oversized("é" * 512)
    with pytest.raises(AuthError) as refused:
        passwords.refuse_oversized("é" * 512 + "x")
    assert refused.value.code is ErrorCode.INVALID_REQUEST
