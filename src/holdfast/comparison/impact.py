"""Whether a change matters: what it does to scores, decisions, money and the outcome."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.comparison.record import Consequence
from holdfast.evaluation.costs import Costs
from holdfast.frames.column import ColumnView
from holdfast.frames.table import Table
from holdfast.frames.types import Storage
from holdfast.profiles.columns import ColumnProfile, NumberProfile, TextProfile
from holdfast.profiles.spec import ColumnSpec, NumberSpec, TextSpec
from holdfast.records import Estimate
from holdfast.stats.effect import share_change

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: a change of the share of decisions from here on matters
DECISIONS = 0.005
#: a cell with few reference rows says little of its scores: they are drawn to the mean
_SHRINK = 2.0


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of some rows, NaN where there is none, and the rows they belong to.

    Attributes:
        scores: shape (n,).
        rows: the rows themselves.
    """

    scores: Any
    rows: Table

    @property
    def known(self) -> Floats:
        """The scores that there are."""
        scores: Floats = self.scores
        return scores[np.isfinite(scores)]


def scores_in(table: Table, name: str) -> Floats:
    """A column of scores; NaN where there is none or it is no number."""
    view = table.column(name)
    if view.storage not in {Storage.INT, Storage.FLOAT, Storage.BOOL}:
        return np.full(len(view), np.nan)
    scores = view.values.astype(np.float64)
    return scores if view.missing is None else np.where(view.missing, np.nan, scores)


def costs_of(scores: Floats, costs: Costs, threshold: float) -> Floats:
    """Expected cost of deciding each row by its score, if the score is the probability it claims.

    >>> costs_of(np.array([0.1, 0.9]), Costs(1, 3), 0.25).round(2).tolist()
    [0.3, 0.1]
    """
    positive = scores >= threshold
    chance = np.clip(scores, 0.0, 1.0)
    refused = costs.true_positive * chance + costs.false_positive * (1.0 - chance)
    passed = costs.false_negative * chance + costs.true_negative * (1.0 - chance)
    return np.where(positive, refused, passed)


def consequences(
    reference: Scored,
    current: Scored,
    *,
    costs: Costs | None,
    threshold: float | None,
    floor: float,
) -> list[Consequence]:
    """What happened to scores, decisions and money, over all columns at once."""
    old, new = reference.known, current.known
    if len(old) < 2 or len(new) < 2:
        return []
    unscored = int(len(current.scores) - len(new))
    note = f"{unscored:,} current rows have no score" if unscored else ""
    found = [_mean("score", old, new, floor * max(float(old.std()), 1e-12), note)]
    limit = threshold if threshold is not None else None if costs is None else costs.threshold
    if limit is not None:
        before, now = int((old >= limit).sum()), int((new >= limit).sum())
        change = share_change(before, len(old), now, len(new))
        found.append(
            Consequence(
                what="decisions",
                reference=before / len(old),
                current=now / len(new),
                change=change,
                moved=moved(change, DECISIONS),
                note=f"share of scores at or above {limit:.4g}",
            )
        )
    if costs is not None and limit is not None:
        a, b = costs_of(old, costs, limit), costs_of(new, costs, limit)
        found.append(
            _mean(
                "money", a, b, max(floor * float(a.std()), 1e-12),
                "expected cost a row, if the scores are the probabilities they claim to be",
            )
        )  # fmt: skip
    return found


def outcome(reference: Table, current: Table, target: str, positive: Any) -> Consequence | None:
    """The share of the positive outcome before and now; None where it is not yes or no."""
    marked = []
    for table in (reference, current):
        if target not in table:
            return None
        view = table.column(target)
        rows = view.present_count
        if positive is not None:
            words = (
                view.array.cast(pa.large_string())
                if view.storage is not Storage.TEXT
                else view.array
            )
            hits = int(
                pc.sum(pc.equal(words, pa.scalar(str(positive), pa.large_string()))).as_py() or 0
            )
        elif view.storage in {Storage.BOOL, Storage.INT, Storage.FLOAT} and set(
            np.unique(view.present).tolist()
        ) <= {0, 1}:
            hits = int(view.present.sum())
        else:
            return None
        if not rows:
            return None
        marked.append((hits, rows))
    (before, rows), (now, rows_now) = marked
    change = share_change(before, rows, now, rows_now)
    share = before / rows
    return Consequence(
        what="outcome",
        reference=share,
        current=now / rows_now,
        change=change,
        moved=moved(change, max(0.07 * math.sqrt(share * (1.0 - share)), DECISIONS)),
        note=f"share of the positive outcome in `{target}`",
    )


def moved(change: Estimate, floor: float) -> bool | None:
    """True: moved beyond chance and the floor; False: less than the floor; None: either may be."""
    if change.value is None or change.low is None or change.high is None:
        return None
    if (change.low > 0.0 or change.high < 0.0) and abs(change.value) >= floor:
        return True
    return False if max(abs(change.low), abs(change.high)) < 2.0 * floor else None


