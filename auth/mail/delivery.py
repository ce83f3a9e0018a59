"""Delivery: a background task of each process takes mails from the outbox and sends them.

Taking a mail moves its `due_at` forward, in one statement, by more than sending may take. So no two
tasks have the same mail, and a process that dies loses none: at least once.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from tortoise.queryset import QuerySet

from auth import events
from auth.caller import SYSTEM
from auth.events import EventType
from auth.live_settings import Live
from auth.mail import requested, templates
from auth.mail.kinds import REQUESTED
from auth.mail.smtp import MailServer, MisconfiguredError, RefusedMailError
from auth.postern import Postern
from models import Mail, User
from models.hot_paths import mails, users
from models.transactions import atomic

LEASE = 5 * 60
"""Seconds for which a mail belongs to the task that has taken it."""
SENDING_LIMIT = 60
"""Seconds that sending may take; far less than the lease."""
POLL = 2
"""Seconds after which a task looks for the mails of other processes, and for those that are due."""
PAUSES = (30, 120, 600, 3600, 4 * 3600, 6 * 3600, 12 * 3600)
"""Seconds before each further attempt. The last one is made after a day."""
MENDED = 60
"""Seconds between two attempts while the mail server takes no mail until the operator acts."""
TASKS = 4
"""Mails that one process sends at the same time."""

logger = logging.getLogger("postern.mail")


@dataclass(frozen=True)
class _Taken:
    """A mail that this task has taken, and how often it has been tried, now included."""

    mail: Mail
    attempt: int

    @property
    def row(self) -> QuerySet[Mail]:
        """The mail's row, as long as no other task has taken it."""
        return Mail.filter(id=self.mail.id, attempts=self.attempt)


async def deliver_for_ever(live: Live) -> None:
    """Deliver what is due until cancelled; what goes wrong is logged and tried again."""
    mail = live.postern.settings.mail
    if mail == "off":
        return
    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS if mail == "smtp" else 1):
            group.create_task(_deliver_for_ever(live))


async def _deliver_for_ever(live: Live) -> None:
    postern = live.postern
    server = MailServer(postern.settings) if postern.settings.mail == "smtp" else None
    try:
        while True:
            try:
                postern.mail_is_waiting.clear()
                while await deliver_next(live.postern, server):
                    pass
            except MisconfiguredError:
                await asyncio.sleep(MENDED)
            except Exception as error:
                logger.warning("the outbox cannot be read: %s", type(error).__name__)
            idle = asyncio.create_task(postern.mail_is_waiting.wait())
            await asyncio.wait([idle], timeout=POLL)
            idle.cancel()
            if server:
                await server.rest()
    finally:
        if server:
            await server.close()


async def deliver_next(postern: Postern, server: MailServer | None) -> bool:
    """Take a mail that is due and deliver it; False if none is due.

    Raises MisconfiguredError if it is pointless to try another one now.
    """
    taken = await _take(postern)
    if taken is None:
        return False
    try:
        async with asyncio.timeout(SENDING_LIMIT):
            delivered = await _deliver(postern, taken, server)
    except RefusedMailError as error:
        await _give_up(postern, taken, str(error))
    except MisconfiguredError as error:
        await _put_back(postern, taken, error)
        raise
    except Exception as error:
        await _try_again(postern, taken, error)
    else:
        if delivered:
            logger.info("mail %s (%s) delivered", taken.mail.id, taken.mail.kind)
    return True


async def _take(postern: Postern) -> _Taken | None:
    now = postern.now()
    mail = await mails.take(now, now + timedelta(seconds=LEASE))
    if mail is None:
        return None
    user_id = getattr(mail, "user_id", None)
    mail.user = await User.get_or_none(id=user_id) if user_id else None
    return _Taken(mail, mail.attempts)


async def _deliver(postern: Postern, taken: _Taken, server: MailServer | None) -> bool:
    """Prepare, render and send the mail; False if there is nobody to send it to."""
    mail = taken.mail
    # The ticket of a requested mail is made anew for each attempt: after a day it would be dead.
    if mail.kind in REQUESTED and not await requested.prepare(postern, mail):
        await taken.row.delete()
        return False
    rendered = await asyncio.to_thread(templates.render_mail, postern, mail)
    if server is None:
        await taken.row.update(due_at=None, delivered_at=postern.now())
    else:
        await server.send(mail, rendered)
        await taken.row.delete()
    return True


async def _try_again(postern: Postern, taken: _Taken, error: Exception) -> None:
    if taken.attempt > len(PAUSES):
        await _give_up(postern, taken, type(error).__name__)
        return
    pause = PAUSES[taken.attempt - 1]
    await taken.row.update(due_at=postern.now() + timedelta(seconds=pause))
    logger.warning(
        "mail %s (%s) not sent, next attempt in %d s: %s",
        taken.mail.id, taken.mail.kind, pause, _reason(error),
    )  # fmt: skip


async def _put_back(postern: Postern, taken: _Taken, error: MisconfiguredError) -> None:
    """Keep the mail until the operator has acted: an attempt like this one does not count."""
    due_at = postern.now() + timedelta(seconds=MENDED)
    await taken.row.update(due_at=due_at, attempts=taken.attempt - 1)
    _log_misconfigured(postern, str(error))


async def _give_up(postern: Postern, taken: _Taken, reason: str) -> None:
    user_id = getattr(taken.mail, "user_id", None)
    async with atomic():
        if user_id:
            await users.lock(user_id)
        if not await taken.row.update(due_at=None):
            return
        await events.record(postern, SYSTEM, EventType.MAIL_NOT_SENT, user_id)
    logger.error("mail %s (%s) given up: %s", taken.mail.id, taken.mail.kind, reason)


def _log_misconfigured(postern: Postern, reason: str) -> None:
    """Log it once a minute, though several tasks of this process meet it."""
    now = postern.now()
    logged_at = _logged_at.get(postern.mail_is_waiting)
    if logged_at is None or now - logged_at >= timedelta(seconds=MENDED):
        _logged_at[postern.mail_is_waiting] = now
        logger.error("no mail can be sent, and all are kept: %s", reason)


_logged_at: WeakKeyDictionary[asyncio.Event, datetime] = WeakKeyDictionary()
"""When each Postern of this process has logged it; the event stands for its Postern."""


def _reason(error: Exception) -> str:
    """Return what may be logged: a mail server's words, and a template's, may repeat a secret."""
    if isinstance(error, SMTPRecipientsRefused):
        return f"the mail server refuses the recipient for now ({error.recipients[0].code})"
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__} ({error.code})"
    if type(error) is TimeoutError:
        return f"the mail server took longer than {SENDING_LIMIT} s"
    if isinstance(error, OSError) and not isinstance(error, SMTPException):
        return f"{type(error).__name__}: {error}"
    return type(error).__name__
