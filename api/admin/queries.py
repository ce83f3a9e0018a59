"""What operators ask: users, events, figures, settings, keys and mails."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Self

import strawberry

from api.admin.context import Info, id_of, user_of
from api.admin.setting_types import SettingChangeConnection, SettingList
from api.admin.types import (
    DeadMailConnection,
    EventType,
    Keys,
    Mails,
    Operator,
    SecurityEventConnection,
    SigningKey,
    User,
    UserConnection,
    UserOrder,
)
from api.graphql.connections import After, First
from api.graphql.schema.arguments import argument
from auth import figures, paging
from auth.errors import AuthError, ErrorCode
from auth.operators import reading, settings, upkeep
from auth.operators.reading import Wanted, WantedEvents

MONTH = timedelta(days=31)
"""How far back `figures` goes."""
UserId = Annotated[strawberry.ID, argument("The `id` of a `User`.")]


@strawberry.input(description="Narrows a search of users; what is left out or null does not.")
class UserFilter:
    text: str | None = strawberry.field(
        default=None, description="A part of the e-mail address, the display name or the id."
    )
    email: str | None = strawberry.field(
        default=None, description="The whole e-mail address, in any spelling."
    )
    disabled: bool | None = strawberry.field(
        default=None, description="Only those who are disabled, or only the others."
    )
    email_verified: bool | None = strawberry.field(
        default=None, description="Only those with a verified address, or only the others."
    )
    has_second_factor: bool | None = strawberry.field(
        default=None, description="Only those with a second factor, or only the others."
    )
    role: str | None = strawberry.field(default=None, description="Only those with this role.")


@strawberry.input(description="Narrows a search of events; what is left out or null does not.")
class EventFilter:
    types: list[EventType] | None = strawberry.field(  # type: ignore[valid-type]
        default=None, description="Only events of these types."
    )
    user_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only events of this user."
    )
    address: str | None = strawberry.field(
        default=None, description="Only events from this network address."
    )
    since: datetime | None = strawberry.field(
        default=None, description="Only events from this time on."
    )
    until: datetime | None = strawberry.field(
        default=None, description="Only events before this time."
    )

    def wanted(self) -> WantedEvents:
        types: list[Enum] | None = self.types
        return WantedEvents(
            types=None if types is None else [kind.name for kind in types],
            user_id=id_of(self.user_id) if self.user_id else None,
            address=self.address,
            since=_in_utc("since", self.since),
            until=_in_utc("until", self.until),
        )


def _in_utc(name: str, at: datetime | None) -> datetime | None:
    try:
        return at and at.astimezone(UTC)
    except OverflowError:
        raise AuthError(
            ErrorCode.INVALID_REQUEST, f"{name}: expected a year from 1 to 9999."
        ) from None


@strawberry.type(
    description="How many events there were, in each hour that had any. The lists are parallel."
)
class Activity:
    hours: list[datetime] = strawberry.field(description="The beginnings of the hours.")
    sign_ups: list[int] = strawberry.field(description="Accounts that were made.")
    sign_ins: list[int] = strawberry.field(description="Sessions that were opened.")
    failures: list[int] = strawberry.field(description="Wrong passwords, codes and passkeys.")


@strawberry.type(description="How many enabled users with this role have no second factor.")
class RoleCount:
    role: str = strawberry.field(description="The role.")
    count: int = strawberry.field(description="How many.")


@strawberry.type(
    description="Figures, from counters that are kept up to date beside the work. Users are as of "
    "`countedAt`; events are counted a minute after they happened."
)
class Figures:
    counted_at: datetime | None = strawberry.field(
        description="When the users were counted; null before the first time."
    )
    users: int = strawberry.field(description="All accounts.")
    with_factor: int = strawberry.field(description="Those with a second factor.")
    with_passkeys: int = strawberry.field(description="Those with a passkey.")
    disabled: int = strawberry.field(description="Those who are disabled.")
    unverified: int = strawberry.field(description="Those without a verified address.")
    enabled_without_factor: int = strawberry.field(
        description="Who would be asked for a second factor if it were required of everybody."
    )
    without_factor: list[RoleCount] = strawberry.field(
        description="Who would be asked for a second factor if it were required of a role: the "
        "enabled users without one, by role. A user may have several roles."
    )
    activity: Activity = strawberry.field(description="What happened in the last 31 days.")

    @classmethod
    async def of(cls, now: datetime) -> Self:
        """Return the figures as they were counted last."""
        counts = await figures.latest()
        told = await figures.activity(now - MONTH)
        roles = counts.users.get("without_factor", {})
        names = (
            "users",
            "with_factor",
            "with_passkeys",
            "disabled",
            "unverified",
            "enabled_without_factor",
        )
        return cls(
            counted_at=counts.counted_at,
            without_factor=[RoleCount(role=role, count=count) for role, count in roles.items()],
            activity=Activity(**vars(told)),
            **{name: counts.users.get(name, 0) for name in names},
        )


@strawberry.type(description="Everything that operators can ask without changing anything.")
class Query:
    @strawberry.field(description="Who calls.")
    async def me(self, info: Info) -> Operator:
        operator = info.context.operator
        return Operator(
            id=strawberry.ID(str(operator.id)) if operator.id else None, name=operator.name
        )

    @strawberry.field(description="Users, page by page. Errors: INVALID_REQUEST.")
    async def users(
        self,
        filter: Annotated[UserFilter | None, argument("Which users.")] = None,  # noqa: A002
        order: Annotated[UserOrder, argument("In which order.")] = UserOrder["NEWEST"],  # type: ignore[valid-type]
        first: First = paging.PAGE,
        after: After = strawberry.UNSET,
    ) -> UserConnection:
        wanted, chosen = Wanted(**vars(filter)) if filter else Wanted(), reading.Order[order.name]  # type: ignore[attr-defined]
        page = await reading.page_of(wanted, chosen, first=first, after=after or None)
        return UserConnection.of(page, wanted, chosen)

    @strawberry.field(description="One user. Errors: NOT_FOUND.")
    async def user(self, id: UserId) -> User:  # noqa: A002
        return User.of(await user_of(id))

    @strawberry.field(
        description="What happened, to whomever, the newest first. Errors: INVALID_REQUEST, "
        "NOT_FOUND (a user id that cannot be one)."
    )
    async def security_events(
        self,
        filter: Annotated[EventFilter | None, argument("Which events.")] = None,  # noqa: A002
        first: First = paging.PAGE,
        after: After = strawberry.UNSET,
    ) -> SecurityEventConnection:
        wanted = filter.wanted() if filter else WantedEvents()
        page = await reading.events_page(wanted, first=first, after=after or None)
        return await SecurityEventConnection.of(page)

    @strawberry.field(description="How many users there are, and what they did lately.")
    async def figures(self, info: Info) -> Figures:
        return await Figures.of(info.context.postern.now())

    @strawberry.field(description="The settings in force, and where each comes from.")
    async def settings(self, info: Info) -> SettingList:
        return SettingList.of(info.context.live.postern)

    @strawberry.field(
        description="What operators have changed, the newest first. Errors: INVALID_REQUEST."
    )
    async def setting_changes(
        self, first: First = paging.PAGE, after: After = strawberry.UNSET
    ) -> SettingChangeConnection:
        page = await settings.history(first=first, after=after or None)
        return SettingChangeConnection.of(page)

    @strawberry.field(description="The keys of the server; never the keys themselves.")
    async def keys(self, info: Info) -> Keys:
        postern = info.context.postern
        return Keys(
            signing=[SigningKey.of(key) for key in upkeep.signing_keys_in_use(postern)],
            encryption=postern.vault.key_ids,
            can_rotate=postern.settings.jwt_secret is None,
        )

    @strawberry.field(description="What becomes of mails. Errors: INVALID_REQUEST.")
    async def mails(
        self, info: Info, first: First = paging.PAGE, after: After = strawberry.UNSET
    ) -> Mails:
        page = await upkeep.dead_mails(first=first, after=after or None)
        return Mails(
            delivery=info.context.postern.settings.mail,
            waiting=await upkeep.waiting_mails(),
            dead=DeadMailConnection.of(page),
        )
