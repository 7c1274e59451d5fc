"""Slices: a planted one is found and confirmed, nothing is told of nothing, and nothing crashes."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from benchmarks.evaluation.slices import error_of, one
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import slices_of
from holdfast.reports import FORMATS, render


def _frame(rng, n):
    return {
        "job": rng.choice(["fixed", "partime", "other"], n, p=[0.6, 0.1, 0.3]).tolist(),
        "age": rng.integers(18, 80, n).tolist(),
        "owner": (rng.random(n) < 0.4).tolist(),
    }


@pytest.mark.parametrize("literals", [1, 2])
def test_a_planted_slice_of_five_percent_and_ten_points_is_found_and_confirmed(literals):
    hits = sum(one(seed, 10_000, error_of(0.10, 0.10), literals)[1] for seed in range(12))
    assert hits >= 10


def test_where_no_slice_is_worse_one_is_told_in_five_percent_of_runs_at_most():
    told = sum(bool(one(seed, 3_000, error_of(0.1, 0.0), 0)[0].confirmed) for seed in range(40))
    assert told <= 5  # P(more | 5 %) is 1.4 %


def test_the_numbers_of_a_slice_are_of_the_half_it_was_not_found_on():
    rng = np.random.default_rng(0)
    frame = _frame(rng, 4_000)
    inside = np.array(frame["job"]) == "partime"
    loss = (rng.random(4_000) < np.where(inside, 0.4, 0.1)).astype(float)
    best = slices_of(frame, loss, show=True).confirmed[0]
    assert best.words == "job = partime"
    assert 0.4 * inside.sum() < best.rows < 0.6 * inside.sum()
    assert best.excess.low < 0.3 < best.excess.high
    assert best.excess.value == pytest.approx(best.inside - best.outside, abs=1e-12)


def test_the_chance_of_a_slice_is_fishers_exact_tail():
    rng = np.random.default_rng(1)
    frame = {"job": ["a", "b"] * 200}
    loss = (rng.random(400) < np.where(np.arange(400) % 2, 0.5, 0.2)).astype(float)
    best = slices_of(frame, loss, show=True).confirmed[0]
    others = 200 - best.rows
    table = [
        [round(best.inside * best.rows), round((1 - best.inside) * best.rows)],
        [round(best.outside * others), round((1 - best.outside) * others)],
    ]
    assert best.p == pytest.approx(stats.fisher_exact(table, "greater").pvalue, abs=1e-9)


def test_the_whole_around_a_slice_and_its_halves_are_not_told_beside_it():
    rng = np.random.default_rng(2)
    n = 20_000
    frame = {
        "a": rng.integers(0, 4, n).tolist(),
        "b": rng.integers(0, 4, n).tolist(),
        "c": rng.integers(0, 4, n).tolist(),
    }
    inside = (np.array(frame["a"]) == 1) & (np.array(frame["b"]) == 2)
    loss = (rng.random(n) < np.where(inside, 0.5, 0.1)).astype(float)
    assert [s.words for s in slices_of(frame, loss, show=True).confirmed] == ["a = 1 and b = 2"]


@pytest.mark.parametrize("kind", ["squared error", "cost", "log loss"])
def test_any_loss_of_a_row_will_do(kind):
    rng = np.random.default_rng(3)
    frame = _frame(rng, 6_000)
    inside = np.array(frame["job"]) == "partime"
    loss = {
        "squared error": (rng.normal(size=6_000) * np.where(inside, 2, 1)) ** 2,
        "cost": np.where(rng.random(6_000) < np.where(inside, 0.2, 0.05), 500.0, 0.0),
        "log loss": -np.log(rng.beta(np.where(inside, 1.5, 4.0), 1.0)),
    }[kind]
    found = slices_of(frame, loss, loss_name=kind, show=True)
    assert "job = partime" in [s.words for s in found.confirmed]
    assert kind in found.findings[0].sentence


def test_missing_values_make_a_slice_and_numbers_are_cut_at_quantiles():
    rng = np.random.default_rng(4)
    income = rng.lognormal(8, 1, 5_000)
    income[rng.random(5_000) < 0.1] = math.nan
    loss = (rng.random(5_000) < np.where(np.isnan(income), 0.4, 0.1)).astype(float)
    found = slices_of({"income": income}, loss)
    assert found.confirmed[0].words == "income missing"


def test_values_of_columns_are_not_told_unless_they_may_be():
    rng = np.random.default_rng(5)
    frame = _frame(rng, 4_000)
    inside = np.array(frame["job"]) == "partime"
    loss = (rng.random(4_000) < np.where(inside, 0.5, 0.1)).astype(float)
    hidden = slices_of(frame, loss)
    assert hidden.confirmed[0].words == "job value no. 3 by frequency"
    assert "partime" not in hidden.to_json() + render(hidden.document(), "html")
    assert slices_of(frame, loss, show=["job"]).confirmed[0].words == "job = partime"


def test_rows_of_one_entity_stand_on_one_side_and_count_as_one():
    rng = np.random.default_rng(6)
    told = 0
    for _ in range(40):  # 100 people of 30 rows; a person's loss is all the person's own
        person = np.repeat(np.arange(100), 30)
        town = rng.integers(0, 8, 100)[person]
        loss = (rng.random(100) < 0.3).astype(float)[person]
        found = slices_of({"town": town, "who": person}, loss, entity="who")
        assert found.columns == ("town",)
        told += bool(found.confirmed)
    assert told <= 5  # taken as independent, nearly every run would tell one


def test_the_same_seed_gives_the_same_report():
    rng = np.random.default_rng(7)
    frame, loss = _frame(rng, 2_000), rng.random(2_000)
    assert slices_of(frame, loss, seed=3).to_json() == slices_of(frame, loss, seed=3).to_json()


def test_few_rows_one_loss_or_no_column_cannot_be_told_and_say_why():
    for frame, loss, why in (
        ({"a": ["x", "y"] * 10}, [0.0, 1.0] * 10, "too few"),
        ({"a": ["x", "y"] * 200}, [1.0] * 400, "same in every row"),
        ({"a": ["x"] * 400, "b": [None] * 400}, [0.0, 1.0] * 200, "no column"),
        ({"a": []}, [], "too few"),
    ):
        found = slices_of(frame, loss)
        assert found.passed is None
        assert why in found.why_not
        assert found.findings[0].code == "HF-E302"
        assert render(found.document(), "text")


def test_constant_null_and_list_columns_are_left_out_with_the_reason():
    n = 400
    frame = {"c": [1] * n, "e": [None] * n, "l": [[1.0]] * n, "ok": [0, 1] * (n // 2)}
    found = slices_of(frame, np.arange(n) % 7 / 7)
    assert found.skipped == {
        "c": "one value only", "e": "no value at all", "l": "lists are not sliced",
    }  # fmt: skip


def test_a_hundred_thousand_categories_are_cut_to_the_frequent_ones():
    frame = {"id": [f"u{i}" for i in range(100_000)], "b": [True, False] * 50_000}
    loss = (np.random.default_rng(8).random(100_000) < 0.1).astype(float)
    found = slices_of(frame, loss)
    assert found.tried == 2
    assert found.passed is True


def test_infinite_values_of_a_column_are_the_last_part():
    rng = np.random.default_rng(9)
    x = rng.normal(size=2_000)
    x[:100] = math.inf
    assert slices_of({"x": x}, rng.random(2_000)).tried == 10


@pytest.mark.parametrize(
    ("loss", "options", "error"),
    [
        ([0.0], {}, DataError),
        ([math.inf] * 4, {}, DataError),
        (["a"] * 4, {}, DataError),
        ([0.0] * 4, {"columns": ["zz"]}, UsageError),
        ([0.0] * 4, {"entity": [1]}, DataError),
        ([0.0] * 4, {"error": 0.0}, UsageError),
    ],
)
def test_bad_input_is_a_clear_error(loss, options, error):
    with pytest.raises(error):
        slices_of({"a": [1, 2, 3, 4]}, loss, **options)


def test_rows_without_a_loss_are_left_out_and_polars_frames_are_read():
    rng = np.random.default_rng(10)
    frame = pl.DataFrame({"a": rng.integers(0, 3, 1_000)})
    loss = rng.random(1_000)
    loss[:100] = math.nan
    assert slices_of(frame, loss).rows == 900


VALUES = st.one_of(
    st.lists(st.one_of(st.none(), st.floats()), min_size=0, max_size=60),
    st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=0, max_size=60),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=0, max_size=60),
    st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), min_size=0, max_size=60),
)


@settings(max_examples=80)
@given(VALUES, VALUES, st.floats(0, 1e6), st.integers(0, 5))
def test_no_frame_makes_it_crash(first, second, scale, seed):
    n = min(len(first), len(second))
    frame = {"a": first[:n], "b": second[:n], "c": list(range(n))}
    loss = np.random.default_rng(seed).random(n) * scale
    found = slices_of(frame, loss, support=3, show=True, seed=seed)
    assert all(0 <= s.p <= s.adjusted * len(found.slices) + 1 for s in found.slices)
    assert all(s.adjusted <= found.error for s in found.confirmed)
    json.loads(found.to_json())


def test_the_record_shows_itself_in_every_format():
    rng = np.random.default_rng(11)
    frame = _frame(rng, 4_000)
    inside = np.array(frame["job"]) == "partime"
    found = slices_of(frame, (rng.random(4_000) < np.where(inside, 0.5, 0.1)).astype(float))
    for name in FORMATS:
        assert render(found.document("test"), name)
    assert found.to_frame().num_rows == len(found.slices)
    assert found.to_dict()["findings"][0]["code"] == "HF-E301"
