"""Whether this process can do its work: what `/readyz` answers."""

import logging
import time

from auth.keys.sealed_secrets import Unreadable, unreadable
from auth.postern import Postern
from models import database

READY_SECONDS = 1
"""How often the database is asked, however often `/readyz` is."""
_KEYS_SECONDS = 10
"""How often secrets that no key opens are counted again, while there are any."""

logger = logging.getLogger("postern")


class Readiness:
    """What is missing, as of this second or the last."""

    def __init__(self, postern: Postern) -> None:
        self._postern = postern
        self._asked, self._is_ready = 0.0, False
        self._counted = 0.0
        self._unreadable: Unreadable | None = None

    async def count_unreadable(self) -> None:
        """Look for secrets that no key opens, and write one line to the log if there are any."""
        self._counted = time.monotonic()
        self._unreadable = await unreadable(self._postern.vault)
        if self._unreadable:
            logger.error("%s. Until then /readyz answers 503.", self._unreadable)

    async def why_not(self) -> str | None:
        """What keeps this process from its work, for a person; None if nothing does."""
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
