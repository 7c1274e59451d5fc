"""The streams of a reference that may start at any row, and the ends of its numeric columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.cells import Cells
from holdfast.detection.columns.flags import Keys, Repeats
from holdfast.detection.columns.outliers import CLUMPED_FLOOR, FLOOR, OutlierStream
from holdfast.detection.columns.quiet import BLOCK, ERRORS, Spread, highest, settle, spread
from holdfast.detection.columns.rows import RowStream, steps_of
from holdfast.detection.columns.streams import DEAD_HIGH, TOO_VARIABLE, Bet
from holdfast.frames.values import FloatArray, IntArray, ValueKind, Values

#: reference rows from which a column is watched at all
LEAST_ROWS = 30
#: a column is free text, not categories, when so many of its rows show a category once only
FREE_TEXT = 0.2
#: codes of row streams that look at neighbouring rows
REPEATED = frozenset({"repeat", "recent", "duplicate", "adjacent"})
#: a row stream to be: column, code, shape (n,) yes and applies, floor, least share, newcomers
_Draft = tuple[
    str, str, NDArray[np.bool_], NDArray[np.bool_], float, float, NDArray[np.bool_] | None
]


def row_streams(
    columns: Mapping[str, Values],
    names: Sequence[str],
    cells: Sequence[Cells],
    coded: IntArray,
    calendar: Sequence[bool],
    scale: float,
    clumps: Mapping[str, float],
) -> list[RowStream]:
    """Yes/no streams over all columns, in a fixed order."""
    rows = len(coded)
    keys = Keys().of([columns[n] for n in names], rows)
    same, recent, again = Repeats(len(names)).observe(keys)
    drafts: list[_Draft] = []
    for i, name in enumerate(names):
        c, at = cells[i], coded[:, i]
        every = np.ones(rows, np.bool_)
        present = (at != c.missing) & (at != c.wrong)
        p = float((at == c.missing).mean())
        drafts.append((name, "null", at == c.missing, every, 0.003 + 0.25 * p, 0.0, None))
        if c.kind is ValueKind.NUMBER:
            p = float((at == c.wrong).mean())
            drafts.append(
                (name, "type", at == c.wrong, at != c.missing, 0.003 + 0.25 * p, 0.0, None)
            )
        else:
            p = _unseen_rate(columns[name])
            new = _newcomers(columns[name])
            drafts.append((name, "unseen", at == c.unseen, present, 0.003 + 0.25 * p, p, new))
        if calendar[i]:
            continue
        p = float(same[:, i].mean())
        number = c.kind is ValueKind.NUMBER
        least = 0.02 + 0.25 * p if number else 0.04 + 0.25 * p * (1.0 - p)
        drafts.append((name, "repeat", same[:, i], present, least, 0.0, None))
        if number and c.inner > 16:
            p = float(recent[:, i].mean())
            drafts.append((name, "recent", recent[:, i], present, 0.02 + 0.25 * p, 0.0, None))
    whole = np.ones(rows, np.bool_)
    for k, (code, least) in enumerate((("duplicate", 0.006), ("adjacent", 0.004))):
        p = float(again[:, k].mean())
        drafts.append(("", code, again[:, k], whole, least + 0.5 * p, 0.0, None))
    return _fit_streams(drafts, scale, clumps)


def _fit_streams(
    drafts: Sequence[_Draft],
    scale: float,
    clumps: Mapping[str, float],
) -> list[RowStream]:
    yes = np.array([d[2] & d[3] for d in drafts]).T
    applies = np.array([d[3] for d in drafts]).T
    blocks = len(yes) // BLOCK
    n = np.maximum(applies.sum(axis=0), 1)
    p = np.maximum(yes.sum(axis=0) / n, [d[5] for d in drafts])
    floor = np.array([d[4] for d in drafts]) * scale
    used = blocks * BLOCK
    hits = yes[:used].reshape(blocks, BLOCK, -1).sum(axis=1).astype(float)
    asked = applies[:used].reshape(blocks, BLOCK, -1).sum(axis=1).astype(float)
    ups = spread(hits, asked, np.maximum(p * (1.0 - p), 1e-12))
    for i, d in enumerate(drafts):
        if d[6] is not None:
            _clump(ups, i, d[6], asked[:, i])
        if d[1] == "repeat":  # how often a category repeats follows its mix, wherever that goes
            ups.deff[i] = max(ups.deff[i], clumps.get(d[0], 1.0))
    error = ERRORS * np.sqrt(p * (1.0 - p) / n) + 8.0 / n
    wide = np.maximum(floor, 4.0 * ups.between)

    def edge_at(mult: FloatArray | float, chosen: IntArray) -> FloatArray:
        margin = np.maximum(wide[chosen] * mult, error[chosen])
        result: FloatArray = np.minimum(p[chosen] + margin, 1.0 - 1e-4)
        return result

    def steps_at(mult: float, chosen: IntArray) -> FloatArray:
        # the bets of a stream one after the other; the loudest decides
        gain, loss = steps_of(edge_at(mult, chosen), ups.deff[chosen])
        wide_yes = np.repeat(yes[:, chosen], gain.shape[1], axis=1)
        wide_on = np.repeat(applies[:, chosen], gain.shape[1], axis=1)
        return np.where(wide_yes, gain.ravel(), np.where(wide_on, loss.ravel(), 0.0))

    mult, loud = settle(len(drafts), steps_at, highest)
    edge = edge_at(mult, np.arange(len(drafts)))
    out = []
    for i, (field, code, *_rest) in enumerate(drafts):
        why = ""
        if loud[i]:
            why = TOO_VARIABLE
        elif code == "unseen" and p[i] > FREE_TEXT:
            why = "nearly every row brings a new value: free text or an identifier"
        elif edge[i] >= DEAD_HIGH:
            why = f"up to {edge[i]:.0%} is normal in the reference"
        elif n[i] < LEAST_ROWS:
            why = f"only {int(n[i])} rows of the reference have a value"
        out.append(
            RowStream(
                field=field, code=code, share=float(p[i]), rows=int(n[i]), edge=float(edge[i]),
                deff=float(ups.deff[i]), muted=why,
            )
        )  # fmt: skip
    return out


def _clump(ups: Spread, place: int, new: NDArray[np.bool_], asked: FloatArray) -> None:
    """Ups and downs of an unseen stream, from what its own second half brought that was new.

    No row of the reference is unseen by itself, but its new categories may come in bunches: the
    lines of one order, the calls of one campaign.
    """
    half, blocks = len(asked) // 2, len(asked)
    hits = new[: blocks * BLOCK].reshape(blocks, BLOCK).sum(axis=1).astype(float)[half:, None]
    rows = asked[half:, None]
    share = float(hits.sum() / max(rows.sum(), 1.0))
    own = spread(hits, rows, np.array([max(share * (1.0 - share), 1e-12)]))
    ups.between[place] = max(ups.between[place], own.between[0])
    ups.deff[place] = max(ups.deff[place], own.deff[0])


def _newcomers(values: Values) -> NDArray[np.bool_]:
    """Shape (n,): rows of the second half with a category that the first half did not have."""
    half = len(values.codes) // 2
    seen = np.zeros(len(values.names) + 1, np.bool_)  # the last place is for missing
    seen[values.codes[:half]] = True
    new = ~seen[values.codes] & (values.codes >= 0)
    new[:half] = False
    return new


def _unseen_rate(values: Values) -> float:
    """Share of rows that will bring a category the reference lacks (Good-Turing; by halves too)."""
    codes = values.codes[values.codes >= 0]
    if not len(codes):
        return 0.0
    counts = np.bincount(codes)
    rate = float((counts == 1).sum()) / len(codes)
    half = len(codes) // 2
    seen = np.zeros(len(values.names), np.bool_)
    seen[codes[:half]] = True
    late = float((~seen[codes[half:]]).mean()) if half else 0.0
    # a later half that brings many new categories shows a reference that has not seen them all
    return max(rate, late / 2.0 if late > 0.01 else 0.0)


def ends_of(
    names: Sequence[str],
    cells: Sequence[Cells],
    coded: IntArray,
    calendar: Sequence[bool],
    bets: Sequence[Sequence[Bet]],
) -> list[OutlierStream]:
    """Both ends of every numeric column; clumped columns are thinned as their other bets are."""
    out = []
    for i, (name, c) in enumerate(zip(names, cells, strict=True)):
        if c.kind is not ValueKind.NUMBER or c.inner < 2 or calendar[i]:
            continue
        n = int(sum(c.counts[: c.inner]))
        clumped = _clumped(coded[:, i], c)
        floor = CLUMPED_FLOOR if clumped else FLOOR
        deff = float(np.median([b.deff for b in bets[i]] or [1.0])) if clumped else 1.0
        why = "" if n >= LEAST_ROWS else f"only {n} rows of the reference have a value"
        out += [
            OutlierStream(
                field=name,
                code=code,
                beyond=int(c.counts[cell]),
                rows=n,
                floor=floor,
                deff=deff,
                muted=why,
            )
            for code, cell in (("below", c.below), ("above", c.above))
        ]
    return out


def _clumped(coded: IntArray, cells: Cells) -> bool:
    """Whether neighbouring rows of a numeric column resemble each other."""
    x = coded[coded < cells.inner].astype(float)
    if len(x) < 400 or x.std() == 0.0:
        return False
    x = x - x.mean()
    lag = float(np.mean(x[1:] * x[:-1])) / float(np.mean(x**2))
    return bool(lag > 5.0 / np.sqrt(len(x)) + 0.02)


def shows_order(cells: Sequence[Cells], coded: IntArray) -> bool:
    """Whether some column's neighbouring rows resemble each other, as they do in natural order."""
    return any(
        _clumped(coded[:, i], c)
        if c.kind is ValueKind.NUMBER
        else any(_clumped((coded[:, i] == k).astype(np.int64), c) for k in range(min(c.inner, 3)))
        for i, c in enumerate(cells)
    )
