"""Settings that change while the server runs: every process has the newest within two seconds."""

import asyncio
import logging
from contextlib import suppress

from auth.postern import Postern
from config import ConfigError
from models.hot_paths import settings as stored

POLL = 1
"""Seconds between two looks at the version of the settings."""

logger = logging.getLogger("postern")


async def newest(postern: Postern) -> Postern:
    """Return this Postern with the settings that operators have changed.

    Raises ConfigError if they cannot be used with this process's environment and file.
    """
    return postern.with_changes(*await stored.changed())


async def as_stored(postern: Postern) -> Postern:
    """Return this Postern with the newest settings, or as it is if they cannot be used here.

    For a decision in a transaction: a change that was stored before it counts at once.
    """
    with suppress(ConfigError):
        return await newest(postern)
    return postern


class Live:
    """The Postern of this process, as it is now. Whoever begins something takes it once."""

    def __init__(self, postern: Postern) -> None:
        self.postern = postern

    async def refresh(self) -> None:
        """Put the newest settings in force in this process. Raises ConfigError."""
        if await stored.version() == self.postern.version:
            return
        changed = await newest(self.postern)
        if changed.version >= self.postern.version:  # another task may have been faster
            self.postern = changed

    async def follow_for_ever(self) -> None:
        """Put changes of other processes in force until cancelled.

        What cannot be used here is logged once, and the settings from before stay in force.
        """
        said = ""
        while True:
            try:
                await self.refresh()
                said = ""
            except Exception as error:
                why = f"{error}" if isinstance(error, ConfigError) else type(error).__name__
                if why != said:
                    logger.error("changed settings are not in force here: %s", why)  # noqa: TRY400 - no defect
                said = why
            await asyncio.sleep(POLL)
