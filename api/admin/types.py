"""The types of the operators' schema: users, and what belongs to them; events; mails; keys."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

import strawberry

import models
from api.admin.context import Info
from api.graphql.connections import After, First, PageInfo, described_enum
from api.graphql.types import TrustedDevice
from auth import errors, events, paging
from auth.accounts import passkeys
from auth.factors import factor_type, recovery_codes, second_factor, trusted_devices
from auth.operators import reading, upkeep
from auth.operators.reading import WantedEvents
from auth.paging import Page

ErrorCode = described_enum(
    "ErrorCode",
    {code.name: code.meaning for code in errors.ErrorCode},
    "Why an operation was refused: the value of `errors[].extensions.code`.",
)
FactorType = described_enum(
    "FactorType",
    {kind.name: kind.value for kind in factor_type.FactorType},
    "What a user may have to sign in with after the first factor.",
)
UserOrder = described_enum(
    "UserOrder",
    {order.name: order.value for order in reading.Order},
    "In which order users are listed.",
)
EventType = described_enum(
    "SecurityEventType",
    {kind.name: kind.value for kind in events.EventType},
    "What can happen to an account, or to the server.",
)


@strawberry.type(description="Who calls: an operator, or a script with the admin secret.")
class Operator:
    id: strawberry.ID | None = strawberry.field(
        description="The operator's account; null for a script with the admin secret."
    )
    name: str = strawberry.field(
        description="The e-mail address of the account; `the admin secret` for a script."
    )


@strawberry.type(description="One place where a user is signed in.")
class UserSession:
    id: strawberry.ID = strawberry.field(description="For `endSession`. Not a secret.")
    created_at: datetime = strawberry.field(description="When the user signed in.")
    last_used_at: datetime = strawberry.field(description="When it was last refreshed.")
    expires_at: datetime = strawberry.field(description="When it ends, however often it is used.")
    methods: list[str] = strawberry.field(
        description="How the user has authenticated: `amr` values (RFC 8176)."
    )
    address: str | None = strawberry.field(description="Where it was last refreshed from.")
    user_agent: str | None = strawberry.field(
        description="What the client called itself. Not to be trusted."
    )

    @classmethod
    def of(cls, session: models.UserSession) -> Self:
        """Return a session as operators see it."""
        return cls(
            id=strawberry.ID(str(session.id)),
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            methods=list(session.methods),
            address=session.address,
            user_agent=session.user_agent,
        )


@strawberry.type(description="A public key of a user's authenticator.")
class Passkey:
    id: strawberry.ID = strawberry.field(description="Names the passkey.")
    nickname: str = strawberry.field(description="What the user calls it.")
    created_at: datetime = strawberry.field(description="When it was added.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was last used; null before the first time."
    )
    backed_up: bool = strawberry.field(
        description="Whether its provider keeps a copy, so that it outlives the device."
    )


@strawberry.type(description="Attempts that have to wait, since too many have failed.")
class Throttle:
    what: str = strawberry.field(
        description="What is tried: `password`, `code` (of a second factor) or `mailed code`."
    )
    until: datetime = strawberry.field(description="When the next attempt is allowed.")


@strawberry.type(description="Something that happened to an account or to the server.")
class SecurityEvent:
    id: strawberry.ID = strawberry.field(description="Increases with every event.")
    type: EventType = strawberry.field(description="What happened.")  # type: ignore[valid-type]
    created_at: datetime = strawberry.field(description="When it happened.")
    user_id: strawberry.ID | None = strawberry.field(
        description="Whose account it was; null if there is none, or not any more."
    )
    email: str | None = strawberry.field(description="The e-mail address of that account, now.")
    address: str | None = strawberry.field(description="The network address that it came from.")
    user_agent: str | None = strawberry.field(
        description="What the client called itself. Not to be trusted."
    )
    operator_id: strawberry.ID | None = strawberry.field(
        description="The account of the operator who did it, if it was one who has an account."
    )
    operator: str | None = strawberry.field(
        description="The e-mail address of that account, now; null if it was the command line or "
        "the admin secret, or if the account is gone."
    )
    reason: str | None = strawberry.field(description="Why an operator did it.")
    detail: str | None = strawberry.field(
        description="What exactly was done: the names of the settings that were changed, say, or "
        "the id of the account that was deleted."
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
    async def of(cls, page: Page[models.SecurityEvent]) -> Self:
        """Return a page in Relay's format, with the addresses of the accounts."""
        users = {_user_id(event) for event in page.entries}
        emails = await reading.emails(users | {event.operator_id for event in page.entries})
        edges = [
            SecurityEventEdge(cursor=events.cursor(event), node=_event(event, emails))
            for event in page.entries
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]))


