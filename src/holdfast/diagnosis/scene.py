"""The rows since the change point against the portrait: prepared once, looked at by every rule."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Evidence, Sample
from holdfast.diagnosis.signatures import movement
from holdfast.diagnosis.signatures.answers import Answers
from holdfast.diagnosis.signatures.plausible import Plausible
from holdfast.frames.values import VALUE, ValueKind, Values
from holdfast.profiles.portrait import ColumnPortrait, Portrait
from holdfast.profiles.portrait_cells import FIRST, NULL, UNSEEN, WRONG, unpack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: columns looked at for every kind of fault, beside those that crossed
CLOSELY = 6
#: below this share of explained variance the other columns say nothing about a column
LEAST_R2 = 0.04


class Look:
    """One column of the rows since the change point beside its portrait.

    Attributes:
        name, face, values: the column, its portrait, its rows.
        cells: shape (n,), the cell of every row.
    """

    def __init__(self, scene: Scene, name: str, face: ColumnPortrait, values: Values) -> None:
        self.scene = scene
        self.name = name
        self.face = face
        self.values = values
        self.cells = face.cells_of(values)

    @property
    def is_number(self) -> bool:
        """Whether the column is watched as numbers."""
        return self.face.kind is ValueKind.NUMBER

    @cached_property
    def shares(self) -> FloatArray:
        """Share of each cell in the reference, kept away from 0."""
        shares = unpack(self.face.cells)
        if not self.is_number and self.face.fresh > 0:
            shares = shares.copy()
            shares[UNSEEN] = max(shares[UNSEEN], self.face.fresh)
        return movement.smoothed(shares, self.face.rows)

    @cached_property
    def counts(self) -> FloatArray:
        """Rows in each cell."""
        return np.bincount(self.cells, minlength=len(self.shares)).astype(np.float64)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Rows with a value of the right type (for categories: known ones)."""
        if self.is_number:
            return self.values.state == VALUE
        return (self.cells != NULL) & (self.cells != UNSEEN)

    @cached_property
    def numbers(self) -> FloatArray:
        """The numbers; 0 where there is none (see `present`). Infinite ones are made finite."""
        return np.nan_to_num(np.where(self.present, self.values.numbers, 0.0), posinf=1e300)

    @cached_property
    def plausible(self) -> Plausible:
        """Log-probability of numbers under the reference."""
        return Plausible(self.face)

    @cached_property
    def log_p(self) -> FloatArray:
        """Shape (n,): log-probability of each row's value in the reference."""
        if not self.is_number:
            return np.asarray(np.log(self.shares)[self.cells])
        out = np.asarray(np.log(self.shares)[np.minimum(self.cells, len(self.shares) - 1)])
        out[self.present] = self.plausible(self.numbers[self.present])
        return out

    @cached_property
    def moved(self) -> float:
        """Evidence in nats that the column's own shares are not the reference's."""
        return max(movement.learned(self.counts, self.shares), self.drifted)

    @cached_property
    def drifted(self) -> float:
        """The same for values of the right type that the reference knows: what drift can do."""
        skip = [NULL, WRONG] if self.is_number else [NULL, WRONG, UNSEEN]
        counts, shares = np.delete(self.counts, skip), np.delete(self.shares, skip)
        return max(movement.learned(counts, shares / shares.sum()), self.tilt[0])

    @cached_property
    def tilt(self) -> tuple[float, float, str]:
        """The best smooth tilt: gain, size in standard deviations, and along what."""
        best = (0.0, 0.0, "")
        usual = np.setdiff1d(np.arange(len(self.shares)), [NULL, WRONG])
        if not self.is_number:
            usual = usual[usual != UNSEEN]
        counts, shares = self.counts[usual], self.shares[usual]
        for along, direction in self._directions():
            gain, size = movement.tilted(counts, shares / shares.sum(), direction[usual])
            if gain > best[0]:
                best = (gain, size, along)
        return best

    def _directions(self) -> list[tuple[str, FloatArray]]:
        out = []
        if self.is_number:
            atoms, edges = unpack(self.face.frequent), unpack(self.face.edges)
            middle = np.concatenate((atoms, (edges[1:] + edges[:-1]) / 2))
            ranks = self.face.ranks(middle) * 2.0 - 1.0
            usual = float(self.shares[FIRST:] @ ranks / max(self.shares[FIRST:].sum(), 1e-9))
            level = np.concatenate(([usual, usual, -1.0, 1.0], ranks))
            out = [("value", level), ("spread", (level - usual) ** 2)]
        log_odds = unpack(self.face.log_odds)
        if len(log_odds):
            heads = unpack(self.face.cells) * self.face.rows
            mean = float(log_odds @ heads / max(heads.sum(), 1.0))
            out.append(("score", (log_odds - mean) * heads / (heads + 20.0)))
        return out

    @cached_property
    def predicted(self) -> IntArray:
        """Bin of what the other columns predict, shape (n,)."""
        scene = self.scene
        weights = unpack(self.face.weights, "<f4")
        guess = scene.features @ weights + self.face.intercept
        return np.searchsorted(unpack(self.face.prediction_cuts), guess, side="right")

    @cached_property
    def ratios(self) -> FloatArray:
        """Shape (levels, predictions): the table of log-likelihood ratios; empty if useless."""
        if self.face.r2 < LEAST_R2 or not self.face.weights:
            return np.empty((0, 0))
        bins = len(unpack(self.face.prediction_cuts)) + 1
        table = unpack(self.face.ratios, "<f4").astype(np.float64)
        return table.reshape(-1, bins)

    def beside(self, levels: IntArray) -> FloatArray:
        """Log ratio of some levels beside the other columns of their rows; 0 where unknown."""
        if not self.ratios.size:
            return np.zeros(levels.shape)
        got = self.ratios[np.maximum(levels, 0), np.broadcast_to(self.predicted, levels.shape)]
        return np.where(levels >= 0, got, 0.0)

    @cached_property
    def levels(self) -> IntArray:
        """Row of `ratios` of each row; -1 without one."""
        if not self.ratios.size:
            return np.full(len(self.cells), -1)
        return self.face.level_bins(self.values, self.cells)

    @cached_property
    def bond(self) -> FloatArray:
        """Shape (n,): how much likelier each value is beside its row than in any row, in nats."""
        return self.beside(self.levels)


