"""What a release is built from, checked and brought into one shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast import frames, models
from holdfast.contracts.contract import Contract
from holdfast.errors import ModelError, ReleaseError
from holdfast.evaluation.decisions import as_positive
from holdfast.models.base import Label, Model
from holdfast.models.training_side import Side, refit

#: label pairs whose positive class needs no asking: (negative, positive)
_OBVIOUS: tuple[tuple[Label, Label], ...] = (
    (0, 1), (-1, 1), ("0", "1"), ("no", "yes"), ("n", "y"), ("false", "true"),
    ("negative", "positive"),
)  # fmt: skip

Fit = Callable[[pa.Table, tuple[str, ...]], Any]


class Part:
    """Rows with their truth.

    Attributes:
        side: the rows, as given and as Arrow.
        labels: the target, one per row.
        positive: shape (n,), True for the positive class.
    """

    def __init__(self, side: Side, labels: list[Any], positive: npt.NDArray[np.bool_]) -> None:
        self.side, self.labels, self.positive = side, labels, positive

    @property
    def table(self) -> pa.Table:
        """The rows as Arrow."""
        return self.side.table

    def take(self, rows: npt.NDArray[np.int64]) -> Part:
        """Some of the rows."""
        return Part(self.side.take(rows), [self.labels[int(i)] for i in rows], self.positive[rows])


class Trainer:
    """Trains the caller's kind of model again, with fewer inputs or rows.

    Args:
        estimator: what the caller trained.
        features: inputs of the original.
        positive: label of the positive class.
        fit: the caller's own training, ``fit(table, features) -> estimator``; None clones.
    """

    def __init__(
        self, estimator: Any, features: Sequence[str], positive: Label, fit: Fit | None
    ) -> None:
        # an adapter of a pipeline carries the pipeline, which can be cloned
        self.estimator = getattr(estimator, "estimator", estimator)
        self.features = tuple(features)
        self.positive = positive
        self.fit = fit

    def train(self, part: Part, without: Sequence[str] = ()) -> Model | None:
        """A model without some inputs; None when this kind of model cannot be trained again."""
        kept = tuple(name for name in self.features if name not in set(without))
        if not kept:
            return None
        if self.fit is not None:
            made = self.fit(part.table, kept)
        else:
            made = refit(self.estimator, part.side, part.labels, self.features, without)
        if made is None:
            return None
        if isinstance(made, Model):
            return made
        named = getattr(made, "feature_names_in_", None) is not None
        try:
            return models.adopt(made, features=None if named else kept, positive=self.positive)
        except ModelError:
            if self.fit is not None:
                raise
            return None


def read_part(
    source: Any, target: str, positive: Label, features: Sequence[str], what: str
) -> tuple[Part, str]:
    """A caller's table as rows with truth, and the hash of its content."""
    table = frames.read(source)
    arrow = table.arrow()
    absent = [name for name in (*features, target) if name not in arrow.column_names]
    if absent:
        raise ReleaseError(
            f"the {what} table lacks columns",
            expected=f"the model's features and the target {target!r}",
            got=f"missing={absent}",
        )
    labels = arrow.column(target).to_pylist()
    truth = as_positive(labels, positive)
    if truth.all() or not truth.any():
        raise ReleaseError(
            f"the {what} table has only one class",
            expected=f"rows with and without {target!r} = {positive!r}",
            got=f"positives={int(truth.sum())} of {len(truth)}",
        )
    return Part(Side(source, arrow), labels, truth), table.fingerprint()


def decide_positive(source: Any, target: str, asked: Label | None) -> tuple[Label, tuple[str, str]]:
    """The positive label and the default names of the two decisions.

    Gives ``(label, (below the threshold, at or above it))``.
    """
    column = frames.read(source).arrow().column(target)
    found = sorted({v for v in column.to_pylist() if v is not None}, key=str)
    if len(found) != 2:
        raise ReleaseError(
            "a release decides between two classes",
            expected=f"2 labels in the target {target!r}",
            got=f"labels={len(found)}",
            remedy="train one classifier per question; regressions come in a later version",
        )
    label = asked if asked is not None else _obvious(found)
    if label is None or label not in found:
        raise ReleaseError(
            "which label is the positive class, the one the costs speak of?",
            expected=f"positive= one of the 2 labels of {target!r}",
            got=f"positive={asked!r}",
            remedy="name it: a swapped class would swap the costs without a word",
        )
    negative = next(v for v in found if v != label)
    if isinstance(label, bool | int | float):
        return label, ("negative", "positive")
    return label, (str(negative), str(label))


def require_same_class(model: Model, label: Label) -> None:
    """The model must score the class the costs speak of."""
    if model.positive is not None and str(model.positive) != str(label):
        raise ReleaseError(
            "the model scores the other class",
            expected=f"positive={label!r}",
            got=f"model.positive={model.positive!r}",
            remedy="adopt the model with the same positive label",
        )


def _obvious(found: Sequence[Label]) -> Label | None:
    lowered = {v.lower() if isinstance(v, str) else v: v for v in found}
    for negative, positive in _OBVIOUS:
        if set(lowered) == {negative, positive}:
            return lowered[positive]
    return None


def target_of(contract: Contract) -> str:
    """The contract's target."""
    if contract.target is None:
        raise ReleaseError(
            "the contract names no target",
            expected="a field with role target",
            got="none",
            remedy="learn it with Contract.learn(train, target=...)",
        )
    return contract.target


def require_features(contract: Contract, features: Sequence[str]) -> None:
    """Every input of the model must be a feature that the contract knows at serving."""
    unknown = [name for name in features if name not in set(contract.features)]
    if unknown:
        raise ReleaseError(
            "the model uses inputs that the contract does not let it have",
            expected="fields with role feature",
            got=f"inputs={unknown}",
            remedy="leave target, ids and post-outcome columns out of the model, or fix the roles",
        )
