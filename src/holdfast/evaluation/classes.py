"""Labels of several classes as numbers, and what a decision between them costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: classes up to which a full table of costs is kept
_MOST_PRICED = 5_000


class Classes:
    """Truth and decisions as numbers of classes.

    Attributes:
        names: label of each class: those of the scores' columns first, others after them.
        truth, decided: shape (n,).
        rows, said, hits: shape (classes,), rows of each class, decisions for it, both.
        trained: rows of each class in training, or None.
        unseen, unseen_rows: labels of the truth that the model does not know, and their rows.
        champion: shape (n,), or None.
    """

    def __init__(
        self,
        names: list[Any],
        known: int,
        truth: Ints,
        decided: Ints,
        trained: Ints | None,
        champion: Ints | None,
        show: bool,
    ) -> None:
        self.names, self.known, self.show = names, known, show
        self.truth, self.decided, self.champion = truth, decided, champion
        self.count = len(names)
        self.rows = np.bincount(truth, minlength=self.count)
        self.said = np.bincount(decided, minlength=self.count)
        self.hits = np.bincount(truth[truth == decided], minlength=self.count)
        self.trained = None if trained is None else np.bincount(trained, minlength=self.count)
        strange = np.arange(self.count) >= known
        if self.trained is not None:
            strange |= self.trained == 0
        self.strange = strange & (self.rows > 0)
        self.unseen = int(self.strange.sum())
        self.unseen_rows = int(self.rows[self.strange].sum())

    @property
    def prior(self) -> Floats:
        """Share of each class in training (one row added to each), or else in these rows."""
        counted = self.rows if self.trained is None else self.trained + 1
        return np.asarray(counted / counted.sum(), dtype=np.float64)

    def present_with(self, class_: int) -> Ints:
        """Classes of the truth and a constant decision, over which its macro scores are taken."""
        return np.union1d(np.flatnonzero(self.rows), [class_]).astype(np.intp)

    def name(self, k: int) -> str:
        """The label of a class for a report, or its number."""
        return str(self.names[k])[:60] if self.show else f"class {k}"


def encode(
    truth: npt.NDArray[Any],
    y_pred: Any,
    score: Floats | None,
    classes: Sequence[Any] | None,
    trained_on: Any,
    champion: Any,
    show: bool,
) -> Classes:
    """Numbers for all labels; see `evaluate_multiclass` for the arguments."""
    n = len(truth)
    given = {"the true labels": truth}
    for what, values in (("the decisions", y_pred), ("the champion's decisions", champion)):
        if values is not None:
            given[what] = columns.labels(values, what)
            columns.same_length(given[what], n, what)
    if trained_on is not None:
        given["the training labels"] = columns.labels(trained_on, "the training labels")
    first = None if classes is None else columns.labels(list(classes), "the classes")
    if first is not None:
        if len(np.unique(first)) != len(first):
            raise UsageError("a class is named twice", expected="distinct classes")
        given["the classes"] = first
    _alike(given)
    if score is not None and first is None:
        first = np.unique(truth)
    if score is not None and first is not None and score.shape[1] != len(first):
        raise UsageError(
            "which class does each column of scores stand for?",
            expected=f"{score.shape[1]} classes, one for each column",
            got=f"{len(first)}",
            remedy="pass classes=[...] in the order of the columns (model.classes_)",
        )
    everything = np.concatenate([a for what, a in given.items() if what != "the classes"])
    distinct = np.unique(everything)
    if first is None:
        names, known = distinct, len(distinct)
    else:
        known = len(first)
        names = np.concatenate([first, np.setdiff1d(distinct, first)])
    order = np.argsort(names, kind="stable")

    def number(values: npt.NDArray[Any]) -> Ints:
        return np.asarray(order[np.searchsorted(names[order], values)], dtype=np.intp)

    coded = {what: number(values) for what, values in given.items()}
    if y_pred is None:
        if score is None:
            raise UsageError("nothing to evaluate", expected="y_pred or y_score", got="neither")
        decided = np.asarray(np.argmax(score, axis=1), dtype=np.intp)
    else:
        decided = coded["the decisions"]
        if classes is not None and (decided >= known).any():
            raise DataError(
                "some decisions are none of the classes",
                expected="decisions out of classes=",
                got=f"rows={int((decided >= known).sum())} of {n}",
            )
    return Classes(
        names.tolist(), known, coded["the true labels"], decided,
        coded.get("the training labels"), coded.get("the champion's decisions"), show,
    )  # fmt: skip


def _alike(given: Mapping[str, npt.NDArray[Any]]) -> None:
    timed = [what for what, a in given.items() if a.dtype.kind in "mM"]
    if timed:
        raise DataError(
            "labels are times",
            expected="texts, or numbers, or booleans",
            got=f"times in {', '.join(timed)}",
            remedy="write each label as a text",
        )
    kinds = {what: a.dtype.kind in "US" for what, a in given.items()}
    if len(set(kinds.values())) > 1:
        texts = [what for what, text in kinds.items() if text]
        raise DataError(
            "labels are texts in one column and numbers in another",
            expected="labels of one type",
            got=f"texts in {', '.join(texts)}",
            remedy="write each label the same way everywhere",
        )


def score_matrix(values: Any, n: int) -> Floats:
    """Scores as a finite matrix of n rows.

    Raises:
        DataError: another shape, or values that are not finite numbers.
    """
    if hasattr(values, "to_numpy") and not isinstance(values, np.ndarray):
        values = values.to_numpy()
    try:
        score: Floats = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(
            "the scores are no table of numbers", expected="shape (n, classes)"
        ) from None
    if score.ndim != 2 or len(score) != n or not score.shape[1]:
        raise DataError(
            "the scores do not fit the rows", expected=f"shape ({n}, classes)", got=f"{score.shape}"
        )
    bad = int((~np.isfinite(score)).any(axis=1).sum())
    if bad:
        raise DataError(
            "some scores are not finite",
            expected="finite numbers",
            got=f"rows={bad} of {n}",
            remedy="evaluate only rows that were answered; count the others apart",
        )
    return np.asarray(score)


class ErrorsCostOne:
    """Each wrong decision costs 1, whatever the classes; the default."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def of(self, truth: Ints, decided: Ints) -> Floats:
        """Cost of each row."""
        return np.asarray(truth != decided, dtype=np.float64)

    def constant(self, prior: Floats) -> int:
        """The class that is cheapest to decide every time."""
        return int(np.argmax(prior))

    def cheapest(self, score: Floats) -> Ints:
        """The cheapest decision of each row of probabilities."""
        return np.asarray(np.argmax(score, axis=1), dtype=np.intp)


