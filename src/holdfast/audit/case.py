"""The case before the audit: the table with its roles, as codes, numbers and scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.audit.columns import Codes, Coding, Floats, Kind, Rows
from holdfast.audit.peel import peel
from holdfast.audit.record import Peel
from holdfast.audit.scoring import (
    ROUNDS,
    SIZING_ROUNDS,
    Folds,
    by_class,
    fit_predict,
    fold_maker,
    quality,
)
from holdfast.audit.screen import Single, screen
from holdfast.audit.targets import Target
from holdfast.frames.column import ColumnView
from holdfast.frames.table import Table

#: rows that models are fitted on; fixed by the seed, so that every score is on the same rows
MODEL_ROWS = 6000
#: rows that the worth of suspected columns is told on: a small sample would make the honest score,
#: which needs many rows to be reached, look worse than it is
SIZING_ROWS = 20_000
#: of these at least so many of the rarer class, where the table has them
_RARE_ROWS = 1500


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns that are no features are for.

    Attributes:
        event_time: when the row happened, the time of the decision.
        entity: whom the row is about.
        groups: columns whose rows belong together.
        ids: columns that name the row.
        known_at: feature -> the column that says when its value became known, or a lag.
        ignored: columns that no model is given.
    """

    event_time: str | None = None
    entity: str | None = None
    groups: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    known_at: dict[str, Any] = {}
    ignored: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """Every column that has a role."""
        single = {name for name in (self.event_time, self.entity) if name is not None}
        times = {at for at in self.known_at.values() if isinstance(at, str)}
        return single | set(self.groups) | set(self.ids) | set(self.ignored) | times


