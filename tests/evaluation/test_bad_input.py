"""Whatever comes in, out comes an evaluation or a clear error, never a crash."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.evaluation import Costs, evaluate

LABELS = [0, 1, 1, 0, 1, 0] * 10
SCORES = [0.1, 0.8, 0.7, 0.4, 0.3, 0.2] * 10


@pytest.mark.parametrize(
    "make",
    [list, tuple, np.array, pd.Series, pl.Series, pa.array, lambda v: pa.chunked_array([v])],
    ids=["list", "tuple", "numpy", "pandas", "polars", "arrow", "chunked"],
)
def test_columns_of_every_library_give_the_same(make):
    want = evaluate(LABELS, SCORES)
    assert evaluate(make(LABELS), make(SCORES)).metrics == want.metrics
    words = [["good", "bad"][i] for i in LABELS]
    assert evaluate(make(words), make(SCORES), positive="bad").metrics == want.metrics


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_features_of_every_library_give_the_same(make):
    table = {"x": SCORES, "t": ["a", "b"] * 30}
    want = evaluate(LABELS, SCORES, features=table)
    assert evaluate(LABELS, SCORES, features=make(table)) == want


def test_a_frame_with_a_column_name_twice_is_refused():
    twice = pd.DataFrame([[1.0, 2.0]] * 60, columns=["x", "x"])
    with pytest.raises(DataError, match=r"called 'x'|Duplicate|one type"):
        evaluate(LABELS, SCORES, features=twice)


@pytest.mark.parametrize(
    ("truth", "score", "error", "said"),
    [
        ([None, None], [0.1, 0.2], DataError, "missing"),
        (pa.array([None, None], pa.int64()), [0.1, 0.2], DataError, "missing"),
        ([0, 1], [None, None], DataError, "not finite"),
        ([0, 1], [0.1, float("inf")], DataError, "not finite"),
        ([0, 1], ["a", "b"], DataError, "not made of numbers"),
        ([0, 2], [0.1, 0.2], UsageError, "positive class"),
        (["a", "b", "c"], [0.1, 0.2, 0.3], UsageError, "3 distinct"),
        ([0, 1, 1], [0.1, 0.2], DataError, "length"),
        ([[0, 1]], [0.1], DataError, "length|one column"),
        ([], [], DataError, "length"),
        ([{"a": 1}, {"a": 2}], [0.1, 0.2], DataError, "not plain"),
        (pd.Series([1, None], dtype="Int64"), [0.1, 0.2], DataError, "missing=1 of 2"),
        ([0, 1], pd.Series([0.5, None], dtype="Float64"), DataError, "bad=1 of 2"),
    ],
)
def test_columns_that_cannot_be_evaluated_say_why(truth, score, error, said):
    with pytest.raises(error, match=said):
        evaluate(truth, score)


def test_nullable_columns_and_decimals_without_nulls_are_numbers():
    want = evaluate(LABELS, SCORES).metrics
    assert evaluate(pd.Series(LABELS, dtype="Int64"), SCORES).metrics == want
    assert evaluate(LABELS, pd.Series(SCORES, dtype="Float64")).metrics == want
    assert evaluate(LABELS, [Decimal(str(s)) for s in SCORES]).metrics == want
    assert evaluate(pd.Series(LABELS).astype("boolean"), SCORES).metrics == want


def test_scores_at_the_ends_of_the_numbers_are_still_scores():
    truth = [0, 1] * 30
    e = evaluate(truth, np.where(truth, 1.7e308, -1.7e308), champion=np.array(truth) * 5.0)
    assert e.value("roc_auc") == 1.0
    assert e.value("expected_cost") == 0.0
    e.document()


def test_a_positive_label_nobody_has_is_a_finding_not_a_crash():
    e = evaluate(["a", "b"], [0.1, 0.2], positive="c")
    assert e.positives == 0
    assert "HF-E009" in {f.code for f in e.findings}
    assert e.passed is not True


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_said_and_nothing_is_made_up(label):
    e = evaluate([label] * 200, np.linspace(0, 1, 200), features={"x": range(200)}, capacity=5)
    assert "HF-E009" in {f.code for f in e.findings}
    for name in ("roc_auc", "balanced_accuracy", "mcc"):
        assert e.metrics[name].value is None
        assert e.metrics[name].why_not
    e.document()


def test_unknown_tasks_and_arguments_are_refused():
    with pytest.raises(UsageError, match="unknown task"):
        evaluate([0, 1], [0.1, 0.2], task="guess")
    with pytest.raises(UsageError, match="unknown arguments"):
        evaluate([0, 1], [0.1, 0.2], colour="red")


def test_dates_as_texts_objects_and_numbers_are_times():
    dates = [datetime.date(2026, 1, 1) + datetime.timedelta(days=i // 2) for i in range(60)]
    for times in (dates, [str(d) for d in dates], pa.array(dates), list(range(60))):
        assert evaluate(LABELS, SCORES, event_time=times).units == "blocks"
    by_day = evaluate(
        LABELS, SCORES, event_time=[str(d) for d in dates], capacity=1, capacity_period="day"
    )
    assert by_day.capacity == 30


VALUES = st.one_of(
    st.floats(width=32), st.integers(-2, 3), st.booleans(), st.none(), st.sampled_from(["a", ""])
)
FINITE = st.floats(-1e6, 1e6, allow_nan=False)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_anything_is_an_evaluation_or_an_error_in_words(data):
    n = data.draw(st.integers(0, 12))
    column = st.lists(VALUES, min_size=n, max_size=n)
    options = {}
    if data.draw(st.booleans()):
        options["features"] = {"x": data.draw(column), "y": data.draw(column)}
    if data.draw(st.booleans()):
        options["entity"] = data.draw(column)
    if data.draw(st.booleans()):
        options["capacity"] = data.draw(st.floats(0.5, 20))
    try:
        e = evaluate(data.draw(column), data.draw(column), **options)
    except HoldfastError:
        return
    assert e.rows == n


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.booleans(), FINITE), min_size=1, max_size=60),
    st.floats(0.1, 50),
    st.sampled_from([None, 3, 10]),
)
def test_every_number_lies_in_its_interval_and_the_record_holds_together(rows, cost, capacity):
    truth, score = [p for p, _ in rows], [s for _, s in rows]
    e = evaluate(truth, score, costs=Costs(1, cost), capacity=capacity)
    for name, found in e.metrics.items():
        assert (found.value is None) == bool(found.why_not), name
        if found.value is not None:
            assert found.low - 1e-9 <= found.value <= found.high + 1e-9, name
    assert e.confusion.rows == len(rows)
    if capacity is not None:
        assert e.confusion.true_positive + e.confusion.false_positive <= capacity
    e.document()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60))
def test_the_order_of_rows_and_a_rising_map_change_no_ranking(rows):
    truth, score = np.array([p for p, _ in rows]), np.array([s / 20 for _, s in rows])
    names = ["roc_auc", "pr_auc", "recall_at_budget"]
    plain = evaluate(truth, score, metrics=names)
    turned = evaluate(truth[::-1], score[::-1] ** 3, metrics=names)
    for name in names:
        assert turned.value(name) == pytest.approx(plain.value(name), nan_ok=True)