class CostTable(ErrorsCostOne):
    """Costs of each decision about each class: shape (classes, classes), rows truth."""

    def __init__(self, table: Floats) -> None:
        super().__init__(len(table))
        self.table = table

    def of(self, truth: Ints, decided: Ints) -> Floats:
        """Cost of each row."""
        return np.asarray(self.table[truth, decided], dtype=np.float64)

    def constant(self, prior: Floats) -> int:
        """The class that is cheapest to decide every time."""
        return int(np.argmin(prior @ self.table))

    def cheapest(self, score: Floats) -> Ints:
        """The decision of least expected cost; source: Elkan 2001, eq. 1."""
        width = score.shape[1]
        return np.asarray(np.argmin(score @ self.table[:width, :width], axis=1), dtype=np.intp)


def cost_matrix(costs: Any, named: Classes) -> ErrorsCostOne:
    """Costs as given, checked: finite, and being right is never dearer than being wrong.

    Raises:
        UsageError: a table of another shape, an unknown label, costs that make no sense.
    """
    if costs is None:
        return ErrorsCostOne(named.count)
    if named.count > _MOST_PRICED:
        raise UsageError(
            "too many classes for a table of costs", expected=f"at most {_MOST_PRICED}",
            got=f"{named.count}",
        )  # fmt: skip
    table = 1.0 - np.eye(named.count)
    if isinstance(costs, Mapping):
        place = {label: k for k, label in enumerate(named.names)}
        for pair, cost in costs.items():
            if not isinstance(pair, tuple) or len(pair) != 2 or not set(pair) <= set(place):
                raise UsageError(
                    "a cost is of no known pair of labels",
                    expected="{(truth, decision): cost} with labels that occur",
                )
            table[place[pair[0]], place[pair[1]]] = cost
    else:
        try:
            given = np.asarray(costs, dtype=np.float64)
        except (TypeError, ValueError):
            given = np.empty(0)
        want = named.known
        if given.shape != (want, want):
            raise UsageError(
                "the table of costs does not fit the classes",
                expected=f"shape ({want}, {want}), rows truth, columns decision",
                got=f"shape={given.shape}",
            )
        table[:want, :want] = given
        if named.count > want:  # labels the model cannot give: as dear as the dearest error
            table[want:, :] = table[:want, :want].max()
            table[:, want:] = table[:want, :want].max()
            table[range(want, named.count), range(want, named.count)] = 0.0
    right = np.diag(table)
    if not np.isfinite(table).all() or (table < right[:, None]).any():
        raise UsageError(
            "these costs make being wrong cheaper than being right",
            expected="finite costs, each row's smallest on the diagonal",
        )
    return CostTable(table)