class Case:
    """What a check sees.

    Attributes:
        train: the training table; rows without a target are left out.
        test: the test table, or None.
        target: the target, encoded; None where there is none.
        task: ``binary``, ``multiclass``, ``regression`` or ``none``.
        y: shape (n,), the target: 0/1, the number of the class, or the value.
        features: columns a model would be given.
        roles: what the other columns are for.
        log: the served feature rows, or None.
        model: an estimator or a procedure, or None.
        history: how often the test table was used, or None.
        sources: the train and test tables as the caller gave them, where all rows are kept.
        rows: positions of the fixed rows that models see, ascending.
        suspected: features that a finding of this run already holds.
        rounds: of the background model.
        seed: of everything random.
    """

    def __init__(
        self,
        train: Table,
        *,
        test: Table | None = None,
        target: Target | None = None,
        test_target: Target | None = None,
        features: Sequence[str] = (),
        roles: Roles | None = None,
        log: Table | None = None,
        model: Any = None,
        history: Any = None,
        sources: tuple[Any, Any] = (None, None),
        seed: int = 0,
        rows: Rows | None = None,
    ) -> None:
        self.train, self.test = train, test
        self.target, self.test_target = target, test_target
        self.features = tuple(features)
        self.roles = roles or Roles()
        self.log, self.model, self.history = log, model, history
        self.sources = sources
        self.seed = seed
        self.task = target.task if target is not None else "none"
        self.y: Floats = target.y if target is not None else np.zeros(train.num_rows)
        self._codings: dict[str, Coding] = {}
        self._codes: dict[str, Codes] = {}
        self._blocks: dict[str, Any] = {}
        self._scores: dict[Any, Floats] = {}
        self._folds: dict[str, Folds] = {}
        self._gains: dict[Any, dict[str, float]] = {}
        self._singles: dict[str, Single] | None = None
        self._peels: dict[tuple[str, ...], Peel] = {}
        self.suspected: set[str] = set()
        self.rounds = ROUNDS
        self.rows: Rows = self._fixed_rows() if rows is None else rows

    @property
    def n(self) -> int:
        """Training rows."""
        return self.train.num_rows

    @property
    def honest(self) -> list[str]:
        """The features that no finding of this run holds so far."""
        return [name for name in self.features if name not in self.suspected]

    @property
    def classes(self) -> int:
        """Number of classes; 0 for a number."""
        return len(self.target.classes) if self.target is not None else 0

    @property
    def fixed_y(self) -> Floats:
        """The target of the fixed rows."""
        return self.y[self.rows]

    @property
    def metric(self) -> str:
        """``AUC``, ``macro AUC`` or ``R2``."""
        return {"binary": "AUC", "multiclass": "macro AUC", "regression": "R2"}.get(self.task, "")

    def rng(self, name: str) -> np.random.Generator:
        """A generator of one check's own: the same whatever the other checks draw."""
        return np.random.default_rng([self.seed, *name.encode()])

    def column(self, name: str) -> ColumnView:
        """A training column."""
        return self.train.column(name)

    def coding(self, name: str) -> Coding:
        """How a column becomes codes and numbers."""
        found = self._codings.get(name)
        if found is None:
            found = self._codings[name] = Coding(self.train.column(name))
        return found

    def codes(self, name: str) -> Codes:
        """Shape (n,): at most 64 codes of a training column, 64 for null; kept."""
        found = self._codes.get(name)
        if found is None:
            found = self._codes[name] = self.coding(name).codes(self.train.column(name))
        return found

    @property
    def singles(self) -> dict[str, Single]:
        """What each feature and its nulls tell alone, over all rows; made once."""
        if self._singles is None:
            self._singles = screen(self)
        return self._singles

    @property
    def texts(self) -> tuple[str, ...]:
        """Features that hold prose."""
        return tuple(f for f in self.features if self.coding(f).kind is Kind.TEXT)

    def matrix(self, names: Sequence[str]) -> Any:
        """Shape (len(rows), k) float32: the named columns at the fixed rows, NaN for null."""
        if not names:
            return np.zeros((len(self.rows), 0), dtype=np.float32)
        return np.hstack([self._block(name) for name in names])

    def _block(self, name: str) -> Any:
        found = self._blocks.get(name)
        if found is None:
            found = self.coding(name).numbers(self.train.column(name), self.rows)
            self._blocks[name] = found
        return found

    def folds(self, kind: str = "random", parts: int = 3) -> Folds:
        """Folds over the fixed rows.

        Args:
            kind: ``random`` (stratified by class), ``forward`` (each part is predicted from the
                rows before it, by event time), or ``group:COLUMN`` (no value on both sides).
            parts: number of parts.
        """
        key = f"{kind}/{parts}"
        if key not in self._folds:
            order: Any = None
            if kind == "forward":
                if self.roles.event_time is None:
                    raise ValueError("forward folds need an event time")
                order = self.train.column(self.roles.event_time).values[self.rows]
            elif kind.startswith("group:"):
                order = self.group_codes(kind.removeprefix("group:"))[self.rows]
            self._folds[key] = fold_maker(
                kind, parts, self.fixed_y, self.task, order, self.rng("folds")
            )
        return self._folds[key]

    def group_codes(self, name: str) -> Any:
        """Shape (n,): a number for every distinct value; null is a value of its own."""
        view = self.train.column(name)
        if view.storage.value == "text":
            return view.codes
        values = view.values.astype(np.float64)
        if view.missing is not None:
            values[view.missing] = np.inf
        return np.unique(values, return_inverse=True)[1]

    def score(self, names: Sequence[str], folds: Folds | None = None, extra: Any = None) -> Floats:
        """Predictions of every fixed row by a model that has not seen it; kept.

        Args:
            names: columns the model is given, as a set: their order does not matter.
            folds: of `folds()`; random by default.
            extra: shape (len(rows), k), more columns for the model; such a score is not kept.

        Returns:
            Shape (len(rows),), or (len(rows), classes); NaN for rows that no fold predicts.
        """
        folds = folds or self.folds()
        chosen = set(names)
        ordered = [name for name in self.train.names if name in chosen]
        key = (tuple(ordered), folds.key)
        if extra is None and key in self._scores:
            return self._scores[key]
        x = self.matrix(ordered)
        if extra is not None:
            x = np.hstack([x, np.asarray(extra, dtype=np.float32).reshape(len(x), -1)])
        gains = np.zeros(x.shape[1])
        found = fit_predict(
            x, self.fixed_y, self.task, self.classes, folds, self.seed, gains, self.rounds
        )
        if extra is None:
            self._scores[key] = found
            widths = [self._block(name).shape[1] for name in ordered]
            ends = np.cumsum([0, *widths])
            self._gains[key] = {
                name: float(gains[ends[i] : ends[i + 1]].sum()) for i, name in enumerate(ordered)
            }
        return found

    def gains(self, names: Sequence[str], folds: Folds | None = None) -> dict[str, float]:
        """How much each column helped the models of `score(names, folds)`; the sum of its gains."""
        folds = folds or self.folds()
        self.score(names, folds)
        chosen = set(names)
        return self._gains[tuple(n for n in self.train.names if n in chosen), folds.key]

    @property
    def peeled(self) -> bool:
        """Whether any check has made a peel curve."""
        return bool(self._peels)

    def peel(self, names: Sequence[str]) -> Peel:
        """The peel curve of some columns; kept."""
        key = tuple(names)
        if key not in self._peels:
            self._peels[key] = peel(self, names)
        return self._peels[key]

    def quality(self, predictions: Floats) -> float:
        """The score of out-of-fold predictions: AUC, macro AUC or R2; NaN rows are left out."""
        return quality(self.fixed_y, predictions, self.task)

    def by_class(self, predictions: Floats) -> Floats:
        """The score of each class against the rest; one score for the other tasks."""
        return by_class(self.fixed_y, predictions, self.task)

    def at(self, rows: Rows) -> Case:
        """The same case whose models see other fixed rows (positions, ascending)."""
        made = Case(
            self.train, test=self.test, target=self.target, test_target=self.test_target,
            features=self.features, roles=self.roles, log=self.log, model=self.model,
            history=self.history, sources=self.sources, seed=self.seed, rows=rows,
        )  # fmt: skip
        made._codings, made._codes = self._codings, self._codes
        made.suspected = self.suspected
        return made

    def subset(self, most: int, name: str = "subset") -> Rows:
        """Positions of at most so many training rows, ascending, the same every time."""
        if self.n <= most:
            return np.arange(self.n)
        return np.sort(self.rng(name).choice(self.n, most, replace=False))

    def larger(self) -> Case:
        """The same case with up to 20,000 fixed rows: what a leak is worth is told on these."""
        if self.n <= MODEL_ROWS:
            return self
        made = self.at(self._fixed_rows(SIZING_ROWS))
        made.rounds = SIZING_ROUNDS
        return made

    def _fixed_rows(self, most: int = MODEL_ROWS) -> Rows:
        n = self.n
        if n <= most:
            return np.arange(n)
        rng = self.rng("rows")
        if self.task != "binary":
            return np.sort(rng.choice(n, most, replace=False))
        rare = 1.0 if self.y.mean() <= 0.5 else 0.0
        few, many = np.flatnonzero(self.y == rare), np.flatnonzero(self.y != rare)
        natural = round(most * len(few) / n)
        wanted = min(len(few), max(natural, _RARE_ROWS))
        parts = (
            rng.choice(few, wanted, replace=False),
            rng.choice(many, min(len(many), most - wanted), replace=False),
        )
        return np.sort(np.concatenate(parts))
