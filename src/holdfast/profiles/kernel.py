"""The kernel: one column and its spec in, counts out. A native one could stand behind `summarise`.

Numbers are taken 131,072 at a time: copied, sorted (numpy's SIMD sort), and everything else is
read off the sorted chunk. Cells are differences of where the edges fall in it (a `searchsorted` of
some 80 edges, not of the rows), NaN and infinities are its ends, frequent values stand together.
Texts are counted through their Arrow dictionary. Nothing depends on how rows were cut in chunks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage
from holdfast.profiles.columns import ColumnProfile, NumberProfile
from holdfast.profiles.distinct import Counter
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
        view.array.is_null().to_numpy(zero_copy_only=False) if null else None,
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
    counter, adder = Counter(), Adder(spec.grid)
    nan = pos_inf = neg_inf = zero = rows = 0
    low = high = None
    buffer = np.empty(min(CHUNK, max(1, len(values))))
    scratch = _Scratch(len(buffer))
    for start in range(0, len(values), CHUNK):
        part = buffer[: min(CHUNK, len(values) - start)]
        part[:] = values[start : start + CHUNK]
        rows += len(part)
        holes = 0
        if missing is not None:
            gone = missing[start : start + CHUNK]
            holes = int(np.count_nonzero(gone))
            part[gone] = np.nan
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
        for i, step in enumerate(spec.steps):
            on_step[i] += len(finite) if whole and step <= 0 else scratch.on_step(finite, step)
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
    """Blocks of memory that stay in the cache while a chunk is worked on."""

    __slots__ = ("_flags", "_one", "_two")

    def __init__(self, rows: int) -> None:
        size = min(BLOCK, rows)
        self._one, self._two = np.empty(size), np.empty(size)
        self._flags = np.empty(max(rows, 1), np.bool_)

    def count_distinct(self, ordered: Floats, counter: Counter) -> None:
        """Hash each value once and hand on the hashes that can tell something new."""
        flags = self._flags[: len(ordered)]
        flags[0] = True
        np.not_equal(ordered[1:], ordered[:-1], out=flags[1:])
        if np.count_nonzero(flags) < len(ordered):
            ordered = ordered[flags]
        words = ordered.view(np.uint64)
        everything = counter.fresh
        gathered = []
        for start in range(0, len(words), BLOCK):
            part = words[start : start + BLOCK]
            hashes = mix(
                part, self._one.view(np.uint64)[: len(part)], self._two.view(np.uint64)[: len(part)]
            )
            if everything:
                gathered.append(hashes.copy())
            else:
                low = np.less_equal(hashes, counter.limit, out=self._flags[: len(part)])
                gathered.append(hashes[np.flatnonzero(low)])
        counter.add(np.concatenate(gathered))

    def on_step(self, ordered: Floats, step: int) -> int:
        """How many finite numbers are multiples of 10^step."""
        found = 0
        for start in range(0, len(ordered), BLOCK):
            part = ordered[start : start + BLOCK]
            y, z = self._one[: len(part)], self._two[: len(part)]
            flags = self._flags[: len(part)]
            if step >= 0:
                np.divide(part, 10.0**step, out=y)
            else:
                with np.errstate(over="ignore"):
                    np.multiply(part, 10.0**-step, out=y)
            np.rint(y, out=z)
            if step >= 0:
                found += int(np.count_nonzero(np.equal(y, z, out=flags)))
            else:
                with np.errstate(invalid="ignore"):
                    np.subtract(y, z, out=y)
                np.abs(y, out=y)
                found += int(np.count_nonzero(np.less(y, _SLACK, out=flags)))
        return found
