"""Labels meet the predictions they belong to, however late they come."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError, UsageError

DuplicatePolicy = Literal["last", "first", "reject"]


def join(predictions: pa.Table, labels: pa.Table, policy: DuplicatePolicy = "last") -> pa.Table:
    """Each prediction with its label, if there is one yet.

    Args:
        predictions: with the columns `id` and `model`.
        labels: with the columns of the label log, in the order they were written.
        policy: which of several labels counts: the one known ``last``, the one known ``first``
            (ties: the one written last or first), or ``reject``: refuse if they differ.

    Returns:
        The predictions with `label` (JSON scalar), `label_known_at` and `label_received`, null
        where there is no label yet.

    Raises:
        DataError: the policy is ``reject`` and labels of one prediction differ.
    """
    if policy not in get_args(DuplicatePolicy):
        raise UsageError(
            "the policy for duplicate labels is unknown",
            expected=" or ".join(get_args(DuplicatePolicy)),
            got=f"policy={policy!r}",
        )
    wanted = pc.is_in(labels.column("id"), value_set=predictions.column("id"))
    labels = _one_each(labels.filter(wanted), policy)
    place = pc.index_in(_key(predictions), value_set=_key(labels))
    for name, source in (
        ("label", "value"),
        ("label_known_at", "known_at"),
        ("label_received", "received"),
    ):
        column = labels.column(source).take(place)
        predictions = predictions.append_column(pa.field(name, column.type), column)
    return predictions


def _key(table: pa.Table) -> pa.ChunkedArray:
    """Model and id as one value; the length keeps ("a", "bc") and ("ab", "c") apart."""
    model = table.column("model")
    size = pc.binary_length(model).cast(pa.string())
    return pc.binary_join_element_wise(size, model, table.column("id"), ":")


def _one_each(labels: pa.Table, policy: DuplicatePolicy) -> pa.Table:
    """One label for each prediction."""
    if labels.num_rows == 0:
        return labels
    codes = _key(labels).combine_chunks().dictionary_encode().indices.to_numpy()
    if len(codes) == int(codes.max()) + 1:
        return labels
    if policy == "reject":
        _refuse_if_they_differ(labels, codes)
    known = labels.column("known_at").cast(pa.int64()).to_numpy()
    # stable: labels known at one time stay in the order they were written
    order = np.argsort(known, kind="stable")
    if policy != "last":
        order = np.lexsort((-np.arange(len(known)), -known))
    chosen = np.empty(int(codes.max()) + 1, dtype=np.int64)
    chosen[codes[order]] = order
    return labels.take(pa.array(chosen))


def _refuse_if_they_differ(labels: pa.Table, codes: np.ndarray) -> None:
    values = labels.column("value").combine_chunks().dictionary_encode().indices.to_numpy()
    pairs = np.unique(np.stack([codes, values]), axis=1)[0]
    differing = len(pairs) - len(np.unique(pairs))
    if differing:
        raise DataError(
            "labels of the same prediction contradict each other",
            expected="one label for each prediction, or the same value again",
            got=f"{differing} contradictions",
            remedy="choose policy='last' or policy='first', or correct the labels",
        )
