"""Counting lists of numbers: lengths, norms, and the moments of the first dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage
from holdfast.profiles.columns import EmbeddingProfile, NumberProfile
from holdfast.profiles.spec import EmbeddingSpec
from holdfast.profiles.sums import CHUNK, Adder, Sums

#: dimensions whose moments are kept
DIMENSIONS = 64
Floats = npt.NDArray[np.float64]
Count = Callable[..., NumberProfile]


def summarise_embedding(view: ColumnView, spec: EmbeddingSpec, count: Count) -> EmbeddingProfile:
    """Count one column of lists.

    Args:
        view: the column.
        spec: what to count.
        count: the function that counts numbers.
    """
    rows, null = len(view), view.null_count
    facts: dict[str, Any] = {
        "rows": rows,
        "null": null,
        "storage": {view.storage.value: rows} if rows else {},
    }
    if view.storage is not Storage.LIST:
        present = rows - null
        return EmbeddingProfile(
            **facts, wrong=present, norm=count(np.empty(0), None, spec.norm),
            sums=(Sums(),) * len(spec.grids),
        )  # fmt: skip
    odd = broken = 0
    norms: list[Floats] = []
    adders = [Adder(grid) for grid in spec.grids]
    step = max(1, min(CHUNK, 4_000_000 // max(1, spec.length)))
    for start in range(0, rows, step):
        part = ColumnView(view.name, view.array.slice(start, step))
        matrix, other = vectors(part, spec.length)
        odd += other
        good = np.isfinite(matrix).all(axis=1) if spec.length else np.ones(len(matrix), np.bool_)
        broken += len(matrix) - int(np.count_nonzero(good))
        matrix = matrix if good.all() else matrix[good]
        norms.append(norms_of(matrix))
        for i, adder in enumerate(adders):
            adder.add(np.sort(matrix[:, i]))
    return EmbeddingProfile(
        **facts,
        odd_length=odd,
        not_finite=broken,
        norm=count(np.concatenate(norms) if norms else np.empty(0), None, spec.norm),
        sums=tuple(adder.result() for adder in adders),
    )


def vectors(view: ColumnView, length: int) -> tuple[Floats, int]:
    """The lists of the usual length as a matrix, and the number of lists of another length.

    A null inside a list becomes NaN.
    """
    array = view.array if not view.null_count else view.array.drop_null()
    lengths = np.asarray(array.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int64)
    usual = lengths == length
    odd = len(lengths) - int(np.count_nonzero(usual))
    if odd:
        array = array.filter(usual)
    flat = array.flatten()
    numbers = np.asarray(flat.to_numpy(zero_copy_only=False)).astype(np.float64)
    return numbers.reshape(len(lengths) - odd, length), odd


def norms_of(matrix: Floats) -> Floats:
    """The Euclidean norm of each row, each by itself: the same whatever rows stand beside it."""
    total = np.zeros(len(matrix))
    with np.errstate(over="ignore"):
        for i in range(matrix.shape[1]):
            total += matrix[:, i] * matrix[:, i]
    return np.sqrt(total)
