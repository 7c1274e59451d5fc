"""How plausible a number is in the reference: its bin's density, and whether it lies on the grid.

Numbers of a column lie on a grid: whole numbers, cents, or simply values that come again. A value
off that grid is as telling as one out of range, and a value back on the grid after a division by
1000 says that it was 1000 times too large.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.profiles.portrait_cells import FIRST, is_in, unpack, unpack4
from holdfast.profiles.portrait_column import ColumnPortrait, on_step

FloatArray = NDArray[np.float64]

#: price of a value off the grid, beside the share of such values: its neighbours are many
OFF = 5.0
#: a value this often among the 1,500 quantiles has a share of its own
RECURRING = 3
#: no value is less likely than this: one odd row must not decide
LEAST = -25.0
#: without a step, numbers must come again at least this often for that to say anything
LEAST_RECURRING = 0.05
#: ends of numbers that are told apart: none to so many zeros
ENDS = 6


class Plausible:
    """Log-probability of numbers under the reference of one column, per grid step.

    Example:
        >>> from holdfast.frames.values import ValueKind, read_values
        >>> from holdfast.profiles.portrait import Portrait
        >>> ages = read_values(ValueKind.NUMBER, np.arange(2000.0) % 60 + 20)
        >>> plausible = Plausible(Portrait.of({"age": ages}).columns["age"])
        >>> good, off, far = plausible(np.array([30.0, 30.5, 3000.0]))
        >>> bool(good > off + 10), bool(good > far + 10)
        (True, True)
    """

    def __init__(self, face: ColumnPortrait) -> None:
        self.face = face
        self.edges = unpack(face.edges)
        self.atoms = unpack(face.frequent)
        shares = unpack(face.cells)[FIRST:]
        values = max(1e-9, 1.0 - face.null - face.wrong)
        rows = face.rows * values
        kept = (shares * face.rows + 0.5) / (rows + 0.5 * len(shares) + 1.0)
        known = unpack(face.known)
        masses = kept[len(self.atoms) :]
        if len(known):  # every value one by one, those seen once or twice drawn to their bin
            self.atoms = known
            heads = unpack4(face.known_shares) * rows
            self.atom_shares = np.log((heads + 0.3) / (rows + 0.3 * len(known) + 1.0))
        else:
            self.atom_shares = np.log(kept[: len(self.atoms)])
            masses = self._add_recurring(rows)
        self.width = max(face.high - face.low, 1e-9 * max(1.0, abs(face.high)))
        self.resolution = face.step or 1e-4 * max(face.spread, 1e-9 * max(1.0, abs(face.high)))
        widths = np.maximum(np.diff(self.edges), self.resolution)
        self.masses = np.log(masses)
        self.densities = self.masses - np.log(widths)
        # the next value beyond the largest of n comes once in n + 1, not far from it
        self.rare = math.log(1.0 / (rows + 2.0))
        self.reach = self._reach()
        least = 1.0 / (rows + 2.0)
        taken = 0.0 if len(known) else min(float(np.exp(self.atom_shares).sum()), 0.999)
        recurring = (face.recurring - taken) / (1.0 - taken)
        self.recurring = min(max(recurring, least), 1.0 - least)
        self.again, self.new = self._memory(self.recurring)
        self.coarseness = self._coarseness() if face.step else np.zeros(1)

    @cached_property
    def rest(self) -> FloatArray:
        """Quantiles of the reference that are no frequent value."""
        quantiles = unpack(self.face.quantiles)
        return quantiles[~is_in(quantiles, np.sort(self.atoms))]

    def _reach(self) -> tuple[float, float]:
        """How far beyond its ends the reference may be thought to go: as far as its last 1 %."""
        quantiles = unpack(self.face.quantiles)
        least = 0.02 * self.width
        if not len(quantiles):
            return least, least
        low, high = np.quantile(quantiles, [0.01, 0.99])
        return max(float(low) - self.face.low, least), max(self.face.high - float(high), least)

    def _add_recurring(self, rows: float) -> FloatArray:
        """Values that came several times among the quantiles join the frequent ones.

        Returns the masses of the bins without them.
        """
        quantiles = unpack(self.face.quantiles)
        values, counts = np.unique(quantiles, return_counts=True)
        often = (counts >= RECURRING) & ~is_in(values, np.sort(self.atoms))
        shares = np.log(counts[often] / max(1, len(quantiles)))
        self.atoms = np.concatenate((self.atoms, values[often]))
        self.atom_shares = np.concatenate((self.atom_shares, shares))
        heads = np.histogram(self.rest, self.edges)[0]
        least = 0.5 / (rows + 1.0)
        return np.asarray(np.maximum(heads / max(1, len(quantiles)), least))

    def _memory(self, recurring: float) -> tuple[float, float]:
        """What it adds that a number is, or is not, one of those known: against chance.

        Of the points of the grid some are known; numbers that come again hit them more often.
        """
        if len(unpack(self.face.known)):
            return math.log(recurring), math.log(1.0 - recurring)
        if not self.face.step and recurring < LEAST_RECURRING:
            return 0.0, 0.0
        points = self.width / self.face.step + 1.0 if self.face.step else 2.0 * self.face.distinct
        chance = min(max(len(self.members) / max(points, 1.0), 1e-6), 0.95)
        return math.log(recurring / chance), math.log((1.0 - recurring) / (1.0 - chance))

    def _coarseness(self) -> FloatArray:
        """By how many zeros a number ends in, how much likelier it is than the grid alone says.

        Incomes end in 000: a value on a coarser step is likelier than its neighbours.
        """
        rest = self.rest if not len(self.face.known) else unpack(self.face.quantiles)
        ends = self.ends(rest[rest != 0.0])
        share = np.bincount(np.maximum(ends, 0), minlength=ENDS) + 0.5
        usual = 0.9 * 10.0 ** -np.arange(ENDS)
        usual[-1] /= 0.9
        out: FloatArray = np.log(share / share.sum()) - np.log(usual)
        return out

    def ends(self, x: FloatArray) -> NDArray[np.int64]:
        """How many zeros, in steps, each number ends in: 0 to 5; -1 off the grid."""
        first = round(math.log10(self.face.step))
        out = np.where(on_step(x, first), 0, -1)
        for more in range(1, ENDS):
            here = out == more - 1
            if not here.any():
                break
            out[here] += on_step(x[here], first + more)
        return out

    @cached_property
    def members(self) -> FloatArray:
        """Numbers of the reference that are known one by one, sorted."""
        known = unpack(self.face.known)
        return known if len(known) else np.unique(self.rest)

    @cached_property
    def order(self) -> tuple[FloatArray, NDArray[np.int64]]:
        """The frequent values sorted, and their places."""
        places = np.argsort(self.atoms)
        return self.atoms[places], places

    def smooth(self, x: FloatArray) -> FloatArray:
        """Log-probability without regard to the grid: bin density times resolution."""
        bins = len(self.edges) - 1
        place = np.searchsorted(self.edges, x, side="right") - 1
        out = self.densities[np.clip(place, 0, bins - 1)]
        beyond = (x < self.edges[0]) | (x > self.edges[-1])
        if beyond.any():
            above = x > self.face.high
            gap = np.maximum(np.where(above, x - self.face.high, self.face.low - x), 0.0)
            reach = np.where(above, self.reach[1], self.reach[0])
            tail = self.rare - np.log(reach) - 2.0 * np.log1p(np.minimum(gap / reach, 1e15))
            out = np.where(beyond, tail, out)
        return out + math.log(self.resolution)

    def grid(self, x: FloatArray) -> FloatArray:
        """Log-probability of being on or off the grid as the value is."""
        member = is_in(x, self.members)
        if self.face.step:
            ends = self.ends(x)
            off = self.rare - OFF
            coarse = self.coarseness[np.maximum(ends, 0)]
            # coarse values are known more often: both together would count that twice
            on = np.where(member, np.maximum(coarse, self.again), coarse + self.new)
            return np.where(ends >= 0, on, off)
        return np.where(member, self.again, self.new)

    def off_grid(self, x: FloatArray) -> float:
        """Share of numbers off the grid; without a step, of those missing among the known ones."""
        if not len(x):
            return 0.0
        if self.face.step:
            return float((self.ends(x) < 0).mean())
        if self.recurring < 0.3:
            return 0.0
        return max(0.0, 1.0 - float(is_in(x, self.members).mean()) / self.recurring - 0.2)

    def frequent(self, x: FloatArray) -> FloatArray:
        """Log-share of frequent values; NaN for others."""
        out = np.full(x.shape, np.nan)
        known, places = self.order
        if len(known):
            near = np.minimum(np.searchsorted(known, x), len(known) - 1)
            left = np.maximum(near - 1, 0)
            for at in (near, left):
                hit = np.abs(known[at] - x) <= 1e-9 * np.abs(x)
                out = np.where(hit, self.atom_shares[places[at]], out)
        return out

    def __call__(self, x: FloatArray) -> FloatArray:
        """Log-probability of each number (any shape, no NaN), at least `LEAST`."""
        known = self.frequent(x)
        return np.maximum(np.where(np.isnan(known), self.smooth(x) + self.grid(x), known), LEAST)

    def own(self, x: FloatArray) -> FloatArray:
        """Log-probability of the reference's own quantiles: that they are known says nothing."""
        known = self.frequent(x)
        return np.where(np.isnan(known), self.smooth(x) + self.own_grid(x), known)

    def own_grid(self, x: FloatArray) -> FloatArray:
        """What `grid` gives on average for values as often new as the reference's are."""
        grid = np.full(x.shape, self.recurring * self.again + (1.0 - self.recurring) * self.new)
        if not self.face.step:
            return grid
        ends = self.ends(x)
        coarse = self.coarseness[np.maximum(ends, 0)]
        again = self.recurring * np.maximum(coarse, self.again)
        grid = again + (1.0 - self.recurring) * (coarse + self.new)
        return np.where(ends >= 0, grid, self.rare - OFF)

    def rescaled(self, y: FloatArray, x: FloatArray, factor: float | FloatArray) -> FloatArray:
        """Log-probability of x when it is `factor` y (+ constant) and y is as in the reference.

        The better of two readings, over all rows: the value was changed as it stood (then y is on
        the grid), or it was rounded again afterwards (then x is, and nothing else is known of it).

        Args:
            y: shape (h, n), the numbers before the change.
            x: shape (n,), the numbers as they came.
            factor: shape (h, 1) or one number.
        """
        known = self.frequent(y)
        smooth = self.smooth(y)
        # however far a bin is squeezed, it holds no more than it does
        place = np.searchsorted(self.edges, y, side="right") - 1
        mass = self.masses[np.clip(place, 0, len(self.masses) - 1)]
        squeezed = np.minimum(smooth - np.log(np.abs(factor)), np.maximum(mass, smooth))
        stood = (smooth if self.face.step else squeezed) + self.grid(y)
        as_it_stood = np.where(np.isnan(known), stood, known)
        if not self.face.step:
            return as_it_stood
        on = on_step(x, round(math.log10(self.face.step)))
        again = np.where(np.isnan(known), squeezed, known) + np.where(on, 0.0, self.rare - OFF)
        better = again.sum(-1, keepdims=True) > as_it_stood.sum(-1, keepdims=True)
        return np.where(better, again, as_it_stood)
