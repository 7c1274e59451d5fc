"""More faults for faultbench: `--plugin benchmarks/detection/more_faults.py --faults plugin`.

None of them is in faultbench, and no limit of the product was tuned on them. Kinds, classes and
actions are faultbench's. Same contract: `f(ctx, rng, severity)` with severity 1 (mild) to 3 (gross)
returns the changed stream, or None where the fault does not apply; only rows from the onset on
change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from faultbench.faults import _out, _set, fault

Mask = np.ndarray


def _three(severity: int, *values: Any) -> Any:
    return values[severity - 1]


def _number(ctx: Any, name: str) -> np.ndarray:
    return ctx.X[name].to_numpy(float)


def _segment(
    ctx: Any, rng: np.random.Generator, low: float, high: float, avoid: tuple[str, ...] = ()
) -> tuple[str, Mask] | None:
    """A category whose share of the reference is between low and high: its column, its rows.

    Only rows from the onset on. Stands for one app, region or source whose feed is broken.
    """
    found = [
        (name, value)
        for name in ctx.cat
        if name not in avoid
        for value, share in ctx.Xref[name].value_counts(normalize=True).items()
        if low <= share <= high
    ]
    if not found:
        return None
    name, value = found[rng.integers(len(found))]
    return name, ctx.rows(rng, 1.0) & (ctx.X[name] == value).to_numpy()


def _changed(ctx: Any, name: str, rows: Mask, values: Any) -> float:
    """Share of the chosen rows that the fault really changes."""
    before = _number(ctx, name)[rows]
    return float(np.mean((before != values) & ~np.isnan(before))) if len(before) else 0.0


def _pick(
    ctx: Any, rng: np.random.Generator, candidates: list[str], top: float = 0.7
) -> str | None:
    chosen = ctx.cols(candidates, rng, top=top) if candidates else None
    return None if chosen is None else chosen[0]


# ------------------------------------------------------------- one segment's feed is broken
@fault("segment_unit", kind="unit_scale")
def segment_unit(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """One category's rows arrive in another unit: pence for pounds, pounds for kilograms."""
    name = _pick(ctx, rng, [c for c in ctx.cont() if ctx.Xref[c].abs().median() > 0])
    segment = _segment(ctx, rng, *_three(severity, (0.08, 0.2), (0.2, 0.5), (0.35, 0.7)))
    if name is None or segment is None:
        return None
    factors = _three(severity, (1.609344, 2.20462), (10.0, 0.1), (100.0, 0.001))
    rows = segment[1]
    values = _number(ctx, name)[rows] * factors[rng.integers(2)]
    return _out(_set(ctx, name, rows, values), columns=[name])


