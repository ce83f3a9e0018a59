"""What the settings are, for a person: their meaning, their kind, and their values as text."""

import ast
import inspect
import typing
from enum import Enum, unique
from functools import cache
from itertools import pairwise

from pydantic import BeforeValidator, SecretStr

from config import settings
from config.settings import NAMES, Settings
from config.values import parse_duration


@unique
class Kind(Enum):
    """How a setting is edited; the value describes it."""

    SWITCH = "`true` or `false`."
    NUMBER = "A whole number."
    DURATION = "Seconds, or a text such as `90s`, `5m` or `1h30m`."
    CHOICE = "One of `choices`."
    LIST = "Entries, separated by commas."
    TEXT = "A text."


@cache
def descriptions() -> dict[str, str]:
    """Return the string below each setting in the source of `Settings`, on one line.

    It is Markdown; links are relative to docs/.
    """
    tree = ast.parse(inspect.getsource(settings))
    classes = [item for item in tree.body if isinstance(item, ast.ClassDef)]
    (body,) = (item.body for item in classes if item.name == Settings.__name__)
    return {
        setting.target.id: " ".join(below.value.value.split())
        for setting, below in pairwise(body)
        if isinstance(setting, ast.AnnAssign) and isinstance(setting.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(below.value.value, str)
    }


def kind(field: str) -> Kind:
    """Return how this field is edited."""
    info = Settings.model_fields[field]
    checks = [item.func for item in info.metadata if isinstance(item, BeforeValidator)]
    if parse_duration in checks:
        return Kind.DURATION
    if choices(field):
        return Kind.CHOICE
    if typing.get_origin(info.annotation) is tuple:
        return Kind.LIST
    if info.annotation in (bool, bool | None):
        return Kind.SWITCH
    return Kind.NUMBER if info.annotation is int else Kind.TEXT


def choices(field: str) -> tuple[str, ...]:
    """Return the values that this field may have, if they are few."""
    annotation = Settings.model_fields[field].annotation
    if typing.get_origin(annotation) is not typing.Literal:
        return ()
    return tuple(str(each) for each in typing.get_args(annotation))


def shown(field: str, value: object) -> str:
    """Return a value as the environment would have it; "" for nothing, and for every secret."""
    if NAMES[field].secret or value is None or value == ():
        return ""
    if isinstance(value, SecretStr):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and kind(field) is Kind.DURATION:
        return _duration(value)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def _duration(seconds: int) -> str:
    if seconds == 0:
        return "0"
    size, unit = next((s, u) for s, u in ((3600, "h"), (60, "m"), (1, "s")) if seconds % s == 0)
    return f"{seconds // size}{unit}"