def _mean(what: str, old: Floats, new: Floats, floor: float, note: str) -> Consequence:
    value = float(new.mean() - old.mean())
    half = 1.96 * math.sqrt(old.var(ddof=1) / len(old) + new.var(ddof=1) / len(new))
    change = Estimate(
        value=value, low=value - half, high=value + half, n=len(new), unit=what, method="welch"
    )
    return Consequence(
        what=what,
        reference=float(old.mean()),
        current=float(new.mean()),
        change=change,
        moved=moved(change, floor),
        note=note,
    )


class Felt(msgspec.Struct, frozen=True, kw_only=True):
    """What one column's change does, and what share of the outcome it explains alone.

    Attributes:
        effect: change of the mean.
        explained: between-cell share of the variance in the reference (correlation ratio).
    """

    effect: float
    explained: float


def felt(
    view: ColumnView,
    per_row: Floats,
    spec: ColumnSpec,
    reference: ColumnProfile,
    current: ColumnProfile,
) -> Felt | None:
    """Change of the mean of something per row if only this column's values had moved.

    ``sum over cells of (share now - share before) * (mean in the reference cell)``: it takes what
    the reference shows at each value, so it says nothing of values the reference does not hold
    (they count as average), and leaves out that columns move together.

    Args:
        view: the column of the reference rows.
        per_row: shape (n,), a score or cost of each reference row, NaN where there is none.
        spec: what the profiles counted.
        reference: profile of the reference.
        current: profile of the current rows.
    """
    codes = cell_codes(view, spec)
    old, new = cell_counts(reference), cell_counts(current)
    if codes is None or old is None or new is None or not old.sum() or not new.sum():
        return None
    known = np.isfinite(per_row)
    if known.sum() < 20:
        return None
    rows = np.bincount(codes[known], minlength=len(old)).astype(float)
    totals = np.bincount(codes[known], weights=per_row[known], minlength=len(old))
    mean = float(per_row[known].mean())
    means = (totals + _SHRINK * mean) / (rows + _SHRINK)
    variance = float(per_row[known].var())
    explained = 0.0
    if variance > 0.0:
        raw = np.divide(totals, rows, out=np.full(len(rows), mean), where=rows > 0)
        between = float((rows * (raw - mean) ** 2).sum() / rows.sum())
        cells, n = int((rows > 0).sum()), float(rows.sum())
        within = max(variance - between, 0.0)
        explained = max(0.0, (between - within * (cells - 1) / max(1.0, n - cells)) / variance)
    effect = float((new / new.sum() - old / old.sum()) @ means)
    return Felt(effect=effect, explained=min(1.0, explained))


def cell_codes(view: ColumnView, spec: ColumnSpec) -> Ints | None:
    """The cell of every row; the last one stands for "no value"."""
    if isinstance(spec, NumberSpec) and view.storage in {
        Storage.INT, Storage.FLOAT, Storage.BOOL, Storage.TIME,
    }:  # fmt: skip
        values = view.values.astype(np.float64)
        codes = np.searchsorted(np.array(spec.edges), values, side="right").astype(np.int64)
        last = len(spec.edges) + 1
        codes[~np.isfinite(values)] = last
        if view.missing is not None:
            codes[view.missing] = last
        return codes
    if isinstance(spec, TextSpec) and view.storage is Storage.TEXT:
        places = pc.index_in(
            view.dictionary, value_set=pa.array(spec.categories, pa.large_string())
        )
        at = np.asarray(places.fill_null(len(spec.categories)).to_numpy(zero_copy_only=False))
        moved_to = np.r_[at.astype(np.int64), len(spec.categories) + 1]
        return np.asarray(moved_to[view.codes])
    return None


def cell_counts(profile: ColumnProfile) -> Floats | None:
    """Rows of each cell in the order of `cell_codes`."""
    if isinstance(profile, NumberProfile):
        rest = profile.rows - profile.finite
        return np.array([*profile.cells, rest], np.float64)
    if isinstance(profile, TextProfile):
        rest = profile.rows - profile.present
        return np.array([*profile.counts, profile.other, rest], np.float64)
    return None


def importance_of(release: Any) -> dict[str, float]:
    """Importance of each feature of a release: the share of decisions its worst fault flips."""
    found: dict[str, float] = {}
    for blast in release.blast_radius:
        flipped = blast.flipped.value
        if flipped is not None:
            found[blast.feature] = max(found.get(blast.feature, 0.0), float(flipped))
    return found


def checked_importance(importance: Mapping[str, float]) -> dict[str, float]:
    """Given weights scaled to a largest of 1; what is no finite number >= 0 counts as 0."""
    weights = {
        name: float(value) if math.isfinite(value) and value > 0 else 0.0
        for name, value in importance.items()
    }
    top = max(weights.values(), default=0.0)
    return {name: value / top if top > 0 else 0.0 for name, value in weights.items()}