@fault("segment_missing", kind="missing")
def segment_missing(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """One source stops sending a field: nulls in its rows alone."""
    name = _pick(ctx, rng, list(ctx.X.columns))
    segment = _segment(ctx, rng, *_three(severity, (0.03, 0.1), (0.1, 0.3), (0.3, 0.7)), (name,))
    if segment is None:
        return None
    text = name in ctx.cat
    return _out(_set(ctx, name, segment[1], None if text else np.nan, text), columns=[name])


@fault("segment_stuck", kind="stuck")
def segment_stuck(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """A cache for one segment stops expiring: the last value seen is served to all its rows."""
    name = _pick(ctx, rng, ctx.cont(5))
    if name is None:
        return None
    segment = _segment(ctx, rng, *_three(severity, (0.1, 0.25), (0.25, 0.45), (0.45, 0.8)))
    if segment is None:
        return None
    seen = _number(ctx, name)[: max(ctx.onset, 1)]
    seen = seen[~np.isnan(seen)]
    if not len(seen) or _changed(ctx, name, segment[1], seen[-1]) < 0.5:
        return None  # the value served again and again is the column's usual one
    return _out(_set(ctx, name, segment[1], seen[-1]), columns=[name])


# ------------------------------------------------------------- values rewritten on the way
@fault("filled_with_mean", kind="default_filled")
def filled_with_mean(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """The feature service imputes upstream with the column's mean, so that no null is seen."""
    name = _pick(ctx, rng, ctx.cont())
    if name is None:
        return None
    mean = float(ctx.Xref[name].mean())
    whole = np.nanmax(np.abs(ctx.Xref[name] - ctx.Xref[name].round())) == 0
    rows = ctx.rows(rng, _three(severity, 0.15, 0.4, 1.0))
    return _out(_set(ctx, name, rows, round(mean) if whole else mean), columns=[name])


@fault("codes_off_by_one", kind="encoding_permuted")
def codes_off_by_one(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """A label list one entry longer on one server: its share of rows gets the next category."""
    name = _pick(ctx, rng, [c for c in ctx.cat if 3 <= ctx.Xref[c].nunique() <= 60])
    if name is None:
        return None
    known = sorted(ctx.Xref[name].dropna().unique())
    after = dict(zip(known, known[1:] + known[:1], strict=True))
    rows = ctx.rows(rng, _three(severity, 0.25, 0.5, 1.0))
    return _out(
        _set(ctx, name, rows, ctx.X[name][rows].map(lambda v: after.get(v, v)), True),
        columns=[name],
    )


@fault("text_truncated", kind="category_renamed")
def text_truncated(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """A column of a table in between is too narrow: category texts are cut."""
    keep = _three(severity, 8, 5, 2)
    longest = {c: ctx.Xref[c].dropna().map(len).gt(keep).mean() for c in ctx.cat}
    name = _pick(ctx, rng, [c for c, share in longest.items() if share > 0.02], top=1.0)
    if name is None:
        return None
    rows = ctx.rows(rng, 1.0) & ctx.X[name].notna().to_numpy()
    return _out(
        _set(ctx, name, rows, ctx.X[name][rows].map(lambda v: v[:keep]), True), columns=[name]
    )


@fault("leading_zeros_lost", kind="category_renamed")
def leading_zeros_lost(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """Codes read as numbers on the way: '01' becomes '1', '7' becomes '7.0'."""

    def digits(v: Any) -> bool:
        return isinstance(v, str) and v.isdigit()

    name = _pick(ctx, rng, [c for c in ctx.cat if ctx.Xref[c].map(digits).mean() > 0.05], top=1.0)
    if name is None:
        return None
    rows = ctx.rows(rng, _three(severity, 0.1, 0.4, 1.0)) & ctx.X[name].map(digits).to_numpy()
    zeros = ctx.Xref[name].dropna().str.match(r"0\d").any()
    new = ctx.X[name][rows].map(lambda v: str(int(v)) if zeros else f"{int(v)}.0")
    return _out(_set(ctx, name, rows, new, True), columns=[name])


@fault("digits_swapped", kind="encoding_permuted")
def digits_swapped(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """The halves of a four-digit number change places: 0307 (3 July) is read as 0703 (7 March).

    On whole-number columns with values of up to four digits.
    """

    def turned(v: float) -> float:
        if np.isnan(v) or v < 0 or v > 9999:
            return v
        high, low = divmod(int(v), 100)
        return float(low * 100 + high)

    candidates = [
        c
        for c in ctx.cont()
        if ctx.Xref[c].max() >= 400
        and ctx.Xref[c].quantile(0.95) <= 9999
        and ctx.Xref[c].min() >= 0
        and (ctx.Xref[c].dropna() == ctx.Xref[c].dropna().round()).all()
    ]
    name = _pick(ctx, rng, candidates, top=1.0)
    if name is None:
        return None
    rows = ctx.rows(rng, _three(severity, 0.15, 0.5, 1.0))
    values = np.array([turned(v) for v in _number(ctx, name)[rows]])
    if _changed(ctx, name, rows, values) < 0.5:
        return None
    return _out(_set(ctx, name, rows, values), columns=[name])


@fault("half_precision", kind="precision_loss")
def half_precision(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """Features packed as 16-bit floats (7 bits of fraction at severity 3, as bfloat16)."""
    bits = _three(severity, 10, 8, 7)

    def rounded(x: np.ndarray) -> np.ndarray:
        mantissa, exponent = np.frexp(x)
        return np.ldexp(np.round(mantissa * 2.0 ** (bits + 1)) / 2.0 ** (bits + 1), exponent)

    def changes(c: str) -> bool:
        x = ctx.Xref[c].dropna().to_numpy(float)
        return float(np.mean(rounded(x) != x)) > 0.3

    name = _pick(ctx, rng, [c for c in ctx.cont(30) if changes(c)])
    if name is None:
        return None
    rows = ctx.rows(rng, 1.0)
    return _out(_set(ctx, name, rows, rounded(_number(ctx, name)[rows])), columns=[name])


@fault("winsorised", kind="clipped")
def winsorised(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """Both ends cut at quantiles: a cleaning step of training that slipped into serving."""
    name = _pick(ctx, rng, ctx.cont(30))
    if name is None:
        return None
    tail = _three(severity, 0.05, 0.15, 0.3)
    low, high = ctx.Xref[name].quantile(tail), ctx.Xref[name].quantile(1 - tail)
    if not low < high:
        return None
    rows = ctx.rows(rng, 1.0)
    return _out(_set(ctx, name, rows, np.clip(_number(ctx, name)[rows], low, high)), columns=[name])


# ------------------------------------------------------------- wrong rows
@fault("previous_entity", kind="stale_misaligned")
def previous_entity(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """A late join: a share of rows gets the features of the request just before."""
    names = ctx.cols(ctx.cont(5) or ctx.num, rng, k=min(2, len(ctx.num)), top=0.5)
    if not names:
        return None
    rows = ctx.rows(rng, _three(severity, 0.3, 0.6, 1.0))
    X = ctx.X.copy()
    for name in names:
        values = _number(ctx, name)
        X[name] = np.where(rows, np.concatenate([values[:1], values[:-1]]), values)
    return _out(X, columns=names)


@fault("batch_repeated", kind="duplicates")
def batch_repeated(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any]:
    """A queue delivers again: blocks of 100 rows arrive twice, one after the other."""
    size, share = 100, _three(severity, 0.1, 0.3, 0.8)
    order = list(range(ctx.onset))
    for start in range(ctx.onset, len(ctx.X), size):
        block = list(range(start, min(start + size, len(ctx.X))))
        order += block * (2 if rng.random() < share else 1)
        if len(order) >= len(ctx.X):
            break
    return _out(idx=np.array(order[: len(ctx.X)]))


# ------------------------------------------------------------- the world changes
_WORLD = ("retrain", "ignore", "monitor")


@fault("new_segment_mix", kind="covariate_drift", cls="covariate", actions=_WORLD)
def new_segment_mix(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """A campaign: one known category grows 2, 4 or 8 times in odds; the rest keeps its mix."""
    found = [
        (c, v)
        for c in ctx.cat
        for v, share in ctx.Xref[c].value_counts(normalize=True).items()
        if 0.05 <= share <= 0.3
    ]
    if not found:
        return None
    name, value = found[rng.integers(len(found))]
    odds = _three(severity, 2.0, 4.0, 8.0)
    keep = (ctx.X[name] == value).to_numpy() | (rng.random(len(ctx.X)) < 1 / odds)
    keep |= np.arange(len(ctx.X)) < ctx.onset
    return _out(idx=np.flatnonzero(keep), columns=[name])


@fault("prior_in_segment", kind="prior_shift", cls="prior", actions=("recalibrate", "retrain"))
def prior_in_segment(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """The rate of positives changes for one half of the population only (one product, one region).

    Rows are kept or left out by their label inside the segment, so p(x given y) there stays.
    """
    segment = _segment(ctx, rng, 0.3, 0.7)
    if segment is None:
        return None
    factor = _three(severity, 2.0, 4.0, 8.0)
    positive = (ctx.y == 1) & segment[1]
    negative = (ctx.y == 0) & segment[1]
    thin = negative if ctx.yref.mean() < 0.3 else positive
    keep = ~thin | (rng.random(len(ctx.X)) < 1 / factor)
    return _out(idx=np.flatnonzero(keep))


@fault("labels_swapped_segment", kind="concept_drift", cls="concept", actions=("retrain",))
def labels_swapped_segment(
    ctx: Any, rng: np.random.Generator, severity: int
) -> dict[str, Any] | None:
    """One source exports its outcomes with 0 and 1 exchanged."""
    segment = _segment(ctx, rng, *_three(severity, (0.08, 0.2), (0.2, 0.4), (0.4, 0.8)))
    if segment is None:
        return None
    y = ctx.y.copy()
    y[segment[1]] = 1 - y[segment[1]]
    return _out(y=y, columns=[segment[0]])


@fault("concept_threshold", kind="concept_drift", cls="concept", actions=("retrain",))
def concept_threshold(ctx: Any, rng: np.random.Generator, severity: int) -> dict[str, Any] | None:
    """The line moves: cases the model scores just under the old bar become positives.

    Above the old bar nothing changes.
    """
    score = ctx.model.predict(ctx.X)
    onset = np.arange(len(ctx.y)) >= ctx.onset
    bar = float(np.quantile(score, 1 - max(ctx.yref.mean(), 0.02)))
    width = _three(severity, 0.1, 0.2, 0.35)
    rank = pd.Series(score).rank(pct=True).to_numpy()
    at = float(np.mean(score <= bar))
    band = onset & (rank <= at) & (rank > at - width)
    y = ctx.y.copy()
    changed = band & (y == 0)
    if changed.sum() < 0.02 * onset.sum():
        return None
    y[changed] = 1
    return _out(y=y)
