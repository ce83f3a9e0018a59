import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.limits.hashing_threads import TOGETHER, HashingThreads

pytestmark = pytest.mark.anyio


@pytest.fixture
def one() -> Iterator[HashingThreads]:
    made = HashingThreads(1)
    yield made
    made.close()


async def test_an_exception_reaches_the_caller(one: HashingThreads) -> None:
    def failing() -> None:
        raise ValueError("a reason")

    with pytest.raises(ValueError, match="a reason"):
        await one.run(failing)
    assert await one.run(lambda: "and it goes on") == "and it goes on"


async def test_results_return_in_groups_while_jobs_wait(
    one: HashingThreads, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_there, loop, handed_over = threading.Event(), asyncio.get_running_loop(), []
    wake = loop.call_soon_threadsafe

    def counting(hand_over: object, finished: list[object]) -> None:
        handed_over.append(len(finished))
        wake(hand_over, finished)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_soon_threadsafe", counting)
    tasks = [asyncio.create_task(one.run(all_there.wait)) for _ in range(2 * TOGETHER + 2)]
    await asyncio.sleep(0)
    all_there.set()
    assert all(await asyncio.gather(*tasks))
    assert handed_over == [TOGETHER, TOGETHER, 1, 1], "without a queue, results are not held back"


async def test_a_cancelled_job_is_not_run(one: HashingThreads) -> None:
    begin, done = threading.Event(), []
    first = asyncio.create_task(one.run(begin.wait))
    others = [asyncio.create_task(one.run(lambda n=n: done.append(n))) for n in range(20)]  # type: ignore[misc]
    await asyncio.sleep(0)
    for task in others[::2]:
        task.cancel()
    await asyncio.sleep(0)
    begin.set()
    await asyncio.gather(first, *others, return_exceptions=True)
    assert done == list(range(1, 20, 2))


@given(threads=st.integers(1, 4), works=st.integers(0, 60), cancelled=st.sets(st.integers(0, 59)))
def test_every_caller_gets_a_result(threads: int, works: int, cancelled: set[int]) -> None:
    async def all_of_them() -> list[object]:
        made = HashingThreads(threads)
        tasks = [asyncio.create_task(made.run(lambda n=n: n)) for n in range(works)]  # type: ignore[misc]
        await asyncio.sleep(0)
        for n in cancelled & set(range(works)):
            tasks[n].cancel()
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*tasks, return_exceptions=True)
        made.close()
        return answers

    answers = asyncio.run(all_of_them())
    for n, answer in enumerate(answers):
        assert answer == n or (n in cancelled and isinstance(answer, asyncio.CancelledError))
