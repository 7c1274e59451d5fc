"""Learning what to count: quantile edges, frequent values, sentinels, steps, categories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast import frames
from holdfast.errors import DataError
from holdfast.frames.column import ColumnView
from holdfast.frames.table import Table
from holdfast.frames.types import Storage
from holdfast.profiles.embeddings import DIMENSIONS, norms_of, vectors
from holdfast.profiles.hashing import hash_texts
from holdfast.profiles.spec import (
    ColumnKind,
    ColumnSpec,
    EmbeddingSpec,
    NumberSpec,
    ProfileSpec,
    TextSpec,
    limits,
)
from holdfast.profiles.sums import Grid, grid_of
from holdfast.profiles.texts import weighed
from holdfast.profiles.together import choose_together
from holdfast.profiles.workers import each

Floats = npt.NDArray[np.float64]

QUANTILES = 64
TAILS = (0.002, 0.005, 0.995, 0.998)
#: a value with this share of the rows has a cell of its own, and so has every one of a few
FREQUENT = 0.03
FEW_VALUES = 64
MOST_CATEGORIES = 1_000
MOST_SLICES = 8
#: rows that are learned from; of a longer file every k-th row
MOST_ROWS = 500_000
#: numbers that stand for "nothing" where they lie outside the body of the reference
SENTINELS = (
    -1e9, -999999.0, -99999.0, -9999.0, -999.0, -99.0, -9.0, -1.0,
    99.0, 999.0, 9999.0, 99999.0, 999999.0, 1e9,
)  # fmt: skip


def learn_spec(
    table: Any,
    *,
    columns: Sequence[str] | None,
    score: str | None,
    decision: str | None,
    label: str | None,
    slices: Sequence[str],
    sentinels: Mapping[str, Sequence[float]],
    threads: int | None,
) -> ProfileSpec:
    """See `ProfileSpec.learn`."""
    known = thinned(table) if isinstance(table, str | Path) else frames.read(table)
    names = list(known.names if columns is None else columns)
    for part in (score, decision, label, *slices):
        if part is not None and part not in names:
            names.append(part)
    views = [known.column(name) for name in names]
    specs = each(lambda view: learn_column(view, sentinels.get(view.name)), views, threads)
    found = dict(zip(names, specs, strict=True))
    return ProfileSpec(
        rows=known.num_rows,
        columns=found,
        score=score,
        decision=decision,
        label=label,
        slices={name: _slices(name, found[name]) for name in slices},
        together=choose_together(
            known, {n: s for n, s in found.items() if n not in {score, decision, label}}
        ),
    )


def thinned(path: str | Path, most: int = MOST_ROWS) -> Table:
    """A file as a table; of more than `most` rows every k-th row, k a power of two."""
    kept: list[pa.Table] = []
    stride, seen, rows = 1, 0, 0
    for batch in frames.scan(path):
        wanted = np.arange(-seen % stride, batch.num_rows, stride)
        kept.append(pa.Table.from_batches([batch]).take(pa.array(wanted)))
        seen += batch.num_rows
        rows += len(wanted)
        while rows > most:  # the first of each pair, counted from the beginning of the file
            whole = pa.concat_tables(kept)
            kept = [whole.take(pa.array(np.arange(0, rows, 2)))]
            stride, rows = stride * 2, kept[0].num_rows
    return frames.read(pa.concat_tables(kept)) if kept else frames.read(path)


def learn_column(view: ColumnView, sentinels: Sequence[float] | None = None) -> ColumnSpec:
    """How to count one column, from what the reference holds."""
    if view.storage is Storage.LIST:
        return _learn_embedding(view)
    if view.storage is Storage.TEXT:
        return learn_text(view)
    kind = {Storage.BOOL: ColumnKind.BOOLEAN, Storage.TIME: ColumnKind.TIME}.get(
        view.storage, ColumnKind.NUMBER
    )
    values = np.array(view.present, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return NumberSpec(kind=kind)
    values.sort()
    return learn_numbers(values, kind, sentinels)


def learn_numbers(
    ordered: Floats, kind: ColumnKind = ColumnKind.NUMBER, sentinels: Sequence[float] | None = None
) -> NumberSpec:
    """How to count numbers like these.

    Args:
        ordered: shape (n,), n >= 1, finite, ascending.
        kind: number, boolean or time.
        sentinels: numbers that stand for "nothing"; None looks for well-known ones.
    """
    ordered = ordered + 0.0  # no negative zero
    n = len(ordered)
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(np.r_[starts, n])
    values = ordered[starts]
    watched = kind is ColumnKind.NUMBER
    nothing = _sentinels(values, counts, sentinels) if watched or sentinels else ()
    body = ~np.isin(values, nothing)
    low, high = (values[body][[0, -1]].tolist()) if body.any() else (None, None)
    complete = len(values) <= FEW_VALUES
    frequent = values if complete else values[counts >= FREQUENT * n]
    ranks = [*(k / QUANTILES for k in range(1, QUANTILES)), *(TAILS if n >= 500 else ())]
    edges = {float(ordered[min(n - 1, int(q * n))]) for q in ranks} if not complete else set()
    for value in {*frequent.tolist(), *nothing}:
        edges |= {value, math.nextafter(value, math.inf)}
    if low is not None and high is not None:
        edges |= {low, math.nextafter(high, math.inf), *limits(low, high)}
    whole = bool((ordered == np.rint(ordered)).all())
    return NumberSpec(
        kind=kind,
        rows=n,
        edges=tuple(sorted(edges)),
        values=tuple(frequent.tolist()),
        complete=complete,
        low=low,
        high=high,
        sentinels=tuple(nothing),
        steps=_steps(ordered) if watched else (),
        grid=grid_of(ordered),
        whole=whole,
    )


def _sentinels(
    values: Floats, counts: npt.NDArray[np.intp], given: Sequence[float] | None
) -> tuple[float, ...]:
    """Given ones as they are; of the well-known ones those well outside the other values."""
    if given is not None:
        return tuple(sorted({float(v) for v in given}))
    rest = values[~np.isin(values, SENTINELS)]
    if not len(rest):
        return ()
    low, high = float(rest[0]), float(rest[-1])
    apart = max(high - low, 1e-12)
    out = []
    for candidate in SENTINELS:
        if low <= candidate <= high:
            continue
        seen = counts[values == candidate].sum()
        beside = min(abs(candidate - low), abs(candidate - high)) <= 0.05 * apart
        if not (seen and beside):  # one more whole number at the end of its range is a value
            out.append(candidate)
    return tuple(out)


def _steps(ordered: Floats) -> tuple[int, ...]:
    """The finest power of ten that 99 % are multiples of, and the next.

    For numbers on no such lattice, two steps that few of them can hit by chance.
    """
    sample = ordered[:: max(1, len(ordered) // 10_000)]
    spread = float(sample[-1] - sample[0]) if len(sample) > 1 else 0.0
    size = max(abs(float(sample[0])), abs(float(sample[-1])))
    if spread <= 0 or not math.isfinite(spread) or size > 1e300:
        return ()
    top = math.floor(math.log10(spread))
    best = None
    for k in range(top, max(top - 7, -12), -1):
        scaled = sample / 10.0**k if k >= 0 else sample * 10.0**-k
        if np.mean(np.abs(scaled - np.rint(scaled)) < 1e-6) >= 0.99:
            best = k
            break
    if best is not None:
        return (best, best + 1)
    return (top - 3, top - 1) if top - 3 > -12 else ()


def learn_text(view: ColumnView) -> TextSpec:
    """How to count a column of texts."""
    values, counts = weighed(view)
    rows = int(counts.sum())
    complete = len(values) <= MOST_CATEGORIES
    hashes = hash_texts(values)
    order = np.lexsort((hashes, -counts))[:MOST_CATEGORIES]
    kind = ColumnKind.CATEGORY
    if len(values) > MOST_CATEGORIES and len(values) > 0.2 * rows:
        kind = ColumnKind.TEXT
    return TextSpec(
        kind=kind,
        rows=rows,
        categories=tuple(values.take(pa.array(order)).to_pylist()),
        complete=complete,
        singletons=int(np.count_nonzero(counts == 1)),
        doubletons=int(np.count_nonzero(counts == 2)),
        known=len(values),
    )


def _learn_embedding(view: ColumnView) -> EmbeddingSpec:
    present = view.array.drop_null() if view.null_count else view.array
    lengths = np.asarray(present.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int64)
    if not len(lengths):
        return EmbeddingSpec()
    kinds, counts = np.unique(lengths, return_counts=True)
    length = int(kinds[np.argmax(counts)])
    matrix, _ = vectors(ColumnView(view.name, present), length)
    matrix = matrix[np.isfinite(matrix).all(axis=1)]
    norms = np.sort(norms_of(matrix))
    norms = norms[np.isfinite(norms)]
    return EmbeddingSpec(
        rows=len(matrix),
        length=length,
        norm=learn_numbers(norms, sentinels=()) if len(norms) else NumberSpec(),
        grids=tuple(
            grid_of(np.sort(matrix[:, i])) if len(matrix) else Grid()
            for i in range(min(length, DIMENSIONS))
        ),
    )


def _slices(name: str, spec: ColumnSpec) -> tuple[str, ...]:
    if not isinstance(spec, TextSpec):
        raise DataError(
            f"cannot slice by column {name!r}",
            expected="a column of categories",
            got=f"a column of kind {spec.kind.value}",
            remedy="slice by a text column, or turn the numbers into bands",
        )
    return spec.categories[:MOST_SLICES]
