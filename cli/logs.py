"""The log: one line for each record, as JSON for programs or as text for people.

It goes to standard error. Log records of libraries, Python's warnings and uncaught errors are part
of it.
"""

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import click
from tortoise.exceptions import OperationalError

SETTING = "AUTH_LOG_FORMAT"
SELDOM_SECONDS = 60
"""Seconds between two equal warnings of the HTTP library."""
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

logger = logging.getLogger("postern")


class Seldom(logging.Filter):
    """Passes each warning of a library once a minute, since every request could cause one."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self._written: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        if record.levelno > logging.WARNING:
            return True
        now, last = record.created, self._written.get(str(record.msg), 0.0)
        if now < last + SELDOM_SECONDS:
            return False
        self._written[str(record.msg)] = now
        return True


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object: time, level, logger, message and the record's fields.

    An event's message is its name.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of ASCII; line breaks in it are escaped."""
        fields = getattr(record, "fields", {})
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": fields.get("event") or record.getMessage(),
            **fields,
        }
        if record.exc_info and record.exc_info[1]:
            line["error"] = _described(record.exc_info[1])
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """Formats a record as text; an error's traceback follows on lines of its own."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback without the message, which may repeat what a client sent."""
        return _described(ei[1])


def start(environment: Mapping[str, str] = os.environ) -> None:
    """Send all records of this process to standard error, in the format of AUTH_LOG_FORMAT.

    Without the setting, the format is text on a terminal and JSON elsewhere. A wrong value is
    refused later, when the settings are loaded.
    """
    chosen = environment.get(SETTING) or ("text" if sys.stderr.isatty() else "json")
    handler = logging.StreamHandler()
    handler.setFormatter(TextLines(_TEXT) if chosen == "text" else JsonLines())
    logging.basicConfig(handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").addFilter(Seldom())
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda hook: _uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)
    sys.unraisablehook = lambda hook: _uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)


@contextmanager
def refusals() -> Iterator[None]:
    """If the log is JSON, log the error that ends a command (click would print text)."""
    try:
        yield
    except click.ClickException as error:
        if not any(isinstance(each.formatter, JsonLines) for each in logging.getLogger().handlers):
            raise
        logger.critical("%s", error.format_message())
        raise SystemExit(error.exit_code) from None


def _uncaught(
    kind: type[BaseException], error: BaseException | None, where: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    shown = error or kind()
    message = "an error that nobody has caught"
    logger.critical(message, exc_info=(kind, shown, where))


def _described(error: BaseException | None) -> str:
    """Return an error's type and place, but not its message, which may repeat what a client sent.

    Messages of the operating system and operational errors of the database do not: they are shown.
    """
    if error is None:
        return ""
    said = f": {error}" if isinstance(error, OSError | OperationalError) else ""
    where = "".join(traceback.format_tb(error.__traceback__))
    return f"{where}{type(error).__name__}{said}"
