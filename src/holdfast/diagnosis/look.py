"""One column of the rows since the change point beside its portrait."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.signatures import movement
from holdfast.diagnosis.signatures.plausible import Plausible
from holdfast.frames.values import VALUE, ValueKind, Values
from holdfast.profiles.portrait import ColumnPortrait
from holdfast.profiles.portrait_cells import (
    ABOVE,
    BELOW,
    FIRST,
    NULL,
    UNSEEN,
    WRONG,
    unpack,
    unpack4,
)
from holdfast.profiles.portrait_column import ENORMOUS, on_step

if TYPE_CHECKING:
    from holdfast.diagnosis.scene import Scene

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: below this share of explained variance the other columns say nothing about a column
LEAST_R2 = 0.04
#: rows looked at for the step they lie on
PEEK = 64


class Tilt(NamedTuple):
    """A smooth tilt of a column's shares: gain in nats, size in standard deviations, along what."""

    nats: float
    size: float
    along: str


class Drift(NamedTuple):
    """How far sound values of a column moved, in nats, and their best smooth tilt."""

    nats: float
    tilt: Tilt


ALONG = ("value", "spread", "score")
T = TypeVar("T")


def binomial_gain(share: float, usual: float) -> float:
    """Divergence of a share from the usual one, in nats a row."""
    out = share * math.log(share / usual) if share > 0.0 else 0.0
    return out + ((1.0 - share) * math.log((1.0 - share) / (1.0 - usual)) if share < 1.0 else 0.0)


