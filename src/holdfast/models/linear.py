"""Linear models as a sum of terms, one per input: microseconds per row, no framework needed.

What a scikit-learn pipeline of imputers, scalers, one-hot encoders and a linear model computes is
``link(intercept + sum of terms)``, a term being a number times a weight or a weight looked up by
category. `holdfast.models.linear_compile` reads such a pipeline; here the sum is asked, saved and
loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import ModelError
from holdfast.models.base import (
    Label,
    Model,
    ModelMeta,
    Row,
    Scores,
    not_predictable,
    require_columns,
    write_meta,
)


class Compilable(Model, Protocol):
    """A framework's adapter that a sum of terms can stand for."""

    @property
    def estimator(self) -> Any:
        """The framework's own object."""
        ...

    def alternatives(self) -> Sequence[Model]:
        """Other adapters of the same estimator, in the order to try them."""
        ...


FILE = "linear.json"
#: largest difference to the framework that is taken for rounding (relative beyond 1)
TOLERANCE = 1e-9
Floats = npt.NDArray[np.float64]


class Term(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one input adds to the sum.

    Attributes:
        feature: name of the input.
        numbers: pairs of center and weight; each adds ``(value - center) * weight``.
        values: pairs of category and weight; None when categories do not matter.
        other: weight of a category that is not in ``values``; None refuses it.
        null: what a null adds, instead of all else; None refuses it.
    """

    feature: str
    numbers: tuple[tuple[float, float], ...] = ()
    values: tuple[tuple[Label, float], ...] | None = None
    other: float | None = 0.0
    null: float | None = None


class _Sum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    intercept: float
    terms: tuple[Term, ...]


class _Weights(dict[Any, float]):
    """Weights by category; null under None; everything else through `__missing__`."""

    def __init__(self, term: Term) -> None:
        super().__init__(term.values or ())
        self._other, self._null = term.other, term.null
        if term.null is not None:
            self[None] = term.null

    def __missing__(self, value: Any) -> float:
        weight = self._null if value is None or value != value else self._other
        return _refuse() if weight is None else weight


class LinearModel:
    """A sum of terms behind a link function.

    Args:
        features: names of the inputs, in order; inputs without a term are not looked at.
        terms: at most one per input.
        intercept: the sum of no terms.
        task: ``binary`` (the link is the logistic function) or ``regression`` (no link).
        positive: label of the positive class.
        compiled_from: name and version of the library whose model this was.
        plain: the adapter of that model, for refits and comparisons; not saved.
        recompile: compiles another adapter of the same estimator; not saved.

    Example:
        >>> terms = [
        ...     Term(feature="age", numbers=((40.0, 0.1),), null=0.5),
        ...     Term(feature="job", values=(("fixed", -1.0), ("partime", 1.0)), null=0.0),
        ... ]
        >>> model = LinearModel(("age", "job"), terms, 0.0, task="regression")
        >>> model.predict([{"age": 50, "job": "fixed"}, {"job": "baker"}]).tolist()
        [0.0, 0.5]
    """

    kind: ClassVar[str] = "linear"

    def __init__(
        self,
        features: Sequence[str],
        terms: Sequence[Term],
        intercept: float,
        *,
        task: str = "binary",
        positive: Label | None = None,
        compiled_from: str = "",
        plain: Compilable | None = None,
        recompile: Callable[[Any], LinearModel | None] | None = None,
    ) -> None:
        self.features = tuple(features)
        self.terms = tuple(terms)
        self.intercept = intercept
        self.task = task
        self.positive = positive
        self.compiled_from = compiled_from
        self.plain = plain
        self._recompile = recompile
        self._weights = {t.feature: _Weights(t) for t in terms if t.values is not None}
        self._one = self._compiled()

    @property
    def estimator(self) -> Any:
        """The estimator this was compiled from; None after loading."""
        return None if self.plain is None else self.plain.estimator

    def alternatives(self) -> list[Model]:
        """Other adapters of the same estimator, in the order to try them."""
        if self.plain is None:
            return []
        found: list[Model] = []
        for other in self.plain.alternatives():
            compiled = None if self._recompile is None else self._recompile(other)
            found += [] if compiled is None else [compiled]
        return [*found, self.plain, *self.plain.alternatives()]

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        one = self._one
        try:
            return np.array([one(row) for row in rows], dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise not_predictable(self.kind, error) from error

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        try:
            return self._one(row)
        except (TypeError, ValueError, OverflowError) as error:
            raise not_predictable(self.kind, error) from error

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table, column by column."""
        require_columns(table, self.features)
        total = np.full(table.num_rows, self.intercept)
        try:
            with np.errstate(all="ignore"):
                for term in self.terms:
                    total += self._column(term, table.column(term.feature))
            if not np.isfinite(total).all():
                _refuse()
        except (TypeError, ValueError, OverflowError, pa.ArrowException) as error:
            raise not_predictable(self.kind, error) from error
        if self.task == "regression":
            return total
        small = np.exp(-np.abs(total))
        return np.asarray(np.where(total >= 0, 1.0, small) / (1.0 + small), dtype=np.float64)

    def save(self, directory: Path) -> list[str]:
        """Write the terms as JSON, every float in full."""
        content = msgspec.json.encode(_Sum(self.intercept, self.terms))
        (directory / FILE).write_bytes(msgspec.json.format(content, indent=1))
        return write_meta(
            directory,
            self,
            files=(FILE,),
            settings={"compiled_from": self.compiled_from},
        )

    @classmethod
    def load(cls, directory: Path, meta: ModelMeta) -> LinearModel:
        """Read the terms."""
        try:
            found = msgspec.json.decode((directory / FILE).read_bytes(), type=_Sum)
        except (OSError, msgspec.MsgspecError) as error:
            raise ModelError(
                "the terms of the linear model cannot be read",
                expected=f"a file {FILE} as saved",
                got=type(error).__name__,
                remedy="build the release again",
            ) from error
        strange = {term.feature for term in found.terms} - set(meta.features)
        if strange:
            raise ModelError(
                "the linear model has terms for inputs it does not name",
                expected=f"some of {list(meta.features)}",
                got=f"terms={sorted(strange)}",
            )
        return cls(
            meta.features,
            found.terms,
            found.intercept,
            task=meta.task,
            positive=meta.positive,
            compiled_from=str(meta.settings.get("compiled_from", "")),
        )

    def _column(self, term: Term, column: pa.ChunkedArray) -> Floats:
        """What one column adds, row by row."""
        if pa.types.is_null(column.type):
            return np.full(len(column), _refuse() if term.null is None else term.null)
        parts = [self._chunk(term, chunk) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.empty(0)

    def _chunk(self, term: Term, chunk: pa.Array) -> Floats:
        weights = self._weights.get(term.feature)
        if not term.numbers:
            return np.zeros(len(chunk)) if weights is None else _looked_up(weights, chunk)
        if weights is not None:
            added = _looked_up(weights, chunk)
        numbers = _numbers(chunk)
        total = np.zeros(len(chunk)) if weights is None else added
        for center, weight in term.numbers:
            total += (numbers - center) * weight
        missing = np.isnan(numbers)
        if missing.any():
            total[missing] = _refuse() if term.null is None else term.null
        return total

    def _compiled(self) -> Callable[[Row], float]:
        """One function for one row. Names enter its code only through ``repr``."""
        namespace: dict[str, Any] = {"exp": math.exp, "refuse": _refuse}
        lines = []
        for j, term in enumerate(self.terms):
            values = f"w{j}[v]" if term.feature in self._weights else ""
            if values:
                namespace[f"w{j}"] = self._weights[term.feature]
            numbers = [f"(v - {center!r}) * {weight!r}" for center, weight in term.numbers]
            null = "refuse()" if term.null is None else repr(term.null)
            lines.append(f"    v = get({term.feature!r})\n")
            if numbers:
                known = " + ".join([*numbers, values] if values else numbers)
                lines.append(f"    z += {null} if v is None or v != v else {known}\n")
            else:
                lines.append(f"    z += {values or '0.0'}\n")
        link = "z" if self.task == "regression" else (
            "1.0 / (1.0 + exp(-z)) if z >= 0.0 else (e := exp(z)) / (1.0 + e)"
        )  # fmt: skip
        code = (
            f"def score(row):\n    get = row.get\n    z = {self.intercept!r}\n{''.join(lines)}"
            f"    if z - z != 0.0:\n        refuse()\n    return {link}\n"
        )
        exec(compile(code, "<holdfast linear model>", "exec"), namespace)  # noqa: S102
        score: Callable[[Row], float] = namespace["score"]
        return score


def close(found: Floats, wanted: Floats) -> bool:
    """Whether two arrays of scores are the same up to rounding.

    >>> close(np.array([1e6]), np.array([1e6 + 1e-5]))
    True
    """
    return bool(np.all(np.abs(found - wanted) <= TOLERANCE * np.maximum(1.0, np.abs(wanted))))


def _refuse() -> float:
    raise ValueError("a null, a category or a number that the model was not made for")


def _numbers(chunk: pa.Array) -> Floats:
    """Values as float64, null as NaN."""
    kind = chunk.type
    if pa.types.is_dictionary(kind):
        chunk, kind = chunk.dictionary_decode(), kind.value_type
    if pa.types.is_boolean(kind):
        chunk = chunk.cast(pa.uint8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise TypeError(str(kind))
    numbers = pc.cast(chunk, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.asarray(numbers, dtype=np.float64)


def _looked_up(weights: _Weights, chunk: pa.Array) -> Floats:
    """Weights by category: each distinct value is looked up once, as Python compares values."""
    if not pa.types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_encode()
    distinct = chunk.dictionary.to_pylist()
    places = chunk.indices
    if places.null_count:
        places = places.cast(pa.int64()).fill_null(len(distinct))
        distinct.append(None)
    if not distinct:
        return np.empty(0)
    used = set(pc.unique(places).to_pylist())
    found = np.array([weights[v] if i in used else 0.0 for i, v in enumerate(distinct)])
    return np.asarray(found[places.to_numpy(zero_copy_only=False)], dtype=np.float64)
