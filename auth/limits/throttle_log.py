"""Log lines about refused attempts: one for each wait, however many attempts are refused."""

import logging
import time
from collections import OrderedDict

MAX_WAITS = 4096
"""How many waits are remembered. The oldest are forgotten first, and may then be logged again."""
OVERLOAD_SECONDS = 10
"""Seconds for which further refusals of a process that has too much to do are not logged."""

logger = logging.getLogger("postern.throttled")


class ThrottleLog:
    """Logs the beginning of a wait, and how many attempts the wait before it refused."""

    def __init__(self) -> None:
        self._waits: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def refused(self, limit: str, who: str, retry_after: float) -> None:
        """Note a refused attempt. `who` is an address, a network or a user's id.

        `retry_after` is in seconds, until the limit allows another attempt.
        """
        now = time.monotonic()
        until, count = self._waits.get((limit, who), (0.0, 0))
        if now < until:
            self._waits[limit, who] = (until, count + 1)
            return
        self._waits[limit, who] = (now + max(1.0, retry_after), 0)
        self._waits.move_to_end((limit, who))
        if len(self._waits) > MAX_WAITS:
            self._waits.popitem(last=False)
        fields = {
            "event": "THROTTLED",
            "limit": limit,
            "who": who,
            "retryAfter": max(1, round(retry_after)),
            "refusedBefore": count,
        }
        logger.warning("throttled %s: %s", limit, who, extra={"fields": fields})


throttle_log = ThrottleLog()
"""The log of this process."""
