"""The rows since the change point against the portrait: prepared once, looked at by every rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Evidence, Sample
from holdfast.diagnosis.signatures import movement
from holdfast.diagnosis.signatures.answers import Answers
from holdfast.diagnosis.signatures.plausible import Plausible
from holdfast.frames.values import VALUE, ValueKind, Values
from holdfast.profiles.portrait import ColumnPortrait, Portrait
from holdfast.profiles.portrait_cells import FIRST, NULL, UNSEEN, WRONG, unpack, unpack4

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: columns looked at for every kind of fault, beside those that crossed
CLOSELY = 6
#: so many times more of other bonds must a partner have lost to be the one at fault
ELSEWHERE = 3.0
#: columns looked at one value after another
BROKEN = 5
#: evidence in nats from which a column counts as moved
SURE = 5.0
#: below this share of explained variance the other columns say nothing about a column
LEAST_R2 = 0.04


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
        self.kept: dict[str, Any] = {}

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

    @property
    def drifted(self) -> float:
        """Evidence in nats that shares of sound values changed, as drift could change them."""
        return self.scene.drifts[self.name].nats

    @property
    def tilt(self) -> Tilt:
        """The best smooth tilt."""
        return self.scene.drifts[self.name].tilt

    @cached_property
    def moved(self) -> float:
        """Evidence in nats that the column moved in any way, broken values included."""
        hard = [NULL, WRONG, 2, 3] if self.is_number else [NULL, UNSEEN]
        n = float(len(self.cells))
        share = self.counts[hard] / n
        usual = self.shares[hard]
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = n * (
                np.where(share > 0, share * np.log(share / usual), 0.0)
                + np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - usual)), 0.0)
            )
        return max(self.drifted, float(gain.max()) - 3.0)

    @cached_property
    def ordinary(self) -> IntArray:
        """Cells that hold sound values."""
        skip = [NULL, WRONG] if self.is_number else [NULL, WRONG, UNSEEN]
        return np.setdiff1d(np.arange(len(self.shares)), skip)

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


class Bonds(NamedTuple):
    """How a column's covariances with the features of the others changed, in chi-squared units."""

    total: float
    strongest: str
    rest: float


