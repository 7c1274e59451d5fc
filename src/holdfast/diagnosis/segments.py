"""A fault of one source or category only: found where one value of a dimension moved alone.

Over all rows such a fault is diluted, and a mixture must guess which rows are hit. Where the rows
of one value moved and the others did not, the rules look at those rows by themselves; what they
gain there counts against what others gain on all rows, since the rest is as in the reference.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.evidence import Sample
from holdfast.diagnosis.look import Look
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.signatures import movement
from holdfast.frames.values import ValueKind
from holdfast.profiles.portrait_cells import NULL

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: columns and values of a dimension that are compared
COLUMNS, VALUES = 4, 12
#: rows of the value, and share of the rows at most
LEAST_ROWS, MOST_SHARE = 8, 0.85
#: evidence within the value, in nats, and what the others may show of it
LEAST, ELSEWHERE = 12.0, 0.15
#: earlier rows that a category needs before it can be a segment
OWN_PAST = 25
#: belief in the reference's shares beside those of the value's own past, in rows
BELIEF = 10.0


class Segment(NamedTuple):
    """One value of a dimension, the column that moved, its rows, and how many were asked."""

    dimension: str
    value: str
    column: str
    rows: IntArray
    earlier: IntArray
    asked: int


def moved_alone(scene: Scene) -> Segment | None:
    """The value of a dimension whose rows moved most, if the others did not."""
    near = scene.close[:COLUMNS]
    columns = [k for i, k in enumerate(near) if i < 2 or scene.told(k.name)]
    dimensions = dict(_dimensions(scene.now))
    past = dict(_dimensions(scene.before)) if scene.before is not None else {}
    best: tuple[float, str, str, str] = (LEAST, "", "", "")
    asked = 0
    for dimension, (codes, names) in dimensions.items():
        count = np.bincount(codes[codes >= 0], minlength=len(names))
        order = np.argsort(-count, kind="stable")[:VALUES]
        order = order[(count[order] >= LEAST_ROWS) & (count[order] <= MOST_SHARE * scene.rows)]
        asked += len(order)
        if not len(order):
            continue
        earlier = _same_codes(past.get(dimension), names)
        if dimension in scene.looks:  # what goes with a category must be known from its own past
            own = np.bincount(earlier[earlier >= 0], minlength=len(names))[order]
            order = order[own >= OWN_PAST]
            if not len(order):
                continue
        for look in columns:
            if look.name == dimension:
                continue
            alone = _contrast(look, codes, order, earlier)
            top = int(np.argmax(alone))
            if alone[top] > best[0]:
                best = (float(alone[top]), dimension, names[order[top]], look.name)
    if not best[1]:
        return None
    _, dimension, value, column = best
    codes, names = dimensions[dimension]
    rows = np.flatnonzero(codes == names.index(value))
    before = _same_codes(past.get(dimension), names)
    earlier_rows = np.flatnonzero(before == names.index(value))
    return Segment(dimension, value, column, rows, earlier_rows, max(1, asked))


def _dimensions(sample: Sample) -> list[tuple[str, tuple[IntArray, list[str]]]]:
    out = [(name, (codes, list(names))) for name, (codes, names) in sample.origins.items()]
    for name, values in sample.columns.items():
        if values.kind is ValueKind.CATEGORY and 1 < len(values.names) <= 200:
            out.append((name, (values.codes, values.names)))
    return out


def _same_codes(past: tuple[IntArray, list[str]] | None, names: list[str]) -> IntArray:
    """Earlier rows in the codes of the names now; -1 for others."""
    if past is None:
        return np.empty(0, np.int64)
    codes, earlier = past
    place = {name: i for i, name in enumerate(names)}
    table = np.array([place.get(name, -1) for name in earlier] + [-1], np.int64)
    return table[codes]


def _contrast(look: Look, codes: IntArray, order: IntArray, earlier: IntArray) -> FloatArray:
    """By value, how far its rows moved against its own past, if all other rows did not; else 0."""
    size = len(look.shares)
    before = look.scene.before
    cells = np.empty(0, np.int64)
    if before is not None and look.name in before.columns and len(earlier) == before.rows:
        cells = np.minimum(look.face.cells_of(before.columns[look.name]), size - 1)
    now = _table(codes, look.cells, order, size)
    then = np.zeros((len(order), size))
    if len(cells):
        then = _table(earlier, cells, order, size)
    rest, rest_then = look.counts - now, np.bincount(cells, minlength=size) - then
    mine = movement.learned(now, _usual(then, look.shares))
    # the value's own past is an estimate from few rows
    past = then.sum(1)
    known = np.where(past > 0, past + BELIEF, look.face.rows)
    mine = mine - 0.5 * float((look.shares > 0.0).sum()) * now.sum(1) / known
    others = movement.learned(rest, _usual(rest_then, look.shares))
    nulls = now[:, NULL] > 0.9 * now.sum(1)  # a value that never had the column
    return np.where((others < ELSEWHERE * mine) & ~(nulls & (then[:, NULL] > 0)), mine, 0.0)


def _table(codes: IntArray, cells: IntArray, order: IntArray, size: int) -> FloatArray:
    """Shape (values, cells): rows of each value in `order` by cell."""
    here = codes >= 0
    top = int(max(order.max(), codes.max(initial=0))) + 1
    heads = np.bincount(codes[here] * size + cells[here], minlength=top * size)
    return heads.reshape(top, size)[order].astype(np.float64)


def _usual(then: FloatArray, shares: FloatArray) -> FloatArray:
    mixed = then + BELIEF * shares
    out: FloatArray = mixed / mixed.sum(-1, keepdims=True)
    return out
