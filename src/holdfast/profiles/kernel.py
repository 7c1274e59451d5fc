"""The kernel: one column and its spec in, counts out. A native one could stand behind `summarise`.

Numbers are taken 131,072 at a time: copied, sorted (numpy's SIMD sort), and everything else is
read off the sorted chunk. Cells are differences of where the edges fall in it (a `searchsorted` of
some 80 edges, not of the rows), NaN and infinities are its ends, frequent values stand together.
Texts are counted through their Arrow dictionary. Nothing depends on how rows were cut in chunks.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage
from holdfast.profiles.columns import ColumnProfile, NumberProfile
from holdfast.profiles.distinct import EXACT, Counter
from holdfast.profiles.embeddings import summarise_embedding
from holdfast.profiles.hashing import mix
from holdfast.profiles.spec import ColumnKind, ColumnSpec, EmbeddingSpec, NumberSpec
from holdfast.profiles.sums import BLOCK, CHUNK, Adder
from holdfast.profiles.texts import summarise_text

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: storages that hold what the kind expects; everything else is of a wrong type
FITTING = {
    ColumnKind.NUMBER: {Storage.BOOL, Storage.INT, Storage.FLOAT},
    ColumnKind.BOOLEAN: {Storage.BOOL, Storage.INT, Storage.FLOAT},
    ColumnKind.TIME: {Storage.TIME},
}
#: how far from a multiple, in steps, still counts as one (0.07 is not 7 times 0.01 in binary)
_SLACK = 1e-6


def summarise(view: ColumnView, spec: ColumnSpec) -> ColumnProfile:
    """Count one column of some rows.

    Args:
        view: the column; empty, all null, constant or of another type than the spec's is fine.
        spec: what to count.
    """
    if isinstance(spec, NumberSpec):
        return _numbers(view, spec)
    if isinstance(spec, EmbeddingSpec):
        return summarise_embedding(view, spec, count_numbers)
    return summarise_text(view, spec)


def _numbers(view: ColumnView, spec: NumberSpec) -> NumberProfile:
    rows, null = len(view), view.null_count
    storage = {view.storage.value: rows} if rows else {}
    if view.storage not in FITTING[spec.kind]:
        return NumberProfile(
            rows=rows,
            null=null,
            wrong=rows - null,
            storage=storage,
            cells=(0,) * (len(spec.edges) + 1),
            on_step=(0,) * len(spec.steps),
        )
    counted = count_numbers(
        view.values,
        nulls_of(view),
        spec,
        whole=view.storage is not Storage.FLOAT,
    )
    return NumberProfile(
        **{
            **{name: getattr(counted, name) for name in counted.__struct_fields__},
            "rows": rows,
            "null": null,
            "storage": storage,
        }
    )


def nulls_of(view: ColumnView) -> Bools | None:
    """True where a column is null, straight from Arrow's bits; None where nothing is."""
    bits = view.array.buffers()[0]
    if not view.null_count or bits is None:
        return None
    end = view.array.offset + len(view)
    valid = np.unpackbits(np.frombuffer(bits, np.uint8), count=end, bitorder="little")
    return np.equal(valid[view.array.offset :], 0)


