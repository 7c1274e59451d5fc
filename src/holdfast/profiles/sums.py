"""Sums that do not depend on the order: numbers are rounded to a fixed grid, then added exactly.

The spec fixes a centre and a grid. A number is rounded to the grid by itself, and the grid is so
coarse that sums of up to 131,072 grid numbers are exact in a float; across chunks Python integers
are added. Integer addition is associative and commutative, so any partitioning, any order of
merging and any number of threads give the same bits. Numbers too far from the centre go to the
next rung of a ladder of grids, each 256 times wider.

The grid is 2^-35 of the half width of the rung for the sum, 2^-17 for the squares: for numbers
near the centre the mean is right to about 1e-9 standard deviations, the variance to 1e-7.
"""

from __future__ import annotations

import math
from fractions import Fraction

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: rows whose grid numbers can be added exactly in a float
CHUNK = 131_072
_BITS = 17
#: how many times wider, as a power of two, the next rung is
_RISE = 8
_FINE = 2.0**18
_LIMB = 40
_LOW = (1 << _LIMB) - 1
#: block of numbers that stays in the cache while it is worked on
BLOCK = 32_768


class Grid(msgspec.Struct, frozen=True):
    """Where the numbers of a column lie.

    Attributes:
        centre: a number in the middle of them.
        width: exponent of two; the first rung holds numbers within ``2 ** width`` of the centre.
    """

    centre: float = 0.0
    width: int = 6


class Rung(msgspec.Struct, frozen=True, array_like=True):
    """Sums of one rung, each in two limbs so that they outgrow 64 bits in any format.

    The sum is ``first_high * 2**40 + first_low`` in units of 2^-35 of the half width, the sum of
    squares likewise in units of 2^-34 of its square; low limbs lie in [0, 2^40).
    """

    first_high: int
    first_low: int
    second_high: int
    second_low: int

    @classmethod
    def of(cls, first: int, second: int) -> Rung:
        """From the two sums."""
        return cls(first >> _LIMB, first & _LOW, second >> _LIMB, second & _LOW)

    @property
    def first(self) -> int:
        """The sum, in units of the grid."""
        return (self.first_high << _LIMB) + self.first_low

    @property
    def second(self) -> int:
        """The sum of squares, in units of its grid."""
        return (self.second_high << _LIMB) + self.second_low


class Sums(msgspec.Struct, frozen=True):
    """Count, sum and sum of squares of finite numbers, exact on the grid.

    Attributes:
        count: how many.
        rungs: rung -> its sums.
    """

    count: int = 0
    rungs: dict[int, Rung] = {}

    def merge(self, other: Sums) -> Sums:
        """Both together; the same whatever the order."""
        rungs = dict(self.rungs)
        for key, theirs in other.rungs.items():
            ours = rungs.get(key)
            rungs[key] = (
                theirs
                if ours is None
                else Rung.of(ours.first + theirs.first, ours.second + theirs.second)
            )
        return Sums(self.count + other.count, {key: rungs[key] for key in sorted(rungs)})

    def mean(self, grid: Grid) -> float | None:
        """The mean; None without numbers."""
        if not self.count:
            return None
        return _float(Fraction(grid.centre) + self._first(grid) / self.count)

    def variance(self, grid: Grid) -> float | None:
        """The variance with divisor n; None without numbers."""
        if not self.count:
            return None
        second = sum(
            (Fraction(r.second) * _power(2 * (grid.width + _RISE * k - _BITS))
             for k, r in self.rungs.items()),
            Fraction(0),
        )  # fmt: skip
        shift = self._first(grid) / self.count
        return max(0.0, _float(second / self.count - shift * shift))

    def deviation(self, grid: Grid) -> float | None:
        """The standard deviation; None without numbers."""
        variance = self.variance(grid)
        return None if variance is None else math.sqrt(variance)

    def _first(self, grid: Grid) -> Fraction:
        return sum(
            (Fraction(r.first) * _power(grid.width + _RISE * k - 35)
             for k, r in self.rungs.items()),
            Fraction(0),
        )  # fmt: skip


def grid_of(ordered: Floats) -> Grid:
    """The grid for numbers like these.

    Args:
        ordered: finite, ascending; without any the grid is that of 0 to 64.

    >>> grid_of(np.arange(100.0))
    Grid(centre=64.0, width=10)
    """
    if not len(ordered):
        return Grid()
    n = len(ordered)
    centre = float(ordered[n // 2])
    low, high = float(ordered[n // 20]), float(ordered[n - 1 - n // 20])
    spread = max(high / 2 - low / 2, abs(centre) * 1e-6, 1e-280)
    width = min(900, max(-900, math.frexp(spread)[1] + 4))
    # the centre on a grid of its own, so that whole numbers stay whole
    step = math.ldexp(1.0, width - 4)
    aligned = round(centre / step) * step if abs(centre) < step * 2.0**40 else centre
    return Grid(aligned, width)


class Adder:
    """Gathers the sums of one column, sorted chunk by sorted chunk."""

    __slots__ = ("_count", "_grid", "_rungs", "_spare")

    def __init__(self, grid: Grid, spare: tuple[Floats, Floats] | None = None) -> None:
        self._grid = grid
        self._count = 0
        self._rungs: dict[int, list[int]] = {}
        self._spare = spare or (np.empty(BLOCK), np.empty(BLOCK))

    def add(self, ordered: Floats) -> None:
        """Take in finite numbers in ascending order, at most `CHUNK` of them."""
        n = len(ordered)
        self._count += n
        left, right, rung = 0, n, 0
        # the innermost rung first: what lies beyond it is at both ends
        bounds = []
        while True:
            reach = math.ldexp(1.0, min(1023, self._grid.width + _RISE * rung))
            low = int(ordered.searchsorted(self._grid.centre - reach, "left"))
            high = int(ordered.searchsorted(self._grid.centre + reach, "right"))
            bounds.append((low, high))
            if (low == 0 and high == n) or self._grid.width + _RISE * rung >= 1023:
                break
            rung += 1
        bounds[-1] = (0, n)
        for rung, (low, high) in enumerate(bounds):
            parts = [ordered[low:left], ordered[right:high]] if rung else [ordered[low:high]]
            left, right = low, high
            for part in parts:
                for start in range(0, len(part), BLOCK):
                    self._block(part[start : start + BLOCK], rung)

    def _block(self, part: Floats, rung: int) -> None:
        y, z = self._spare[0][: len(part)], self._spare[1][: len(part)]
        scale = math.ldexp(1.0, _BITS - self._grid.width - _RISE * rung)
        if rung == 0:
            np.subtract(part, self._grid.centre, out=y)
            np.multiply(y, scale, out=y)
        else:  # far numbers are made small first: their difference may not exist
            np.multiply(part, scale, out=y)
            np.subtract(y, self._grid.centre * scale, out=y)
        np.multiply(y, _FINE, out=z)
        np.rint(z, out=z)
        first = int(z.sum())
        if rung == 0:
            np.rint(y, out=y)
            second = int(np.einsum("i,i->", y, y))
        else:  # the rounding of a few far numbers would show in the squares
            np.multiply(y, y, out=y)
            np.rint(y, out=y)
            second = int(y.sum())
        sums = self._rungs.setdefault(rung, [0, 0])
        sums[0] += first
        sums[1] += second

    def result(self) -> Sums:
        """What was gathered."""
        return Sums(self._count, {key: Rung.of(*self._rungs[key]) for key in sorted(self._rungs)})


def _power(exponent: int) -> Fraction:
    return Fraction(2**exponent) if exponent >= 0 else Fraction(1, 2**-exponent)


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
