"""Accepted as normal: what a person takes as normal is tolerated from now on, and nothing else.

The rows since the onset are the evidence. Every bet of the accepted columns then tolerates a mean
payoff as high as theirs, plus the error of so few rows and the usual floor; what the reference
called normal stays normal too. A further change goes beyond that and is found. An acceptance is
kept under the incident's name and can be taken back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.adapt import More, pays_of
from holdfast.detection.columns.fit import ColumnFit, feature_counts
from holdfast.detection.columns.labels import LabelFit, Members, payoffs
from holdfast.detection.columns.outliers import OutlierStream
from holdfast.detection.columns.quiet import ERRORS
from holdfast.detection.columns.rows import RowStream
from holdfast.detection.columns.streams import DELTA
from holdfast.frames.values import FloatArray, IntArray

#: evidence that a bet's tolerance is widened by at all, in rows
LEAST_ROWS = 20


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What one acceptance changed.

    Attributes:
        rows: rows it is based on.
        columns: by place of a column (the score last), what is tolerated more.
        streams: by place of a row stream, upper end of the interval.
        ends: by place of an end, exceedances taken as seen among the reference's rows.
        labels: what the bets on outcomes tolerate more, or None.
    """

    rows: int
    columns: dict[int, More] = {}
    streams: dict[int, float] = {}
    ends: dict[int, int] = {}
    labels: More | None = None


def tolerated(mean: FloatArray, sd: FloatArray, rows: FloatArray | float) -> FloatArray:
    """Nats of a mean payoff that is normal after `rows` rows showed `mean` and `sd`.

    >>> tolerated(np.array([1.2]), np.array([0.5]), 400.0).round(3).tolist()
    [0.262]
    """
    room = np.maximum(DELTA, ERRORS / np.sqrt(np.maximum(rows, 1.0))) * sd
    nats: FloatArray = np.log(np.maximum(mean + room, 1e-300))
    return np.where(mean > 1.0 - room, np.maximum(nats, 0.0), 0.0)


def of_column(column: ColumnFit, coded: IntArray, lit: NDArray[np.bool_]) -> More | None:
    """What a column tolerates more once some rows of it are normal; None where they are too few.

    Args:
        column: the column as learned.
        coded: shape (n,), cells of the rows, moved to their phases.
        lit: shape (n, flags), their flags.
    """
    table = column.table
    size = column.groups * column.cells.size
    if not table.bets or len(coded) < LEAST_ROWS:
        return None
    pays = pays_of(column, table)
    _, counts = feature_counts(coded, lit, len(table.steps), size)
    rows = float(counts @ pays.applies)
    if rows < LEAST_ROWS:
        return None
    mean = counts @ pays.per / rows
    square = (counts[:size] * pays.applies[:size]) @ pays.per[:size] ** 2 / rows
    whole = tolerated(mean, _sd(mean, square), rows)
    if column.groups == 1:
        return More.of(whole)
    # by the clock: each phase by its own rows; those that were not seen by the loudest phase
    shape = (column.groups, column.cells.size)
    by = (counts[:size] * pays.applies[:size]).reshape(shape)
    per = pays.per[:size].reshape(*shape, -1)
    n = by.sum(axis=1)
    safe = np.maximum(n, 1.0)[:, None]
    means = np.einsum("gc,gcb->gb", by, per) / safe
    squares = np.einsum("gc,gcb->gb", by, per**2) / safe
    nats = tolerated(means, _sd(means, squares), n[:, None])
    seen = n >= LEAST_ROWS
    loudest = nats[seen].max(axis=0) if seen.any() else whole
    nats = np.where(seen[:, None], nats, np.maximum(loudest, whole))
    nats = np.where(_of_flags(pays.per[size:]), whole, nats)
    return More.of(nats)


def _sd(mean: FloatArray, square: FloatArray) -> FloatArray:
    result: FloatArray = np.sqrt(np.maximum(square - mean**2, 0.0))
    return result


def _of_flags(per: FloatArray) -> NDArray[np.bool_]:
    """Which bets ask about flags: those know no phases."""
    found: NDArray[np.bool_] = (per != 0.0).any(axis=0)
    return found


def edge_of(stream: RowStream, yes: int, rows: int) -> float:
    """Upper end of a row stream's interval once `yes` of `rows` rows are normal."""
    p = min(max(yes / max(rows, 1), 0.0), 1.0)
    error = ERRORS * math.sqrt(p * (1.0 - p) / max(rows, 1)) + 2.0 / max(rows, 1)
    return min(max(stream.edge, p + max(error, 0.003 + 0.25 * p * (1.0 - p))), 1.0 - 1e-4)


def beyond_of(end: OutlierStream, beyond: int, rows: int) -> int:
    """Exceedances of an end's reference once `beyond` of `rows` values are normal."""
    p = beyond / max(rows, 1)
    share = p + ERRORS * math.sqrt(p * (1.0 - p) / max(rows, 1))
    return max(end.beyond, math.ceil(end.rows * min(share, 1.0)))


def of_labels(
    fit: LabelFit, members: Members, coded: IntArray, score: FloatArray, label: FloatArray
) -> More | None:
    """What bets on outcomes tolerate more; None where too few outcomes are known."""
    known = np.isfinite(score) & np.isfinite(label)
    if known.sum() < LEAST_ROWS:
        return None
    coded, score, y = coded[known], score[known], label[known]
    logs = payoffs(fit.calibration.chance(score), y, fit.base)
    member = members.of(coded)
    rows = member.sum(axis=0)[:, None]
    norm = np.frombuffer(fit.norm).reshape(member.shape[1], logs.shape[1])
    pay = np.exp(logs)
    mean = member.T @ pay / np.maximum(rows, 1.0)
    sd = np.sqrt(np.maximum(member.T @ pay**2 / np.maximum(rows, 1.0) - mean**2, 0.0))
    nats = tolerated(mean / np.exp(norm), sd / np.exp(norm), rows)
    return More.of(np.where(rows >= LEAST_ROWS, nats, 0.0).ravel())


def labels_after(fit: LabelFit, found: Sequence[Accepted]) -> LabelFit:
    """The bets on outcomes with all that was accepted."""
    more = [a.labels for a in found if a.labels is not None]
    if not more:
        return fit
    nats = np.max([m.arrays()[0].ravel() for m in more], axis=0)
    return msgspec.structs.replace(fit, norm=(np.frombuffer(fit.norm) + nats).tobytes())


def streams_accepted(streams: Sequence[RowStream], found: Sequence[Accepted]) -> list[RowStream]:
    """The row streams with all that was accepted."""
    out = list(streams)
    for accepted in found:
        for place, edge in accepted.streams.items():
            out[place] = msgspec.structs.replace(out[place], edge=max(out[place].edge, edge))
    return out


def ends_accepted(ends: Sequence[OutlierStream], found: Sequence[Accepted]) -> list[OutlierStream]:
    """The ends with all that was accepted."""
    out = list(ends)
    for accepted in found:
        for place, beyond in accepted.ends.items():
            out[place] = msgspec.structs.replace(out[place], beyond=max(out[place].beyond, beyond))
    return out


def in_words(
    found: Iterable[Accepted], columns: Sequence[ColumnFit], streams: Sequence[RowStream]
) -> list[str]:
    """One sentence an acceptance."""
    out = []
    for accepted in found:
        names = [columns[i].name or "the score" for i in accepted.columns]
        names += [streams[i].field or "rows" for i in accepted.streams]
        said = ", ".join(dict.fromkeys(names)) or "outcomes"
        out.append(f"accepted as normal on {accepted.rows:,} rows: {said}; a further change counts")
    return out
