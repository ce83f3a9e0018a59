"""What operators see: users, page by page, and what belongs to each; events of everybody."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from typing import Any
from uuid import UUID

from auth import email_addresses, events, paging
from auth.caller import ADDRESS_MAX
from auth.errors import AuthError, ErrorCode
from auth.factors import recovery_codes
from auth.limits import throttling
from auth.paging import Page
from models import SecurityEvent, Throttle, User, UserSession
from models.hot_paths import directory

LONGEST = 320
"""Maximum characters of what is looked for: an e-mail address."""
OUT_OF_ORDER = 10_000
"""How many events may be stored with later ids, though they happened before."""
COUNTED = 1000
"""How many users a search counts at most."""


@unique
class Order(Enum):
    """In which order users are listed."""

    NEWEST = "The latest accounts first."
    OLDEST = "The first accounts first."
    EMAIL = "By e-mail address."


@dataclass(frozen=True)
class Wanted:
    """Which users an operator looks for; whatever is not None narrows the search."""

    text: str | None = None
    """A part of the e-mail address, the display name or the id."""
    email: str | None = None
    """The whole e-mail address, in any spelling."""
    disabled: bool | None = None
    email_verified: bool | None = None
    has_second_factor: bool | None = None
    role: str | None = None

    def __post_init__(self) -> None:
        """Raise AuthError: INVALID_REQUEST for a text, an address or a role nobody can have."""
        refuse_unfit(text=self.text, email=self.email, role=self.role)

    @property
    def conditions(self) -> dict[str, Any]:
        """Return what was said, by the names of `models.hot_paths.directory`."""
        said = {name: value for name, value in vars(self).items() if value not in (None, "")}
        if self.email:
            said["email"] = email_addresses.normalise(self.email) or self.email
        return said


def refuse_unfit(**texts: str | None) -> None:
    """Raise AuthError: INVALID_REQUEST, which names a text that is too long to look for."""
    for name, text in texts.items():
        if text is not None and (len(text) > LONGEST or "\0" in text):
            raise AuthError(
                ErrorCode.INVALID_REQUEST, f"{name}: expected at most {LONGEST} characters."
            )


@dataclass(frozen=True)
class Details:
    """What the operator may see of a user."""

    user: User
    sessions: list[UserSession]
    recovery_codes_left: int
    waits: dict[str, int]
    """Until when attempts are refused, in seconds since 1970, by `throttling.keys_of`'s names."""
    events: list[SecurityEvent]


async def find(address_or_id: str) -> User | None:
    """Return the user with this id, or with this e-mail address in any spelling."""
    user_id = parsed_id(address_or_id)
    if user_id is not None:
        return await User.get_or_none(id=user_id)
    return await User.get_or_none(email=email_addresses.normalise(address_or_id))


def parsed_id(text: str) -> UUID | None:
    """Return the text as an id, or None if it is not one."""
    try:
        return UUID(text)
    except ValueError:
        return None


async def search(wanted: Wanted, *, limit: int) -> list[User]:
    """Return up to `limit` matching users, the newest first."""
    return await directory.find(wanted.conditions, Order.NEWEST.name, None, limit)


async def page_of(
    wanted: Wanted, order: Order, *, first: int | None = None, after: str | None = None
) -> Page[User]:
    """Return up to `first` matching users (1 to 100, default 20), after the cursor.

    Raises AuthError: INVALID_REQUEST.
    """
    first = paging.size(first)
    position = None if after is None else _position(order, after)
    found = await directory.find(wanted.conditions, order.name, position, first + 1)
    return Page.cut(found, first=first, after=after)


async def count(wanted: Wanted) -> int:
    """Return how many users match, counted up to COUNTED."""
    return await directory.count(wanted.conditions, COUNTED)


def cursor(user: User, order: Order) -> str:
    """Return the user's cursor: their position in the list."""
    if order is Order.EMAIL:
        return paging.cursor(user.email)
    return paging.time_cursor(user.created_at, user.id)


def _position(order: Order, cursor: str) -> tuple[str | datetime, str]:
    if order is Order.EMAIL:
        email = paging.position(cursor)
        refuse_unfit(after=email)
        return email, ""
    created_at, user_id = paging.time_and_id(cursor)
    return created_at, str(user_id)


@dataclass(frozen=True)
class WantedEvents:
    """Which events an operator looks for; whatever is given narrows the search."""

    types: Sequence[str] | None = None
    user_id: UUID | None = None
    address: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def events_page(
    wanted: WantedEvents, *, first: int | None = None, after: str | None = None
) -> Page[SecurityEvent]:
    """Return up to `first` events (1 to 100, default 20), the newest first, after the cursor.

    Raises AuthError: INVALID_REQUEST.
    """
    first = paging.size(first)
    refuse_unfit(address=wanted.address)
    if wanted.address is not None and len(wanted.address) > ADDRESS_MAX:
        return Page.cut([], first=first, after=after)
    found = SecurityEvent.all()
    for name, value in (
        ("type__in", wanted.types),
        ("user_id", wanted.user_id),
        ("address", wanted.address),
        ("created_at__gte", wanted.since),
        ("created_at__lt", wanted.until),
        ("id__gte", await _first_since(wanted.since)),
        ("id__lte", await _last_before(wanted.until)),
        ("id__lt", None if after is None else events.position(after)),
    ):
        if value is not None:
            found = found.filter(**{name: value})
    return Page.cut(await found.order_by("-id").limit(first + 1), first=first, after=after)


async def _first_since(since: datetime | None) -> int | None:
    """Return a bound on the ids of the events since this time, found by the index of times.

    Ids and times are in nearly the same order: without the bound, all newer or older events would
    be looked at.
    """
    if since is None:
        return None
    first = await SecurityEvent.filter(created_at__gte=since).order_by("created_at").first()
    return first.id - OUT_OF_ORDER if first else 2**62


async def _last_before(until: datetime | None) -> int | None:
    if until is None:
        return None
    last = await SecurityEvent.filter(created_at__lt=until).order_by("-created_at").first()
    return last.id + OUT_OF_ORDER if last else 0


async def emails(user_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return the e-mail addresses of these users, by id."""
    known = [user_id for user_id in user_ids if user_id]
    found = await User.filter(id__in=known).values_list("id", "email") if known else []
    return {UUID(str(user_id)): str(email) for user_id, email in found}


async def waits(user: User, now: int) -> dict[str, int]:
    """Return until when attempts on this account are refused at `now`, by what is tried.

    All in seconds since 1970; what may be tried at once is not named.
    """
    keys = throttling.keys_of(user)
    waiting = await Throttle.filter(key__in=list(keys.values()), allowed_at__gt=now)
    until = {throttle.key: throttle.allowed_at for throttle in waiting}
    return {what: until[key] for what, key in keys.items() if key in until}


async def sessions(user: User) -> list[UserSession]:
    """Return the sessions of a user, the last used first."""
    return await UserSession.filter(user_id=user.id).order_by("-last_used_at").limit(100)


async def details(user: User, now: int, *, latest: int = 10) -> Details:
    """Return what the operator may see of a user at `now`, in seconds since 1970."""
    return Details(
        user=user,
        sessions=await sessions(user),
        recovery_codes_left=await recovery_codes.left(user),
        waits=await waits(user, now),
        events=await events.latest(user=user, limit=latest),
    )
