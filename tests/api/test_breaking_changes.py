"""Generated clients keep working, or CHANGELOG.md names the breaking change."""

import pytest
from graphql import build_schema
from graphql.utilities import find_breaking_changes

from tests.support import ROOT

RELEASED = (ROOT / "tests" / "api" / "released.graphql").read_text()
"""The schema of the last release. Copy `schema.graphql` here at each release."""
CURRENT = (ROOT / "schema.graphql").read_text()


def unannounced(current: str, changelog: str) -> list[str]:
    """Return breaking changes since the release that the changelog's newest part does not name."""
    newest = changelog.split("\n## ")[1]
    changes = find_breaking_changes(build_schema(RELEASED), build_schema(current))
    return [change.description for change in changes if change.description not in newest]


def test_every_breaking_change_is_in_the_changelog() -> None:
    assert unannounced(CURRENT, (ROOT / "CHANGELOG.md").read_text()) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  expiresIn: Int!\n", "  seconds: Int!\n", "MfaTicket.expiresIn was removed."),
        ("union SignInResult = Session | MfaTicket", "union SignInResult = Session", "MfaTicket"),
        ("  INVALID_TICKET\n", "  NO_TICKET\n", "Enum value ErrorCode.INVALID_TICKET was removed."),
        ("  activeMfaType: String\n", "  activeMfaType: Int\n", "User.activeMfaType changed type"),
    ],
)
def test_an_unannounced_breaking_change_is_found(before: str, after: str, said: str) -> None:
    assert before in CURRENT
    (found,) = unannounced(CURRENT.replace(before, after, 1), "\n## Unreleased\n\n## 0.1.0\n")
    assert said in found
    told = f"\n## Unreleased\n\n### Breaking\n\n- {found}\n\n## 0.1.0\n"
    assert unannounced(CURRENT.replace(before, after, 1), told) == []
