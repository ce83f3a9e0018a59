"""Notices: what a user is told of a change that somebody else might have made."""

from datetime import timedelta

from auth.caller import Caller
from auth.events import EventType
from auth.mail import outbox
from auth.mail.kinds import NOTICES
from auth.postern import Postern
from models import SecurityEvent, User

MOST_AN_HOUR = 5
"""How many notices of one kind a user gets within an hour. The others are only events: whoever
signs up with a stranger's address must not fill that mailbox."""


async def post(postern: Postern, caller: Caller, user: User, kind: EventType) -> None:
    """Tell the user of an event that was just recorded, in the transaction of the change."""
    if not postern.settings.notices:
        return
    recent = SecurityEvent.filter(
        user_id=user.id, type=kind.name, created_at__gt=postern.now() - timedelta(hours=1)
    )
    if await recent.count() <= MOST_AN_HOUR:
        await outbox.post(postern, user, NOTICES[kind], circumstances(postern, caller))


def circumstances(postern: Postern, caller: Caller) -> dict[str, str]:
    """Return when and from where something was done, as a mail says it."""
    where = f" ({caller.address})" if caller.address else ""
    return {"when": f"{postern.now():%Y-%m-%d %H:%M} UTC", "where": where}
