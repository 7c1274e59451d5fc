"""Warm-up: the first rows of production teach what a shuffled reference could not.

A shuffled table shows what values there are, and nothing of how rows follow one another: how much
shares move from hour to hour, how often a value repeats, how far evidence must be divided. While
the first rows come in, tolerances of values, lattices, dependence and score are three times as
wide, their evidence counts an eighth, and repeats are not watched; nulls, wrong types, unseen
categories, outliers, outcomes and the rules of the contract are watched from the first row on
(nulls that are not rare like values). Then the spread of local means *about these rows' own mean*
and the division of evidence are measured as on a reference in order (`quiet.spread`). What is
normal in the mean stays what the reference says: production that is not like it is still found.
Only how often values and rows repeat is learned in the mean too.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.adapt import More, pays_of, usual_payoff
from holdfast.detection.columns.fit import ColumnFit, feature_counts
from holdfast.detection.columns.quiet import BLOCK, ERRORS, spread
from holdfast.detection.columns.row_streams import REPEATED
from holdfast.detection.columns.rows import RowStream
from holdfast.frames.values import FloatArray, IntArray

#: tolerances during the warm-up, as multiples of the reference's, and division of evidence
WIDE, DIVIDED = 3.0, 8.0
#: a share from which on a hard stream is widened too
RARE = 0.005
#: a further division of evidence that is told
TOLD = 1.5
NOT_YET = "not learned yet: warm-up"

_Array = NDArray[Any]


class Taught(msgspec.Struct, frozen=True):
    """What a warm-up taught.

    Attributes:
        columns: what each column (the score last) tolerates more.
        streams: edge, division of evidence and share of yes of each row stream.
    """

    columns: tuple[More, ...] = ()
    streams: tuple[tuple[float, float, float], ...] = ()


class Warm:
    """A warm-up so far, or what it taught.

    Args:
        rows: rows it takes, a multiple of 20.

    Attributes:
        taught: what they taught; empty while it lasts.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.taught = Taught()
        self._over = False
        self._parts: list[tuple[_Array, ...]] = []

    @property
    def over(self) -> bool:
        """Whether it has taught what it can."""
        return self._over

    def take(
        self,
        coded: IntArray,
        lit: NDArray[np.bool_],
        yes: NDArray[np.bool_],
        applies: NDArray[np.bool_],
    ) -> None:
        """Keeps some rows: cells, flags, and what the row streams were asked."""
        kept = (coded.astype(np.int16), lit, yes, applies)
        # sums may depend on how numbers lie in memory
        self._parts.append(tuple(np.ascontiguousarray(x) for x in kept))

    def learn(self, columns: Sequence[ColumnFit], streams: Sequence[RowStream]) -> None:
        """Settles what all rows kept have taught, and lets go of them."""
        coded, lit, yes, applies = self._joined()
        wide = coded.astype(np.int64)
        self.taught = Taught(
            tuple(_of_column(c, wide[:, i], lit[:, i]) for i, c in enumerate(columns)),
            tuple(_of_streams(streams, yes, applies)),
        )
        self._over, self._parts = True, []

    def _joined(self) -> tuple[_Array, ...]:
        return tuple(np.concatenate(x) for x in zip(*self._parts, strict=True))

    def dump(self) -> bytes:
        """Everything, as bytes."""
        kept: list[tuple[tuple[int, ...], bytes]] = []
        for x in self._joined() if self._parts else ():
            flat = np.packbits(x) if x.dtype == np.bool_ else x
            kept.append((x.shape, zlib.compress(flat.tobytes(), 1)))
        return msgspec.msgpack.encode((self.rows, self._over, self.taught, kept))

    @classmethod
    def load(cls, data: bytes) -> Warm:
        """The warm-up that `dump` wrote."""
        kinds = tuple[int, bool, Taught, list[tuple[tuple[int, ...], bytes]]]
        rows, over, taught, kept = msgspec.msgpack.decode(data, type=kinds)
        self = cls(rows)
        self.taught, self._over = taught, over
        parts: list[_Array] = []
        for shape, packed in kept:
            raw = zlib.decompress(packed)
            if not parts:
                parts.append(np.frombuffer(raw, np.int16).reshape(shape))
                continue
            bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=int(np.prod(shape)))
            parts.append(bits.astype(np.bool_).reshape(shape))
        self._parts = [tuple(parts)] if parts else []
        return self


