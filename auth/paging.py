"""Pages of a list: their size, and the cursors between them."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from tortoise.expressions import Q

from auth.errors import AuthError, ErrorCode

PAGE, PAGE_MAX = 20, 100
"""How many entries a page has by default, and at most."""

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Page(Generic[Entry]):
    """Some entries of a list, and whether there are entries before and after them."""

    entries: list[Entry]
    has_next: bool
    has_previous: bool

    @classmethod
    def cut(cls, found: list[Entry], *, first: int, after: str | None) -> "Page[Entry]":
        """Return the first entries as a page; one entry more in `found` means a next page."""
        return cls(found[:first], has_next=len(found) > first, has_previous=after is not None)


def size(first: int | None) -> int:
    """Return the size of the page: `first`, or 20 by default.

    Raises AuthError: INVALID_REQUEST below 1 and above 100.
    """
    if first is None:
        return PAGE
    if not 1 <= first <= PAGE_MAX:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"first: expected 1 to {PAGE_MAX}.")
    return first


def cursor(position: str) -> str:
    """Return a position in a list in the opaque form that clients send back."""
    return base64.urlsafe_b64encode(position.encode()).decode()


def position(cursor: str) -> str:
    """Return the position in a cursor. Raises AuthError: INVALID_REQUEST."""
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid_cursor() from None


def time_cursor(at: datetime, entry_id: UUID) -> str:
    """Return the cursor of an entry of a list that is ordered by a time, then by id."""
    return cursor(f"{at.isoformat()} {entry_id}")


def time_and_id(cursor: str) -> tuple[datetime, UUID]:
    """Return what is in the cursor of such a list. Raises AuthError: INVALID_REQUEST."""
    at, _, entry_id = position(cursor).partition(" ")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), UUID(entry_id)
    except (ValueError, OverflowError):
        raise invalid_cursor() from None


def older(field: str, cursor: str) -> Q:
    """Return the condition of the entries after a cursor, the newest first, then by id.

    Raises AuthError: INVALID_REQUEST.
    """
    at, entry_id = time_and_id(cursor)
    before: dict[str, Any] = {f"{field}__lt": at}
    beside: dict[str, Any] = {field: at, "id__gt": entry_id}
    return Q(**before) | Q(**beside)


def invalid_cursor() -> AuthError:
    """Return the refusal of a cursor that does not belong to the list."""
    return AuthError(ErrorCode.INVALID_REQUEST, "after: expected an endCursor of this list.")
