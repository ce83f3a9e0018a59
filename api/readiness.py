"""Whether this process can do its work, for `/readyz`."""

import logging
import time

from auth.keys.sealed_secrets import Unreadable, unreadable
from auth.postern import Postern
from models import database

READY_SECONDS = 1
"""Seconds between two checks of the database, however often `/readyz` is requested."""
_KEYS_SECONDS = 10
"""Seconds between two counts of secrets that no key opens, while there are any."""

logger = logging.getLogger("postern")


class Readiness:
    """The readiness of the process, at most about a second old."""

    def __init__(self, postern: Postern) -> None:
        self._postern = postern
        self._asked, self._is_ready = 0.0, False
        self._counted = 0.0
        self._unreadable: Unreadable | None = None

    async def count_unreadable(self) -> None:
        """Count secrets that no key opens, and log one line if there are any."""
        self._counted = time.monotonic()
        self._unreadable = await unreadable(self._postern.vault)
        if self._unreadable:
            logger.error("%s. Until then /readyz answers 503.", self._unreadable)

    async def why_not(self) -> str | None:
        """Return why the process is not ready, as a sentence for a person; None if it is."""
        if time.monotonic() > self._asked + READY_SECONDS:
            self._asked = time.monotonic()
            self._is_ready = await database.is_ready()
        if not self._is_ready:
            return "The database is unavailable."
        if self._unreadable and time.monotonic() > self._counted + _KEYS_SECONDS:
            self._counted = time.monotonic()
            self._unreadable = await unreadable(self._postern.vault)
        if self._unreadable:
            return f"{self._unreadable.count} TOTP secrets open with none of the encryption keys."
        return None