def _user_id(event: models.SecurityEvent) -> UUID | None:
    found: UUID | None = event.user_id  # type: ignore[attr-defined] # Tortoise adds it
    return found


def _event(event: models.SecurityEvent, emails: Mapping[UUID, str]) -> SecurityEvent:
    user_id = _user_id(event)
    return SecurityEvent(
        id=strawberry.ID(str(event.id)),
        type=EventType[event.type],
        created_at=event.created_at,
        user_id=strawberry.ID(str(user_id)) if user_id else None,
        email=emails.get(user_id) if user_id else None,
        address=event.address,
        user_agent=event.user_agent,
        operator_id=strawberry.ID(str(event.operator_id)) if event.operator_id else None,
        operator=emails.get(event.operator_id) if event.operator_id else None,
        reason=event.reason,
        detail=event.detail,
    )


@strawberry.type(description="Someone who has an account.")
class User:
    id: strawberry.ID = strawberry.field(description="A UUID that never changes.")
    email: str = strawberry.field(description="The address to sign in with.")
    new_email: str | None = strawberry.field(
        description="The address that the user wants instead, until it is confirmed from there."
    )
    email_verified: bool = strawberry.field(
        description="Whether the user has shown that the address is theirs, or an operator has."
    )
    display_name: str = strawberry.field(description="The name to show, as the user has set it.")
    locale: str = strawberry.field(description="The user's language.")
    roles: list[str] = strawberry.field(description="All the roles that the user may act in.")
    default_role: str = strawberry.field(description="The role that the user usually acts in.")
    disabled: bool = strawberry.field(description="Whether the user cannot sign in.")
    has_password: bool = strawberry.field(description="Whether the user has a password.")
    factors: list[FactorType] = strawberry.field(  # type: ignore[valid-type]
        description="The second factors that the user has; empty without one."
    )
    metadata_json: str = strawberry.field(
        description="The application's data about the user, as JSON: an object or `null`."
    )
    created_at: datetime = strawberry.field(description="When the account was made.")
    last_signed_in_at: datetime | None = strawberry.field(
        description="When the user last signed in; null before the first time."
    )
    stored: strawberry.Private[models.User]

    @strawberry.field(description="Where the user is signed in, the last used first; at most 100.")
    async def sessions(self) -> list[UserSession]:
        return [UserSession.of(session) for session in await reading.sessions(self.stored)]

    @strawberry.field(description="The passkeys of the user, the oldest first.")
    async def passkeys(self) -> list[Passkey]:
        return [
            Passkey(
                id=strawberry.ID(str(each.id)),
                nickname=each.nickname,
                created_at=each.created_at,
                last_used_at=each.last_used_at,
                backed_up=each.backed_up,
            )
            for each in await passkeys.of(self.stored)
        ]

    @strawberry.field(description="How many recovery codes are left.")
    async def recovery_codes_left(self) -> int:
        return await recovery_codes.left(self.stored)

    @strawberry.field(
        description="The browsers that stand for the user's second factor, the latest first. "
        "`endSessions` ends them too."
    )
    async def trusted_devices(self, info: Info) -> list[TrustedDevice]:
        found = await trusted_devices.of(info.context.postern, self.stored)
        return [TrustedDevice.of(device) for device in found]

    @strawberry.field(
        description="What has to wait on this account after failed attempts, and until when."
    )
    async def throttles(self, info: Info) -> list[Throttle]:
        now = int(info.context.postern.now().timestamp())
        waiting = await reading.waits(self.stored, now)
        return [
            Throttle(what=what, until=datetime.fromtimestamp(until, UTC))
            for what, until in waiting.items()
        ]

    @strawberry.field(
        description="What happened to the account, the newest first. Errors: INVALID_REQUEST."
    )
    async def security_events(
        self, first: First = paging.PAGE, after: After = strawberry.UNSET
    ) -> SecurityEventConnection:
        wanted = WantedEvents(user_id=self.stored.id)
        page = await reading.events_page(wanted, first=first, after=after or None)
        return await SecurityEventConnection.of(page)

    @classmethod
    def of(cls, user: models.User) -> Self:
        """Return a user as operators see them: no secret, no digest."""
        return cls(
            id=strawberry.ID(str(user.id)),
            email=user.email,
            new_email=user.new_email,
            email_verified=user.email_verified,
            display_name=user.display_name,
            locale=user.locale,
            roles=list(user.roles),
            default_role=user.default_role,
            disabled=user.disabled,
            has_password=user.has_password,
            factors=[FactorType[kind.name] for kind in second_factor.of(user)],
            metadata_json=json.dumps(user.metadata),
            created_at=user.created_at,
            last_signed_in_at=user.last_signed_in_at,
            stored=user,
        )


