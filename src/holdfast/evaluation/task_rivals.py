"""Simple rivals of classes and numbers, learnt from the evaluated rows in folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.evaluation.classes import Classes, ErrorsCostOne
from holdfast.evaluation.estimating import Sampling, rival
from holdfast.evaluation.rivals import (
    FOLDS,
    MOST_ROWS,
    design_matrix,
    feature_table,
    folds,
    grouped,
)
from holdfast.evaluation.task_record import Rival
from holdfast.stats.logistic import expit, logistic_fit
from holdfast.stats.resampling import Units

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: rows of the overall mean or share that each group of a column is given
_PRIOR = 10.0
#: classes up to which one regression a class is fitted, and cells of a table of shares
_MOST_CLASSES, _MOST_CELLS = 20, 20_000_000


def number_rivals(
    truth: Floats, said: Floats, features: Any, sampling: Sampling, unit: str
) -> dict[str, Rival]:
    """The best single column and a linear regression, by absolute error.

    Args:
        truth: shape (n,).
        said: shape (n,), the model's predictions.
        features: table of n rows.
        sampling: how rows are resampled; units stay in one fold.
        unit: of the error.
    """
    table, fold = _folds(features, len(truth), sampling)
    mine = np.abs(truth - said)
    found = {}
    best: tuple[float, str, Floats] | None = None
    for name in table.column_names:
        codes = grouped(table.column(name))
        if codes is None:
            continue
        guess = _means(codes, truth, fold)
        error = float(np.abs(truth - guess).mean())
        if best is None or error < best[0]:
            best = (error, name, guess)
    guesses = {}
    if best is not None:
        guesses["single_column"] = (best[2], f"the best single column, {best[1]}")
    design = design_matrix(table)
    if design is not None:
        line = np.zeros(len(truth))
        for part in range(FOLDS):
            learnt = _learnt(fold, part, sampling.seed)
            if len(learnt):
                beta = np.linalg.lstsq(design[learnt], truth[learnt], rcond=1e-8)[0]
                line[fold == part] = design[fold == part] @ beta
        guesses["linear_regression"] = (line, "a linear regression on the features")
    for name, (guess, meaning) in guesses.items():
        theirs = np.abs(truth - guess)
        found[name] = rival(
            sampling, theirs - mine, on="mae", unit=unit, metrics={"mae": float(theirs.mean())},
            meaning=f"{meaning}, learnt from these rows in five folds",
        )  # fmt: skip
    return found


def class_rivals(
    named: Classes, prices: ErrorsCostOne, features: Any, sampling: Sampling
) -> dict[str, Rival]:
    """The best single column and (up to 20 classes) one logistic regression a class, by cost.

    Args:
        named: truth and decisions.
        prices: what decisions cost.
        features: table of n rows.
        sampling: how rows are resampled; units stay in one fold.
    """
    table, fold = _folds(features, len(named.truth), sampling)
    mine = prices.of(named.truth, named.decided)
    decided: dict[str, tuple[Ints, str]] = {}
    best: tuple[float, str, Ints] | None = None
    for name in table.column_names:
        codes = grouped(table.column(name))
        if codes is None or FOLDS * (int(codes.max()) + 1) * named.count > _MOST_CELLS:
            continue
        guess = prices.cheapest(_shares(codes, named, fold))[fold * (int(codes.max()) + 1) + codes]
        cost = float(prices.of(named.truth, guess).mean())
        if best is None or cost < best[0]:
            best = (cost, name, guess)
    if best is not None:
        decided["single_column"] = (best[2], f"the best single column, {best[1]}")
    design = design_matrix(table)
    if design is not None and named.count <= _MOST_CLASSES:
        score = np.zeros((len(fold), named.count))
        for part in range(FOLDS):
            learnt, held = _learnt(fold, part, sampling.seed), fold == part
            for k in range(named.count):
                is_k = (named.truth[learnt] == k).astype(np.float64)
                if 0 < is_k.sum() < len(is_k):
                    score[held, k] = expit(design[held] @ logistic_fit(design[learnt], is_k)[0])
        total = score.sum(axis=1, keepdims=True)
        score = score / np.where(total > 0, total, 1.0)
        decided["logistic_regression"] = (
            prices.cheapest(score), "a logistic regression of each class on the features",
        )  # fmt: skip
    found = {}
    for name, (guess, meaning) in decided.items():
        theirs = prices.of(named.truth, guess)
        found[name] = rival(
            sampling, theirs - mine, on="expected_cost", unit="cost per row",
            metrics={
                "accuracy": float((guess == named.truth).mean()),
                "expected_cost": float(theirs.mean()),
            },
            meaning=f"{meaning}, learnt from these rows in five folds",
        )  # fmt: skip
    return found


def _folds(features: Any, n: int, sampling: Sampling) -> tuple[pa.Table, Ints]:
    units = Units(sampling.of_row, sampling.count, sampling.word)
    return feature_table(features, n), folds(units, n, sampling.seed)


def _learnt(fold: Ints, part: int, seed: int) -> Ints:
    """Rows of the other folds, at most `MOST_ROWS`."""
    rows = np.flatnonzero(fold != part)
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    return rows


def _means(codes: Ints, truth: Floats, fold: Ints) -> Floats:
    """Mean of the truth in each row's group, over the other folds."""
    width = int(codes.max()) + 1
    cell = fold * width + codes
    rows = np.bincount(cell, minlength=FOLDS * width).reshape(FOLDS, width).astype(np.float64)
    sums = np.bincount(cell, weights=truth, minlength=FOLDS * width).reshape(FOLDS, width)
    others, found = rows.sum(0) - rows, sums.sum(0) - sums
    whole = found.sum(1) / np.maximum(others.sum(1), 1.0)
    mean = (found + _PRIOR * whole[:, None]) / (others + _PRIOR)
    return np.asarray(mean[fold, codes])


def _shares(codes: Ints, named: Classes, fold: Ints) -> Floats:
    """Shares of the classes in each group, over the other folds: (folds * groups, classes)."""
    width, classes = int(codes.max()) + 1, named.count
    cell = (fold * width + codes) * classes + named.truth
    rows = np.bincount(cell, minlength=FOLDS * width * classes).astype(np.float64)
    rows = rows.reshape(FOLDS, width, classes)
    others = rows.sum(0) - rows
    whole = others.sum(1)
    whole = whole / np.maximum(whole.sum(1, keepdims=True), 1.0)
    found = others + _PRIOR * whole[:, None, :]
    share = found / np.maximum(found.sum(2, keepdims=True), 1.0)
    return np.asarray(share.reshape(FOLDS * width, classes), dtype=np.float64)
