"""Signs of a broken pipeline that a row carries or not, and parts that carry far more than usual.

A drift that moves many columns explains a flood of nulls in one of them away. Here every sign is
counted by itself: its share in a part is compared with the shares of the parts before it.

========================  ======================================================================
``missing``               no value in a column
``stuck``                 the value of a column equals that of the row before
``stale_misaligned``      the last eight numbers of a column are, in this order, eight from before
``fanout``                the whole row equals the row before
========================  ======================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from holdfast.frames.values import ValueKind, Values

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

#: a share is out of the ordinary when it is higher than in any part of the reference by this much,
#: and by so many standard errors higher than its mean
JUMPS, ERRORS = {"missing": 0.15, "stuck": 0.3, "stale_misaligned": 0.5, "fanout": 0.15}, 6.0
#: numbers in a row that are looked for before, and how many of them differ from the one before;
#: columns of fewer different numbers repeat themselves
RUN, CHANGES, LIVELY = 8, 5, 50
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Sign(NamedTuple):
    """A kind of fault, and the column that shows it; an empty name for whole rows."""

    kind: str
    feature: str


class Usual(NamedTuple):
    """Shares of the parts of a reference: their mean, the largest, their standard deviation."""

    mean: float
    most: float
    spread: float

    @classmethod
    def of(cls, sign: Bools, part: int) -> Usual:
        """Shares of parts of so many rows; a shorter rest at the begin is left out."""
        count = len(sign) // part
        shares = sign[len(sign) - count * part :].reshape(count, part).mean(axis=1)
        return cls(float(shares.mean()), float(shares.max()), float(shares.std()))

    def exceeded(self, share: float, rows: int, jump: float) -> bool:
        """Whether a part of so many rows carries far more than those of the reference did."""
        variance = max(self.mean * (1.0 - self.mean), 1.0 / rows) / rows
        error = float(np.sqrt(variance)) + self.spread
        return share > self.most + jump and share - self.mean > ERRORS * error


def signs(columns: Mapping[str, Values]) -> dict[Sign, Bools]:
    """Which rows carry each sign.

    Args:
        columns: by name, n rows in the order of their times.

    Example:
        >>> from holdfast.frames.values import read_values
        >>> ages = np.random.default_rng(0).normal(size=60).round(3)
        >>> found = signs({"age": read_values(ValueKind.NUMBER, np.r_[ages, ages[:30]])})
        >>> late = found[Sign("stale_misaligned", "age")]
        >>> int(late[:60].sum()), int(late[60:].sum())
        (0, 23)
    """
    keys = {name: _keys(values) for name, values in columns.items()}
    found = {}
    whole = np.zeros(len(next(iter(keys.values()))), np.uint64)
    for name, key in keys.items():
        found[Sign("missing", name)] = np.isinf(key)
        found[Sign("stuck", name)] = _after(key, (key[1:] == key[:-1]) & np.isfinite(key[1:]))
        if columns[name].kind is ValueKind.NUMBER:
            found[Sign("stale_misaligned", name)] = _replayed(key)
        whole = whole * _FACTOR + _mixed(key.view(np.uint64))
    found[Sign("fanout", "")] = _after(whole, whole[1:] == whole[:-1])
    return found


def _after(rows: Floats | Words, same: Bools) -> Bools:
    found = np.zeros(len(rows), bool)
    found[1:] = same
    return found


def _replayed(keys: Floats) -> Bools:
    """Rows at which a run of numbers ends that was there before, in this order."""
    found = np.zeros(len(keys), bool)
    if len(keys) < 2 * RUN or len(np.unique(keys)) < LIVELY:
        return found
    words = _mixed(keys.view(np.uint64))
    code = np.zeros(len(keys) - RUN + 1, np.uint64)
    for i in range(RUN):
        code = code * _FACTOR + words[i : len(words) - RUN + 1 + i]
    changes = np.zeros(len(keys), np.int64)
    changes[1:] = np.cumsum(keys[1:] != keys[:-1])
    lively = changes[RUN - 1 :] - changes[: len(changes) - RUN + 1] >= CHANGES
    _, first, back = np.unique(code, return_index=True, return_inverse=True)
    found[RUN - 1 :] = lively & (np.arange(len(code)) - first[back] >= RUN)
    return found


def _mixed(words: Words) -> Words:
    """Bits spread, so that small differences reach all of them."""
    words = (words ^ (words >> np.uint64(32))) * _FACTOR
    return words ^ (words >> np.uint64(29))


def _keys(values: Values) -> Floats:
    """Shape (n,): the number, or the code of the category; infinite where there is no value."""
    if values.kind is ValueKind.NUMBER:
        return np.where(values.state == 0, values.numbers + 0.0, np.inf)
    return np.where(values.codes >= 0, values.codes.astype(np.float64), np.inf)
