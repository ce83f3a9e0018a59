"""A user's sessions, page by page."""

from datetime import UTC, datetime
from uuid import UUID

from tortoise.expressions import Q

from auth import paging
from auth.paging import Page
from auth.postern import Postern
from auth.sessions import current
from models import User, UserSession


async def page_of(
    postern: Postern, user: User, *, first: int | None = None, after: str | None = None
) -> Page[UserSession]:
    """Return up to `first` of the user's live sessions (1 to 100, default 20), last used first.

    Raises AuthError: INVALID_REQUEST.
    """
    first = paging.size(first)
    alive = UserSession.filter(
        user_id=user.id, expires_at__gt=postern.now(), last_used_at__gt=current.idle_since(postern)
    )
    if after is not None:
        used_at, session_id = _position(after)
        alive = alive.filter(
            Q(last_used_at__lt=used_at) | Q(last_used_at=used_at, id__gt=session_id)
        )
    found = await alive.order_by("-last_used_at", "id").limit(first + 1)
    return Page.cut(found, first=first, after=after)


def cursor(session: UserSession) -> str:
    """Return the session's cursor: its position in the list."""
    return paging.cursor(f"{session.last_used_at.isoformat()} {session.id}")


def _position(cursor: str) -> tuple[datetime, UUID]:
    used_at, _, session_id = paging.position(cursor).partition(" ")
    try:
        return datetime.fromisoformat(used_at).astimezone(UTC), UUID(session_id)
    except (ValueError, OverflowError):
        raise paging.invalid_cursor() from None
