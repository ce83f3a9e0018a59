"""Notices: what a user is told of a change that somebody else might have made."""

from auth import tokens
from auth.caller import Caller
from auth.email_addresses import mailbox
from auth.events import EventType
from auth.mail import outbox
from auth.mail.kinds import NOTICES
from auth.postern import Postern
from models import User
from models.hot_paths.throttles import Pace, count_failure
from models.throttle import NOTICE

_PACE = Pace(free=5, waits=(60 * 60,), decay=60 * 60)
"""Five notices of one kind to one account or mailbox, and no more within an hour of the fifth. The
others are only events."""


async def post(postern: Postern, caller: Caller, user: User, kind: EventType) -> None:
    """Tell the user of an event that was just recorded, in the transaction of the change."""
    if not postern.settings.notices:
        return
    # Accounts whose address nobody has verified share the count of their mailbox: whoever signs up
    # with a stranger's address, again and again, must not fill it, nor use up the owner's notices.
    of = str(user.id) if user.email_verified else mailbox(user.email)
    digest = tokens.digest(f"{kind.name} {of}")
    now = int(postern.now().timestamp())
    if await count_failure(_PACE, f"{NOTICE}{digest[:48]}", now) is not None:
        await outbox.post(postern, user, NOTICES[kind], circumstances(postern, caller))


async def post_farewell(postern: Postern, caller: Caller, user: User, kind: EventType) -> None:
    """Tell the user of an account that was just deleted, in the same transaction."""
    if postern.settings.notices and postern.settings.mail != "off":
        await outbox.post_to(postern, user.email, NOTICES[kind], circumstances(postern, caller))


def circumstances(postern: Postern, caller: Caller) -> dict[str, str]:
    """Return when and from where something was done, as a mail says it."""
    where = f" ({caller.address})" if caller.address else ""
    return {"when": f"{postern.now():%Y-%m-%d %H:%M} UTC", "where": where}
