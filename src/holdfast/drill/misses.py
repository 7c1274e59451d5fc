"""Why a fault was missed, and what would make it visible."""

from __future__ import annotations

import math
from collections.abc import Sequence

from holdfast.detection.base import Side, Stream
from holdfast.detection.delay import rows_to_alarm_with_bets
from holdfast.detection.tolerance import default_floor
from holdfast.drill import effect
from holdfast.drill.answers import Asked, Share
from holdfast.drill.faults.base import Fault, Injected
from holdfast.drill.outcome import Missed, Reason
from holdfast.drill.scene import Scene

#: codes of questions about marks of the guard; every other code is about values, scores, outcomes
MARK_CODES = frozenset(
    {
        "null", "type", "range", "unseen", "sentinel", "format", "length", "order",
        "null_together", "sum", "dependency", "unknown_field", "guard_error", "model_error",
        "rejected", "abstained", "other",
    }
)  # fmt: skip
#: codes of questions about outcomes
LABEL_CODES = frozenset({"label"})
#: a share of marks has moved when so many rows more are marked
MOVED_ROWS = 3


def watches_values(streams: Sequence[Stream], columns: Sequence[str] = ()) -> bool:
    """Whether values of some columns are watched, not only their marks.

    Without columns: whether anything but marks is, of single columns or of whole rows.
    """
    return any(
        not s.muted
        and s.code not in MARK_CODES
        and not _of_labels(s)
        and (not columns or s.field in columns)
        for s in streams
    )


def watches_labels(streams: Sequence[Stream]) -> bool:
    """Whether outcomes are watched."""
    return any(_of_labels(s) and not s.muted for s in streams)


def _of_labels(stream: Stream) -> bool:
    return stream.code in LABEL_CODES


def explain(
    fault: Fault,
    scene: Scene,
    injected: Injected,
    streams: Sequence[Stream],
    clean: Asked,
    faulty: Asked,
) -> Missed:
    """The first reason that holds: labels, marks within their interval, nothing watched, size."""
    rows = injected.table.num_rows - scene.onset
    if fault.labels:
        return _labels(fault, scene, injected, streams, rows)
    marked = _marks(streams, clean, faulty, rows)
    if marked is not None:
        return marked
    if not watches_values(streams, injected.columns):
        return Missed(
            reason=Reason.NOT_WATCHED,
            why="no mark of the guard becomes commoner, and values are not watched",
            remedy=fault.visible,
        )
    size, where = effect.on_columns(scene, injected)
    if not injected.columns and watches_labels(streams):
        labels = effect.on_labels(scene, injected)
        if labels > size:
            return _by_size(labels, rows, "the outcome moves", fault.visible)
    if size < effect.UNMOVED:
        return Missed(
            reason=Reason.NOT_WATCHED,
            why="no share of any single column moves: only what goes with what has changed",
            remedy=fault.visible,
        )
    return _by_size(size, rows, f"`{where}` moves", fault.visible)


def _labels(
    fault: Fault, scene: Scene, injected: Injected, streams: Sequence[Stream], rows: int
) -> Missed:
    if not watches_labels(streams):
        return Missed(
            reason=Reason.NEEDS_LABELS,
            why="the inputs look as ever: only outcomes show it, and no outcome is watched",
            remedy="a monitor that is given the outcomes as they come in (known soon, for many "
            "rows)",
        )
    return _by_size(effect.on_labels(scene, injected), rows, "the outcome moves", fault.visible)


def _by_size(size: float, rows: int, what: str, visible: str) -> Missed:
    """A change that is watched: too small, or too few rows for its size."""
    needed = effect.rows_needed(size)
    if math.isinf(needed):
        return Missed(
            reason=Reason.BELOW_FLOOR,
            why=f"{what} by {size:.2f} standard deviations, less than the {effect.FLOOR} that "
            "count",
            remedy="a smaller floor, if so small a change matters to you",
        )
    if needed > rows:
        return Missed(
            reason=Reason.TOO_FEW_ROWS,
            why=f"{what} by {size:.2f} standard deviations, which takes about {needed:,.0f} rows; "
            f"there were {rows:,}",
            remedy="more rows, or a laxer false-alarm budget",
        )
    return Missed(
        reason=Reason.UNEXPLAINED,
        why=f"{what} by {size:.2f} standard deviations, which about {needed:,.0f} of the {rows:,} "
        "rows should have shown",
        remedy=visible,
    )


def _marks(streams: Sequence[Stream], clean: Asked, faulty: Asked, rows: int) -> Missed | None:
    """The question about marks that moved most, and why it stayed silent; None if none moved."""
    best: tuple[float, Stream, Share] | None = None
    for stream in streams:
        before, after = clean.share(stream), faulty.share(stream)
        down = stream.side is Side.DOWN
        more = before.yes - after.yes if down else after.yes - before.yes
        move = abs(after.value - before.value)
        asked = stream.code in MARK_CODES and math.isfinite(stream.edge)
        if asked and more >= MOVED_ROWS and (best is None or move > best[0]):
            best = move, stream, after
    if best is None:
        return None
    _, stream, after = best
    name = f"`{stream.key}`" if stream.field else f"the share of {stream.code} answers"
    moved = f"{name} goes from {stream.share:.2%} to about {after.value:.2%}"
    if stream.muted:
        return Missed(
            reason=Reason.MUTED,
            why=f"{moved}, and is muted: {stream.muted}",
            remedy="a reference in which it moves less, or a rule that marks less in normal life",
        )
    up = stream.side is Side.UP
    value, edge = (after.value, stream.edge) if up else (1.0 - after.value, 1.0 - stream.edge)
    needed = rows_to_alarm_with_bets(value, edge, stream.nats)
    if math.isinf(needed):
        return Missed(
            reason=Reason.BELOW_FLOOR,
            why=f"{moved}; up to {stream.edge:.2%} counts as normal"
            if up
            else f"{moved}; down to {stream.edge:.2%} counts as normal",
            remedy=_wider(stream),
        )
    return Missed(
        reason=Reason.TOO_FEW_ROWS if needed > rows / 2 else Reason.UNEXPLAINED,
        why=f"{moved}, which takes about {needed:,.0f} rows; there were {rows:,}",
        remedy="more rows, or a laxer false-alarm budget",
    )


def _wider(stream: Stream) -> str:
    """What makes the allowed interval of a stream as wide as it is."""
    margin = abs(stream.edge - stream.share)
    n = max(stream.rows, 1)
    error = 4.0 * math.sqrt(stream.share * (1.0 - stream.share) / n) + 8.0 / n
    if margin <= default_floor(stream.share) * 1.001:
        return "a smaller floor, if so small a change matters to you"
    if margin <= error * 1.001:
        return f"a larger reference: it has {stream.rows:,} rows"
    return (
        "a contract that allows less (`max_share`), or a reference that moves less from period "
        "to period"
    )
