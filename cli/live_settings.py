"""`postern settings`: show the settings, change them while servers run, and export them."""

import json
from collections.abc import Mapping
from typing import Any

import click

from auth.caller import Operator
from auth.operators import settings as changing
from auth.postern import Postern
from cli.command import acting, as_json, ask, say, warn_on_screen
from config import ConfigError, described
from config.configuration import accepts
from config.settings import NAMES
from models.hot_paths import settings as live

_FROM = {
    "ENVIRONMENT": "environment",
    "DASHBOARD": "operators",
    "FILE": "nhost.toml",
    "DEFAULT": "default",
}
"""Where a value comes from, for a person: operators use the dashboard, or this command."""


@click.group("settings")
def settings() -> None:
    """Show the settings, and change them while servers run."""


@settings.command("list")
@click.option("--changed", is_flag=True, help="Only those that operators have changed.")
@as_json
def list_settings(changed: bool, in_json: bool) -> None:
    """List the settings: value, source and name."""

    async def told(postern: Postern) -> list[dict[str, Any]]:
        version, stored = await live.changed()
        try:
            postern = postern.with_changes(version, stored)
        except ConfigError as error:
            warn_on_screen(f"what operators have set cannot be used: {error}")
            return [_told(postern, field) | _set(field, stored) for field in NAMES]
        return [_told(postern, field) for field in NAMES]

    everything = ask(told, without_changes=True)
    found = [each for each in everything if not changed or each["source"] == "DASHBOARD"]
    lines = [f"{_FROM[each['source']]:11}  {each['name']} = {each['value']}" for each in found]
    say(in_json, found, *lines)


@settings.command("set")
@click.argument("name")
@click.argument("value")
@acting
@as_json
def set_setting(name: str, value: str, in_json: bool, operator: Operator) -> None:
    """Set NAME, as in the environment, to VALUE. Running servers use it within two seconds."""
    _change(operator, {name: value})
    say(in_json, {"name": name, "value": value}, f"{name} is {value} from now on.")


@settings.command("unset")
@click.argument("names", nargs=-1, required=True)
@acting
@as_json
def unset_setting(names: tuple[str, ...], in_json: bool, operator: Operator) -> None:
    """Remove what operators have set of NAMES, so that the file or the default applies."""
    before = _change(operator, dict.fromkeys(names))
    lines = (
        f"{name} has the value of nhost.toml, or its default, again."
        if name in before
        else f"{name} was not set by operators."
        for name in names
    )
    say(in_json, {"names": names}, *lines)


@settings.command("export")
def export_settings() -> None:
    """Print the settings in force as nhost.toml, without secrets and without defaults.

    A comment names each that operators have set and that only the environment can have.
    """

    async def chosen(postern: Postern) -> tuple[dict[str, Any], list[str]]:
        found: dict[str, Any] = {}
        for field, named in NAMES.items():
            value = getattr(postern.settings, field)
            is_default = postern.configuration.source(field, postern.changed).name == "DEFAULT"
            if named.toml and not named.secret and not is_default:
                _put(found, named.toml.split("."), not value if named.inverted else value)
        without_key = {named.env for named in NAMES.values() if not named.toml}
        beside = sorted(without_key & postern.changed.keys())
        return found, [f"# in the environment: {name}={postern.changed[name]}" for name in beside]

    table, beside = ask(chosen)
    click.echo("\n".join([*_as_toml(table), "", *beside]).strip())


def _change(operator: Operator, changes: Mapping[str, str | None]) -> Mapping[str, str]:
    """Change settings; return what operators had set before."""

    async def changed(postern: Postern) -> Mapping[str, str]:
        _, before = await live.changed()
        await changing.change_settings(postern, operator, changes)
        return before

    return ask(changed, without_changes=True)


def _told(postern: Postern, field: str) -> dict[str, Any]:
    named = NAMES[field]
    return {
        "name": named.env,
        "tomlKey": named.toml,
        "value": described.shown(field, getattr(postern.settings, field)),
        "source": postern.configuration.source(field, postern.changed).name,
        "accepts": accepts(field),
        "lockedBecause": changing.why_locked(postern, named.env),
    }


def _set(field: str, stored: Mapping[str, str]) -> dict[str, str]:
    """Return what operators have set of this field, though it cannot be used."""
    name = NAMES[field].env
    return {"value": stored[name], "source": "DASHBOARD"} if name in stored else {}


def _put(tables: dict[str, Any], path: list[str], value: object) -> None:
    for name in path[:-1]:
        tables = tables.setdefault(name, {})
    tables[path[-1]] = value


def _as_toml(table: dict[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    """Return a table as lines of TOML: first its values, then the tables in it."""
    values = [
        f"{name} = {_value(value)}" for name, value in table.items() if not isinstance(value, dict)
    ]
    lines = ["", f"[{'.'.join(path)}]", *values] if values and path else values
    for name, value in table.items():
        if isinstance(value, dict):
            lines += _as_toml(value, (*path, name))
    return lines


def _value(value: object) -> str:
    if isinstance(value, tuple):
        if value and isinstance(value[0], tuple):  # custom claims
            pairs = (f"{{ key = {_value(key)}, value = {_value(path)} }}" for key, path in value)
            return f"[{', '.join(pairs)}]"
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool | int):
        return json.dumps(value)
    # A JSON string is a TOML string, except for one control character.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
