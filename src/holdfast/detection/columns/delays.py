"""After how many rows the detector of values would notice what, computed from its own tables.

A bet that grows by g nats a row and starts every 20 rows has, t rows after the change, a sum of
about ``exp(g t) / (1 - exp(-20 g))`` over its starts; the first bet to reach its threshold counts.
A shift of a column is the smallest change of its cells (an exponential
tilt of the reference) that moves its standardised rank by the wanted number of standard deviations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np

from holdfast.detection.columns.cells import Cells, mid_ranks, standardise
from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import SCORE, ColumnFit
from holdfast.detection.columns.quiet import BLOCK
from holdfast.detection.delay import rows_to_alarm_with_bets
from holdfast.frames.values import FloatArray, ValueKind

#: shares of rows whose value goes missing
NULLS = (0.05, 0.3, 1.0)
#: families whose bets look at cells alone; the others look at flags, which a shift may leave as is
OF_CELLS = frozenset({"values", SCORE})
#: shifts in standard deviations of the rank
SHIFTS = {"shift of a quarter sd": 0.25, "shift of one sd": 1.0}
TRIPLED = "tripled rare share"
#: a share is rare up to here
RARE = 0.05
_LARGEST_TILT = 60.0


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one column.

    Attributes:
        field: the column; empty for the score.
        change: what happens to it.
        rows: rows until it is noticed; None: it stays within what is silent.
    """

    field: str
    change: str
    rows: int | None


def expected_delays(detector: ValueDetector) -> list[Noticed]:
    """After how many rows common changes of each column would be noticed.

    Example:
        >>> import numpy as np
        >>> from holdfast.detection.columns.fit import learn_reference
        >>> from holdfast.frames.values import read_values
        >>> x = np.random.default_rng(0).normal(size=2000)
        >>> fit = learn_reference({"x": read_values(ValueKind.NUMBER, x)})
        >>> noticed = {n.change: n.rows for n in expected_delays(ValueDetector(fit, 14.0))}
        >>> noticed["nulls in 100% of rows"] <= 6 < noticed["shift of one sd"]
        True
    """
    streams = detector.streams()
    thresholds = {(s.field, s.code): s.nats for s in streams if s.key.startswith("blocks:")}
    spread = {(s.field, s.code): s.deff for s in detector.fit.streams}
    nulls = {s.field: s for s in streams if s.code == "null" and s.key.startswith("rows:")}
    found: list[Noticed] = []
    for column in detector.fit.columns:
        stream = nulls.get(column.name)
        for share in NULLS:
            rows = math.inf
            if stream is not None and not stream.muted:
                after = stream.share + (1.0 - stream.share) * share
                rows = rows_to_alarm_with_bets(after, stream.edge, stream.nats)
                rows *= spread.get((column.name, "null"), 1.0)
            found.append(_noticed(column.name, f"nulls in {share:.0%} of rows", rows))
        found += _of_values(column, thresholds)
    if detector.fit.score is not None:
        found += _of_values(detector.fit.score, thresholds)
    share = detector.fit.counted  # rows that do not count take their time too
    return [
        n if n.rows is None else msgspec.structs.replace(n, rows=math.ceil(n.rows / share))
        for n in found
    ]


def _of_values(column: ColumnFit, thresholds: dict[tuple[str, str], float]) -> list[Noticed]:
    """Shifts and a tripled rare share, as far as the column has them."""
    cells = column.cells
    counts = np.array(cells.counts, float)
    total = counts.sum()
    if not total or not counts[: cells.inner].sum():
        return []
    nats = np.array([
        thresholds.get((column.name, b.code), math.inf)
        if b.code in OF_CELLS and not b.muted else math.inf
        for b in column.bets
    ])  # fmt: skip
    # a column that goes by the clock changes at every hour alike: each phase by its own reference
    parts = np.array(column.phases, float) if column.phases else counts[None, :]
    steps = column.table.steps[: column.groups * cells.size]
    found = []
    if cells.kind is ValueKind.NUMBER:
        for change, size in SHIFTS.items():
            both = [
                _delay(_phased(parts, partial(_shifted, cells, size=sign * size)), steps, nats)
                for sign in (1, -1)
            ]
            found.append(_noticed(column.name, change, max(both)))
    tripled = _phased(parts, partial(_tripled, cells))
    if tripled is not None:
        found.append(_noticed(column.name, TRIPLED, _delay(tripled, steps, nats)))
    return found


