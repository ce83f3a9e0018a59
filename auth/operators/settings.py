"""Flow: operators change the settings while the server runs, and take changes back."""

from collections.abc import Mapping

from auth import events, paging
from auth.caller import Operator
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.paging import Page
from auth.postern import Postern
from config import ConfigError
from config.configuration import FIELDS
from config.settings import NAMES
from models import SettingChange
from models.hot_paths import settings as stored
from models.transactions import atomic

CHANGES_MAX = 50
"""How many settings one change may contain."""
VALUE_MAX = 32 * 1024
"""Maximum characters of a value."""


def why_locked(postern: Postern, name: str) -> str | None:
    """Return why operators cannot change this setting while the server runs; None if they can."""
    field = FIELDS[name]
    if not NAMES[field].live:
        return "It is read at the start only: set it in the environment or in nhost.toml."
    if variable := postern.configuration.fixed_by(field):
        return f"{variable} is set in the environment of the server, which takes precedence."
    return None


async def change_settings(
    postern: Postern,
    operator: Operator,
    changes: Mapping[str, str | None],
    *,
    seen: int | None = None,
) -> int:
    """Change settings together; return the new version.

    `changes` are values by name, in the form that the environment would have; None removes the
    operators' value, so that the file's or the default applies. With `seen`, the version that the
    operator has looked at, nothing changes if there is a newer one. Changes at the same moment
    happen one after another, each checked with the result of the ones before.
    Raises AuthError: INVALID_REQUEST (an unknown name, a value that is not accepted, as the message
    says), SETTING_LOCKED, CHANGED_MEANWHILE.
    """
    _refuse_unfit(postern, changes)
    async with atomic():
        version = await stored.next_version(seen)
        if version is None:
            raise AuthError(ErrorCode.CHANGED_MEANWHILE)
        _, before = await stored.changed()
        new = {name: value for name, value in changes.items() if before.get(name) != value}
        after = {**before, **new}
        _refuse_unusable(postern, before, {k: v for k, v in after.items() if v is not None})
        for name, value in new.items():
            await SettingChange.create(
                version=version,
                name=name,
                value=value,
                created_at=postern.now(),
                operator_id=operator.id,
                operator_name=operator.name,
                reason=operator.reason or None,
            )
        await events.record(postern, operator, EventType.SETTING_CHANGED)
    return version


async def undo(postern: Postern, operator: Operator, change_id: int) -> int:
    """Give the setting of a change the value back that it had before; return the new version.

    Raises AuthError: NOT_FOUND, and what `change_settings` raises.
    """
    undone = await SettingChange.get_or_none(id=change_id)
    if undone is None:
        raise AuthError(ErrorCode.NOT_FOUND)
    earlier = SettingChange.filter(name=undone.name, id__lt=undone.id).order_by("-id")
    before = await earlier.first()
    value = before.value if before else None
    return await change_settings(postern, operator, {undone.name: value})


async def history(*, first: int | None = None, after: str | None = None) -> Page[SettingChange]:
    """Return up to `first` changes (1 to 100, default 20), the newest first, after the cursor.

    Raises AuthError: INVALID_REQUEST.
    """
    first = paging.size(first)
    found = SettingChange.all()
    if after is not None:
        found = found.filter(id__lt=events.position(after))
    return Page.cut(await found.order_by("-id").limit(first + 1), first=first, after=after)


def cursor(change: SettingChange) -> str:
    """Return the change's cursor: its position in the history."""
    return paging.cursor(str(change.id))


def _refuse_unfit(postern: Postern, changes: Mapping[str, str | None]) -> None:
    if not 1 <= len(changes) <= CHANGES_MAX:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"Expected 1 to {CHANGES_MAX} settings.")
    for name, value in changes.items():
        if name not in FIELDS:
            raise AuthError(ErrorCode.INVALID_REQUEST, f"There is no setting {name[:64]!r}.")
        if why := why_locked(postern, name):
            raise AuthError(ErrorCode.SETTING_LOCKED, f"{name}: {why}")
        if value is not None and (len(value) > VALUE_MAX or "\0" in value):
            raise AuthError(
                ErrorCode.INVALID_REQUEST, f"{name}: expected at most {VALUE_MAX} characters."
            )


def _refuse_unusable(postern: Postern, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    try:
        settings = postern.configuration.settings(after)
    except ConfigError as error:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"{error}.") from None
    try:
        old = postern.configuration.settings(before)
    except ConfigError:  # what is stored cannot be used here: any change that can is welcome
        return
    if old.passkeys_enabled and old.relying_party != settings.relying_party:
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            "AUTH_CLIENT_URL: its host is the domain that all passkeys belong to, and they would "
            "stop working; set AUTH_WEBAUTHN_RP_ID before the start of the server first.",
        )
