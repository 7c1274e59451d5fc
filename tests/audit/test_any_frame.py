"""Whatever the table: a clear error or a report, never a crash."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.audit import audit
from holdfast.errors import DataError, HoldfastError, UsageError
from holdfast.reports import FORMATS, render

odd = st.one_of(st.none(), st.floats(width=32), st.integers(-3, 3), st.just(2**53 + 1))
columns = st.one_of(
    st.lists(st.none(), min_size=16, max_size=16),
    st.lists(odd, min_size=16, max_size=16),
    st.lists(st.sampled_from([None, "", "a", "b", "None", "1"]), min_size=16, max_size=16),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=16, max_size=16),
    st.lists(st.one_of(odd, st.text(max_size=3)), min_size=16, max_size=16),
    st.lists(st.datetimes(), min_size=16, max_size=16),
    st.just(["x"] * 16),
    st.just([float("nan")] * 16),
    st.just([float("inf"), -float("inf")] * 8),
    st.just([f"only {i} of many words" for i in range(16)]),
)


@settings(max_examples=2000, suppress_health_check=list(HealthCheck))
@given(
    values=st.lists(columns, min_size=1, max_size=3),
    target=columns,
    rows=st.sampled_from([1, 2, 3, 8, 16]),
    split=st.booleans(),
)
def test_any_frame_gives_a_report_or_a_clear_error(values, target, rows, split):
    table = {f"c{i}": column[:rows] for i, column in enumerate(values)}
    table["y"] = target[:rows]
    try:
        report = audit(table, table if split else None, target="y", seed=1)
    except HoldfastError as error:
        said_what_was_wrong = error.code and error.expected
    else:
        _said_with_care(report)
        return
    assert said_what_was_wrong


def _said_with_care(report):
    assert report.passed in {True, False, None}
    told = repr(report).lower()
    assert "all clear" not in told
    assert "no leakage" not in told
    assert {f.verdict.value for f in report.findings} <= {"PROVEN", "SUSPECT"}


def rows(n: int = 200) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, n)
    return {"a": rng.normal(size=n) + y, "b": rng.choice(["u", "v"], n), "y": y}


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.table, dict], ids=["pandas", "polars", "arrow", "dict"]
)
def test_every_kind_of_frame_gives_the_same_report(make):
    assert audit(make(rows()), target="y").to_dict() == audit(rows(), target="y").to_dict()


def test_an_empty_test_table_is_refused():
    table = pa.table(rows())
    with pytest.raises(DataError, match="test table has no rows"):
        audit(table, table.slice(0, 0), target="y")


def test_an_empty_training_table_is_refused():
    with pytest.raises(DataError, match="training table has no rows"):
        audit(pa.table(rows()).slice(0, 0), target="y")


def test_a_missing_target_names_the_columns_there_are():
    with pytest.raises(DataError, match="no column 'z'"):
        audit(rows(), target="z")


def test_two_columns_of_one_name_are_refused():
    doubled = pa.table([[1, 2], [3, 4], [0, 1]], names=["a", "a", "y"])
    with pytest.raises(DataError, match="two columns are called 'a'"):
        audit(doubled, target="y")


def test_mixed_types_of_pandas_are_refused_with_a_remedy():
    frame = pd.DataFrame({"a": [1, "x", 2.5, None], "y": [0, 1, 0, 1]})
    with pytest.raises(DataError, match="mixed"):
        audit(frame, target="y")


def test_one_class_leaves_the_checks_of_columns_untested():
    report = audit({**rows(), "y": np.ones(200)}, target="y")
    assert report.task == "none"
    assert "a target with two values" in {n.needs for n in report.not_tested}


def test_a_time_cannot_be_the_target():
    table = {**rows(), "y": pd.date_range("2024-01-01", periods=200).to_numpy()}
    with pytest.raises(DataError, match="cannot be predicted"):
        audit(table, target="y")


def test_a_positive_label_that_no_row_holds_is_refused():
    with pytest.raises(DataError, match="positive"):
        audit(rows(), target="y", positive="yes")


def test_an_unknown_check_is_refused():
    with pytest.raises(UsageError, match="no such leakage check"):
        audit(rows(), target="y", checks=["HF-L-NOTHING"])


def test_a_target_with_another_role_is_refused():
    with pytest.raises(UsageError, match="another role"):
        audit(rows(), target="y", event_time="y")


def test_one_name_in_place_of_a_list_is_refused():
    with pytest.raises(UsageError, match="list"):
        audit(rows(), target="y", ids="a")


def test_a_hundred_thousand_categories_pass_quietly():
    rng = np.random.default_rng(0)
    n = 100_000
    table = {"id": [f"k{i:06d}" for i in rng.permutation(n)], "x": rng.normal(size=n)}
    report = audit({**table, "y": rng.integers(0, 2, n)}, target="y")
    assert report.passed is True
    assert report.findings == ()


def test_every_format_is_drawn():
    table = rows()
    report = audit({**table, "late": table["y"] * 2.0 + np.linspace(0, 1, 200)}, target="y")
    assert report.findings
    for name in FORMATS:
        text = render(report.document("t"), name)
        assert "late" in text
        assert "all clear" not in text.lower()
