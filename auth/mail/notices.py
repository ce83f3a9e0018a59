"""Notices: what a user is told of a change that somebody else might have made."""

from collections.abc import Mapping

from auth.caller import Caller
from auth.events import EventType
from auth.mail import outbox
from auth.postern import Postern
from models import User

NOTICES: Mapping[EventType, str] = {
    EventType.PASSWORD_CHANGED: "password-changed",
    EventType.PASSWORD_RESET: "password-changed",
    EventType.PASSWORD_SET: "password-changed",
    EventType.FACTOR_ON: "factor-on",
    EventType.FACTOR_OFF: "factor-off",
    EventType.FACTOR_RESET: "factor-reset",
    EventType.RECOVERY_CODE_USED: "recovery-code-used",
    EventType.RECOVERY_CODES_REPLACED: "recovery-codes-replaced",
    EventType.REFRESH_TOKEN_REUSED: "refresh-token-reused",
    EventType.USER_DISABLED: "account-disabled",
}
"""The mail that tells of an event, by the name of its template."""


async def post(postern: Postern, caller: Caller, user: User, kind: EventType) -> None:
    """Tell the user of an event, in the transaction of the change: what, when, and from where."""
    if not postern.settings.notices:
        return
    where = f" ({caller.address})" if caller.address else ""
    when = f"{postern.now():%Y-%m-%d %H:%M} UTC"
    await outbox.post(postern, user, NOTICES[kind], {"when": when, "where": where})
