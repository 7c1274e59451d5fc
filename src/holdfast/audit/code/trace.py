"""What the walk through the code remembers: rows and where they came from, fits, splits, scores."""

from __future__ import annotations

import ast
import dataclasses
from typing import NamedTuple

from holdfast.audit.code.vocabulary import Step


class Part(NamedTuple):
    """Some rows: a source of rows, and the splits that cut them out of it.

    Attributes:
        root: number of the source (a file read, an unknown name).
        path: (number of the split, side) of every split, the first first.

    Example:
        >>> whole, test = Part(1), Part(1, ((4, "test"),))
        >>> whole.covers(test), test.covers(whole), test.side
        (True, False, 'test')
    """

    root: int
    path: tuple[tuple[int, str], ...] = ()

    @property
    def side(self) -> str:
        """``"all"``, ``"train"``, ``"valid"`` or ``"test"``.

        The validation part of a test part is for validation.
        """
        sides = [side for _, side in self.path]
        if sides[-1:] == ["valid"]:
            return "valid"
        for side in ("test", "valid", "train"):
            if side in sides:
                return side
        return "all"

    def covers(self, other: Part) -> bool:
        """Whether all rows of the other part are rows of this one."""
        return self.root == other.root and other.path[: len(self.path)] == self.path


@dataclasses.dataclass(frozen=True)
class Value:
    """What an expression stands for.

    Attributes:
        kind: ``data`` (rows), ``stat`` (a number or table computed from rows), ``estimator``,
            ``folder`` (a splitter), ``folds`` (its splits), ``index`` (rows of one side),
            ``mask``, ``tuple``, ``function``, ``score`` or ``other``.
        parts: the rows it holds or was computed from.
        touch: fits that its content depends on.
        label: whether it holds labels, predictions or scores.
        name: class or function name.
        oid: identity of an estimator.
        items: members of a tuple, steps of a pipeline.
        split: number of the split, for ``folds`` and ``index``.
        side: side of an ``index``.
        node: the definition, for a function.
        text: a constant text, or the column a selection names.
    """

    kind: str = "other"
    parts: frozenset[Part] = frozenset()
    touch: frozenset[int] = frozenset()
    label: bool = False
    name: str = ""
    oid: int = 0
    items: tuple[Value, ...] = ()
    split: int = 0
    side: str = ""
    node: ast.AST | None = None
    text: str = ""

    def having(self, **changes: object) -> Value:
        """A copy with changes."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


NOTHING = Value()


class Fit(NamedTuple):
    """Something was learned from rows.

    Attributes:
        line: where.
        name: class or method that learned.
        step: what it learned.
        parts: from which rows.
        oid: the estimator.
        order: place in the sequence of events.
    """

    line: int
    name: str
    step: Step
    parts: frozenset[Part]
    oid: int
    order: int


class Reach(NamedTuple):
    """What a fit learned reached rows that were, or are now, split.

    Attributes:
        fit: number of the fit.
        line: where it reached them.
        way: ``split``, ``folds``, ``cv`` (cross-validation follows) or ``apply`` (a train or test
            part was transformed with it).
        parts: the rows reached.
    """

    fit: int
    line: int
    way: str
    parts: frozenset[Part]


class Scored(NamedTuple):
    """A score was computed.

    Attributes:
        line: where.
        parts: on which rows.
        fits: numbers of the fits behind the model.
        oid: the model; 0 when unknown.
        loop: number of the innermost loop around that runs candidates, 0 outside of any.
        picture: whether the score is a table or curve.
        order: place in the sequence of events.
    """

    line: int
    parts: frozenset[Part]
    fits: frozenset[int]
    oid: int
    loop: int
    picture: bool
    order: int


@dataclasses.dataclass
class Trace:
    """Everything that was seen, in the order in which it would run.

    Attributes:
        fits: fits, by number.
        reaches: fits that reached split rows.
        scores: scores computed.
        chosen: (line, rows) where a score on those rows decided something.
        watched: (line, rows) given to early stopping.
        fit_loops: loops in whose body a model is fitted.
        made_in: loop in which each split was made.
        cross_validated: whether there is any cross-validation.
    """

    fits: dict[int, Fit] = dataclasses.field(default_factory=dict)
    reaches: list[Reach] = dataclasses.field(default_factory=list)
    scores: list[Scored] = dataclasses.field(default_factory=list)
    chosen: list[tuple[int, frozenset[Part]]] = dataclasses.field(default_factory=list)
    watched: list[tuple[int, frozenset[Part]]] = dataclasses.field(default_factory=list)
    fit_loops: set[int] = dataclasses.field(default_factory=set)
    made_in: dict[int, frozenset[int]] = dataclasses.field(default_factory=dict)
    cross_validated: bool = False
