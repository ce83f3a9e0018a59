"""The layout of the code: imports go one way, and each room avoids what it must not use."""

import ast
from pathlib import Path

import pytest

from tests.support import ROOT

ROOMS = ["config", "models", "auth", "api", "cli"]
"""Each room may import those before it."""
SUB_ROOMS = [
    "keys", "limits", "mail", "factors",
    "sessions", "admission", "tickets", "ways_in", "accounts", "operators",
    "importing", "sweep", "backup",
]  # fmt: skip
"""The sub-rooms of `auth`: each may import those before it, and modules that are not named here."""
NOT_HERE = {
    "config": {"starlette", "strawberry", "tortoise", "uvicorn"},
    "models": {"starlette", "strawberry", "uvicorn"},
    "auth": {"starlette", "strawberry", "uvicorn", "graphql"},
    "api": set[str](),
    "cli": set[str](),
}


def imported_by(file: Path) -> set[str]:
    """Return the top-level names of all imports of the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import hides where it goes"
            names.add(str(node.module).split(".")[0])
    return names


def modules_imported_by(file: Path) -> set[str]:
    """Return the full names of all imports of the file, of modules and of their members."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("room", SUB_ROOMS)
def test_imports_between_the_rooms_of_auth_go_one_way(room: str) -> None:
    forbidden = set(SUB_ROOMS[SUB_ROOMS.index(room) + 1 :])
    place = ROOT / "auth" / room
    files = list(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    for file in files:
        inside = {
            name.split(".")[1] for name in modules_imported_by(file) if name.startswith("auth.")
        }
        assert not inside & forbidden, file


def test_shared_modules_of_auth_import_no_flow() -> None:
    shared = [file for file in (ROOT / "auth").glob("*.py") if file.stem not in SUB_ROOMS]
    for file in shared:
        inside = {
            name.split(".")[1] for name in modules_imported_by(file) if name.startswith("auth.")
        }
        assert not inside & set(SUB_ROOMS[2:]), file


def test_every_room_of_auth_is_in_the_order() -> None:
    folders = {file.parent.name for file in (ROOT / "auth").glob("*/__init__.py")}
    assert folders <= set(SUB_ROOMS)


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
