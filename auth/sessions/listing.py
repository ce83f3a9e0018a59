"""A user's sessions, page by page."""

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
        alive = alive.filter(paging.older("last_used_at", after))
    found = await alive.order_by("-last_used_at", "id").limit(first + 1)
    return Page.cut(found, first=first, after=after)


def cursor(session: UserSession) -> str:
    """Return the session's cursor: its position in the list."""
    return paging.time_cursor(session.last_used_at, session.id)
