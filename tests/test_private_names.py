"""Private names of libraries: used only in a few modules. These tests fail first if a release
removes one."""

import ast

import pytest
from aiosqlite import Connection
from asyncpg import Connection as PostgresConnection
from limits.aio.storage import MemoryStorage
from strawberry import Schema
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.models import MetaInfo, Model

from tests.support import ROOT

FENCES = {
    "api/graphql/operations.py": {"_schema"},
    "auth/limits/rate_limits.py": {"_MemoryStorage__schedule_expiry"},
    "cli/backups.py": {"_replace"},  # public: a method of named tuples
    "models/postgres.py": {"_connection", "_transport"},
    "models/rows.py": {"_init_from_db", "_meta"},
    "models/sql.py": {"_meta"},
    "models/sqlite.py": {"_conn", "_execute"},
}
"""The modules that use such names, with the names."""
OWNERS = [
    (Connection, "_conn"),
    (Connection, "_execute"),
    (MemoryStorage, "_MemoryStorage__schedule_expiry"),
    (Model, "_init_from_db"),
]


def used(source: str) -> set[str]:
    """Return the private names that a module uses of other modules and objects."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names if alias.name.startswith("_")}
        elif isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
        ):
            names.add(node.attr)
    return {name for name in names if name.startswith("_") and not name.endswith("__")}


def test_private_names_are_used_only_in_the_listed_modules() -> None:
    rooms = ("api", "auth", "cli", "config", "models")
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    found = {file.relative_to(ROOT).as_posix(): used(file.read_text()) for file in files}
    assert {name: names for name, names in found.items() if names} == FENCES


@pytest.mark.parametrize(("owner", "name"), OWNERS)
def test_libraries_still_have_the_private_names(owner: type, name: str) -> None:
    assert hasattr(owner, name)


def test_libraries_still_set_the_private_attributes() -> None:
    """Attributes that instances get when they are created."""
    assert "_schema" in Schema.__init__.__code__.co_names
    assert {"_pool", "_connection"} & set(AsyncpgDBClient.__init__.__code__.co_names)
    assert {"_parent", "_connection"} & set(TransactionWrapper.__init__.__code__.co_names)
    assert "_transport" in PostgresConnection.__slots__
    meta = MetaInfo.__slots__
    assert {"db_table", "db_fields", "fields_db_projection_reverse", "fields_map"} <= set(meta)
