"""Which rows a retraining learns from: tried out before the release is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from holdfast.app.training import times
from holdfast.retraining.losses import losses_of
from holdfast.retraining.value import Answer, Worth, worth
from holdfast.retraining.windows import choose
from holdfast.storage.training import Interval

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from holdfast.models.base import Model
    from holdfast.releases import Release


class Chosen(NamedTuple):
    """Rows to learn from, and why these.

    Attributes:
        rows: the table of them.
        since: event time from which they are, microseconds since 1970 (UTC); None: all.
        worth: what retraining on them would be worth; None where it was not tried.
        sentences: all that in words.
    """

    rows: pa.Table
    since: int | None
    worth: Worth | None
    sentences: tuple[str, ...]


def chosen_rows(
    table: pa.Table,
    event_time: str | None,
    changes: Sequence[int],
    champion: Release,
    seen_until: int,
    metric: str,
    fit: Callable[[pa.Table, tuple[str, ...]], Model],
    target: str,
    say: Callable[[str], None],
) -> Chosen:
    """Tries the windows and holds the best against the champion.

    Args:
        table: every row that may be learned from.
        event_time: column that says when; without it all rows are taken.
        changes: event times of estimated changes.
        champion: the release that answers; its costs and threshold judge.
        seen_until: event time up to which the champion has seen rows: on those it is not judged.
        metric: the loss that counts.
        fit: trains a model from rows and the names of its inputs.
        target: column to predict.
        say: told each step.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    moments = times(table, event_time)
    if moments is None or moments.null_count:
        return Chosen(table, None, None, ("the rows carry no times: all are taken",))
    order = pc.array_sort_indices(moments)
    table, at = table.take(order), moments.take(order).to_numpy().astype(np.int64)
    bad = np.array([value == champion.positive for value in table.column(target).to_pylist()])

    def losses(model: Model, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        score = model.predict_table(table.take(pa.array(rows)))
        return losses_of(
            metric, bad[rows], score, threshold=champion.threshold, costs=champion.costs
        )

    def judge(train: NDArray[np.int64], held: NDArray[np.int64]) -> NDArray[np.float64]:
        say(f"trying {len(train):,} rows on the {len(held):,} newest")
        return losses(fit(table.take(pa.array(train)), champion.contract.features), held)

    found = choose(at, changes, judge)
    value = None
    if found.held:
        newest = np.arange(len(at) - found.held, len(at))
        now = losses(champion.model, newest)
        now[at[newest] < seen_until] = np.nan
        value = worth(now, np.array(found.losses), metric=metric, rows_per_day=_pace(at))
    since = found.window.since
    rows = table if since is None else table.filter(pa.array(at >= since))
    said = (*found.sentences, *(value.sentences if value else ()))
    return Chosen(rows, since, value, said)


def helps(chosen: Chosen) -> bool:
    """Whether it is not told that retraining would not help."""
    return chosen.worth is None or chosen.worth.answer is not Answer.WOULD_NOT_HELP


def cut(pieces: Sequence[Interval], since: int | None) -> tuple[Interval, ...]:
    """What is left of some intervals from a time on.

    >>> cut([Interval(0, 3), Interval(5, 9)], 6)
    (Interval(since=6, until=9),)
    """
    if since is None:
        return tuple(pieces)
    return tuple(
        Interval(max(piece.since, since), piece.until)
        for piece in pieces
        if piece.until is None or piece.until > since
    )


def held_back(
    rows: pa.Table, pieces: tuple[Interval, ...], event_time: str | None, count: int
) -> tuple[pa.Table, tuple[Interval, ...]]:
    """The rows without the newest ones: on these the challenger is judged as soon as it is made.

    Args:
        rows: to learn from.
        pieces: the event times that they come from.
        event_time: column that says when; without it nothing is held back.
        count: how many rows at least; rows of the same time go together. Nothing is held back where
            that were more than a quarter of the rows.
    """
    import pyarrow as pa

    moments = times(rows, event_time)
    if moments is None or not 0 < count <= rows.num_rows // 4 or moments.null_count:
        return rows, pieces
    at = moments.to_numpy()
    since = int(np.partition(at, len(at) - count)[len(at) - count])
    kept = [Interval(p.since, min(p.until or since, since)) for p in pieces if p.since < since]
    return rows.filter(pa.array(at < since)), tuple(kept)


def _pace(at: NDArray[np.int64]) -> float | None:
    """Rows a day."""
    span = int(at[-1] - at[0]) if len(at) else 0
    return len(at) * 86_400e6 / span if span > 0 else None
