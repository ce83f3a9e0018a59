"""Security events: in the database for users and the operator, and in the log."""

import json
import logging
from datetime import datetime
from enum import Enum, unique
from uuid import UUID

from auth import paging
from auth.caller import Caller, Operator
from auth.paging import Page
from auth.postern import Postern
from models import SecurityEvent, User
from models.transactions import after_commit

logger = logging.getLogger("postern.events")

_DETAIL_MAX = 255


@unique
class EventType(Enum):
    """What can happen to an account; the value describes it for a person."""

    SIGNED_UP = "The account was made."
    SIGNED_IN = "A session was opened, all factors seen."
    SIGN_IN_FAILED = (
        "A wrong password, mailed code or passkey was given, or a right one for an account that "
        "may not sign in."
    )
    NEW_SIGN_IN = (
        "A session was opened from a network and client that the user had not used before."
    )
    TICKET_ISSUED = "The first factor was right, and the second factor was asked for."
    WRONG_CODE = (
        "A second factor was wrong or used before: a one-time code, a recovery code or a passkey."
    )
    ATTEMPTS_HELD_BACK = (
        "Too many attempts failed, so the next ones have to wait: of passwords or of codes."
    )
    ATTEMPTS_EXHAUSTED = "The last wrong code that a ticket takes: that sign-in is over."
    FACTOR_ON = "The second factor was turned on."
    FACTOR_OFF = "The second factor was turned off with a code."
    FACTOR_RESET = "The operator deleted the second factor."
    RECOVERY_CODE_USED = "A recovery code was used."
    RECOVERY_CODES_REPLACED = "A new set of recovery codes replaced the old one."
    PASSKEY_ADDED = "A passkey was added."
    PASSKEY_RENAMED = "A passkey was given another name."
    PASSKEY_REMOVED = "A passkey was removed."
    PASSKEY_COUNTER_WENT_BACK = (
        "A passkey was used whose signature counter went back: there may be a copy of it."
    )
    PASSWORD_CHANGED = "The password was changed."
    DEVICE_TRUSTED = "A browser that has shown the second factor is trusted for a while."
    DEVICE_FORGOTTEN = "A browser is not trusted any more."
    ELEVATED = "A credential was shown again, to change something that matters."
    REFRESH_TOKEN_REUSED = "A refresh token that was replaced came again; its session ended."
    SESSION_ENDED = "A session was signed out or revoked."
    SESSION_DISPLACED = (
        "The oldest session was ended by a new one, as the user had as many as are allowed."
    )
    ALL_SESSIONS_ENDED = "All sessions were signed out or revoked."
    RESET_SENT = "The operator made a link for a new password, for the user."
    PASSWORD_RESET = "The password was replaced with a link that was sent to the user."
    PASSWORD_REMOVED = (
        "The password, set before the address was verified, was removed by a sign-in by mail."
    )
    EMAIL_CHANGE_ASKED = "A new e-mail address was asked for; it has to be confirmed from there."
    EMAIL_CHANGED = "The e-mail address was changed, confirmed from the new one."
    EMAIL_CHANGE_UNDONE = (
        "The e-mail address was changed back, with a link sent to the old one; that removed the "
        "password."
    )
    EMAIL_VERIFIED = (
        "The e-mail address was verified, with a link that was sent there or by the operator."
    )
    MAIL_NOT_SENT = "A mail to the user could not be sent, and will not be tried again."
    USER_DISABLED = "The operator disabled the account."
    USER_ENABLED = "The operator enabled the account."
    USER_DELETED = "The operator deleted an account, and its events with it."
    PASSWORD_SET = "The operator set a new password."
    ROLES_CHANGED = "The operator changed the roles."
    METADATA_CHANGED = "The operator changed the metadata."
    THROTTLE_LIFTED = "The operator cleared the failed attempts, so that nobody has to wait."
    SETTING_CHANGED = "An operator changed a setting of the server."
    KEYS_ROTATED = "An operator made a new key that signs access tokens."
    MAIL_RETRIED = "An operator had a mail sent again that had been given up."
    ADMIN_SECRET_USED = "The operators' interface was used with the admin secret."
    ADMIN_SECRET_REFUSED = "A wrong admin secret came, or a right one that is switched off."


FOR_OPERATORS = {
    EventType.SETTING_CHANGED,
    EventType.KEYS_ROTATED,
    EventType.MAIL_RETRIED,
    EventType.ADMIN_SECRET_USED,
    EventType.ADMIN_SECRET_REFUSED,
}
"""What happens to the server and to no account; the public schema does not have it."""


async def record(
    postern: Postern,
    caller: Caller,
    kind: EventType,
    user_id: UUID | None = None,
    *,
    detail: str | None = None,
) -> None:
    """Append an event; `user_id` is None if the account is unknown.

    `detail` says what exactly was done; it is cut after 255 characters. Of an `Operator`, the event
    keeps the account and the reason. Inside of `atomic()`, it is committed or rolled back with the
    change.
    """
    operator = caller if isinstance(caller, Operator) else Operator()
    await SecurityEvent.create(
        created_at=postern.now(),
        type=kind.name,
        user_id=user_id,
        address=caller.address,
        user_agent=caller.user_agent,
        operator_id=operator.id,
        reason=operator.reason or None,
        detail=detail and detail[:_DETAIL_MAX],
    )
    log(postern, caller, kind, user_id)


def log(postern: Postern, caller: Caller, kind: EventType, user_id: UUID | None) -> None:
    """Log an event that the database holds, after the current transaction has committed."""
    shown = _shown(kind.name, postern.now(), user_id, caller.address, caller.user_agent)
    after_commit(lambda: logger.info("%s", json.dumps(shown), extra={"fields": shown}))


async def page_of(
    user: User, *, first: int | None = None, after: str | None = None
) -> Page[SecurityEvent]:
    """Return up to `first` events of the user (1 to 100, default 20), older than cursor `after`.

    Raises AuthError: INVALID_REQUEST.
    """
    first = paging.size(first)
    found = SecurityEvent.filter(user_id=user.id)
    if after is not None:
        found = found.filter(id__lt=position(after))
    events = await found.order_by("-id").limit(first + 1)
    return Page.cut(events, first=first, after=after)


async def latest(*, user: User | None, limit: int) -> list[SecurityEvent]:
    """Return the newest events of one user or of all users, newest first, for the operator."""
    found = SecurityEvent.filter(user_id=user.id) if user else SecurityEvent.all()
    return await found.order_by("-id").limit(limit)


def cursor(event: SecurityEvent) -> str:
    """Return the event's cursor: its position in the list."""
    return paging.cursor(str(event.id))


def position(cursor: str) -> int:
    """Return the position in a cursor. Raises AuthError: INVALID_REQUEST."""
    try:
        found = int(paging.position(cursor))
    except ValueError:
        found = -1
    if not 0 <= found < 2**63:
        raise paging.invalid_cursor()
    return found


def as_json(event: SecurityEvent) -> dict[str, object]:
    """Return the event as the command line shows it."""
    user_id = getattr(event, "user_id", None)
    shown = _shown(event.type, event.created_at, user_id, event.address, event.user_agent)
    operator_id = event.operator_id and str(event.operator_id)
    done = {"operator": operator_id, "reason": event.reason, "detail": event.detail}
    return shown | done


def _shown(
    kind: str, at: datetime, user_id: UUID | None, address: str | None, user_agent: str | None
) -> dict[str, object]:
    return {
        "event": kind,
        "at": at.isoformat(),
        "user": user_id and str(user_id),
        "address": address,
        "userAgent": user_agent,
    }
