"""The layout of the house: imports go one way, and each room leaves out what is not its own."""

import ast
from pathlib import Path

import pytest

from tests.support import ROOT

ROOMS = ["config", "models", "auth", "api", "cli"]
"""Each may import those before it."""
NOT_HERE = {
    "config": {"starlette", "strawberry", "tortoise", "uvicorn"},
    "models": {"starlette", "strawberry", "uvicorn"},
    "auth": {"starlette", "strawberry", "uvicorn", "graphql"},
    "api": set[str](),
    "cli": set[str](),
}


def imported_by(file: Path) -> set[str]:
    """The top-level names of all that the file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import hides where it goes"
            names.add(str(node.module).split(".")[0])
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room: str) -> None:
    forbidden = {*ROOMS[ROOMS.index(room) + 1 :], "tests", "bench"} | NOT_HERE[room]
    files = list((ROOT / room).rglob("*.py"))
    assert files
    for file in files:
        assert not imported_by(file) & forbidden, file


def test_every_room_is_installed_and_checked() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    for room in ROOMS:
        assert project.count(f'"{room}"') >= 2, room
