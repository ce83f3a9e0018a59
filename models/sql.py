"""Two kinds of hand-written SQL: a `Query` for one row, and an `AtomicChange` of several steps.

The ORM needs many round trips for the same, and builds its SQL anew each time, which takes longer
than running it. The statements are in `models.hot_paths`, written once for SQLite and PostgreSQL.
They name a value as `:name`.
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache, partial
from itertools import pairwise
from typing import Any, Generic, TypeVar

from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.models import Model

from models import transactions
from models.postgres import PostgresClient
from models.rows import Rows
from models.sqlite import Batches, plain, writer

M = TypeVar("M", bound=Model)
_VALUE = re.compile(r"(?<!:):([a-z_]+)")
_STATEMENTS, _CHANGES = Batches(plain), Batches(writer)


class IncompleteChangeError(Exception):
    """A step of an atomic change changed no row, so the whole change was undone: a defect."""


class Query(Generic[M]):
    """A row of `model`, with the rows that it belongs to along the foreign keys in `path`.

    The same as `model.get_or_none(…).select_related(…)`. `condition` is evaluated in the same
    round trip, whether or not there is such a row.
    """

    def __init__(self, model: type[M], *path: str, where: str, condition: str = "TRUE") -> None:
        self._model, self._path = model, path
        self._where, self._condition = where, condition

    async def one(self, **values: Any) -> M | None:
        """Return the row for which `where` holds, or None."""
        rows = await _query(self.sql, values)
        return self.parsed(rows[0]) if rows else None

    async def one_and_condition(self, **values: Any) -> tuple[M | None, bool]:
        """Return the row or None, and whether the condition holds."""
        ((holds, *row),) = await _query(self._sql_and_condition, values)
        none = all(value is None for value in row)
        return None if none else self.parsed(row), bool(holds)

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
    def _rows(self) -> list[Rows[Model]]:
        return [Rows(model) for model in self._chain]

    @cached_property
    def returning(self) -> str:
        """The columns of `model`, for the `RETURNING` of a statement whose rows `parsed` reads."""
        return ", ".join(self._columns[0])

    @cached_property
    def sql(self) -> str:
        """The statement; `parsed` reads its rows."""
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
        # PostgreSQL locks rows in the order of FROM: the user's row first.
        chain = f"{tables[-1]}{''.join(reversed(joins))}"
        return f"SELECT {', '.join(columns)} FROM {chain} WHERE {self._where}"

    @cached_property
    def _sql_and_condition(self) -> str:
        return (
            f"SELECT {self._condition} AS holds, found.* "
            f"FROM (SELECT 1) AS always LEFT JOIN ({self.sql}) AS found ON TRUE"
        )

    def parsed(self, row: Any) -> M:
        """Return the model of a row, with the models that it belongs to."""
        values = iter(tuple(row))
        found = [rows.model(values) for rows in self._rows]
        for name, (child, parent) in zip(self._path, pairwise(found), strict=True):
            object.__setattr__(child, f"_{name}", parent)  # as Tortoise's own executor does
        return found[0]  # type: ignore[return-value]


class AtomicChange(Generic[M]):
    """Steps that all happen or none does: one statement on PostgreSQL, a transaction on SQLite.

    `lock` selects the rows that the change depends on, as SQL or as a `Query`. The rows are locked,
    or those of the tables in `locks`, so its conditions on them stay true until the end.

    `steps` are statements with a `RETURNING` clause. Each has `{previous}` among its conditions: it
    runs only if the step before it changed a row. If the lock or the first step matches no row,
    nothing happens. Once the first step has changed a row, each other step must too; otherwise
    everything is undone and IncompleteChangeError (on PostgreSQL, a division by zero) is raised.

    `then` are steps that may change no row; the steps after such a one are skipped.
    """

    def __init__(
        self,
        lock: str | Query[M],
        *,
        steps: Mapping[str, str],
        then: Mapping[str, str] | None = None,
        locks: str = "",
    ) -> None:
        self._query = lock if isinstance(lock, Query) else None
        self._selects = lock
        self._for_update = f"FOR UPDATE OF {locks}" if locks else "FOR UPDATE"
        self._required = list(steps)
        self._steps = {**steps, **(then or {})}
        missing = [name for name, step in self._steps.items() if "{previous}" not in step]
        if missing:
            raise ValueError(f"steps without {{previous}}: {', '.join(missing)}")

    async def run(self, **values: Any) -> frozenset[str]:
        """Return the names of the steps that changed a row: none, or all `steps` and some `then`.

        Inside of `atomic()`, the change is part of that transaction.
        """
        return (await self._run(values))[1]

    async def take(self, **values: Any) -> M | None:
        """Return the locked row of the `Query` as it was before the steps, or None."""
        row, happened = await self._run(values)
        return self._query.parsed(row) if self._query and happened else None

    async def _run(self, values: dict[str, Any]) -> tuple[Sequence[Any], frozenset[str]]:
        connection = connections.get("default")
        if connection.capabilities.dialect == "postgres":
            rows = await _query(self._one_statement, values)
            if not rows:
                return (), frozenset()
            *found, _complete = tuple(rows[0])
            count = len(self._steps)
            named = zip(self._steps, found[-count:], strict=True)
            return found[:-count], frozenset(name for name, changed in named if changed)
        work = partial(_one_by_one, self._statements, len(self._required), values)
        batches = _STATEMENTS if transactions.is_inside() else _CHANGES
        answer: tuple[Sequence[Any], int] = await batches.run(connection, work)
        row, happened = answer
        return row, frozenset(list(self._steps)[:happened])

    @cached_property
    def _lock(self) -> str:
        return self._selects if isinstance(self._selects, str) else self._selects.sql

    @cached_property
    def _one_statement(self) -> str:
        before, parts = "locked", [f"locked AS MATERIALIZED ({self._lock} {self._for_update})"]
        for name, step in self._steps.items():
            previous = f"EXISTS (SELECT FROM {before})"
            parts.append(f"{name} AS ({step.replace('{previous}', previous)})")
            before = name
        happened = ", ".join(f"EXISTS (SELECT FROM {name})" for name in self._steps)
        first, last = self._required[0], self._required[-1]
        incomplete = f"EXISTS (SELECT FROM {first}) AND NOT EXISTS (SELECT FROM {last})"
        # Not 1 / 0, which PostgreSQL would evaluate before the condition.
        undo = "1 / (SELECT count(*) FROM locked WHERE FALSE)"
        return (
            f"WITH {', '.join(parts)} SELECT locked.*, {happened}, "
            f"CASE WHEN {incomplete} THEN {undo} END FROM locked"
        )

    @cached_property
    def _statements(self) -> list[str]:
        return [self._lock, *(step.replace("{previous}", "TRUE") for step in self._steps.values())]


def dialect() -> str:
    """Return which database it is: `postgres` or `sqlite`."""
    return str(connections.get("default").capabilities.dialect)


async def execute(sql: str, **values: Any) -> list[dict[str, Any]]:
    """Run a statement, in the current transaction if there is one; return its rows."""
    connection = connections.get("default")
    given: Any = values  # sqlite3 takes values by name
    if connection.capabilities.dialect == "postgres":
        sql, names = _numbered(sql)
        given = [values[name] for name in names]
    if isinstance(connection, PostgresClient):  # no transaction
        return [dict(row) for row in await connection.fetch(sql, given)]
    rows: list[dict[str, Any]] = await connection.execute_query_dict(sql, given)
    return rows


def _one_by_one(
    statements: Sequence[str],
    required: int,
    values: dict[str, Any],
    connection: sqlite3.Connection,
) -> tuple[Sequence[Any], int]:
    """Return the locked row, and how many of the steps changed a row."""
    lock, *steps = statements
    rows = connection.execute(lock, values).fetchall()
    if not rows:
        return (), 0
    for happened, step in enumerate(steps):
        if not connection.execute(step, values).fetchall():
            if 0 < happened < required:
                raise IncompleteChangeError(f"step {happened + 1} of {required} found nothing")
            return rows[0], happened
    return rows[0], len(steps)


async def _query(sql: str, values: dict[str, Any]) -> Any:
    connection: BaseDBAsyncClient = connections.get("default")
    if connection.capabilities.dialect == "sqlite":
        return await _STATEMENTS.run(
            connection, lambda sqlite: sqlite.execute(sql, values).fetchall()
        )
    numbered, names = _numbered(sql)
    given = [values[name] for name in names]
    if isinstance(connection, PostgresClient):  # no transaction
        return await connection.fetch(numbered, given)
    return (await connection.execute_query(numbered, given))[1]


@lru_cache
def _numbered(sql: str) -> tuple[str, list[str]]:
    """Return the statement with numbered parameters, as PostgreSQL needs, and their names."""
    names = list(dict.fromkeys(_VALUE.findall(sql)))
    return _VALUE.sub(lambda found: f"${names.index(found[1]) + 1}", sql), names
