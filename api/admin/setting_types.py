"""The settings in the operators' schema: what is in force, where from, and the history."""

from datetime import datetime
from typing import Self

import strawberry

import models
from api.graphql.connections import PageInfo, described_enum
from auth.operators import settings
from auth.paging import Page
from auth.postern import Postern
from config import described
from config.configuration import Source, accepts
from config.settings import NAMES, Settings

SettingSource = described_enum(
    "SettingSource",
    {source.name: source.value for source in Source},
    "Where a setting's value comes from: the first of these that has one.",
)
SettingKind = described_enum(
    "SettingKind", {kind.name: kind.value for kind in described.Kind}, "How a setting is edited."
)


@strawberry.type(description="A setting of the server.")
class Setting:
    name: str = strawberry.field(description="Its name in the environment: `AUTH_MFA_ENABLED`.")
    toml_key: str | None = strawberry.field(
        description="Its key in nhost.toml, if it has one: `auth.totp.enabled`."
    )
    value: str = strawberry.field(
        description="The value in force, in the form that the environment would have; empty for "
        "none, and for every secret."
    )
    default: str = strawberry.field(description="Postern's own default, in the same form.")
    fallback: str = strawberry.field(
        description="The value that applies once the operators' value is removed, in the same form."
    )
    source: SettingSource = strawberry.field(  # type: ignore[valid-type]
        description="Where the value comes from."
    )
    meaning: str = strawberry.field(description="What it does, as Markdown.")
    accepts: str = strawberry.field(description='What it accepts, in words that follow "expected".')
    kind: SettingKind = strawberry.field(description="How it is edited.")  # type: ignore[valid-type]
    choices: list[str] = strawberry.field(description="The values that it may have, if few.")
    is_secret: bool = strawberry.field(description="Whether its value is never shown.")
    locked_because: str | None = strawberry.field(
        description="Why operators cannot change it while the server runs; null if they can."
    )

    @classmethod
    def of(cls, postern: Postern, field: str, without: Settings) -> Self:
        """Return a setting with its value; a secret's is left out."""
        named = NAMES[field]
        source = postern.configuration.source(field, postern.changed)
        return cls(
            name=named.env,
            toml_key=named.toml,
            value=described.shown(field, getattr(postern.settings, field)),
            default=described.shown(field, Settings.model_fields[field].default),
            fallback=described.shown(field, getattr(without, field)),
            source=SettingSource[source.name],
            meaning=described.descriptions()[field],
            accepts=accepts(field),
            kind=SettingKind[described.kind(field).name],
            choices=list(described.choices(field)),
            is_secret=named.secret,
            locked_because=settings.why_locked(postern, named.env),
        )


@strawberry.type(description="One new value of one setting.")
class SettingChange:
    id: strawberry.ID = strawberry.field(description="For `undoSettingChange`.")
    version: int = strawberry.field(
        description="The version that it made. What was changed together has the same."
    )
    name: str = strawberry.field(description="The setting's name in the environment.")
    value: str | None = strawberry.field(
        description="The new value; null if the operators' value was removed."
    )
    previous: str | None = strawberry.field(
        description="The operators' value until then; null if there was none."
    )
    created_at: datetime = strawberry.field(description="When it was changed.")
    operator: str = strawberry.field(description="Who has changed it.")
    reason: str | None = strawberry.field(description="Why.")


@strawberry.type(description="A change and its place in the history.")
class SettingChangeEdge:
    cursor: str = strawberry.field(description="For `after`, to go on from here.")
    node: SettingChange = strawberry.field(description="The change.")


@strawberry.type(description="A page of the history, in the manner of Relay.")
class SettingChangeConnection:
    edges: list[SettingChangeEdge] = strawberry.field(description="The changes, newest first.")
    page_info: PageInfo = strawberry.field(description="Whether there is more, and where.")

    @classmethod
    def of(cls, page: Page[models.SettingChange]) -> Self:
        """Return a page in Relay's format."""
        edges = [
            SettingChangeEdge(
                cursor=settings.cursor(change),
                node=SettingChange(
                    id=strawberry.ID(str(change.id)),
                    version=change.version,
                    name=change.name,
                    value=change.value,
                    previous=change.previous,
                    created_at=change.created_at,
                    operator=change.operator_name or "the command line",
                    reason=change.reason,
                ),
            )
            for change in page.entries
        ]
        return cls(edges=edges, page_info=PageInfo.of(page, [edge.cursor for edge in edges]))


@strawberry.type(description="All settings, as one request sees them.")
class SettingList:
    version: int = strawberry.field(
        description="How often operators have changed settings, for `changeSettings`."
    )
    all: list[Setting] = strawberry.field(description="The settings, in the order of the docs.")

    @classmethod
    def of(cls, postern: Postern) -> Self:
        """Return the settings of this Postern, and where each comes from."""
        without = settings.without_changes(postern)
        return cls(
            version=postern.version, all=[Setting.of(postern, field, without) for field in NAMES]
        )


@strawberry.input(description="A new value of a setting.")
class SettingInput:
    name: str = strawberry.field(description="The setting's name in the environment.")
    value: str | None = strawberry.field(
        description="The value, in the form that the environment would have; null removes the "
        "operators' value, so that the file's or the default applies."
    )
