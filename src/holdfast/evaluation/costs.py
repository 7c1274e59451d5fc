"""What decisions cost, one price for all rows or each row its own, and the threshold from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Costs(msgspec.Struct, frozen=True):
    """Cost of each kind of decision, per row; a negative cost is a gain.

    Attributes:
        false_positive: deciding "positive" about a negative (refusing a good customer).
        false_negative: deciding "negative" about a positive (accepting a bad one).
        true_positive: deciding "positive" about a positive.
        true_negative: deciding "negative" about a negative.

    Example:
        >>> Costs(1, 3).threshold
        0.25
    """

    false_positive: float
    false_negative: float
    true_positive: float = 0.0
    true_negative: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, bool) or not math.isfinite(value):
                raise UsageError("a cost is not a number", expected="finite numbers", got=name)
        if self.false_positive <= self.true_negative or self.false_negative <= self.true_positive:
            raise UsageError(
                "these costs make being wrong cheaper than being right",
                expected="false_positive > true_negative and false_negative > true_positive",
                got=f"{self}",
            )

    @property
    def threshold(self) -> float:
        """The probability from which on deciding "positive" is cheaper."""
        return cost_threshold(self)


def cost_threshold(costs: Costs) -> float:
    """Threshold of a calibrated probability: decide "positive" when ``p >= threshold``.

    ``(fp - tn) / ((fp - tn) + (fn - tp))``. Right only for calibrated scores.
    Source: Elkan 2001, The foundations of cost-sensitive learning, eq. 2.

    >>> cost_threshold(Costs(false_positive=5, false_negative=495))
    0.01
    """
    wrongly_positive = costs.false_positive - costs.true_negative
    wrongly_negative = costs.false_negative - costs.true_positive
    return wrongly_positive / (wrongly_positive + wrongly_negative)


def row_costs(positive: Bools, decided: Bools, costs: Costs) -> Floats:
    """Cost of each row's decision, shape (n,)."""
    wrong = np.where(decided, costs.false_positive, costs.false_negative)
    right = np.where(decided, costs.true_positive, costs.true_negative)
    return np.where(positive == decided, right, wrong).astype(np.float64)


class Prices:
    """The cost of both decisions about every row whose truth is known.

    Args:
        positive: shape (n,), the truth.
        costs: the price of each kind of decision.
        columns: kind (as in `Costs`) → shape (n,), for kinds whose price differs by row, such as
            the amount of a loan; the other kinds keep the price of `costs`.

    Attributes:
        if_positive, if_negative: shape (n,), cost of each row when decided so.
        threshold: shape (n,) or one number, the formula's threshold of each row.
        mean: the costs, columns replaced by their means.

    Raises:
        UsageError: a kind that is not one of `Costs`.
        DataError: a column of another length, with values that are not finite, or with rows where
            being wrong is cheaper than being right.
    """

    def __init__(
        self, positive: Bools, costs: Costs, columns: Mapping[str, Any] | None = None
    ) -> None:
        self.positive, self.costs = positive, costs
        price: dict[str, Any] = {name: getattr(costs, name) for name in costs.__struct_fields__}
        self.by_row = bool(columns)
        for name, values in (columns or {}).items():
            price[name] = _column(name, values, len(positive))
        wrongly_positive = np.asarray(price["false_positive"] - price["true_negative"])
        wrongly_negative = np.asarray(price["false_negative"] - price["true_positive"])
        bad = int(np.sum((wrongly_positive < 0) | (wrongly_negative < 0)))
        idle = (wrongly_positive + wrongly_negative) <= 0
        if bad:
            raise DataError(
                "for some rows being wrong is cheaper than being right",
                expected="false_positive >= true_negative and false_negative >= true_positive",
                got=f"rows={bad} of {len(positive)}",
                remedy="check the sign and the unit of the cost columns",
            )
        self.if_positive: Floats = np.where(
            positive, price["true_positive"], price["false_positive"]
        ).astype(np.float64)
        self.if_negative: Floats = np.where(
            positive, price["false_negative"], price["true_negative"]
        ).astype(np.float64)
        total = np.where(idle, 1.0, wrongly_positive + wrongly_negative)
        limit = np.where(idle, np.inf, wrongly_positive / total)
        self.threshold: Floats | float = limit if self.by_row else float(limit)
        self.mean = Costs(**{k: float(np.mean(v)) for k, v in price.items()})

    def of(self, decided: Bools) -> Floats:
        """Cost of each row's decision, shape (n,)."""
        return np.where(decided, self.if_positive, self.if_negative)


def _column(name: str, values: Any, n: int) -> Floats:
    if name not in Costs.__struct_fields__:
        raise UsageError(
            "unknown kind of cost",
            expected=f"one of {', '.join(Costs.__struct_fields__)}",
            got=f"cost_columns={name!r}",
        )
    plain = values.to_pylist() if hasattr(values, "to_pylist") else values
    try:
        column = np.asarray(plain, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"the cost column {name} is not made of numbers",
            expected="one finite number a row",
            got=f"type={type(values).__name__}",
        ) from None
    if column.shape != (n,):
        raise DataError(
            f"the cost column {name} does not fit the rows",
            expected=f"{n} numbers",
            got=f"shape={column.shape}",
        )
    if not np.isfinite(column).all():
        raise DataError(
            f"the cost column {name} holds missing or infinite values",
            expected="finite numbers",
            got=f"bad={int((~np.isfinite(column)).sum())} of {n}",
            remedy="leave these rows out, or say what they cost",
        )
    return column
