"""Notices: what a user is told of a change that somebody else might have made."""

from auth.caller import Caller
from auth.mail import outbox
from auth.mail.outbox import Letter
from auth.postern import Postern
from models import User

PASSWORD_CHANGED = "password-changed"  # noqa: S105 - the name of a template


async def post(postern: Postern, caller: Caller, user: User, kind: str) -> None:
    """Tell the user of a change, in its transaction: what, when, and from where."""
    where = f" ({caller.address})" if caller.address else ""
    when = f"{postern.now():%Y-%m-%d %H:%M} UTC"
    await outbox.post(postern, user, Letter(kind, {"when": when, "where": where}))
