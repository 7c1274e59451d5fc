"""Simple rivals learnt from the evaluated rows themselves, in folds: one column, all columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast import frames
from holdfast.errors import DataError
from holdfast.stats.logistic import expit, logistic_fit
from holdfast.stats.resampling import Units

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]

FOLDS = 5
#: groups of a number, and values of a category kept apart, when one column tells the share
GROUPS, VALUES = 20, 50
#: values of a category, columns in all, and rows that the regression is fitted on
ONE_HOT, WIDEST, MOST_ROWS = 20, 200, 50_000


def feature_table(features: Any, n: int) -> pa.Table:
    """The features as an Arrow table of n rows.

    Raises:
        DataError: another number of rows.
    """
    table = frames.read(features).arrow()
    if table.num_rows != n:
        raise DataError(
            "features do not fit the rows",
            expected=f"{n} rows",
            got=f"rows={table.num_rows}",
        )
    return table


def folds(units: Units, n: int, seed: int) -> Ints:
    """A fold for each row; rows of one unit are in one fold."""
    count = n if units.of_row is None else units.count
    dealt = np.arange(count) % FOLDS
    np.random.default_rng(seed).shuffle(dealt)
    return np.asarray(dealt if units.of_row is None else dealt[units.of_row])


def best_column(table: pa.Table, positive: Bools, fold: Ints) -> tuple[str, Floats] | None:
    """The single column that tells the most, and the share of positives it gives each row.

    Every column is cut into groups (a number by quantiles, a category by value, null apart); a
    row's score is the share of positives of its group in the other folds, with ten rows of the
    overall share added. The column with the least log loss is taken.
    """
    best: tuple[float, str, Floats] | None = None
    for name in table.column_names:
        codes = grouped(table.column(name))
        if codes is None:
            continue
        score = _shares(codes, positive, fold)
        loss = -float(np.log(np.where(positive, score, 1.0 - score)).mean())
        if best is None or loss < best[0]:
            best = (loss, name, score)
    return None if best is None else best[1:]


def logistic_scores(table: pa.Table, positive: Bools, fold: Ints, seed: int) -> Floats | None:
    """Scores of a logistic regression fitted in the other folds; None without a usable column.

    Numbers are standardised and clipped at 4 standard deviations, nulls take the mean and are
    marked; of a category the 20 most frequent values.
    """
    design = design_matrix(table)
    if design is None:
        return None
    rng = np.random.default_rng(seed)
    score = np.empty(len(positive))
    for part in range(FOLDS):
        held = fold == part
        learnt = np.flatnonzero(~held)
        if not held.any():
            continue
        if not 0 < positive[learnt].sum() < len(learnt):
            score[held] = positive[learnt].mean() if len(learnt) else 0.5
            continue
        if len(learnt) > MOST_ROWS:
            learnt = np.sort(rng.choice(learnt, MOST_ROWS, replace=False))
        beta, _ = logistic_fit(design[learnt], positive[learnt].astype(np.float64))
        score[held] = expit(design[held] @ beta)
    return score


def _number(column: pa.ChunkedArray) -> Floats | None:
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_temporal(kind):
        column = column.cast(pa.int64()) if pa.types.is_timestamp(kind) else None
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    if column is None:
        return None
    values = np.asarray(column.to_numpy(), dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _category(column: pa.ChunkedArray, most: int) -> Ints | None:
    """Codes of the most frequent values; 0 for all others, nulls among them."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    counts = pc.value_counts(column.drop_null())
    order = pc.array_sort_indices(counts.field("counts"), order="descending")
    top = counts.field("values").take(order.slice(0, most))
    codes = pc.fill_null(pc.index_in(column, top), -1)
    return np.asarray(codes.to_numpy(), dtype=np.intp) + 1


def grouped(column: pa.ChunkedArray) -> Ints | None:
    """Groups of a column, shape (n,): a number by quantiles, a category by value, null apart."""
    numbers = _number(column)
    if numbers is None:
        return _category(column, VALUES)
    known = np.isfinite(numbers)
    if not known.any():
        return None
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, GROUPS + 1)[1:-1]))
    return np.where(known, np.searchsorted(edges, numbers, side="right") + 1, 0)


def _shares(codes: Ints, positive: Bools, fold: Ints) -> Floats:
    width = int(codes.max()) + 1
    cell = fold * width + codes
    rows = np.bincount(cell, minlength=FOLDS * width).reshape(FOLDS, width).astype(np.float64)
    hits = np.bincount(cell, weights=positive, minlength=FOLDS * width).reshape(FOLDS, width)
    others, found = rows.sum(0) - rows, hits.sum(0) - hits
    whole = (found.sum(1) + 0.5) / (others.sum(1) + 1.0)
    share = (found + 10.0 * whole[:, None]) / (others + 10.0)
    return np.asarray(share[fold, codes])


def design_matrix(table: pa.Table) -> Floats | None:
    """The columns as numbers for a linear model, shape (n, k); None without a usable column."""
    parts: list[Floats] = []
    for name in table.column_names:
        if len(parts) >= WIDEST:
            break
        column = table.column(name)
        numbers = _number(column)
        if numbers is None:
            codes = _category(column, ONE_HOT)
            if codes is not None:
                parts += [(codes == code).astype(np.float64) for code in range(1, codes.max() + 1)]
            continue
        known = np.isfinite(numbers)
        if not known.any():
            continue
        with np.errstate(over="ignore"):
            spread = float(numbers[known].std())
        if not np.isfinite(spread) or spread <= 0.0:
            continue
        scaled = np.clip((numbers - numbers[known].mean()) / spread, -4.0, 4.0)
        parts.append(np.where(known, scaled, 0.0))
        if not known.all():
            parts.append((~known).astype(np.float64))
    if not parts:
        return None
    return np.column_stack([np.ones(table.num_rows), *parts[:WIDEST]])
