"""Flow: operators change the settings while the server runs, and take changes back."""

from collections.abc import Mapping
from dataclasses import replace

from auth import admission, events, paging
from auth.caller import Operator
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import second_factor
from auth.operators.acting import acting, some_can_sign_in
from auth.paging import Page
from auth.postern import Postern
from config import ConfigError, Settings
from config.configuration import FIELDS
from config.settings import NAMES
from models import Passkey, SettingChange, User
from models.hot_paths import settings as stored

CHANGES_MAX = 50
"""How many settings one change may contain."""
VALUE_MAX = 32 * 1024
"""Maximum characters of a value."""
FLOORS: Mapping[str, int] = {
    "access_token_expires_in": 60,
    "refresh_token_expires_in": 300,
    "session_inactivity_timeout": 300,
    "mfa_ticket_expires_in": 60,
}
"""The least seconds that operators may choose, so that they can still sign in; 0 is none."""
REQUESTS_A_MINUTE = 20
"""The least rate of requests that operators may allow an address."""


def without_changes(postern: Postern) -> Settings:
    """Return the settings without what operators have set; those in force if it cannot be."""
    try:
        return postern.configuration.settings()
    except ConfigError:  # a folder that the environment names is gone since the start
        return postern.settings


def why_locked(postern: Postern, name: str) -> str | None:
    """Return why operators cannot change this setting while the server runs; None if they can."""
    field = FIELDS[name]
    if not NAMES[field].live:
        where = "the environment or in nhost.toml" if NAMES[field].toml else "the environment"
        return f"It is read at the start only: set it in {where}."
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
    async with acting(postern, operator):
        version = await stored.next_version(seen)
        if version is None:
            raise AuthError(ErrorCode.CHANGED_MEANWHILE)
        _, before = await stored.changed()
        new = {name: value for name, value in changes.items() if before.get(name) != value}
        after = {**before, **new}
        kept = {name: value for name, value in after.items() if value is not None}
        await _refuse_unusable(postern, operator, before, kept)
        for name, value in new.items():
            await SettingChange.create(
                version=version,
                name=name,
                value=value,
                previous=before.get(name),
                created_at=postern.now(),
                operator_id=operator.id,
                operator_name=operator.name,
                reason=operator.reason or None,
            )
        if new:
            names = ", ".join(sorted(new))
            await events.record(postern, operator, EventType.SETTING_CHANGED, detail=names)
    return version


async def undo(postern: Postern, operator: Operator, change_id: int) -> int:
    """Give the setting of a change the value back that it had before; return the new version.

    Raises AuthError: NOT_FOUND, and what `change_settings` raises.
    """
    undone = await SettingChange.get_or_none(id=change_id)
    if undone is None:
        raise AuthError(ErrorCode.NOT_FOUND)
    return await change_settings(postern, operator, {undone.name: undone.previous})


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
            raise AuthError(ErrorCode.SETTING_LOCKED, f"{name} is locked. {why}")
        if value is not None and (len(value) > VALUE_MAX or "\0" in value):
            raise AuthError(
                ErrorCode.INVALID_REQUEST, f"{name}: expected at most {VALUE_MAX} characters."
            )


async def _refuse_unusable(
    postern: Postern, operator: Operator, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Refuse settings that cannot be used, that end all passkeys, or that lock the operator out.

    What is stored may be unusable already, with a new environment or file: then whatever removes
    something of it is accepted, and so is what makes it usable.
    """
    removes = after.items() <= before.items()
    old = _settings(postern, before)
    try:
        settings = postern.configuration.settings(after)
    except ConfigError as error:
        if old is None and removes:
            return
        raise AuthError(ErrorCode.INVALID_REQUEST, f"{error}.") from None
    if old is None or operator.at_console:
        return
    if await Passkey.exists():
        _refuse_ending_passkeys(old, settings)
    _refuse_below_floors(old, settings)
    await _refuse_locking_out(replace(postern, settings=old), operator, settings)


def _refuse_ending_passkeys(old: Settings, new: Settings) -> None:
    if old.relying_party != new.relying_party:
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            "AUTH_CLIENT_URL: its host is the domain that all passkeys belong to, and they would "
            "stop working; set AUTH_WEBAUTHN_RP_ID before the start of the server first.",
        )
    if not set(old.ceremony_origins) <= set(new.ceremony_origins):
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            "AUTH_CLIENT_URL: passkeys are used from the present one; name it in "
            "AUTH_WEBAUTHN_RP_ORIGINS before the start of the server first.",
        )


def _refuse_below_floors(old: Settings, new: Settings) -> None:
    """Refuse what brings settings below where an operator could sign in again and mend them."""
    for field, least in FLOORS.items():
        before, after = getattr(old, field) or least, getattr(new, field) or least
        if after < min(before, least):
            raise AuthError(
                ErrorCode.INVALID_REQUEST,
                f"{NAMES[field].env}: with less than {least}, nobody could change it back here; "
                "set it in the environment or with `postern settings`.",
            )
    if _requests(new) < min(_requests(old), REQUESTS_A_MINUTE):
        raise AuthError(
            ErrorCode.INVALID_REQUEST,
            f"AUTH_RATE_LIMIT_GLOBAL_BURST: with fewer than {REQUESTS_A_MINUTE} requests, or as "
            "many a minute, nobody could change it back here; set it in the environment or with "
            "`postern settings`.",
        )


def _requests(settings: Settings) -> float:
    """Return how many requests an address has at once, or each minute, whichever is less."""
    if not settings.rate_limit_enable:
        return REQUESTS_A_MINUTE
    burst = settings.rate_limit_global_burst
    return min(burst, burst * 60 / settings.rate_limit_global_interval)


async def _refuse_locking_out(before: Postern, operator: Operator, settings: Settings) -> None:
    """Refuse settings with which whoever chooses them, or every operator, could not sign in."""
    after = replace(before, settings=settings)
    user = await User.get_or_none(id=operator.id) if operator.id else None
    if user is not None:
        why = await _why_locked_out(after, user)
        if why and not await _why_locked_out(before, user):
            raise why
    if await some_can_sign_in(before) and not await some_can_sign_in(after):
        raise AuthError(
            ErrorCode.INVALID_REQUEST, "With this, no operator could sign in to change it back."
        )


async def _why_locked_out(postern: Postern, user: User) -> AuthError | None:
    """Return the refusal of settings with which the operator could not sign in."""
    settings = postern.settings
    if settings.email_verified_required and not user.email_verified:
        return AuthError(
            ErrorCode.INVALID_REQUEST,
            "AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED: it would lock you out, since your own "
            "e-mail address is not verified.",
        )
    if user.has_second_factor and not second_factor.usable(settings, user):
        return AuthError(
            ErrorCode.INVALID_REQUEST,
            "AUTH_WEBAUTHN_ENABLED: it would lock you out, since passkeys are your only second "
            "factor; set up an authenticator app first.",
        )
    if not await admission.has_way_in(postern, user):
        return AuthError(
            ErrorCode.INVALID_REQUEST,
            "It would lock you out, since you have no password: set one first.",
        )
    return None


def _settings(postern: Postern, changed: Mapping[str, str]) -> Settings | None:
    try:
        return postern.configuration.settings(changed)
    except ConfigError:
        return None
