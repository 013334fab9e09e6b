"""Statements of the sign-in path, compiled once.

SQLAlchemy looks a statement up in its cache, sorts its parameters and prepares its result at each execution. For
statements that never change this is a third of what the database costs us; here it happens at the first use.
Connections, transactions, errors and events stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect

Processor = Callable[[Any], Any]


class Prepared:
    """One statement, for whichever database it is executed on.

    ``names``: the columns that an INSERT without values is given at each execution.
    """

    def __init__(self, statement: Any, names: tuple[str, ...] | None = None) -> None:
        self._statement = statement
        self._names = list(names) if names else None
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Execute it for its effect: ``rowcount`` tells how many rows it touched."""
        return connection.exec_driver_sql(*self._for(connection.dialect).bind(values))

    def first(self, connection: Connection, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Execute it and give its only row, the values in the order of its columns; None where there is none."""
        compiled = self._for(connection.dialect)
        row = connection.exec_driver_sql(*compiled.bind(values)).first()
        return None if row is None else compiled.read(row)

    def _for(self, dialect: Dialect) -> _Compiled:
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._statement, self._names, dialect)
        return compiled


class _Compiled:
    """A statement in one dialect, with what converts its parameters and its result."""

    def __init__(self, statement: Any, names: list[str] | None, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        self._sql = str(compiled)
        self._is_positional: bool = compiled.positional
        order = compiled.positiontup if compiled.positional else list(compiled.params)
        self._constants = {name: compiled.params[name] for name in order if not compiled.binds[name].required}
        self._parameters: list[tuple[str, Processor | None]] = [
            (name, _processor(compiled.binds[name].type, "bind", dialect)) for name in order
        ]
        columns = getattr(statement, "exported_columns", ())
        self._columns = [_processor(column.type, "result", dialect) for column in columns]

    def bind(self, values: Mapping[str, Any]) -> tuple[str, Any]:
        """The SQL and its parameters as the driver wants them. Raises KeyError for one that is missing."""
        given = {**self._constants, **values}
        if self._is_positional:
            return self._sql, tuple(
                process(given[name]) if process else given[name] for name, process in self._parameters
            )
        return self._sql, {
            name: process(given[name]) if process else given[name] for name, process in self._parameters
        }

    def read(self, row: Any) -> tuple[Any, ...]:
        """A row's values as the columns' types have them."""
        return tuple(process(value) if process else value for process, value in zip(self._columns, row, strict=True))


def _processor(kind: Any, direction: str, dialect: Dialect) -> Processor | None:
    implementation = kind.dialect_impl(dialect)
    if direction == "bind":
        found: Processor | None = implementation.bind_processor(dialect)
    else:
        found = implementation.result_processor(dialect, None)
    return found
