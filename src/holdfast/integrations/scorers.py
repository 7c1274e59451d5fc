"""What decisions cost, as a scikit-learn scorer for model selection and threshold tuning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError

if TYPE_CHECKING:
    from holdfast.evaluation import Costs

#: kinds of cost that may differ by row, as metadata of these names
ROW_COSTS = (
    "false_positive_cost", "false_negative_cost", "true_positive_cost", "true_negative_cost",
)  # fmt: skip


def cost_scorer(
    costs: Costs | Callable[[Any], Any] | None = None,
    *,
    threshold: float | str | None = None,
    positive: Any = 1,
) -> Any:
    """A scorer of the mean cost of a row's decision, as a negative number: larger is better.

    Args:
        costs: cost of each kind of decision; None counts each error as 1. A function of X gives
            each row its own: a mapping of kinds (`false_positive`, ...) to arrays or numbers; for
            `GridSearchCV` and `cross_val_score`, which hand over X.
        threshold: None judges the decisions the estimator makes (`predict`); this is what
            `TunedThresholdClassifierCV` needs. A number decides "positive" from that probability
            on; ``"costs"`` from the costs' own threshold on (each row's own, where costs differ).
        positive: label of the positive class.

    Rows may bring their own costs as metadata: ``scorer.set_score_request(
    false_negative_cost=True)`` and then ``search.fit(X, y, false_negative_cost=amount)``, with
    ``sklearn.set_config(enable_metadata_routing=True)``; see `ROW_COSTS`.

    Raises:
        UsageError: a threshold outside [0, 1] or an unknown word.

    Example:
        >>> from sklearn.dummy import DummyClassifier
        >>> from holdfast.evaluation import Costs
        >>> model = DummyClassifier(strategy="constant", constant=0).fit([[0], [1]], [0, 1])
        >>> float(cost_scorer(Costs(1, 5))(model, [[0], [1]], [0, 1]))
        -2.5
    """
    from sklearn.metrics import make_scorer

    from holdfast.evaluation import Costs

    if isinstance(threshold, str) and threshold != "costs":
        raise UsageError(
            "unknown threshold", expected="a probability, 'costs' or None", got=f"{threshold!r}"
        )
    if isinstance(threshold, int | float) and not 0.0 <= threshold <= 1.0:
        raise UsageError("the threshold is no probability", expected="0 to 1", got=f"{threshold}")
    if callable(costs) and not isinstance(costs, Costs):
        return ByRow(costs, threshold=threshold, positive=positive)
    chosen = costs if costs is not None else Costs(1.0, 1.0)
    named = {} if threshold is None else {"pos_label": positive}
    return make_scorer(
        mean_cost,
        greater_is_better=False,
        response_method="predict" if threshold is None else "predict_proba",
        costs=chosen,
        threshold=threshold,
        positive=positive,
        **named,
    )


def mean_cost(
    y_true: Any,
    y_pred: Any,
    *,
    costs: Costs,
    threshold: float | str | None = None,
    positive: Any = 1,
    pos_label: Any = None,
    sample_weight: Any = None,
    false_positive_cost: Any = None,
    false_negative_cost: Any = None,
    true_positive_cost: Any = None,
    true_negative_cost: Any = None,
) -> float:
    """Mean cost of a row's decision.

    Args:
        y_true: shape (n,), labels.
        y_pred: shape (n,), labels decided; with a threshold the probability of the positive class.
        costs: cost of each kind of decision.
        threshold: as in `cost_scorer`.
        positive: label of the positive class.
        pos_label: the same under scikit-learn's name, which wins.
        sample_weight: shape (n,), how often each row counts.
        false_positive_cost: shape (n,) or None, each row's own cost of that kind.
        false_negative_cost: likewise.
        true_positive_cost: likewise.
        true_negative_cost: likewise.

    >>> from holdfast.evaluation import Costs
    >>> mean_cost([0, 1], [1, 0], costs=Costs(1, 5), false_negative_cost=[0, 9])
    5.0
    """
    wanted = positive if pos_label is None else pos_label
    truth = np.asarray(y_true) == wanted
    n = len(truth)
    table = {
        "false_positive": false_positive_cost, "false_negative": false_negative_cost,
        "true_positive": true_positive_cost, "true_negative": true_negative_cost,
    }  # fmt: skip
    price = {
        kind: np.full(n, float(getattr(costs, kind))) if own is None else _own(own, n, kind)
        for kind, own in table.items()
    }
    decided = _decided(np.asarray(y_pred), wanted, threshold, price)
    if decided.shape != truth.shape:
        raise DataError(
            "truth and decisions do not fit", expected=f"{truth.shape}", got=f"{decided.shape}"
        )
    cost = np.where(
        decided,
        np.where(truth, price["true_positive"], price["false_positive"]),
        np.where(truth, price["false_negative"], price["true_negative"]),
    )
    return float(np.average(cost, weights=sample_weight))


def _decided(
    said: npt.NDArray[Any], positive: Any, threshold: float | str | None, price: dict[str, Any]
) -> npt.NDArray[np.bool_]:
    """Decisions: labels as they are; probabilities (floats, where there is a threshold) cut."""
    if threshold is None or said.dtype.kind != "f":
        return np.asarray(said == positive, dtype=np.bool_)
    if threshold != "costs":
        return np.asarray(said >= threshold, dtype=np.bool_)
    rise = price["false_positive"] - price["true_negative"]
    fall = price["false_negative"] - price["true_positive"]
    return np.asarray(said * (rise + fall) >= rise, dtype=np.bool_)


def _own(values: Any, n: int, kind: str) -> npt.NDArray[np.float64]:
    found = (
        np.broadcast_to(np.asarray(values, dtype=np.float64), (n,))
        if np.ndim(values) == 0
        else np.asarray(values, dtype=np.float64)
    )
    if found.shape != (n,) or not np.isfinite(found).all():
        raise DataError(
            f"the rows' own {kind.replace('_', ' ')} costs do not fit",
            expected=f"{n} finite numbers",
            got=f"shape={found.shape}",
        )
    return found


class ByRow:
    """A scorer whose costs are computed from X; any callable (estimator, X, y) is a scorer.

    Args:
        costs: X to a mapping of kinds of cost to arrays of shape (n,) or numbers.
        threshold, positive: as in `cost_scorer`.
    """

    def __init__(
        self, costs: Callable[[Any], Any], *, threshold: float | str | None, positive: Any
    ) -> None:
        self.costs, self.threshold, self.positive = costs, threshold, positive

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Minus the mean cost of the estimator's decisions about X."""
        from holdfast.evaluation import Costs

        own = dict(self.costs(X))
        strange = sorted(set(own) - set(Costs.__struct_fields__))
        if strange:
            raise UsageError(
                "unknown kind of cost",
                expected=f"some of {', '.join(Costs.__struct_fields__)}",
                got=f"{', '.join(map(str, strange))}",
            )
        if self.threshold is None:
            said = estimator.predict(X)
        else:
            place = list(estimator.classes_).index(self.positive)
            said = estimator.predict_proba(X)[:, place]
        return -mean_cost(
            y, said, costs=Costs(1.0, 1.0), threshold=self.threshold, positive=self.positive,
            **{f"{kind}_cost": values for kind, values in own.items()},
        )  # fmt: skip
