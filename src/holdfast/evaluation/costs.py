"""What decisions cost, and the threshold that follows from it."""

from __future__ import annotations

import math

import msgspec

from holdfast.errors import UsageError


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
