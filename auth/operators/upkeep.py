"""Flow: what operators do for the server itself: its keys, and mails that were given up."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from auth import events, paging
from auth.caller import Operator
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.keys import signing_keys
from auth.keys.signing_keys import Rotation
from auth.operators.acting import acting
from auth.paging import Page
from auth.postern import Postern
from models import Mail
from models.transactions import after_commit


@dataclass(frozen=True)
class KeyInUse:
    """A key that access tokens are verified with; never the key itself."""

    kid: str | None
    algorithm: str
    made_at: datetime | None
    signs: bool


def signing_keys_in_use(postern: Postern) -> Sequence[KeyInUse]:
    """Return the keys of access tokens, the one that signs first."""
    keys = postern.key_ring.in_use(postern.now())
    return [
        KeyInUse(
            kid=key.kid,
            algorithm=key.algorithm,
            made_at=datetime.fromtimestamp(key.made_at, UTC) if key.made_at else None,
            signs=key == keys[-1],
        )
        for key in reversed(keys)
    ]


async def rotate_keys(postern: Postern, operator: Operator, *, revoke: bool) -> Rotation:
    """Make a new key that signs from now on; with `revoke`, end all tokens of the others.

    Raises AuthError: INVALID_REQUEST (the key is set in the environment). Raises OSError and
    UnusableKeyError if the data folder cannot be used.
    """
    async with acting(postern, operator):
        done = await asyncio.to_thread(rotate_files, postern, revoke=revoke)
        await note_rotation(postern, operator, done)
    return done


def rotate_files(postern: Postern, *, revoke: bool) -> Rotation:
    """Rotate the keys in the data folder, without the database: a leaked key cannot wait for it.

    The caller records the event: `note_rotation`. Raises what `rotate_keys` raises.
    """
    settings = postern.settings
    if settings.jwt_secret:
        raise AuthError(
            ErrorCode.INVALID_REQUEST, "The key is HASURA_GRAPHQL_JWT_SECRET; change it there."
        )
    return signing_keys.rotate(
        settings.data_dir,
        postern.now(),
        token_life=postern.key_ring.token_life,
        revoke=revoke,
    )


async def note_rotation(postern: Postern, operator: Operator, done: Rotation) -> None:
    """Record the event of a rotation."""
    await events.record(postern, operator, EventType.KEYS_ROTATED, detail=done.signing)


async def dead_mails(*, first: int | None = None, after: str | None = None) -> Page[Mail]:
    """Return up to `first` mails that were given up, the newest first, after the cursor.

    Raises AuthError: INVALID_REQUEST.
    """
    first = paging.size(first)
    found = Mail.filter(due_at=None, delivered_at=None)
    if after is not None:
        found = found.filter(paging.older("created_at", after))
    mails = await found.order_by("-created_at", "id").limit(first + 1)
    return Page.cut(mails, first=first, after=after)


def cursor(mail: Mail) -> str:
    """Return the mail's cursor: its position in the list."""
    return paging.time_cursor(mail.created_at, mail.id)


async def waiting_mails() -> int:
    """Return how many mails wait to be sent, counted up to 1000."""
    return len(await Mail.filter(due_at__isnull=False).limit(1000).values_list("id", flat=True))


async def retry_mail(postern: Postern, operator: Operator, mail_id: UUID) -> None:
    """Have a mail that was given up sent again, as if it were new.

    Raises AuthError: NOT_FOUND.
    """
    async with acting(postern, operator):
        dead = Mail.filter(id=mail_id, due_at=None, delivered_at=None)
        if not await dead.update(due_at=postern.now(), attempts=0):
            raise AuthError(ErrorCode.NOT_FOUND)
        await events.record(postern, operator, EventType.MAIL_RETRIED, detail=str(mail_id))
        after_commit(postern.mail_is_waiting.set)
