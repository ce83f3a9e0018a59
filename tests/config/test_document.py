"""docs/configuration.md matches the descriptions of the settings."""

import re

import pytest

from config.described import descriptions
from config.document import DOCUMENT, document
from config.settings import NAMES

ROWS = [line for line in document().splitlines() if line.startswith("| `")]


def test_the_committed_file_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run `make docs`"


def test_every_setting_is_described() -> None:
    assert list(descriptions()) == list(NAMES)


def test_every_setting_is_in_one_topic() -> None:
    documented = re.findall(r"(?m)^\| `([A-Z_0-9]+)` \|", document())
    assert sorted(documented) == sorted(named.env for named in NAMES.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("`")[1])
def test_every_row_has_a_default_and_a_description(row: str) -> None:
    _, _, _, default, about, _ = row.split("|")
    assert default.strip()
    assert about.removesuffix("↻ ").strip().endswith(".")
    assert "None" not in row


@pytest.mark.parametrize(
    ("name", "in_the_file", "default"),
    [
        ("AUTH_HOST", "", "`127.0.0.1`"),
        ("AUTH_CORS_ORIGINS", "", "none"),
        ("AUTH_CLIENT_URL", "`auth.redirections.clientUrl`", "none"),
        ("AUTH_RATE_LIMIT_STORAGE", "", "`memory://`"),
        ("AUTH_KEEP_ALIVE_TIMEOUT", "", "`130s`"),
        ("AUTH_ACCESS_TOKEN_EXPIRES_IN", "`auth.session.accessToken.expiresIn`", "`15m`"),
        ("AUTH_REFRESH_TOKEN_EXPIRES_IN", "`auth.session.refreshToken.expiresIn`", "`720h`"),
        ("AUTH_SESSION_INACTIVITY_TIMEOUT", "", "`0`"),
        ("AUTH_DISABLE_SIGNUP", "`auth.signUp.enabled` (inverse)", "`false`"),
        ("AUTH_MFA_ENABLED", "`auth.totp.enabled`", "`false` (`true` in the shipped file)"),
        ("AUTH_PASSWORD_ARGON2_THREADS", "", "one for each core"),
        ("DATABASE_URL", "", "SQLite in `AUTH_DATA_DIR`"),
    ],
)
def test_names_and_defaults_are_shown_as_an_operator_writes_them(
    name: str, in_the_file: str, default: str
) -> None:
    (row,) = [row for row in ROWS if row.startswith(f"| `{name}` |")]
    assert [cell.strip() for cell in row.split("|")[2:4]] == [in_the_file, default]