def count_numbers(
    values: npt.NDArray[np.generic], missing: Bools | None, spec: NumberSpec, *, whole: bool = False
) -> NumberProfile:
    """The counts of some numbers.

    Args:
        values: shape (n,), any numeric type; what stands under a missing one is not looked at.
        missing: shape (n,), True where there is no number; None when there is everywhere one.
        spec: what to count.
        whole: the numbers are known to be whole.
    """
    edges = np.array(spec.edges)
    cells = np.zeros(len(edges) + 1, np.int64)
    on_step = [0] * len(spec.steps)
    scratch = _scratch()
    counter, adder = Counter(), Adder(spec.grid, (scratch.one, scratch.two))
    nan = pos_inf = neg_inf = zero = rows = 0
    low = high = None
    for start in range(0, len(values), CHUNK):
        part = scratch.chunk[: min(CHUNK, len(values) - start)]
        part[:] = values[start : start + CHUNK]
        rows += len(part)
        holes = 0
        if missing is not None:
            gone = missing[start : start + CHUNK]
            holes = int(np.count_nonzero(gone))
            np.copyto(part, np.nan, where=gone)
        part.sort()
        present = int(part.searchsorted(np.nan, "left"))
        nan += len(part) - present - holes
        first = int(part[:present].searchsorted(-np.inf, "right"))
        last = int(part[:present].searchsorted(np.inf, "left"))
        neg_inf += first
        pos_inf += present - last
        finite = part[first:last]
        if not len(finite):
            continue
        begin, end = finite.searchsorted(0.0, "left"), finite.searchsorted(0.0, "right")
        finite[begin:end] = 0.0  # the sign of a zero would tell the chunks apart
        zero += int(end - begin)
        low = float(finite[0]) if low is None else min(low, float(finite[0]))
        high = float(finite[-1]) if high is None else max(high, float(finite[-1]))
        at = finite.searchsorted(edges, "left")
        cells += np.diff(at, prepend=0, append=len(finite))
        adder.add(finite)
        scratch.count_distinct(finite, counter)
        rest = finite
        for i, step in enumerate(spec.steps):  # ascending: what misses a step misses the next
            if not (whole and step <= 0):
                rest = scratch.on_step(rest, step)
            on_step[i] += len(rest)
    return NumberProfile(
        rows=rows,
        null=rows - nan - pos_inf - neg_inf - adder.result().count,
        nan=nan,
        pos_inf=pos_inf,
        neg_inf=neg_inf,
        zero=zero,
        cells=tuple(cells.tolist()),
        on_step=tuple(on_step),
        sums=adder.result(),
        low=low,
        high=high,
        distinct=counter.result(),
    )


class _Scratch:
    """Memory to work in, kept by each thread: fresh pages for every column would cost a tenth."""

    __slots__ = ("chunk", "flags", "one", "two")

    def __init__(self) -> None:
        self.chunk = np.empty(CHUNK)
        self.one, self.two = np.empty(BLOCK), np.empty(BLOCK)
        self.flags = np.empty(CHUNK, np.bool_)

    def count_distinct(self, ordered: Floats, counter: Counter) -> None:
        """Hash each value once and hand on the hashes that can tell something new."""
        flags = self.flags[: len(ordered)]
        flags[0] = True
        np.not_equal(ordered[1:], ordered[:-1], out=flags[1:])
        different = int(np.count_nonzero(flags))
        # picking out most of them costs more than hashing a few twice
        if different <= max(EXACT, 0.3 * len(ordered)):
            ordered = ordered[flags]
        words = ordered.view(np.uint64)
        for start in range(0, len(words), BLOCK):
            part = words[start : start + BLOCK]
            hashes = mix(
                part, self.one.view(np.uint64)[: len(part)], self.two.view(np.uint64)[: len(part)]
            )
            if not counter.fresh:
                low = np.less_equal(hashes, counter.limit, out=self.flags[: len(part)])
                hashes = hashes[low]
            counter.add(hashes)
            if counter.fresh:
                counter.settle()
        counter.settle()

    def on_step(self, numbers: Floats, step: int) -> Floats:
        """Those of some finite numbers that are multiples of 10^step."""
        found = []
        for start in range(0, len(numbers), BLOCK):
            part = numbers[start : start + BLOCK]
            y, z = self.one[: len(part)], self.two[: len(part)]
            flags = self.flags[: len(part)]
            with np.errstate(over="ignore", invalid="ignore"):
                if step >= 0:
                    np.divide(part, 10.0**step, out=y)
                else:
                    np.multiply(part, 10.0**-step, out=y)
                np.rint(y, out=z)
                if step >= 0:
                    np.equal(y, z, out=flags)
                else:
                    np.subtract(y, z, out=y)
                    np.abs(y, out=y)
                    np.less(y, _SLACK, out=flags)
            hits = int(np.count_nonzero(flags))
            if hits:
                found.append(part if hits == len(part) else part[flags])
        return np.concatenate(found) if len(found) != 1 and found else (found or [numbers[:0]])[0]


_LOCAL = threading.local()


def _scratch() -> _Scratch:
    found = getattr(_LOCAL, "scratch", None)
    if not isinstance(found, _Scratch):
        found = _LOCAL.scratch = _Scratch()
    return found
