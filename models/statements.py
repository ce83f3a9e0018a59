"""What the ORM says in many round trips, and the hot paths in one.

Everything else is said through the ORM. The SQL here is written once for SQLite and PostgreSQL; a
value stands in it as `:name`.
"""

import re
import sqlite3
from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from typing import Any, Generic, TypeVar

from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models.sqlite import Together, all_at_once, each_alone

M = TypeVar("M", bound=Model)
_VALUE = re.compile(r":([a-z_]+)")


class Read(Generic[M]):
    """A row of `model`, with the rows it belongs to along the foreign keys that `path` names.

    What `model.get_or_none(…).select_related(…)` answers, but for building the same query anew each
    time, which takes longer than running it.
    """

    def __init__(self, model: type[M], *path: str, where: str, question: str = "TRUE") -> None:
        self._model, self._path = model, path
        self._where, self._question = where, question

    async def one(self, **values: Any) -> M | None:
        """The one row for which `where` holds, or None."""
        rows = await _run(connections.get("default"), self._sql, values)
        return self._parsed(rows[0]) if rows else None

    async def one_and_answer(self, **values: Any) -> tuple[M | None, bool]:
        """The same, and whether the condition `question` holds, row or none."""
        ((answer, *row),) = await _run(connections.get("default"), self._sql_and_answer, values)
        none = all(value is None for value in row)
        return None if none else self._parsed(row), bool(answer)

    @cached_property
    def _chain(self) -> list[type[Model]]:
        chain: list[type[Model]] = [self._model]
        for name in self._path:
            chain.append(chain[-1]._meta.fields_map[name].related_model)  # type: ignore[attr-defined]
        return chain

    @cached_property
    def _columns(self) -> list[list[str]]:
        return [list(model._meta.db_fields) for model in self._chain]

    @cached_property
    def _sql(self) -> str:
        tables = [model._meta.db_table for model in self._chain]
        columns = [
            f'{table}.{column} AS "{table} {column}"'
            for table, names in zip(tables, self._columns, strict=True)
            for column in names
        ]
        joins = [
            f" JOIN {parent} ON {parent}.id = {child}.{name}_id"
            for name, (child, parent) in zip(self._path, pairwise(tables), strict=True)
        ]
        return f"SELECT {', '.join(columns)} FROM {tables[0]}{''.join(joins)} WHERE {self._where}"

    @cached_property
    def _sql_and_answer(self) -> str:
        return (
            f"SELECT {self._question} AS answer, found.* "
            f"FROM (SELECT 1) AS always LEFT JOIN ({self._sql}) AS found ON TRUE"
        )

    def _parsed(self, row: Any) -> M:
        values = iter(tuple(row))
        found = [
            model._init_from_db(**{name: next(values) for name in names})
            for model, names in zip(self._chain, self._columns, strict=True)
        ]
        for name, (child, parent) in zip(self._path, pairwise(found), strict=True):
            object.__setattr__(child, f"_{name}", parent)  # as Tortoise's own executor does
        return found[0]  # type: ignore[return-value]


class Change:
    """Steps that happen together or not at all: one statement on PostgreSQL, else a transaction.

    On SQLite, changes that come at the same moment share it.

    `held` selects what all depends on: its rows are locked, so that what it says of them stays true
    to the end. Each step follows only if the one before it has changed something, and says so with
    `{so_far}`. Where the first one comes to nothing, nothing happens; what a later one changes is
    to be held.
    """

    def __init__(self, held: str, **steps: str) -> None:
        self._held, self._steps = held, steps

    async def run(self, **values: Any) -> bool:
        """Whether it happened. Not for the inside of a transaction: it is one."""
        connection = connections.get("default")
        if connection.capabilities.dialect == "postgres":
            return bool(await _run(connection, self._as_one, values))
        work = partial(_one_by_one, self._statements, values)
        happened: bool = await _CHANGES.make(connection, work)
        return happened

    @cached_property
    def _as_one(self) -> str:
        before, parts = "held", [f"held AS MATERIALIZED ({self._held} FOR UPDATE)"]
        for name, step in self._steps.items():
            so_far = f"EXISTS (SELECT FROM {before})"
            parts.append(f"{name} AS ({step.replace('{so_far}', so_far)})")
            before = name
        return f"WITH {', '.join(parts)} SELECT 1 FROM {next(iter(self._steps))}"

    @cached_property
    def _statements(self) -> list[str]:
        return [self._held, *(step.replace("{so_far}", "TRUE") for step in self._steps.values())]


_READS, _CHANGES = Together(each_alone), Together(all_at_once)


def _one_by_one(
    statements: Sequence[str], values: dict[str, Any], connection: sqlite3.Connection
) -> bool:
    """All of the statements; or False, nothing changed, if one of the first two finds nothing."""
    for number, statement in enumerate(statements):
        if not connection.execute(statement, values).fetchall() and number < 2:
            return False
    return True


async def _run(connection: BaseDBAsyncClient, sql: str, values: dict[str, Any]) -> Any:
    if connection.capabilities.dialect == "sqlite":
        return await _READS.make(connection, lambda sqlite: sqlite.execute(sql, values).fetchall())
    numbered, names = _numbered(sql)
    _, rows = await connection.execute_query(numbered, [values[name] for name in names])
    return rows


@lru_cache
def _numbered(sql: str) -> tuple[str, list[str]]:
    """The statement with numbers, as PostgreSQL wants it, and the names that they stand for."""
    names = list(dict.fromkeys(_VALUE.findall(sql)))
    return _VALUE.sub(lambda found: f"${names.index(found[1]) + 1}", sql), names