class Look:
    """One column of the rows since the change point beside its portrait.

    Attributes:
        name, face, values: the column, its portrait, its rows.
    """

    def __init__(self, scene: Scene, name: str, face: ColumnPortrait, values: Values) -> None:
        self.scene = scene
        self.name = name
        self.face = face
        self.values = values
        self.kept: dict[str, Any] = {}

    @cached_property
    def cells(self) -> IntArray:
        """The cell of every row."""
        if (longer := self._longer) is not None:
            return longer.cells[: len(self.values)]
        return self.face.cells_of(self.values)

    @property
    def _longer(self) -> Look | None:
        """The look at all rows, where this one is at the first of them."""
        whole = self.scene.whole
        return whole.looks.get(self.name) if whole is not self.scene else None

    def keep(self, key: str, make: Callable[[Look], T]) -> T:
        """What `make` makes of this column, made once."""
        if key not in self.kept:
            self.kept[key] = make(self)
        made: T = self.kept[key]
        return made

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
            return np.asarray(self.values.state == VALUE)
        return np.asarray((self.cells != NULL) & (self.cells != UNSEEN))

    @cached_property
    def numbers(self) -> FloatArray:
        """The numbers, 0 where there is none (see `present`); enormous ones are cut."""
        return np.clip(np.where(self.present, self.values.numbers, 0.0), -ENORMOUS, ENORMOUS)

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

    @property
    def drifted(self) -> float:
        """Evidence in nats that shares of sound values changed, as drift could change them."""
        return self.scene.drift(self.name).nats

    @property
    def tilt(self) -> Tilt:
        """The best smooth tilt."""
        return self.scene.drift(self.name).tilt

    @cached_property
    def moved(self) -> float:
        """Evidence in nats that the column moved in any way, broken values included."""
        hard = [NULL, WRONG, BELOW, ABOVE] if self.is_number else [NULL, UNSEEN]
        n = float(len(self.cells))
        share = self.counts[hard] / n
        usual = self.shares[hard]
        gain = n * np.array([binomial_gain(s, u) for s, u in zip(share, usual, strict=True)])
        return max(self.drifted, float(gain.max()) - 3.0, self._step_changed())

    def _step_changed(self) -> float:
        """Evidence, from some rows, that values lie on a coarser step than usual, or on none."""
        rows = np.flatnonzero(self.present)
        then = unpack(self.face.quantiles)
        if not self.is_number or len(rows) < 3 or len(then) < 3 or self.face.spread <= 0.0:
            return 0.0
        now = self.numbers[rows[:: max(1, len(rows) // PEEK)]]
        then = then[:: max(1, len(then) // PEEK)]
        if self.face.step:
            first = round(math.log10(self.face.step))
            exponents = [first, first + 1]
        else:
            exponents = [math.floor(math.log10(self.face.spread)) - 2]
        best = 0.0
        for exponent in exponents:
            share = float(on_step(now, exponent).mean())
            usual = (float(on_step(then, exponent).sum()) + 0.5) / (len(then) + 1.0)
            gain = binomial_gain(share, usual) * len(now)
            best = max(best, gain - 3.0)
        return best

    @cached_property
    def ordinary(self) -> IntArray:
        """Cells that hold sound values."""
        sound = np.ones(len(self.shares), bool)
        sound[[NULL, WRONG] if self.is_number else [NULL, WRONG, UNSEEN]] = False
        return np.flatnonzero(sound)

    def directions(self) -> FloatArray:
        """Shape (3, cells): value, distance from the middle, effect on the score; 0 if unknown."""
        out = np.zeros((3, len(self.shares)))
        if self.is_number:
            atoms, edges = unpack(self.face.frequent), unpack(self.face.edges)
            middle = np.concatenate((atoms, (edges[1:] + edges[:-1]) / 2))
            ranks = self.face.ranks(middle) * 2.0 - 1.0
            usual = float(self.shares[FIRST:] @ ranks / max(self.shares[FIRST:].sum(), 1e-9))
            out[0] = np.concatenate(([usual, usual, -1.0, 1.0], ranks))
            out[1] = (out[0] - usual) ** 2
        log_odds = unpack(self.face.log_odds)
        if len(log_odds):
            heads = unpack(self.face.cells) * self.face.rows
            mean = float(log_odds @ heads / max(heads.sum(), 1.0))
            out[2] = (log_odds - mean) * heads / (heads + 20.0)
        return out

    @cached_property
    def ranks(self) -> FloatArray:
        """Mid-rank of each number in the reference; 0.5 where there is none."""
        if (longer := self._longer) is not None:
            return longer.ranks[: len(self.values)]
        return np.where(self.present, self.face.ranks(self.numbers), 0.5)

    @cached_property
    def predicted(self) -> IntArray:
        """Bin of what the other columns predict, shape (n,)."""
        guess = self.scene.guesses[self.name]
        return np.searchsorted(unpack(self.face.prediction_cuts), guess, side="right")

    @cached_property
    def ratios(self) -> FloatArray:
        """Shape (levels, predictions): the table of log-likelihood ratios; empty if useless."""
        if self.face.r2 < LEAST_R2 or not self.face.weights:
            return np.empty((0, 0))
        bins = len(unpack(self.face.prediction_cuts)) + 1
        table = unpack4(self.face.ratios)
        return table.reshape(-1, bins)

    def beside(self, levels: IntArray) -> FloatArray:
        """Log ratio of some levels beside the other columns of their rows; 0 where unknown."""
        if not self.ratios.size:
            return np.zeros(levels.shape)
        got = self.ratios[np.maximum(levels, 0), np.broadcast_to(self.predicted, levels.shape)]
        return np.where(levels >= 0, got, 0.0)

    def table_noise(self, cells: float) -> float:
        """What so many cells of a learned table gain on other rows than its own by chance, nats.

        Each cell is an estimate from the reference's rows; on n others it is wrong by about
        n / (2 rows) nats.
        """
        learned = min(float(self.face.rows), 8000.0)
        if self.face.levels:  # the levels took one half of the rows, the table the other
            learned *= 0.5
        return 0.5 * cells * len(self.cells) / max(60.0, learned)

    @cached_property
    def levels(self) -> IntArray:
        """Row of `ratios` of each row; -1 without one."""
        if not self.ratios.size:
            return np.full(len(self.cells), -1)
        if self.is_number:
            return np.where(self.present, self.face.levels_of(self.numbers, self.ranks), -1)
        return self.face.level_bins(self.values, self.cells)

    @cached_property
    def bond(self) -> FloatArray:
        """Shape (n,): how much likelier each value is beside its row than in any row, in nats."""
        return self.beside(self.levels)

    @cached_property
    def centred(self) -> FloatArray:
        """The level of each row less its mean; 0 where there is none."""
        here = self.levels >= 0
        if self.is_number and not self.face.few:
            level = 2.0 * self.ranks - 1.0
        else:
            level = unpack(self.face.levels)[np.maximum(self.levels, 0)]
        mean = float(level[here].mean()) if here.any() else 0.0
        return np.where(here, level - mean, 0.0)
