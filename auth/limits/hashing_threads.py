"""Threads for slow work: with a bounded queue, a low priority, and results in groups."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from auth.errors import AuthError, ErrorCode
from auth.limits.throttle_log import OVERLOAD_SECONDS, throttle_log

QUEUE_PER_THREAD = 64
"""How many jobs may wait for each thread."""
QUEUE_SECONDS = 2
"""About how long a full queue takes, with the default Argon2 parameters."""
NICENESS = 10
"""By how much the threads lower their priority (at most 19); measured in bench/README.md."""
TOGETHER = 6
"""How many results go back at once while jobs wait; measured in bench/README.md."""

Result = TypeVar("Result")
Finished = tuple["asyncio.Future[Any]", Callable[[], None]]


class HashingThreads:
    """A few threads that work for one event loop. If the queue is full, raises TOO_MANY_REQUESTS.

    While at least as many jobs wait as there are threads, results go back six at a time. An event
    loop that wakes after a pause finds the processor's caches cold, and takes twice as long for
    what follows; with six results, only the first costs that. Without a queue, each result goes
    back at once; with a queue, a result waits for at most five more hashes.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, "argon2", initializer=_step_back)
        self._threads = threads
        self._free = threads * (QUEUE_PER_THREAD + 1)
        self._lock = threading.Lock()
        self._unfinished = 0
        self._finished: list[Finished] = []

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` on one of the threads; return or raise what it does.

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
        """Raise AuthError: TOO_MANY_REQUESTS if the queue is full."""
        if self._free == 0:
            throttle_log.refused("waiting passwords", "everybody", OVERLOAD_SECONDS)
            raise AuthError(ErrorCode.TOO_MANY_REQUESTS, retryAfter=QUEUE_SECONDS)

    @property
    def unfinished(self) -> int:
        """How many jobs wait or run."""
        return self._unfinished

    @property
    def at_leisure(self) -> bool:
        """Whether a thread is idle."""
        return self._unfinished < self._threads

    def close(self) -> None:
        """Stop the threads; jobs that have not begun are cancelled."""
        self._pool.shutdown(cancel_futures=True)

    def _do(
        self,
        work: Callable[[], Result],
        result: "asyncio.Future[Result]",
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        try:
            # Nobody waits for a cancelled job any more.
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
    """Lower this thread's priority, so that the event loop's short work runs before long hashes.

    Only Linux has a priority for each thread.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        ours = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(19, ours + NICENESS))