@strawberry.type(description="A user and their place in the list.")
class UserEdge:
    cursor: str = strawberry.field(description="For `after`, to go on from here.")
    node: User = strawberry.field(description="The user.")


@strawberry.type(description="A page of users, in the manner of Relay.")
class UserConnection:
    edges: list[UserEdge] = strawberry.field(description="The users, in the chosen order.")
    page_info: PageInfo = strawberry.field(description="Whether there is more, and where.")
    wanted: strawberry.Private[reading.Wanted]
    is_all: strawberry.Private[bool]

    @strawberry.field(
        description=f"How many users match. Counting stops at {reading.COUNTED}: that number means "
        "as many or more."
    )
    async def total_count(self) -> int:
        return len(self.edges) if self.is_all else await reading.count(self.wanted)

    @classmethod
    def of(cls, page: Page[models.User], wanted: reading.Wanted, order: reading.Order) -> Self:
        """Return a page in Relay's format."""
        edges = [
            UserEdge(cursor=reading.cursor(user, order), node=User.of(user))
            for user in page.entries
        ]
        page_info = PageInfo.of(page, [edge.cursor for edge in edges])
        is_all = not (page.has_next or page.has_previous)
        return cls(edges=edges, page_info=page_info, wanted=wanted, is_all=is_all)


@strawberry.type(description="A key that access tokens are verified with. The key is never shown.")
class SigningKey:
    kid: str | None = strawberry.field(description="Its id, which is in the header of tokens.")
    algorithm: str = strawberry.field(description="The algorithm, such as `EdDSA`.")
    made_at: datetime | None = strawberry.field(
        description="When it was made; null for a key that the operator gave."
    )
    signs: bool = strawberry.field(
        description="Whether it signs new tokens; the others verify until their tokens expire."
    )

    @classmethod
    def of(cls, key: upkeep.KeyInUse) -> Self:
        """Return a key as operators see it."""
        return cls(kid=key.kid, algorithm=key.algorithm, made_at=key.made_at, signs=key.signs)


@strawberry.type(description="The keys of the server, by their ids.")
class Keys:
    signing: list[SigningKey] = strawberry.field(
        description="The keys of access tokens, the one that signs first."
    )
    encryption: list[str] = strawberry.field(
        description="The ids of the keys that encrypt TOTP secrets, the one in use first."
    )
    can_rotate: bool = strawberry.field(
        description="Whether `rotateKeys` works: not where the environment gives the key."
    )


@strawberry.type(description="A mail that was given up. Its text and its link are not shown.")
class DeadMail:
    id: strawberry.ID = strawberry.field(description="For `retryMail`.")
    kind: str = strawberry.field(description="The name of its template, such as `email-verify`.")
    recipient: str = strawberry.field(description="The address that it was for.")
    created_at: datetime = strawberry.field(description="When it was written.")
    attempts: int = strawberry.field(description="How often it was tried.")


@strawberry.type(description="A mail and its place in the list.")
class DeadMailEdge:
    cursor: str = strawberry.field(description="For `after`, to go on from here.")
    node: DeadMail = strawberry.field(description="The mail.")


@strawberry.type(description="A page of mails that were given up, in the manner of Relay.")
class DeadMailConnection:
    edges: list[DeadMailEdge] = strawberry.field(description="The mails, newest first.")
    page_info: PageInfo = strawberry.field(description="Whether there is more, and where.")

    @classmethod
    def of(cls, page: Page[models.Mail]) -> Self:
        """Return a page in Relay's format."""
        edges = [
            DeadMailEdge(
                cursor=upkeep.cursor(mail),
                node=DeadMail(
                    id=strawberry.ID(str(mail.id)),
                    kind=mail.kind,
                    recipient=mail.recipient,
                    created_at=mail.created_at,
                    attempts=mail.attempts,
                ),
            )
            for mail in page.entries
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]))


@strawberry.type(description="What becomes of mails.")
class Mails:
    delivery: str = strawberry.field(
        description="`smtp` (they are sent), `mailbox` (this server keeps and shows them) or `off`."
    )
    waiting: int = strawberry.field(description="How many wait to be sent. Counting stops at 1000.")
    dead: DeadMailConnection = strawberry.field(description="Those that were given up.")
