"""Which known categories the unseen ones stand for: by spelling, and by who went missing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.signatures.spelling import is_nothing, likeness

FloatArray = NDArray[np.float64]

#: likeness from which a spelling is taken for another one
ALIKE = 0.65
#: by so much a new spelling must be more like a known one than other known ones are, or than it is
#: like another one
APART = 0.2
#: likeness among known ones where the reference has one alone
UNTOLD = 0.6
#: unseen spellings looked at
MOST_NAMES = 15


class Renaming(NamedTuple):
    """What became of the categories.

    Attributes:
        pairs: (new spelling, old one), the most frequent new ones first.
        spelled: share of the unseen rows whose spelling is like a known one.
        lost: places of known categories that vanished.
        displaced: log-likelihood that the unseen rows stand for `lost` over "they came in addition
            to the known ones in proportion".
        nothing: share of the unseen rows that hold a word for nothing.
        new: different unseen spellings.
        share: share of the rows with a value that hold one.
    """

    pairs: tuple[tuple[str, str], ...]
    spelled: float
    lost: tuple[int, ...]
    displaced: float
    nothing: float
    new: int
    share: float


def trace(
    new: dict[str, int], known: list[str], shares: FloatArray, counts: FloatArray, rows: int
) -> Renaming:
    """Where unseen spellings come from.

    Args:
        new: unseen spellings and their rows.
        known: categories of the reference.
        shares: shape (k,), share of each of them among the reference's values.
        counts: shape (k,), rows of each of them now.
        rows: rows with a value now, unseen ones among them.

    Example:
        >>> got = trace({"B.": 20}, ["a", "b"], np.array([0.5, 0.5]), np.array([20.0, 0.0]), 40)
        >>> got.pairs, got.lost, got.spelled
        ((('B.', 'b'),), (1,), 1.0)
    """
    total = max(1, sum(new.values()))
    lost, displaced = _lost(shares, counts, rows, total / max(1, rows))
    ranked = sorted(new, key=lambda name: -new[name])[:MOST_NAMES]
    pairs, spelled = [], 0
    for name in ranked:
        if is_nothing(name):
            continue
        best = max(range(len(known)), key=lambda i: likeness(name, known[i]), default=None)
        if best is not None and _means(name, best, known):
            pairs.append((name, known[best]))
            spelled += new[name]
    named = {name for name, _ in pairs}
    left = [name for name in ranked if name not in named and not is_nothing(name)]
    taken = {old for _, old in pairs}
    free = sorted((i for i in lost if known[i] not in taken), key=lambda i: -shares[i])
    for name, place in zip(left, free, strict=False):
        if abs(new[name] / rows - shares[place]) <= 0.3 * shares[place] + 2.5 * np.sqrt(
            shares[place] / rows
        ):
            pairs.append((name, known[place]))
    pairs.sort(key=lambda pair: -new[pair[0]])
    nothing = sum(count for name, count in new.items() if is_nothing(name)) / total
    looked = max(1, sum(new[name] for name in ranked))
    share = total / max(1, rows)
    return Renaming(tuple(pairs), spelled / looked, lost, displaced, nothing, len(new), share)


def _means(name: str, best: int, known: list[str]) -> bool:
    """Whether a spelling stands for a known one: the same but for case, blanks and signs, or alike.

    Months, codes and numbered names are all alike: there the next one is no misspelling. Alike
    counts where known ones are less so, or where no other known one is nearly as much meant.

    >>> _means("2008-12", 1, ["2008-01", "2008-02"]), _means("berlin.", 0, ["berlin", "paris"])
    (False, True)
    >>> _means("FEMALE", 0, ["Female", "Male"]), _means("v2_elaM", 1, ["Female", "Male"])
    (True, True)
    >>> _means("Germany", 0, ["GERMANY"]), _means("2008-12", 0, ["2008-02"])
    (True, False)
    """
    own = likeness(name, known[best])
    if own == 1.0:
        return True
    rest = [other for i, other in enumerate(known) if i != best]
    among = max((likeness(other, known[best]) for other in rest), default=UNTOLD)
    second = max((likeness(name, other) for other in rest), default=UNTOLD)
    return own >= ALIKE and own > min(among, second) + APART


def _lost(
    shares: FloatArray, counts: FloatArray, rows: int, unseen: float
) -> tuple[tuple[int, ...], float]:
    """Known categories that thinned out far more than all others, and the evidence for it."""
    expected = shares * rows
    alone = np.where(counts > 0, counts * np.log(np.maximum(0.02, 1e-9)), 0.0) + 0.98 * expected
    alike = counts * np.log(max(1.0 - unseen, 0.02)) + unseen * expected
    gain = alone - alike
    chosen = np.flatnonzero(gain > 0.0)
    return tuple(int(i) for i in chosen), float(gain[chosen].sum())
