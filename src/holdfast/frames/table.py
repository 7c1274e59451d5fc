"""A whole table: typed, read-only, the same whatever the chunks it came in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from holdfast.errors import DataError
from holdfast.frames.column import ColumnView
from holdfast.frames.fingerprint import fingerprint
from holdfast.frames.types import normalise

BATCH_ROWS = 131_072


class Table:
    """A normalised table over Arrow memory; made by `holdfast.frames.read`.

    Example:
        >>> from holdfast import frames
        >>> table = frames.read([{"a": 1, "b": "x"}, {"a": 2}])
        >>> list(table.rows())
        [{'a': 1, 'b': 'x'}, {'a': 2, 'b': None}]
    """

    def __init__(self, table: pa.Table, columns: Sequence[str] | None = None) -> None:
        names = table.column_names
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise DataError(
                    f"two columns are called {name!r}",
                    expected="every column name once",
                    got=f"{names.count(name)} columns named {name!r}",
                    remedy="rename or drop the repeated column",
                )
            seen.add(name)
        if columns is not None:
            table = table.select([_known(name, names) for name in columns])
        self._table = pa.table(
            {name: normalise(name, table.column(name)) for name in table.column_names}
        )
        if not table.column_names:  # a table without columns still has its rows
            self._table = table.select([])
        self._views: dict[str, ColumnView] = {}

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self._table.num_rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names, in order."""
        return tuple(self._table.column_names)

    @property
    def schema(self) -> pa.Schema:
        """The normalised Arrow schema."""
        return self._table.schema

    def arrow(self) -> pa.Table:
        """The table as Arrow memory, without a copy."""
        return self._table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return self.num_rows

    def __contains__(self, name: object) -> bool:
        return name in self._table.column_names

    def __repr__(self) -> str:
        return f"Table(rows={self.num_rows}, columns={len(self.names)})"

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Record batches of at most `rows` rows."""
        yield from self._table.to_batches(max_chunksize=rows)

    def column(self, name: str) -> ColumnView:
        """One column, kept after the first call.

        Raises:
            DataError: the table has no such column.
        """
        view = self._views.get(name)
        if view is None:
            _known(name, self.names)
            view = self._views[name] = ColumnView(name, self._table.column(name))
        return view

    def select(self, names: Sequence[str]) -> Table:
        """The named columns only."""
        return Table(self._table, names)

    def take(self, indices: Any) -> Table:
        """The rows at these positions, in this order."""
        return Table(self._table.take(pa.array(indices)))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as a dict of plain Python values."""
        for batch in self.batches(8192):
            yield from batch.to_pylist()

    def fingerprint(self) -> str:
        """sha256 over names, types and values; the same for the same rows in other chunks."""
        return fingerprint(self._table)


def _known(name: str, names: Sequence[str]) -> str:
    if name not in names:
        shown = ", ".join(repr(n) for n in list(names)[:12])
        raise DataError(
            f"the table has no column {name!r}",
            expected=f"one of {shown}" if shown else "a table with columns",
            got=f"column={name!r}",
            remedy="check the spelling, capitals included",
        )
    return name
