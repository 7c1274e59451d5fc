"""Champion and challenger on the same judged rows: told as soon as it can be, at any look.

The differences of the two losses, summed up in blocks of rows, run through a confidence sequence:
its interval holds at all looks together. Where that tells nothing until a number of rows fixed
beforehand, the estimate on exactly those rows decides, once, and says so. No slice of enough rows
may be worse than allowed: its rise has an interval of its own, at a level shared over the slices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError
from holdfast.evaluation.losses import Floats
from holdfast.stats.sequential import best_mixture, sequence_radius

#: rows summed up as one, as neighbours depend on each other
BLOCK = 50
#: blocks before the first interval
FEWEST = 8


class SliceVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One slice of the rows.

    Attributes:
        name: ``column=value``.
        rows: rows in it.
        rise: loss of the challenger over that of the champion there, less 1; None where it could
            not be told.
        low: lower end of that rise, at the level shared over the slices; None: could not be told.
        worse: whether it is told worse than allowed; None: could not be told.
    """

    name: str
    rows: int
    rise: float | None
    low: float | None
    worse: bool | None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a challenger.

    Attributes:
        state: ``better``, ``worse``, ``slice_worse`` or ``undecided``.
        certain: whether the interval tells it; False where the estimate decided, or nothing did.
        rows: judged rows that both answered.
        gain: mean loss of the champion less that of the challenger; None without rows.
        low, high: interval of the gain that holds at all looks; None while rows are few.
        decided_at: rows at which it was decided; None while undecided.
        slices: what is known of each slice.
        sentences: all that in words.
    """

    state: str
    certain: bool
    rows: int
    gain: float | None
    low: float | None
    high: float | None
    decided_at: int | None
    slices: tuple[SliceVerdict, ...]
    sentences: tuple[str, ...]


def challenge(
    champion: Floats,
    challenger: Floats,
    *,
    metric: str = "loss",
    slices: Mapping[str, npt.NDArray[Any]] | None = None,
    by: float = 0.0,
    confidence: float = 0.95,
    decide_at: int = 2_000,
    slice_drop: float = 0.03,
    slice_support: int = 200,
    block: int | None = None,
) -> Verdict:
    """Compares two models on the same rows, in the order in which their outcomes are judged.

    Args:
        champion: loss of each row, shape (n,), NaN where it did not answer.
        challenger: the same of the challenger. Rows that not both answered are left out.
        metric: what the losses are, for the sentences.
        slices: column → value of each row, shape (n,); each value is a slice.
        by: gain that is asked for, in units of the loss.
        confidence: in (0, 1).
        decide_at: rows after which the estimate decides; only the first so many rows count then,
            so later ones change nothing.
        slice_drop: share by which the loss of a slice may rise.
        slice_support: rows that a slice needs to be judged.
        block: rows of one block; None: `BLOCK`, or fewer where few rows decide.

    Raises:
        DataError: the lengths differ.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> old, new = rng.random(3000) + 0.1, rng.random(3000)
        >>> verdict = challenge(old, new, decide_at=3000)
        >>> verdict.state, verdict.certain
        ('better', True)
    """
    if champion.shape != challenger.shape:
        raise DataError(
            "the losses are of different rows",
            expected=f"shape {champion.shape}",
            got=f"shape {challenger.shape}",
        )
    block = max(1, min(BLOCK, decide_at // (4 * FEWEST))) if block is None else block
    both = np.isfinite(champion) & np.isfinite(challenger)
    at = np.flatnonzero(both)[:decide_at]
    old, new = champion[at], challenger[at]
    means = _blocks(old - new, block)
    state, certain, decided, low, high = _sequence(means, block, by, confidence)
    rows = len(at)
    gain = float((old - new).mean()) if rows else None
    if state == "undecided" and rows >= decide_at and gain is not None:
        state, decided = ("better" if gain >= by else "worse"), decide_at
    parts = _slices(old, new, at, slices or {}, confidence, slice_drop, slice_support, block)
    bad = [part for part in parts if part.worse]
    if state != "worse" and bad:
        state, certain = "slice_worse", True
    return Verdict(
        state=state,
        certain=certain,
        rows=rows,
        gain=gain,
        low=low,
        high=high,
        decided_at=decided,
        slices=parts,
        sentences=tuple(
            _words(metric, state, rows, gain, low, high, decide_at, parts, certain=certain)
        ),
    )


def _blocks(values: Floats, block: int) -> Floats:
    """Means of whole blocks."""
    whole = len(values) // block
    means: Floats = values[: whole * block].reshape(whole, block).mean(axis=1)
    return means


def _sequence(
    means: Floats, block: int, by: float, confidence: float
) -> tuple[str, bool, int | None, float | None, float | None]:
    """Walks through the blocks and stops at the first decision, as one who always looks would."""
    horizon = best_mixture(40, confidence)
    low = high = None
    for n in range(FEWEST, len(means) + 1):
        seen = means[:n]
        mean = float(seen.mean())
        # one more block as far out as the largest: few blocks do not know their own spread
        spread = float(((seen - mean) ** 2).sum() + np.abs(seen).max() ** 2) / n
        half = sequence_radius(n, math.sqrt(spread), horizon, confidence)
        low, high = mean - half, mean + half
        if low > by:
            return "better", True, n * block, low, high
        if high < by:
            return "worse", True, n * block, low, high
    return "undecided", False, None, low, high


def _slices(
    old: Floats,
    new: Floats,
    at: npt.NDArray[np.int64],
    slices: Mapping[str, npt.NDArray[Any]],
    confidence: float,
    drop: float,
    support: int,
    block: int,
) -> tuple[SliceVerdict, ...]:
    parts: list[tuple[str, npt.NDArray[np.int64]]] = []
    for column, values in slices.items():
        names = np.array([str(v) for v in np.asarray(values, dtype=object)[at]], dtype=object)
        parts += [
            (f"{column}={name}", np.flatnonzero(names == name))
            for name in sorted(set(names.tolist()))
        ]
    judged = max(1, sum(len(where) >= support for _, where in parts))
    level = 1 - (1 - confidence) / judged
    found = []
    for name, where in parts:
        mean = float(old[where].mean()) if len(where) else 0.0
        rise = low = worse = None
        if len(where) >= support and mean > 0:
            # the rise of the loss less what is allowed of it, row by row
            excess = _blocks(new[where] - (1 + drop) * old[where], max(1, block // 5))
            n = len(excess)
            spread = float(excess.var()) + float(np.abs(excess).max() ** 2) / n
            half = sequence_radius(n, math.sqrt(spread), best_mixture(n, level), level)
            rise = float(new[where].mean()) / mean - 1
            low = (float(excess.mean()) - half) / mean + drop
            worse = low > drop
        found.append(SliceVerdict(name=name, rows=len(where), rise=rise, low=low, worse=worse))
    return tuple(found)


def _words(
    metric: str,
    state: str,
    rows: int,
    gain: float | None,
    low: float | None,
    high: float | None,
    decide_at: int,
    parts: tuple[SliceVerdict, ...],
    *,
    certain: bool,
) -> list[str]:
    if gain is None:
        return ["no judged row was answered by both"]
    told = (
        f"over {rows:,} rows its {metric} is {abs(gain):.4g} {'lower' if gain >= 0 else 'higher'}"
    )
    if low is not None and high is not None:
        told += f" (gain between {low:.4g} and {high:.4g})"
    said = [told]
    if state == "undecided":
        said.append(f"not told yet; at {decide_at:,} rows the estimate decides")
    elif not certain:
        said.append(f"decided by the estimate at {decide_at:,} rows, not by its interval")
    said += [
        f"worse in {part.name}: its {metric} rose by {part.rise:.1%} over {part.rows:,} rows"
        for part in parts
        if part.worse and part.rise is not None
    ]
    unknown = [part.name for part in parts if part.worse is None]
    if unknown:
        said.append(
            f"{len(unknown)} slices have too few rows to be judged: {', '.join(unknown[:5])}"
        )
    return said
