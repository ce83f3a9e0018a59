"""The log's lines about refused attempts: one for each wait, however many attempts it refuses."""

import logging
import time
from collections import OrderedDict

MAX_WAITS = 4096
"""Waits that are remembered; the oldest are forgotten first, and may be written again."""

logger = logging.getLogger("postern.throttled")


class ThrottleLog:
    """Writes when a wait begins, and how many attempts the wait before it has refused."""

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
"""That of this process."""