def at_first(column: ColumnFit) -> More:
    """What a column tolerates more while the warm-up lasts."""
    table = column.table
    usual = usual_payoff(column, table, pays_of(column, table))
    nats = np.log(usual + WIDE * (1.0 - usual))
    return More.of(nats, np.full(nats.shape, DIVIDED))


def streams_at_first(streams: Sequence[RowStream]) -> list[RowStream]:
    """The row streams while the warm-up lasts: repeats wait, common nulls may come more often."""
    out = []
    for s in streams:
        if s.code in REPEATED and not s.muted:
            s = msgspec.structs.replace(s, muted=NOT_YET)
        elif s.share > RARE:
            edge = min(s.share + WIDE * (s.edge - s.share), 1.0 - 1e-4)
            s = msgspec.structs.replace(s, edge=edge, deff=s.deff * DIVIDED)
        out.append(s)
    return out


def streams_after(streams: Sequence[RowStream], taught: Taught) -> list[RowStream]:
    """The row streams as the warm-up has taught them."""
    return [
        msgspec.structs.replace(s, edge=max(s.edge, edge), deff=max(s.deff, deff), share=share)
        for s, (edge, deff, share) in zip(streams, taught.streams, strict=True)
    ]


def told(columns: Sequence[ColumnFit], taught: Taught) -> list[str]:
    """What a warm-up changed, in words."""
    found = []
    for column, more in zip(columns, taught.columns, strict=True):
        nats, ratio = more.arrays()
        name = repr(column.name) if column.name else "the score"
        if (nats > 0.0).any() or (ratio > TOLD).any():
            found.append(
                f"{name}: the first rows of production move more than a shuffled reference could "
                "show: tolerances widened"
                + (f", evidence divided by up to {ratio.max():.0f}" if ratio.max() > TOLD else "")
                + "; changes are noticed later than was told at first"
            )
    return found


def _of_column(column: ColumnFit, coded: IntArray, lit: NDArray[np.bool_]) -> More:
    table = column.table
    if not table.bets:
        return More.of(np.zeros(0))
    cells = column.groups * column.cells.size
    pays = pays_of(column, table)
    counts, total = feature_counts(coded, lit, len(table.steps), cells)
    rows = counts @ pays.applies
    applied = max(float(total @ pays.applies), 1.0)
    mean = total @ pays.per / applied
    square = (total[:cells] * pays.applies[:cells]) @ pays.per[:cells] ** 2 / applied
    variance = np.maximum(square - mean**2, 1e-12)
    lines = np.repeat(rows[:, None], len(table.bets), axis=1)
    ups = spread(counts @ pays.per, lines, variance)
    usual = usual_payoff(column, table, pays)
    normal = usual + np.maximum(1.0 - usual, 4.0 * ups.between)
    return More.of(np.log(normal), ups.deff / pays.deff)


def _of_streams(
    streams: Sequence[RowStream], yes: NDArray[np.bool_], applies: NDArray[np.bool_]
) -> list[tuple[float, float, float]]:
    """Edge, division of evidence and share of every row stream, from rows in their order."""
    blocks = len(yes) // BLOCK
    used = blocks * BLOCK
    hits = (yes & applies)[:used].reshape(blocks, BLOCK, -1).sum(axis=1).astype(float)
    asked = applies[:used].reshape(blocks, BLOCK, -1).sum(axis=1).astype(float)
    n = np.maximum(asked.sum(axis=0), 1.0)
    seen = hits.sum(axis=0) / n
    ups = spread(hits, asked, np.maximum(seen * (1.0 - seen), 1e-12))
    edges: FloatArray = np.array([s.edge for s in streams])
    shares: FloatArray = np.array([s.share for s in streams])
    deffs = np.ones(len(streams))
    for i, s in enumerate(streams):
        if s.code in REPEATED:
            # the reference's own margin, and the errors of these rows
            p = max(float(seen[i]), s.share)
            error = ERRORS * float(np.sqrt(p * (1.0 - p) / n[i])) + 8.0 / float(n[i])
            margin = max(s.edge - s.share, 4.0 * float(ups.between[i]), error)
            edges[i], shares[i] = min(p + margin + 0.25 * p * (1.0 - p), 1.0 - 1e-4), p
        elif s.share > RARE:
            edges[i] = min(max(s.edge, s.share + 4.0 * float(ups.between[i])), 1.0 - 1e-4)
        else:
            continue  # hardly any in the reference: nothing about these rows makes them normal
        deffs[i] = float(ups.deff[i])
    return list(zip(edges.tolist(), deffs.tolist(), shares.tolist(), strict=True))
