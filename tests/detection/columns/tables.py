"""Columns to watch, made from a random generator."""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np

from holdfast.frames.values import ValueKind, Values, read_values


def numbers(x):
    return read_values(ValueKind.NUMBER, np.asarray(x, float))


def categories(codes, names):
    codes = np.asarray(codes, np.int64)
    return Values(
        ValueKind.CATEGORY, (codes < 0).astype(np.uint8), codes=codes, names=list(names)
    )  # fmt: skip


def exchangeable(rows, rng):
    """Ties, nulls, a rare flag, constants, heavy and long tails; with score and outcome."""
    income = rng.lognormal(0, 1, rows)
    income[rng.random(rows) < 0.1] = np.nan
    places, city = np.unique(np.minimum(rng.zipf(1.6, rows), 5000), return_inverse=True)
    columns = {
        "normal": numbers(rng.normal(0, 1, rows)),
        "income": numbers(income),
        "count": numbers(rng.poisson(2, rows)),
        "round": numbers(np.round(rng.normal(50, 10, rows))),
        "flag": numbers(rng.random(rows) < 0.01),
        "constant": numbers(np.ones(rows)),
        "empty": numbers(np.full(rows, np.nan)),
        "job": categories(rng.choice(4, rows, p=[0.6, 0.3, 0.08, 0.02]), "abcd"),
        "city": categories(city, [str(i) for i in places.tolist()]),
        "heavy": numbers(rng.standard_t(2, rows)),
    }
    score = 1.0 / (1.0 + np.exp(1.0 - columns["normal"].numbers - rng.normal(0, 1, rows)))
    label = (rng.random(rows) < score).astype(float)
    return columns, score, label


def sticky(rows, rng, stay):
    """Rows that resemble the row before: repeated with chance `stay`, and autoregressive."""
    fresh = rng.random(rows) >= stay
    fresh[0] = True
    start = np.maximum.accumulate(np.where(fresh, np.arange(rows), 0))
    shocks = rng.normal(0, 1, rows) * math.sqrt(1 - stay * stay)
    tide = np.array(list(accumulate(shocks.tolist(), lambda a, b: stay * a + b)))
    tide[rng.random(rows)[start] < 0.05] = np.nan
    return {
        "size": numbers(rng.normal(0, 1, rows)[start] + rng.normal(0, 0.3, rows)),
        "kind": categories(rng.choice(3, rows, p=[0.6, 0.3, 0.1])[start], "abc"),
        "tide": numbers(tide),
        "other": numbers(rng.normal(0, 1, rows)),
    }


def plain_table(rows, rng, *, shift=0.0, spread=1.0, null=0.0):
    """A standard normal column `a`, moved as asked for, beside nine others."""
    a = rng.normal(shift, spread, rows)
    a[rng.random(rows) < null] = np.nan
    columns = {"a": numbers(a)} | {f"n{i}": numbers(rng.normal(0, 1, rows)) for i in range(7)}
    columns["g"] = categories(rng.choice(4, rows, p=[0.6, 0.3, 0.08, 0.02]), "abcd")
    columns["h"] = categories(rng.choice(3, rows, p=[0.6, 0.3, 0.1]), "abc")
    return columns
