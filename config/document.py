"""Writing docs/configuration.md from the settings: `python -m config.document`, or `make docs`.

The server never imports this module. A setting's description is the string below it in `Settings`,
as Markdown whose links are relative to docs/.
"""

from itertools import takewhile
from pathlib import Path

from pydantic import SecretStr

from config.configuration import accepts
from config.described import Kind, descriptions, kind, shown
from config.load import SHIPPED_FILE, load
from config.settings import NAMES, Settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "configuration.md"
TOPICS = {
    "Server": "host",
    "Database": "database_url",
    "Keys and tokens": "encryption_keys",
    "Sign-up and users": "disable_signup",
    "Passwords": "password_min_length",
    "Second factor": "mfa_enabled",
    "Passkeys": "passkeys_enabled",
    "Sessions": "refresh_token_expires_in",
    "Limits": "rate_limit_enable",
    "Operators": "admin_enabled",
    "GraphQL": "graphiql_enabled",
    "Mail": "smtp_host",
    "Network": "server_url",
}
"""The topics in reading order, each with its first setting in `Settings`."""
IN_WORDS = {
    "log_format": "`json`; `text` on a terminal",
    "database_url": "SQLite in `AUTH_DATA_DIR`",
    "encryption_keys": "a file in `AUTH_DATA_DIR`",
    "jwt_secret": "keys in `AUTH_DATA_DIR`",
    "graphql_trusted_documents": "none",
    "email_templates_path": "none",
    "argon2_threads": "one for each core",
}
"""Defaults that are described in words."""
INTRODUCTION = """\
<!-- `make docs` writes this file from config/settings.py: change that file, not this one. -->

# Configuration

Postern reads each setting from the environment. If the environment does not have it, Postern reads
it from a file. If the file does not have it either, the default applies. The file is the first of
these:

1. the file that `AUTH_CONFIG` names;
2. `config/nhost.toml` in the current folder;
3. the file that comes with Postern ([nhost.toml](../config/nhost.toml)).

A name that Nhost Auth has too means the same here. [nhost.md](nhost.md) says what is different.

- **Durations** are seconds, or text such as `90s`, `5m` or `1h30m`, of at most 10 years.
- **Switches** are `true` or `false`.
- **Secrets in the file**: `{{ secrets.NAME }}` stands for the variable `NAME` of the environment.
- **↻** marks what [operators](operating.md#settings-at-run-time) may change while the server runs.
  The environment takes precedence over such a change, and the change over the file.
- **An empty variable** counts as not set, except `AUTH_API_PREFIX`.
- **A wrong value** stops the start. An error message says what is accepted.
- **An unknown name** that begins with `AUTH_`, or that is below `auth` in the file, has no effect.
  A warning in the log names it.
- **A protection of Nhost Auth** that Postern does not have stops the start. The error message says
  what to do instead.
"""
TABLE = ("| Environment | nhost.toml | Default | Description |", "|---|---|---|---|")


def document() -> str:
    """Return the text of docs/configuration.md."""
    described, shipped = descriptions(), load({"AUTH_CONFIG": str(SHIPPED_FILE)})[0]
    lines = [INTRODUCTION]
    for topic, first in TOPICS.items():
        lines += [f"## {topic}", "", *TABLE]
        lines += [_row(field, described[field], shipped) for field in _fields_from(first)]
        lines.append("")
    return "\n".join(lines)


def _fields_from(first: str) -> list[str]:
    fields = list(Settings.model_fields)
    others = set(TOPICS.values()) - {first}
    return list(takewhile(lambda field: field not in others, fields[fields.index(first) :]))


def _row(field: str, about: str, shipped: Settings) -> str:
    named = NAMES[field]
    in_the_file = f" `{named.toml}`" if named.toml else ""
    if named.inverted:
        in_the_file += " (inverse)"
    default = _default(field, shipped)
    if kind(field) is Kind.NUMBER:
        about += f" {accepts(field)[0].upper()}{accepts(field)[1:]}."
    if others := ", else ".join(f"`{name}`" for name in named.fallback_env):
        about += f" If it is not set, {others} applies."
    if named.live:
        about += " ↻"
    return f"| `{named.env}` |{in_the_file} | {default} | {about} |"


def _default(field: str, shipped: Settings) -> str:
    if field in IN_WORDS:
        return IN_WORDS[field]
    default = _shown(field, Settings.model_fields[field].default)
    in_the_file = _shown(field, getattr(shipped, field))
    return default if in_the_file == default else f"{default} ({in_the_file} in the shipped file)"


def _shown(field: str, value: object) -> str:
    # A default is no secret, such as that of AUTH_RATE_LIMIT_STORAGE.
    text = value.get_secret_value() if isinstance(value, SecretStr) else shown(field, value)
    return f"`{text}`" if text else "none"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