class Scene:
    """All columns of the rows since the change point, and where to look closely.

    Attributes:
        evidence, portrait, now, before: as given.
        rows: rows since the change point.
        whole: the scene of all rows, when this one is only about the first of them.
        looks: by name, the columns that both the rows and the portrait have.
    """

    def __init__(
        self, evidence: Evidence, now: Sample, portrait: Portrait, whole: Scene | None = None
    ) -> None:
        self.whole = whole or self
        self.evidence = evidence
        self.now = now
        self.before = evidence.before
        self.portrait = portrait
        self.rows = now.rows
        self.kept: dict[str, Any] = {}
        self.looks = {
            name: Look(self, name, face, now.columns[name])
            for name, face in portrait.columns.items()
            if name in now.columns and now.columns[name].kind is face.kind
        }

    def keep(self, key: str, make: Callable[[Scene], T]) -> T:
        """What `make` makes of the rows, made once."""
        if key not in self.kept:
            self.kept[key] = make(self)
        made: T = self.kept[key]
        return made

    @cached_property
    def features(self) -> FloatArray:
        """Shape (n, F): features of all columns of the portrait, zeros for columns not there."""
        parts = []
        for name, face in self.portrait.columns.items():
            look = self.looks.get(name)
            if look is not None:
                ranks = look.ranks if look.is_number else None
                parts.append(face.features_of(look.values, look.cells, ranks))
            else:
                parts.append(
                    np.zeros((self.rows, face.features_of(_one_null(face), _NONE).shape[1]))
                )
        return np.hstack(parts) if parts else np.zeros((self.rows, 0))

    @cached_property
    def guesses(self) -> dict[str, FloatArray]:
        """By column, the level that the other columns of each row predict: all columns at once."""
        asked = [k for k in self.looks.values() if k.face.weights and k.face.r2 >= LEAST_R2]
        if not asked:
            return {}
        weights = np.stack([unpack4(k.face.weights) for k in asked], axis=1)
        guesses = self.features.astype(np.float32) @ weights.astype(np.float32)
        return {k.name: guesses[:, i] + k.face.intercept for i, k in enumerate(asked)}

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """By column, its place among the features."""
        out, at = {}, 0
        for name, face in self.portrait.columns.items():
            width = face.features_of(_one_null(face), _NONE).shape[1]
            out[name] = slice(at, at + width)
            at += width
        return out

    @cached_property
    def broken_bonds(self) -> dict[str, dict[str, float]]:
        """By column and other column, how far the covariance with its features changed.

        Chi-squared less what chance gives (twice its degrees of freedom), at least 0. A column that
        is served from other rows loses its bond to every other column; one that merely hangs on
        such a column loses one.
        """
        asked = [k for k in self.looks.values() if k.face.profile and k.ratios.size]
        if not asked or self.rows < 8:
            return {}
        levels = np.stack([_centred(k) for k in asked])
        features = self.features - self.features.mean(0)
        now = levels @ features
        heads = np.maximum((levels != 0.0).sum(1, keepdims=True), 1)
        then = np.stack([unpack4(k.face.profile) for k in asked])
        spread = np.maximum((levels**2) @ (features**2), 1e-9)
        change = (now - heads * then) ** 2 / spread
        starts = np.array([b.start for b in self.blocks.values()])
        widths = np.array([b.stop - b.start for b in self.blocks.values()])
        sums = np.add.reduceat(
            np.concatenate((change, np.zeros((len(asked), 1))), axis=1), starts, axis=1
        )
        sums = np.where(widths > 0, np.maximum(sums - 3.0 * widths - 3.0, 0.0), 0.0)
        names = list(self.blocks)
        return {
            k.name: {n: float(v) for n, v in zip(names, sums[i], strict=True) if n != k.name}
            for i, k in enumerate(asked)
        }

    def bonds(self, name: str) -> Bonds:
        """The broken bonds of one column summed up: all, the strongest partner, all but that."""
        lost = self.broken_bonds.get(name, {})
        if not lost:
            return Bonds(0.0, "", 0.0)
        strongest = max(lost, key=lambda other: lost[other])
        total = sum(lost.values())
        return Bonds(total, strongest, total - lost[strongest])

    def hangs_on(self, name: str) -> str:
        """The column that broke a column's bonds in its stead; empty when there is none.

        The column lost little but its bond to one other, which lost others too or moved itself.
        """
        mine = self.bonds(name)
        if not mine.strongest or mine.strongest not in self.looks:
            return ""
        other = self.looks[mine.strongest]
        lost = self.broken_bonds.get(other.name, {})
        theirs = sum(v for n, v in lost.items() if n != name)
        own = max(0.0, self.looks[name].moved)
        if theirs > ELSEWHERE * mine.rest + 15.0 and own < theirs:
            return other.name
        if other.moved > 15.0 and own < 0.2 * other.moved and mine.rest < 0.5 * mine.total:
            return other.name
        return ""

    @cached_property
    def drifts(self) -> dict[str, Drift]:
        """By column, how far its sound values moved: all columns at once."""
        looks = list(self.looks.values())
        if not looks:
            return {}
        width = max(len(k.ordinary) for k in looks)
        counts, shares = np.zeros((len(looks), width)), np.zeros((len(looks), width))
        along = np.zeros((len(looks), 3, width))
        for i, look in enumerate(looks):
            usual = look.ordinary
            counts[i, : len(usual)] = look.counts[usual]
            shares[i, : len(usual)] = look.shares[usual] / look.shares[usual].sum()
            along[i, :, : len(usual)] = look.directions()[:, usual]
        free = movement.learned(counts, shares)
        gains, sizes = movement.tilted(counts[:, None, :], shares[:, None, :], along)
        out = {}
        for i, look in enumerate(looks):
            best = int(gains[i].argmax())
            tilt = Tilt(0.0, 0.0, "")
            if gains[i, best] > 0.0:
                tilt = Tilt(float(gains[i, best]), float(sizes[i, best]), ALONG[best])
            out[look.name] = Drift(max(float(free[i]), tilt.nats), tilt)
        return out

    @cached_property
    def answers(self) -> Answers:
        """Scores and labels of all rows."""
        return Answers(self) if self.whole is self else self.whole.answers

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
        crossed = [self.looks[name] for name in list(self.crossed)[:CLOSELY]]
        late = [k for k in crossed if k not in chosen]  # crossed, though their shares barely moved
        return [*chosen[:2], *late[:2], *chosen[2:], *late[2:]]

    @cached_property
    def broken(self) -> list[Look]:
        """Of those, the columns whose own values changed for sure: crossed, or moved on their own."""
        return [k for k in self.close if k.moved > SURE or k.name in self.crossed][:BROKEN]

    def shows(self, name: str) -> bool:
        """Whether values of a feature may appear in sentences."""
        return name in self.evidence.shown


_NONE = np.zeros(1, np.int64)


def _centred(look: Look) -> FloatArray:
    """The level of each row less its mean; 0 where there is none."""
    if look.is_number and not look.face.few:
        level = np.where(look.present, 2.0 * look.ranks - 1.0, 0.0)
    else:
        numbers = unpack(look.face.levels)
        level = np.where(look.levels >= 0, numbers[np.maximum(look.levels, 0)], 0.0)
    here = look.levels >= 0
    mean = float(level[here].mean()) if here.any() else 0.0
    return np.where(here, level - mean, 0.0)


def _one_null(face: ColumnPortrait) -> Values:
    state = np.ones(1, np.uint8)
    if face.kind is ValueKind.NUMBER:
        return Values(face.kind, state, numbers=np.full(1, np.nan))
    return Values(face.kind, state, codes=np.full(1, -1))
