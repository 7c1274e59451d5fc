"""What the reference looked like, in facts by column and no rows: what diagnosis compares with.

A `Portrait` is made once, when the reference is learned, and travels with the release. It holds
shares, quantiles, frequent values and categories, what the columns say about one another and about
the score; about 10 to 20 kB a column. The quantiles of numbers are values of the reference, one by
one and torn from their rows, and so are the names of categories: a portrait is as confidential as
the table it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.errors import DataError
from holdfast.frames.values import Values
from holdfast.profiles.portrait_cells import unpack
from holdfast.profiles.portrait_column import ColumnPortrait
from holdfast.profiles.portrait_learning import learn

__all__ = ["ColumnPortrait", "Portrait"]

FloatArray = NDArray[np.float64]

FORMAT = 1


class Portrait(msgspec.Struct, frozen=True, kw_only=True):
    """All columns of the reference, the score, and how often rows repeat.

    Attributes:
        columns: by name, in the reference's order.
        rows: rows of the reference.
        base_rate: share of label 1 (mean of the calibrated score without labels), or None.
        threshold: at which the decision turns, or None.
        probability: whether all scores lie in [0, 1].
        score_edges, score_cells: inner cuts of the score and the share of each of its cells.
        score_knots, rate_knots: the calibrated probability of 1 at some scores, for interpolation.
        score_weights, score_intercept, score_r2: log-odds of the score from the features of all
            columns; `score_errors` are quantiles of the residual.
        label_weights: what the features of all columns add to the log-odds of the calibrated score
            to explain the labels: the model's own bias (float32); empty without labels.
        repeated, adjacent: share of rows seen exactly so in the last 300 rows; in the row before.

    Example:
        >>> from holdfast.frames.values import ValueKind, read_values
        >>> ages = read_values(ValueKind.NUMBER, np.arange(20.0, 80.0))
        >>> portrait = Portrait.of({"age": ages})
        >>> age = Portrait.from_bytes(portrait.to_bytes()).columns["age"]
        >>> age.low, age.high, age.step, age.distinct
        (20.0, 79.0, 1.0, 60)
    """

    columns: dict[str, ColumnPortrait]
    rows: int
    base_rate: float | None = None
    threshold: float | None = None
    probability: bool = False
    score_edges: bytes = b""
    score_cells: bytes = b""
    score_knots: bytes = b""
    rate_knots: bytes = b""
    score_weights: bytes = b""
    score_intercept: float = 0.0
    score_r2: float = 0.0
    score_errors: bytes = b""
    label_weights: bytes = b""
    repeated: float = 0.0
    adjacent: float = 0.0
    format: int = FORMAT

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Values],
        *,
        score: FloatArray | None = None,
        label: FloatArray | None = None,
        importance: Mapping[str, float] | None = None,
        threshold: float | None = None,
        seed: int = 0,
    ) -> Portrait:
        """The portrait of a reference.

        Args:
            columns: by name, all of the same rows in their natural order.
            score: shape (n,), the model's answers, NaN where there is none.
            label: shape (n,), 0, 1 or NaN where unknown.
            importance: share of the model's answer by column; else the share of the variance of the
                score's log-odds that an additive model gives to the column.
            threshold: at which the decision turns.
            seed: of the choice of rows and folds from which dependence is learned.

        Raises:
            DataError: no columns, no rows, or columns of different length.
        """
        sizes = {len(v) for v in columns.values()}
        if len(sizes) != 1 or sizes == {0}:
            raise DataError(
                "a portrait needs at least one column and one row, all columns alike in length",
                got=f"lengths={sorted(sizes)}",
            )
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            facts = learn(columns, score, label, importance, seed)
        return cls(threshold=threshold, **facts)

    def calibrated(self, score: FloatArray) -> FloatArray:
        """Probability of label 1 at some scores, within [0.004, 0.996]; NaN stays NaN."""
        return np.interp(score, unpack(self.score_knots), unpack(self.rate_knots))

    def scale(self, score: FloatArray) -> FloatArray:
        """Log-odds of scores that are probabilities; other scores as they are."""
        if not self.probability:
            return score
        inside = np.clip(score, 1e-6, 1.0 - 1e-6)
        return np.log(inside / (1.0 - inside))

    def to_bytes(self) -> bytes:
        """The portrait as MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Portrait:
        """The portrait of `to_bytes`.

        Raises:
            DataError: the bytes are no portrait, or of a later format.
        """
        try:
            portrait = msgspec.msgpack.decode(data, type=cls)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise DataError("not a portrait", got=str(error)[:200]) from error
        if portrait.format > FORMAT:
            raise DataError(
                "a portrait of a later version",
                expected=f"format <= {FORMAT}",
                got=f"format={portrait.format}",
                remedy="update holdfast, or learn the reference again",
            )
        return portrait
