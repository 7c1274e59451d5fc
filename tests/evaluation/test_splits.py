"""Splits: nothing that trains knows what the tested rows must not share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import splits
from holdfast.frames import ColumnView

TIMES = st.lists(st.integers(0, 40), min_size=8, max_size=80)


@settings(max_examples=80)
@given(TIMES, st.integers(1, 6), st.integers(0, 10))
def test_forward_in_time_only_rows_with_known_outcomes_train(times, count, gap):
    when = np.array(times, dtype=float)
    parts = splits.time_parts(when, count)
    for train, test in splits.forward_folds(when, parts, float(gap)):
        assert (when[train] + gap <= when[test].min()).all()
        assert not set(train) & set(test)


@settings(max_examples=80)
@given(TIMES, st.integers(1, 6), st.integers(0, 3))
def test_forward_and_by_group_neither_time_nor_group_is_shared(times, count, seed):
    when = np.array(times, dtype=float)
    groups = np.random.default_rng(seed).integers(0, 7, len(when))
    groups = np.unique(groups, return_inverse=True)[1]
    parts = splits.time_parts(when, count)
    tested = []
    rng = np.random.default_rng(seed)
    for train, test in splits.forward_group_folds(when, parts, 1.0, groups, 3, rng):
        assert not set(groups[train]) & set(groups[test])
        assert (when[train] + 1.0 <= when[test].min()).all() or not len(train)
        tested += test.tolist()
    assert sorted(tested) == np.flatnonzero(parts >= 0).tolist()


@settings(max_examples=80)
@given(TIMES, st.integers(1, 6))
def test_parts_of_time_never_tear_a_moment_apart_and_go_forward(times, count):
    when = np.array(times, dtype=float)
    parts = splits.time_parts(when, count)
    order = np.argsort(when, kind="stable")
    assert (np.diff(parts[order]) >= 0).all()
    for moment in np.unique(when):
        assert len(set(parts[when == moment])) == 1


def test_random_and_group_folds_test_every_row_once():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 20, 100)
    tested = np.arange(100)
    for folds in (
        splits.random_folds(tested, 100, 5, rng), splits.group_folds(tested, groups, 5, rng),
    ):  # fmt: skip
        seen = [row for train, test in folds for row in test if not set(train) & set(test)]
        assert sorted(seen) == list(range(100))


@pytest.mark.parametrize(
    ("text", "micros"), [("30d", 2.592e12), ("2 weeks", 1.2096e12), ("90 min", 5.4e9), (7, 7.0)]
)
def test_stretches_of_time_are_read(text, micros):
    assert splits.span(text) == micros


@pytest.mark.parametrize("text", ["soon", "-3d", "nan", -1, "3 parsecs"])
def test_other_words_are_refused(text):
    with pytest.raises(UsageError):
        splits.span(text)


def test_numbers_are_read_for_numeric_times_and_words_are_not():
    assert splits.span(12, of_time=False) == 12.0
    with pytest.raises(UsageError):
        splits.span("30d", of_time=False)


def test_a_column_that_does_not_say_when_is_refused():
    for array in (pa.array(["a"]), pa.array([None, 1]), pa.array([float("inf")])):
        with pytest.raises(DataError):
            splits.times_of(ColumnView("t", array))
