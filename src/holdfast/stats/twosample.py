"""Did two samples come from one source? Tests on counts that hold with 50 rows and with 50 million.

Every test conditions on the pooled counts and asks how a random split into two samples of the
given sizes would look: exact (hypergeometric), by a saddlepoint that follows skewed tails, or by
chi-square checked by simulation where cells are thin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: p-values of simulated tests are checked between these: above nobody looks, below is certain
_SIMULATE = (1e-9, 0.02)
#: simulated only where the smaller sample has fewer rows: beyond, chi-square is right
_THIN = 20_000
_DRAWS = 20_000


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: below alpha they are significant with familywise error alpha.

    Args:
        p: p-values of all tests made, in any order and under any dependence.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65-70.

    >>> [round(x, 4) for x in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    out, worst = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        out[i] = worst
    return out


def fisher_upper(marked: int, rows: int, other_marked: int, other_rows: int) -> float:
    """P(at least so many of the pooled marked rows fall into the first sample): Fisher, one-sided.

    Args:
        marked: marked rows of the first sample, 0 <= marked <= rows.
        rows: its rows.
        other_marked: marked rows of the second sample.
        other_rows: its rows.

    Summed exactly; 1.0 where a sample is empty or nothing is marked.

    >>> round(fisher_upper(3, 4, 1, 4), 6)  # the lady tasting tea
    0.242857
    """
    total, pooled = rows + other_rows, marked + other_marked
    if rows <= 0 or other_rows <= 0 or pooled <= 0 or marked <= 0:
        return 1.0
    from scipy.special import gammaln

    most = min(pooled, rows)
    spread = math.sqrt(pooled * (rows / total) * (other_rows / total))
    k = np.arange(marked, min(most, marked + int(40 * spread) + 200) + 1, dtype=np.float64)

    def choose(n: float, k: Floats) -> Floats:
        return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))

    logs = choose(pooled, k) + choose(total - pooled, rows - k)
    logs -= choose(total, np.array([float(rows)]))
    return float(min(1.0, np.exp(logs).sum()))


def fisher(marked: int, rows: int, other_marked: int, other_rows: int) -> float:
    """Two-sided: twice the smaller tail, at most 1. Arguments as in `fisher_upper`.

    >>> round(fisher(0, 50, 8, 50), 4)
    0.0058
    """
    up = fisher_upper(marked, rows, other_marked, other_rows)
    down = fisher_upper(rows - marked, rows, other_rows - other_marked, other_rows)
    return min(1.0, 2.0 * min(up, down))


def score_test(first: Ints, second: Ints, score: Floats) -> float:
    """Two-sided p-value of a difference in the mean score of the first sample's rows.

    The sum of scores over a random split, by the double saddlepoint of Skovgaard: like
    Wilcoxon's test with ties for mid-rank scores, but right in the tails of skewed scores too,
    where the normal approximation errs by orders of magnitude.

    Args:
        first: shape (cells,), rows of the first sample in each cell.
        second: the same for the second sample.
        score: shape (cells,), any real numbers.

    Two cells are tested exactly (`fisher`). 1.0 where a sample is empty or the scores agree.
    Source: Skovgaard 1987, J. Applied Probability 24; Robinson 1982.

    >>> round(score_test(np.array([8, 2]), np.array([2, 8]), np.array([0.0, 1.0])), 4)
    0.023
    """
    pooled = first + second
    keep = pooled > 0
    a, c, s = first[keep], pooled[keep].astype(float), score[keep].astype(float)
    n, total = int(a.sum()), float(c.sum())
    if n == 0 or n == total:
        return 1.0
    mean = float((c * s).sum() / total)
    sd = math.sqrt(float((c * (s - mean) ** 2).sum() / total))
    if sd <= 1e-12 * max(1.0, abs(mean)):
        return 1.0
    if len(c) == 2:
        return fisher(int(a[0]), n, int(c[0] - a[0]), int(total - n))
    s = (s - mean) / sd
    share = n / total
    target = float((a * s).sum())
    if target < 0:
        s, target = -s, -target
    z = target / math.sqrt(total * share * (1 - share) * total / max(1.0, total - 1.0))
    plain = math.erfc(z / math.sqrt(2.0)) / 2.0
    if z < 0.3:
        return min(1.0, 2.0 * plain)
    tail = _saddle_tail(c, s, share, target)
    return min(1.0, 2.0 * (plain if tail is None else tail))


def _saddle_tail(c: Floats, s: Floats, share: float, target: float) -> float | None:
    """P(sum of scores >= target) for a random split of a fixed size; None beside the edge."""
    total = float(c.sum())
    n = share * total
    tilt, shift = 0.0, 0.0
    odds = math.log(share / (1.0 - share))
    for _ in range(200):
        drawn = 1.0 / (1.0 + np.exp(-np.clip(odds + shift + tilt * s, -700, 700)))
        gap = np.array([target - (c * drawn * s).sum(), n - (c * drawn).sum()])
        spread = c * drawn * (1.0 - drawn)
        hessian = np.array(
            [[(spread * s * s).sum(), (spread * s).sum()], [(spread * s).sum(), spread.sum()]]
        )
        determinant = float(np.linalg.det(hessian))
        if not math.isfinite(determinant) or determinant <= 1e-280:
            return None
        step = np.linalg.solve(hessian, gap)
        size = float(np.abs(step).max())
        step *= min(1.0, 2.0 / size) if size > 0 else 1.0
        tilt, shift = tilt + float(step[0]), shift + float(step[1])
        if size < 1e-10:
            break
    else:
        return None
    grown = float((c * np.log1p(share * np.expm1(np.clip(shift + tilt * s, -700, 700)))).sum())
    exponent = 2.0 * (tilt * target + shift * n - grown)
    if exponent <= 0.0 or tilt <= 0.0:
        return None
    w = math.sqrt(exponent)
    v = tilt * math.sqrt(determinant / (total * share * (1.0 - share)))
    density = math.exp(-exponent / 2.0) / math.sqrt(2.0 * math.pi)
    tail = math.erfc(w / math.sqrt(2.0)) / 2.0 + density * (1.0 / v - 1.0 / w)
    return min(1.0, tail) if tail > 0.0 else density / w


def chi_square(first: Ints, second: Ints) -> tuple[float, int]:
    """Pearson's statistic of two samples over the same cells, and its degrees of freedom.

    >>> chi_square(np.array([10, 20]), np.array([10, 20]))
    (0.0, 1)
    """
    pooled = first + second
    keep = pooled > 0
    a, c = first[keep].astype(float), pooled[keep].astype(float)
    n, total = a.sum(), c.sum()
    if len(c) < 2 or n == 0 or n == total:
        return 0.0, 0
    expected = c * (n / total)
    statistic = ((a - expected) ** 2 / expected).sum() * total / (total - n)
    return float(statistic), len(c) - 1


def homogeneity_test(first: Ints, second: Ints, *, seed: int = 0) -> float:
    """P-value of any difference of two samples over the same cells.

    Args:
        first: shape (cells,), rows of the first sample. Pool thin cells before: five expected
            rows in the smaller sample.
        second: the same for the second sample.
        seed: of the simulation.

    Chi-square; where that is small and the smaller sample has fewer than 20,000 rows, the share
    of 20,000 splits drawn from the pooled shares that look as different (never below 1/20,001).

    >>> homogeneity_test(np.array([50, 50, 50]), np.array([48, 52, 50])) > 0.9
    True
    """
    statistic, freedom = chi_square(first, second)
    if not freedom:
        return 1.0
    from scipy.special import gammaincc

    p = float(gammaincc(freedom / 2.0, statistic / 2.0))
    rows = (int(first.sum()), int(second.sum()))
    if not _SIMULATE[0] < p < _SIMULATE[1] or min(rows) >= _THIN:
        return p
    shares = (first + second) / sum(rows)
    rng = np.random.default_rng(seed)
    beaten = drawn = 0
    while drawn < _DRAWS and beaten < 40:
        a = rng.multinomial(rows[0], shares, size=2_000).astype(float)
        b = rng.multinomial(rows[1], shares, size=2_000).astype(float)
        both = a + b
        expected = np.maximum(both * (rows[0] / sum(rows)), 1e-300)
        found = ((a - expected) ** 2 / expected).sum(axis=1) * sum(rows) / rows[1]
        beaten += int((found >= statistic).sum())
        drawn += 2_000
    return (1 + beaten) / (1 + drawn)
