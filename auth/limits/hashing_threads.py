"""Threads for what takes long: bounded, out of everybody's way, and considerate of the caches."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from auth.errors import AuthError, ErrorCode

QUEUE_PER_THREAD = 64
"""How much work may wait for one thread."""
QUEUE_SECONDS = 2
"""About how long so many hashes take with the defaults."""
NICENESS = 10
"""How far the threads step back, of 19; bench/README.md has the measurement."""
TOGETHER = 6
"""How many results go back at once while others wait; bench/README.md has the measurement."""

Result = TypeVar("Result")
Finished = tuple["asyncio.Future[Any]", Callable[[], None]]


class HashingThreads:
    """A few threads that work for one event loop; past what may wait, TOO_MANY_REQUESTS is raised.

    While as much waits as the threads are busy with, results go back six at a time. An event loop
    that is woken after a pause finds the processor's caches cold, and takes twice as long for what
    follows; of six results, it does so for the first. Without a queue each goes back at once, and
    with one a result is held back for five hashes at most.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "argon2", initializer=_step_back)
        self._threads = threads
        self._free = threads * (QUEUE_PER_THREAD + 1)
        self._lock = threading.Lock()
        self._unfinished = 0
        self._finished: list[Finished] = []

    async def run(self, work: Callable[[], Result]) -> Result:
        """What the work returns or raises, from one of the threads.

        Raises AuthError: TOO_MANY_REQUESTS.
        """
        self.refuse_when_busy()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Result] = loop.create_future()
        with self._lock:
            self._unfinished += 1
        self._pool.submit(self._do, work, result, loop)
        self._free -= 1
        try:
            return await result
        finally:
            self._free += 1

    def refuse_when_busy(self) -> None:
        """Raises AuthError: TOO_MANY_REQUESTS, where as much is waiting as may wait."""
        if self._free == 0:
            raise AuthError(ErrorCode.TOO_MANY_REQUESTS, retryAfter=QUEUE_SECONDS)

    @property
    def at_leisure(self) -> bool:
        """Whether a thread has nothing to do."""
        return self._unfinished < self._threads

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(cancel_futures=True)

    def _do(
        self,
        work: Callable[[], Result],
        result: "asyncio.Future[Result]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        try:
            # Nobody waits any more for what was cancelled.
            settle = partial(result.set_result, None if result.cancelled() else work())  # type: ignore[arg-type]
        except Exception as error:
            settle = partial(result.set_exception, error)
        with self._lock:
            self._unfinished -= 1
            self._finished.append((result, settle))
            if len(self._finished) < TOGETHER and self._unfinished >= 2 * self._threads:
                return
            together, self._finished = self._finished, []
        loop.call_soon_threadsafe(_hand_over, together)


def _hand_over(finished: list[Finished]) -> None:
    for result, settle in finished:
        if not result.cancelled():
            settle()


def _step_back() -> None:
    """Let every other thread go first: a hash takes long anyway, and the event loop never does.

    Linux alone has a priority for each thread.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        ours = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(19, ours + NICENESS))
