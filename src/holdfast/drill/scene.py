"""What a fault may look at: the clean rows, where it begins, what its columns are and matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdfast.frames.column import ColumnView
from holdfast.frames.values import ValueKind, Values, read_values

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

Scores = Callable[[pa.Table], FloatArray]


class Scene:
    """The clean rows of a drill, read-only, with what faults need to know of them.

    Attributes:
        table: the clean rows in order of arrival, as `holdfast.frames.read` types them.
        onset: first row that a fault may change, in [1, rows).
        numbers, categories, times: the model's inputs by kind; a column is in one of them or none.
        importance: by input, how much the model needs it, 0 and up; absent counts as 0.
        target: column with the outcome, or None.
        positive: the label that is scored.
        scores: the model's scores of a table, in [0, 1]; None when it cannot be asked.

    Example:
        >>> scene = Scene(pa.table({"x": [1.0, None, 3.0, 4.0]}), onset=2, numbers=["x"])
        >>> scene.rows(np.random.default_rng(0), 1.0).tolist()
        [False, False, True, True]
        >>> scene.number("x")[2:].tolist()
        [3.0, 4.0]
    """

    def __init__(
        self,
        table: pa.Table,
        *,
        onset: int,
        numbers: Sequence[str] = (),
        categories: Sequence[str] = (),
        times: Sequence[str] = (),
        importance: Mapping[str, float] | None = None,
        target: str | None = None,
        positive: Any = None,
        scores: Scores | None = None,
    ) -> None:
        self.table = table
        self.onset = onset
        self.numbers = tuple(numbers)
        self.categories = tuple(categories)
        self.times = tuple(times)
        self.importance = dict(importance or {})
        self.target = target
        self.positive = positive
        self.scores = scores
        self._values: dict[str, Values] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Numbers, categories and times."""
        return (*self.numbers, *self.categories, *self.times)

    @property
    def after(self) -> BoolArray:
        """Shape (n,): the rows from the onset on."""
        return np.arange(len(self)) >= self.onset

    def values(self, name: str) -> Values:
        """A column of the clean rows, read as number or category."""
        if name not in self._values:
            kind = ValueKind.CATEGORY if name in self.categories else ValueKind.NUMBER
            view = ColumnView(name, self.table.column(name))
            self._values[name] = read_values(kind, view)
        return self._values[name]

    def number(self, name: str) -> FloatArray:
        """Shape (n,): a column as numbers, NaN where there is none."""
        return self.values(name).numbers

    def known(self, name: str) -> FloatArray:
        """The finite numbers of a column."""
        x = self.number(name)
        return x[np.isfinite(x)]

    def spread(self, name: str) -> float:
        """Standard deviation of a column's numbers; 0 without any."""
        x = self.known(name)
        return float(x.std()) if len(x) else 0.0

    def present(self, names: Sequence[str]) -> list[str]:
        """Those of the columns that hold anything from the onset on."""
        later = self.table.slice(self.onset)
        return [n for n in names if later.column(n).null_count < later.num_rows]

    def continuous(self, distinct: int = 15) -> list[str]:
        """Numbers with at least so many different values that do not all sit in one."""
        return [
            n for n in self.numbers
            if len(np.unique(self.known(n))) >= distinct and self.spread(n) > 0.0
        ]  # fmt: skip

    def spellings(self, name: str) -> list[tuple[str, float]]:
        """Categories of a column with their share of its values, commonest first."""
        values = self.values(name)
        codes = values.codes[values.codes >= 0]
        if not len(codes):
            return []
        counts = np.bincount(codes, minlength=len(values.names)) / len(codes)
        ranked = sorted(range(len(values.names)), key=lambda i: (-counts[i], values.names[i]))
        return [(values.names[i], float(counts[i])) for i in ranked]

    def holds(self, name: str, spellings: Sequence[str]) -> BoolArray:
        """Shape (n,): rows whose category is one of these."""
        values = self.values(name)
        places = [i for i, known in enumerate(values.names) if known in set(spellings)]
        return np.isin(values.codes, places)

    def pick(
        self, candidates: Sequence[str], rng: np.random.Generator, count: int = 1, top: float = 0.7
    ) -> list[str]:
        """Columns drawn among the most important `top` of the candidates.

        Gives fewer than `count`, down to none, where there are not as many candidates.
        """
        ranked = sorted(candidates, key=lambda n: (-self.importance.get(n, 0.0), n))
        ranked = ranked[: max(count, int(np.ceil(len(ranked) * top)))]
        drawn = rng.permutation(len(ranked))[:count]
        return [ranked[i] for i in drawn.tolist()]

    def rows(self, rng: np.random.Generator, share: float) -> BoolArray:
        """Shape (n,): a random share of the rows from the onset on.

        With the same generator state, a larger share contains a smaller one.
        """
        mask = rng.random(len(self)) < share
        mask[: self.onset] = False
        return mask

    def chances(self) -> FloatArray:
        """Shape (n,): the model's scores, in [0.02, 0.98]; the label rate where there are none."""
        labels = self.labels()
        rate = 0.5 if labels is None else float(labels.mean())
        scores = np.full(len(self), rate) if self.scores is None else self.scores(self.table)
        return np.clip(np.where(np.isnan(scores), rate, scores), 0.02, 0.98)

    def labels(self) -> BoolArray | None:
        """Shape (n,): rows whose outcome is the positive label; None without two labels."""
        if self.target is None:
            return None
        column = self.table.column(self.target)
        known = [v for v in column.unique().to_pylist() if v is not None]
        if len(known) != 2 or self.positive not in known or column.null_count:
            return None
        return np.array([v == self.positive for v in column.to_pylist()], np.bool_)