class Scene:
    """All columns of the rows since the change point, and where to look closely.

    Attributes:
        evidence, portrait, now, before: as given.
        rows: rows since the change point.
        looks: by name, the columns that both the rows and the portrait have.
    """

    def __init__(self, evidence: Evidence, now: Sample, portrait: Portrait) -> None:
        self.evidence = evidence
        self.now = now
        self.before = evidence.before
        self.portrait = portrait
        self.rows = now.rows
        self.looks = {
            name: Look(self, name, face, now.columns[name])
            for name, face in portrait.columns.items()
            if name in now.columns and now.columns[name].kind is face.kind
        }

    @cached_property
    def features(self) -> FloatArray:
        """Shape (n, F): features of all columns of the portrait, zeros for columns not there."""
        parts = []
        for name, face in self.portrait.columns.items():
            look = self.looks.get(name)
            if look is not None:
                parts.append(face.features_of(look.values, look.cells))
            else:
                parts.append(np.zeros((self.rows, face.features_of(_one_null(face), _NONE).shape[1])))
        return np.hstack(parts) if parts else np.zeros((self.rows, 0))

    @cached_property
    def answers(self) -> Answers:
        """Scores and labels."""
        return Answers(self)

    @cached_property
    def crossed(self) -> dict[str, float]:
        """Columns whose streams crossed (not those of labels), with their strongest evidence."""
        out: dict[str, float] = {}
        for m in self.evidence.moved:
            if m.field in self.looks and m.code != "label":
                out[m.field] = max(out.get(m.field, 0.0), m.nats)
        return dict(sorted(out.items(), key=lambda item: -item[1]))

    @cached_property
    def close(self) -> list[Look]:
        """The columns to look at for every kind of fault, most moved first."""
        ranked = sorted(self.looks.values(), key=lambda k: -k.moved)
        chosen = [k for k in ranked[:CLOSELY] if k.moved > 0.0]
        chosen += [self.looks[f] for f in list(self.crossed)[:CLOSELY] if self.looks[f] not in chosen]
        return chosen

    def shows(self, name: str) -> bool:
        """Whether values of a feature may appear in sentences."""
        return name in self.evidence.shown


_NONE = np.zeros(1, np.int64)


def _one_null(face: ColumnPortrait) -> Values:
    state = np.ones(1, np.uint8)
    if face.kind is ValueKind.NUMBER:
        return Values(face.kind, state, numbers=np.full(1, np.nan))
    return Values(face.kind, state, codes=np.full(1, -1))
