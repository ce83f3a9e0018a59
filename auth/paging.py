"""Pages of a list: how many entries one has, and the cursors between them."""

import base64
from dataclasses import dataclass
from typing import Generic, TypeVar

from auth.errors import AuthError, ErrorCode

PAGE, PAGE_MAX = 20, 100
"""Entries that one request gets, and may ask for."""

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Page(Generic[Entry]):
    """Some entries of a list, and whether others come before and after them."""

    entries: list[Entry]
    has_next: bool
    has_previous: bool

    @classmethod
    def cut(cls, found: list[Entry], *, first: int, after: str | None) -> "Page[Entry]":
        """The page of `first` entries, from one entry more than that if there are so many."""
        return cls(found[:first], has_next=len(found) > first, has_previous=after is not None)


def size(first: int | None) -> int:
    """How many entries are asked for: 20 unless said otherwise.

    Raises AuthError: INVALID_REQUEST below 1 and above 100.
    """
    if first is None:
        return PAGE
    if not 1 <= first <= PAGE_MAX:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"first: expected 1 to {PAGE_MAX}.")
    return first


def cursor(position: str) -> str:
    """A position in a list as clients see it, and hand it back."""
    return base64.urlsafe_b64encode(position.encode()).decode()


def position(cursor: str) -> str:
    """What `cursor` was made of. Raises AuthError: INVALID_REQUEST."""
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid_cursor() from None


def invalid_cursor() -> AuthError:
    """The refusal of a cursor that is not one of the list."""
    return AuthError(ErrorCode.INVALID_REQUEST, "after: expected an endCursor of this list.")
