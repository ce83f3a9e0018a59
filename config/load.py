"""Reading the configuration: the environment and the file, and names that do nothing here."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from config import nhost_names
from config.configuration import ConfigError, Configuration, Found, Source
from config.settings import NAMES, Named, Settings

DEFAULT_FILE = Path("config/nhost.toml")
SHIPPED_FILE = Path(__file__).with_name("nhost.toml")
"""The file that is used if no file is named and none is found."""
_SECRET = re.compile(r"\{\{\s*secrets\.(\w+)\s*\}\}")


def load(environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return the settings of `read`, without changes at run time, and its warnings.

    Raises ConfigError.
    """
    configuration = read(environ)
    return configuration.settings(), list(configuration.warnings)


def read(environ: Mapping[str, str]) -> Configuration:
    """Read the settings from `environ` and from the file of `file_in_force`.

    The environment takes precedence over the file, and the file over the defaults. The warnings are
    one for each name that looks like a setting but has no effect. Names of Nhost Auth that must not
    be ignored are refused.
    Raises ConfigError for a file that cannot be read; a value that is not accepted is refused by
    `Configuration.settings`.
    """
    _refuse_what_is_not_text(environ)
    file = _read_file(environ)
    if lines := nhost_names.refused(environ, file):
        raise ConfigError("\n".join(lines))
    found = {
        field: value
        for field, named in NAMES.items()
        if (value := _find(named, environ, file)) is not None
    }
    return Configuration(found, (*_unknown_variables(environ), *_unknown_keys(file)))


def _refuse_what_is_not_text(environ: Mapping[str, str]) -> None:
    """Raise ConfigError for a setting whose bytes are not UTF-8; Python passes them escaped."""
    known = {name for named in NAMES.values() for name in (named.env, *named.fallback_env)}
    for name in sorted(environ):
        is_setting = name in known or name.startswith("AUTH_")
        if is_setting and not _is_text(environ[name]):
            raise ConfigError(f"{ascii(name)[1:-1]}: expected UTF-8 text")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def file_in_force(environ: Mapping[str, str]) -> Path:
    """Return the file that AUTH_CONFIG names, else the current folder's, else the shipped one.

    So starting a server in another folder never switches the second factor off.
    """
    if chosen := environ.get("AUTH_CONFIG"):
        return Path(chosen)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else SHIPPED_FILE


def _read_file(environ: Mapping[str, str]) -> dict[str, Any]:
    path = file_in_force(environ)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        named = f"AUTH_CONFIG = {str(path)!r}" if environ.get("AUTH_CONFIG") else str(path)
        raise ConfigError(f"{named}: expected a file to read ({error.strerror})") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None


def _with_secrets(value: Any, environ: Mapping[str, str]) -> Any:
    """Replace `{{ secrets.NAME }}` with the environment's NAME, as Nhost's own tools do."""

    def secret(match: re.Match[str]) -> str:
        if match[1] not in environ or not _is_text(environ[match[1]]):
            raise ConfigError(f"{match[0]}: expected {match[1]} in the environment, as UTF-8 text")
        return environ[match[1]]

    if isinstance(value, list):
        return [_with_secrets(item, environ) for item in value]
    return _SECRET.sub(secret, value) if isinstance(value, str) else value


def _find(named: Named, environ: Mapping[str, str], file: dict[str, Any]) -> Found | None:
    for name in (named.env, *named.fallback_env):
        if environ.get(name, "") != "" or (named.may_be_empty and name in environ):
            return Found(name, environ[name], environ[name], Source.ENVIRONMENT)
    if named.toml is None:
        return None
    found: Any = file
    for part in named.toml.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    value = _with_secrets(found, environ)
    if named.inverted and isinstance(value, bool):
        value = not value
    return Found(named.toml, found, value, Source.FILE)


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    known = {name for named in NAMES.values() for name in (named.env, *named.fallback_env)}
    for name in sorted(environ.keys() - known - {"AUTH_CONFIG"}):
        if why := nhost_names.why_harmless(name):
            yield f"{name} is set, and does nothing here: {why}"
        elif name.startswith("AUTH_"):
            yield f"{name} is set, but Postern has no such setting"


def _unknown_keys(file: dict[str, Any]) -> Iterator[str]:
    known = {named.toml for named in NAMES.values() if named.toml}
    tables = {key[: dot.start()] for key in known for dot in re.finditer(r"\.", key)}

    def walk(table: dict[str, Any], path: str) -> Iterator[str]:
        for name, value in table.items():
            key = f"{path}.{name}"
            if key in tables and isinstance(value, dict):
                yield from walk(value, key)
            elif why := nhost_names.why_harmless(key):
                yield f"{key} is in the configuration file, and does nothing here: {why}"
            elif key not in known:
                yield f"{key} is in the configuration file, but Postern has no such setting"

    for name, value in file.items():
        if name in tables and isinstance(value, dict):
            yield from walk(value, name)
