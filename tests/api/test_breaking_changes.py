"""What clients were generated from goes on working, or CHANGELOG.md says that it does not."""

import pytest
from graphql import build_schema
from graphql.utilities import find_breaking_changes

from tests.support import ROOT

RELEASED = (ROOT / "tests" / "api" / "released.graphql").read_text()
"""The schema of the last release (of today, before the first): `make schema`, release, copy."""
CURRENT = (ROOT / "schema.graphql").read_text()


def unannounced(current: str, changelog: str) -> list[str]:
    """Breaking changes since the release that no line of the changelog's newest part names."""
    newest = changelog.split("\n## ")[1]
    changes = find_breaking_changes(build_schema(RELEASED), build_schema(current))
    return [change.description for change in changes if change.description not in newest]


def test_nothing_breaks_without_a_word() -> None:
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
def test_a_change_that_breaks_clients_has_to_be_told(before: str, after: str, said: str) -> None:
    assert before in CURRENT
    (found,) = unannounced(CURRENT.replace(before, after, 1), "\n## Unreleased\n\n## 0.1.0\n")
    assert said in found
    told = f"\n## Unreleased\n\n### Breaking\n\n- {found}\n\n## 0.1.0\n"
    assert unannounced(CURRENT.replace(before, after, 1), told) == []