def _phased(
    parts: FloatArray, change: Callable[[FloatArray], FloatArray | None]
) -> FloatArray | None:
    """Shares of the cells of every phase when each changes; phases that cannot stay as they are.

    Args:
        parts: shape (phases, cells), reference rows.
        change: gives the shares of one phase afterwards, or None.
    """
    rows = parts.sum(axis=1)
    out, any_changed = [], False
    for part, n in zip(parts, rows.tolist(), strict=True):
        after = change(part) if n else None
        any_changed |= after is not None
        out.append((part / max(n, 1.0) if after is None else after) * n)
    return np.concatenate(out) / rows.sum() if any_changed else None


def _delay(shares: FloatArray | None, steps: FloatArray, nats: FloatArray) -> float:
    """Rows until the first bet crosses when rows fall into cells with these shares."""
    if shares is None or not len(nats):
        return math.inf
    return float(rows_to_sum(shares @ steps, nats).min())


def rows_to_sum(growth: FloatArray, nats: FloatArray) -> FloatArray:
    """Rows until bets that start every 20 rows reach `nats`, growing by `growth` nats a row.

    >>> rows_to_sum(np.array([1.0, 0.01, 0.0]), np.array([18.0, 18.0, 18.0])).round(1).tolist()
    [18.0, 1629.2, inf]
    """
    grows = growth > 1e-12
    speed = np.where(grows, growth, 1.0)
    needed = nats + np.log(-np.expm1(-BLOCK * speed))
    return np.where(grows, np.maximum(needed / speed, 1.0), np.inf)


def _shifted(cells: Cells, counts: FloatArray, size: float) -> FloatArray | None:
    """Shares of the cells when the standardised rank has mean `size`; None: no such tilt."""
    inner = counts.copy()
    inner[cells.inner :] = 0.0
    z = standardise(mid_ranks(cells), inner)
    if not z.any():
        return None
    base = inner

    def tilted(theta: float) -> FloatArray:
        lift = theta * z - float((theta * z[base > 0]).max())
        weight = base * np.exp(np.minimum(lift, 0.0))
        shares: FloatArray = weight / weight.sum()
        return shares

    sign = 1.0 if size > 0 else -1.0
    low, high = 0.0, _LARGEST_TILT
    if sign * float(tilted(sign * high) @ z) < abs(size):
        return None
    for _ in range(60):
        middle = (low + high) / 2.0
        if sign * float(tilted(sign * middle) @ z) < abs(size):
            low = middle
        else:
            high = middle
    return _with_missing(tilted(sign * high), cells, counts)


def _tripled(cells: Cells, counts: FloatArray) -> FloatArray | None:
    """Shares of the cells when the rarest value asked about comes three times as often."""
    total = counts[: cells.inner].sum()
    if cells.kind is ValueKind.NUMBER:
        asked = sorted(cells.atoms.values())
    else:
        asked = list(range(len(cells.names)))
    rare = [c for c in asked if 20 <= counts[c] <= RARE * total]
    if not rare:
        return None
    cell = min(rare, key=lambda c: counts[c])
    inner = counts.copy()
    inner[cells.inner :] = 0.0
    shares = inner / total
    p = float(shares[cell])
    shares *= (1.0 - 3.0 * p) / (1.0 - p)
    shares[cell] = 3.0 * p
    return _with_missing(shares, cells, counts)


def _with_missing(shares: FloatArray, cells: Cells, counts: FloatArray) -> FloatArray:
    """Shares among rows with a value as shares of all rows."""
    present = counts[: cells.inner].sum() / counts.sum()
    out: FloatArray = counts / counts.sum()
    out[: cells.inner] = shares[: cells.inner] * present
    return out


def _noticed(field: str, change: str, rows: float) -> Noticed:
    whole = None if math.isinf(rows) else math.ceil(rows)
    return Noticed(field=field, change=change, rows=whole)
