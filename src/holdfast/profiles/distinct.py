"""How many different values: exact while they are few, then 2,048 coupon rows (PCSA).

A hash falls on one of 48 levels by its leading zeros (level k with chance 2^-(k+1)) and into one
of 2,048 rows by the eleven bits after them; the sketch remembers which (row, level) were ever hit.
So a merge is a bitwise or: associative, commutative, and the same whatever the partitioning. The
estimate is the maximum of the likelihood of the hits per level.

Standard error 0.65 / sqrt(2048) = 1.43 %, against 1.56 % for the 4,096 smallest hashes (KMV), at
about 1.3 kB against 32 kB. Source: Flajolet and Martin 1985; Pettie and Wang 2021 (arXiv
2007.08051) for the error of the likelihood estimate and why it is near the least possible.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.profiles.hashing import Hashes

#: so many different values are kept as they are and counted exactly
EXACT = 128
ROWS = 2048
LEVELS = 48
_BLOCK = 8192
#: exponent 52 of a float and a full mantissa, shifted as in `_hit`
_TOP = ((1023 + 52) << 11) + 2047


class Distinct(msgspec.Struct, frozen=True):
    """The different values seen, as hashes or as hit coupons.

    Attributes:
        hashes: the hashes in order, while there are at most `EXACT`.
        bits: the hit coupons once there are more: `LEVELS` blocks of `ROWS` bits; else empty.
    """

    hashes: tuple[int, ...] = ()
    bits: bytes = b""

    @property
    def exact(self) -> bool:
        """Whether `estimate` is the exact number."""
        return not self.bits

    def estimate(self) -> int:
        """Number of different values: exact up to `EXACT`, else with standard error 1.43 %."""
        if not self.bits:
            return len(self.hashes)
        return max(EXACT + 1, round(_most_likely(_hits(self.bits).sum(axis=1).astype(float))))

    def merge(self, other: Distinct) -> Distinct:
        """The values of both."""
        if not self.bits and not other.bits:
            both = sorted({*self.hashes, *other.hashes})
            if len(both) <= EXACT:
                return Distinct(tuple(both))
            return _coupons(np.array(both, np.uint64))
        ours, theirs = (
            d.bits or _coupons(np.array(d.hashes, np.uint64)).bits for d in (self, other)
        )
        joined = np.frombuffer(ours, np.uint8) | np.frombuffer(theirs, np.uint8)
        return Distinct((), joined.tobytes())


class Counter:
    """Gathers hashes chunk by chunk; levels that every row has hit are skipped from then on."""

    __slots__ = ("_few", "_hits", "limit")

    def __init__(self) -> None:
        self._few: set[int] = set()
        self._hits: npt.NDArray[np.bool_] | None = None
        #: only hashes at or below it can tell anything new
        self.limit = np.uint64(2**64 - 1)

    @property
    def fresh(self) -> bool:
        """Whether every hash can still tell something new."""
        return int(self.limit) == 2**64 - 1

    def add(self, hashes: Hashes) -> None:
        """Take in hashes; those above `limit` may be left out.

        More than `EXACT` at once are taken to be more than `EXACT` different ones in all.
        """
        hits = self._hits
        if hits is None:
            if len(hashes) <= EXACT:
                self._few.update(hashes.tolist())
                if len(self._few) <= EXACT:
                    return
            hits = self._hits = np.zeros(ROWS * LEVELS, np.bool_)
            _hit(hits, np.fromiter(self._few, np.uint64, len(self._few)))
        _hit(hits, hashes)

    def settle(self) -> None:
        """Find out which levels are full and need no more hashes; worth it every few 10,000."""
        if self._hits is not None:
            full = self._hits.reshape(LEVELS, ROWS).all(axis=1)
            self.limit = np.uint64(2 ** (64 - int(np.argmin(full))) - 1)

    def result(self) -> Distinct:
        """What was gathered, in its one form: hashes while few, else coupons."""
        if self._hits is None:
            return Distinct(tuple(sorted(self._few)))
        return Distinct((), np.packbits(self._hits, bitorder="little").tobytes())


def distinct_of(hashes: Hashes) -> Distinct:
    """The sketch of some hashes, repeated or not.

    >>> distinct_of(np.array([3, 3, 9], np.uint64)).estimate()
    2
    """
    counter = Counter()
    counter.add(_once(hashes))
    return counter.result()


def _once(hashes: Hashes) -> Hashes:
    """The different hashes, ascending: sorting beats numpy's hash table by far."""
    ordered = np.sort(hashes)
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return np.asarray(ordered[first])


def _coupons(hashes: Hashes) -> Distinct:
    hits = np.zeros(ROWS * LEVELS, np.bool_)
    _hit(hits, hashes)
    return Distinct((), np.packbits(hits, bitorder="little").tobytes())


def _hit(hits: npt.NDArray[np.bool_], hashes: Hashes) -> None:
    """Mark the coupon of every hash.

    As a float the 53 high bits show the leading zeros in the exponent and the eleven bits after
    the leading one, which choose the row, at the top of the mantissa: one shift gives both.
    """
    for start in range(0, len(hashes), _BLOCK):
        top = (hashes[start : start + _BLOCK] >> np.uint64(11)).astype(np.float64).view(np.int64)
        top >>= 41
        np.subtract(_TOP, top, out=top)
        np.minimum(top, ROWS * LEVELS - 1, out=top)
        hits[top] = True


def _hits(bits: bytes) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little").reshape(LEVELS, ROWS)


def _most_likely(hit: npt.NDArray[np.float64]) -> float:
    """The number of values that makes the hits per level most likely, by bisection."""
    chance = 0.5 ** np.arange(1.0, LEVELS + 1.0)
    chance[-1] *= 2.0
    missed = float(((ROWS - hit) * chance).sum())
    seen = hit > 0

    def slope(x: float) -> float:
        return float((hit[seen] * chance[seen] / np.expm1(x * chance[seen])).sum()) - missed

    low, high = 1e-6, 2.0**46
    with np.errstate(over="ignore"):
        for _ in range(80):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return ROWS * math.sqrt(low * high)
