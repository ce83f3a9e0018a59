"""Lists of the GraphQL schema, page by page in the manner of Relay: sessions and events."""

from datetime import datetime
from enum import Enum, EnumMeta
from typing import Annotated, Any, Self, cast
from uuid import UUID

import strawberry

import models
from auth import events, paging
from auth.sessions import listing


def described_enum(name: str, values: dict[str, str], description: str) -> EnumMeta:
    """Return an enum for the schema; `values` maps each value's name to its description."""
    members = {
        value: strawberry.enum_value(value, description=meaning)
        for value, meaning in values.items()
    }
    return strawberry.enum(cast("EnumMeta", Enum(name, members)), description=description)


First = Annotated[
    int | None, strawberry.argument(description="How many at the most, from 1 to 100.")
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="The `endCursor` of the page before; without it, the first page."
    ),
]


@strawberry.type(description="Whether there is more of a list, and where to go on.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether entries follow this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether this is not the first page, so that entries may come before it."
    )
    start_cursor: str | None = strawberry.field(
        description="The place of the first entry here; null on an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="For `after`, to get the next page; null on an empty page."
    )

    @classmethod
    def of(cls, page: paging.Page[Any], cursors: list[str]) -> Self:
        """Return Relay's page info, for a page whose entries have these cursors."""
        return cls(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


@strawberry.type(description="One place where a user is signed in.")
class UserSession:
    id: strawberry.ID = strawberry.field(description="For `revokeSession`. Not a secret.")
    created_at: datetime = strawberry.field(description="When the user signed in.")
    last_used_at: datetime = strawberry.field(description="When it was last refreshed.")
    user_agent: str | None = strawberry.field(
        description="What the client called itself when it was last refreshed, at most 255 "
        "characters of it; null if it said nothing. Not to be trusted."
    )
    address: str | None = strawberry.field(
        description="The network address that it was last refreshed from; null if unknown."
    )
    current: bool = strawberry.field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, session: models.UserSession, current: UUID) -> Self:
        """Return a session as its user sees it; `current` is the id of the caller's session."""
        return cls(
            id=strawberry.ID(str(session.id)),
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            user_agent=session.user_agent,
            address=session.address,
            current=session.id == current,
        )


@strawberry.type(description="A session and its place in the list.")
class UserSessionEdge:
    cursor: str = strawberry.field(description="For `after`, to go on from here.")
    node: UserSession = strawberry.field(description="Where the user is signed in.")


@strawberry.type(description="A page of sessions, in the manner of Relay.")
class UserSessionConnection:
    edges: list[UserSessionEdge] = strawberry.field(description="The sessions, last used first.")
    page_info: PageInfo = strawberry.field(description="Whether there is more, and where.")

    @classmethod
    def of(cls, page: paging.Page[models.UserSession], current: UUID) -> Self:
        """Return a page in Relay's format."""
        edges = [
            UserSessionEdge(cursor=listing.cursor(session), node=UserSession.of(session, current))
            for session in page.entries
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]))


SecurityEventType = described_enum(
    "SecurityEventType",
    {kind.name: kind.value for kind in events.EventType if kind not in events.FOR_OPERATORS},
    "What can happen to an account.",
)


@strawberry.type(description="Something that happened to an account.")
class SecurityEvent:
    type: SecurityEventType = strawberry.field(description="What happened to it.")  # type: ignore[valid-type]
    created_at: datetime = strawberry.field(description="When it happened.")
    user_agent: str | None = strawberry.field(
        description="What the client called itself, at most 255 characters of it; null if it said "
        "nothing. Not to be trusted."
    )
    address: str | None = strawberry.field(
        description="The network address that it came from; null if it was not from the network."
    )


@strawberry.type(description="An event and its place in the list.")
class SecurityEventEdge:
    cursor: str = strawberry.field(description="For `after`, to go on from here.")
    node: SecurityEvent = strawberry.field(description="What happened, and when.")


@strawberry.type(description="A page of events, in the manner of Relay.")
class SecurityEventConnection:
    edges: list[SecurityEventEdge] = strawberry.field(description="The events, newest first.")
    page_info: PageInfo = strawberry.field(description="Whether there is more, and where.")

    @classmethod
    def of(cls, page: paging.Page[models.SecurityEvent]) -> Self:
        """Return a page in Relay's format."""
        edges = [
            SecurityEventEdge(
                cursor=events.cursor(event),
                node=SecurityEvent(
                    type=SecurityEventType[event.type],
                    created_at=event.created_at,
                    user_agent=event.user_agent,
                    address=event.address,
                ),
            )
            for event in page.entries
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]))
