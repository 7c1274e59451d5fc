"""Why a fault was missed, and what would make it visible."""

from __future__ import annotations

import math
from collections.abc import Sequence

from holdfast.detection.base import Side, Stream
from holdfast.detection.delay import rows_to_alarm_with_bets
from holdfast.detection.mark_streams import DOWN_FLOOR
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
#: a share of marks has moved when so many rows more are marked, and by so many standard errors
MOVED_ROWS, BEYOND_CHANCE = 3, 4.0


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
    marked = _marks(streams, clean, faulty, injected, rows)
    if marked is not None:
        return marked
    if not watches_values(streams, injected.columns):
        return Missed(
            reason=Reason.NOT_WATCHED,
            why="no mark of the guard becomes notably commoner, and values are not watched",
            remedy=fault.visible,
        )
    if fault.joint:
        return Missed(
            reason=Reason.BELOW_FLOOR,
            why="no single column moves: only what goes with what, which is watched and moves too "
            "little",
            remedy=fault.visible,
        )
    size, where = effect.on_columns(scene, injected)
    if not injected.columns and watches_labels(streams):
        labels = effect.on_labels(scene, injected)
        if labels > size:
            return _by_size(labels, rows, "the outcome moves", fault.visible)
    return _by_size(size, rows, f"{where} moves", fault.visible)


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
    if needed > rows / 2:
        return Missed(
            reason=Reason.TOO_FEW_ROWS,
            why=f"{what} by {size:.2f} standard deviations, which takes {_count(needed)} rows; "
            f"there were {rows:,}",
            remedy="more rows, or a laxer false-alarm budget",
        )
    return Missed(
        reason=Reason.UNEXPLAINED,
        why=f"{what} by {size:.2f} standard deviations, which about {needed:,.0f} of the {rows:,} "
        "rows should have shown",
        remedy=visible,
    )


def _marks(
    streams: Sequence[Stream], clean: Asked, faulty: Asked, injected: Injected, rows: int
) -> Missed | None:
    """The question about marks that moved most, and why it stayed silent; None if none moved."""
    best: tuple[float, Stream, Share] | None = None
    for stream in streams:
        if stream.code in MARK_CODES and stream.key == f"{stream.field}:{stream.code}":
            after = faulty.share(stream)
            size = _moved(stream, clean.share(stream), after, injected.aligned)
            rank = size if stream.field else 0.8 * size  # a cause before its consequence
            if size > BEYOND_CHANCE and (best is None or rank > best[0]):
                best = rank, stream, after
    if best is None:
        return None
    _, stream, after = best
    name = stream.key if stream.field else f"the share of {stream.code} answers"
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
        normal = f"{'up' if up else 'down'} to {stream.edge:.2%} counts as normal"
        if value > edge:
            normal += ", and no bet stands that near to it"
        return Missed(
            reason=Reason.BELOW_FLOOR, why=f"{moved}; {normal}", remedy=_wider(stream, value > edge)
        )
    needed *= len(faulty.answers) / after.rows  # it asks rows that have a value, and no others
    return Missed(
        reason=Reason.TOO_FEW_ROWS if needed > rows / 2 else Reason.UNEXPLAINED,
        why=f"{moved}, which takes {_count(needed)} rows; there were {rows:,}",
        remedy="more rows, or a laxer false-alarm budget",
    )


def _moved(stream: Stream, before: Share, after: Share, aligned: bool) -> float:
    """By how many standard errors a share moved its stream's way; 0 if the clean rows show it too.

    Rows that stay where they are can be compared one by one: then some must be marked anew.
    """
    if not after.rows:
        return 0.0
    side = 1.0 if stream.side is Side.UP else -1.0
    if aligned and side * (after.yes - before.yes) < MOVED_ROWS:
        return 0.0
    p = min(max(stream.share, 0.5 / after.rows), 1.0 - 0.5 / after.rows)
    error = math.sqrt(p * (1.0 - p) / after.rows)
    own = 0.0 if aligned else side * (before.value - stream.share)
    return (side * (after.value - stream.share) - max(own, 0.0)) / error


def _count(rows: float) -> str:
    return f"about {rows:,.0f}" if rows < 1e6 else "more than a million"


def _wider(stream: Stream, outside: bool = False) -> str:
    """What makes the allowed interval of a stream as wide as it is."""
    if outside:
        return "a bet that stands nearer to what is allowed, or a smaller floor"
    margin = abs(stream.edge - stream.share)
    n = max(stream.rows, 1)
    error = 4.0 * math.sqrt(stream.share * (1.0 - stream.share) / n) + 8.0 / n
    floor = default_floor(stream.share)
    if stream.side is Side.DOWN:
        floor = DOWN_FLOOR * stream.share
    if margin <= floor * 1.001:
        return "a smaller floor, if so small a change matters to you"
    if margin <= error * 1.001:
        return f"a larger reference: this one has {stream.rows:,} rows to tell from"
    return (
        "a contract that allows less (`max_share`), or a reference that moves less from period "
        "to period"
    )
