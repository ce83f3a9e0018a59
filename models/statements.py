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
        rows = await _run(connections.get("default"), self.sql, values)
        return self.parsed(rows[0]) if rows else None

    async def one_and_answer(self, **values: Any) -> tuple[M | None, bool]:
        """The same, and whether the condition `question` holds, row or none."""
        ((answer, *row),) = await _run(connections.get("default"), self._sql_and_answer, values)
        none = all(value is None for value in row)
        return None if none else self.parsed(row), bool(answer)

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
    def sql(self) -> str:
        """The statement, whose rows `parsed` understands."""
        tables = [model._meta.db_table for model in self._chain]
        columns = [
            f'{table}.{column} AS "{table} {column}"'
            for table, names in zip(tables, self._columns, strict=True)
            for column in names
        ]
        joins = [
            f" JOIN {child} ON {parent}.id = {child}.{name}_id"
            for name, (child, parent) in zip(self._path, pairwise(tables), strict=True)
        ]
        # PostgreSQL locks them as they are named: the user's row first.
        chain = f"{tables[-1]}{''.join(reversed(joins))}"
        return f"SELECT {', '.join(columns)} FROM {chain} WHERE {self._where}"

    @cached_property
    def _sql_and_answer(self) -> str:
        return (
            f"SELECT {self._question} AS answer, found.* "
            f"FROM (SELECT 1) AS always LEFT JOIN ({self.sql}) AS found ON TRUE"
        )

    def parsed(self, row: Any) -> M:
        """The model of a row, with the models it belongs to."""
        values = iter(tuple(row))
        found = [
            model._init_from_db(**{name: next(values) for name in names})
            for model, names in zip(self._chain, self._columns, strict=True)
        ]
        for name, (child, parent) in zip(self._path, pairwise(found), strict=True):
            object.__setattr__(child, f"_{name}", parent)  # as Tortoise's own executor does
        return found[0]  # type: ignore[return-value]


class Change(Generic[M]):
    """Steps that happen together or not at all: one statement on PostgreSQL, else a transaction.

    On SQLite, changes that come at the same moment share it.

    `held` selects what all depends on, as SQL or as a `Read`: its rows are locked, so that what it
    says of them stays true to the end. Each step follows only if the one before it has changed
    something, and says so with `{so_far}`. Where the first one comes to nothing, nothing happens.
    """

    def __init__(self, held: str | Read[M], **steps: str) -> None:
        self._read = held if isinstance(held, Read) else None
        self._held = held.sql if isinstance(held, Read) else held
        self._steps = steps

    async def run(self, **values: Any) -> frozenset[str]:
        """The names of the steps that changed something: none, or the first and what follows it.

        Not for the inside of a transaction: it is one.
        """
        return (await self._run(values))[1]

    async def take(self, **values: Any) -> M | None:
        """The row of the `Read` that is held, as it was before the steps, if they happened."""
        row, happened = await self._run(values)
        return self._read.parsed(row) if self._read and happened else None

    async def _run(self, values: dict[str, Any]) -> tuple[Sequence[Any], frozenset[str]]:
        connection = connections.get("default")
        if connection.capabilities.dialect == "postgres":
            rows = await _run(connection, self._as_one, values)
            if not rows:
                return (), frozenset()
            found, count = tuple(rows[0]), len(self._steps)
            named = zip(self._steps, found[-count:], strict=True)
            return found[:-count], frozenset(name for name, changed in named if changed)
        work = partial(_one_by_one, self._statements, values)
        answer: tuple[Sequence[Any], int] = await _CHANGES.make(connection, work)
        row, happened = answer
        return row, frozenset(list(self._steps)[:happened])

    @cached_property
    def _as_one(self) -> str:
        before, parts = "held", [f"held AS MATERIALIZED ({self._held} FOR UPDATE)"]
        for name, step in self._steps.items():
            so_far = f"EXISTS (SELECT FROM {before})"
            parts.append(f"{name} AS ({step.replace('{so_far}', so_far)})")
            before = name
        happened = ", ".join(f"EXISTS (SELECT FROM {name})" for name in self._steps)
        return f"WITH {', '.join(parts)} SELECT held.*, {happened} FROM held"

    @cached_property
    def _statements(self) -> list[str]:
        return [self._held, *(step.replace("{so_far}", "TRUE") for step in self._steps.values())]


_READS, _CHANGES = Together(each_alone), Together(all_at_once)


def _one_by_one(
    statements: Sequence[str], values: dict[str, Any], connection: sqlite3.Connection
) -> tuple[Sequence[Any], int]:
    """The row that the first statement finds, and how many of the others changed something.

    The first of those that changes nothing ends it.
    """
    rows = connection.execute(statements[0], values).fetchall()
    if not rows:
        return (), 0
    for happened, statement in enumerate(statements[1:]):
        if not connection.execute(statement, values).fetchall():
            return rows[0], happened
    return rows[0], len(statements) - 1


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
