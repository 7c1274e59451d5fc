"""Counts against the truth, computed the slow way."""

from __future__ import annotations

import datetime
import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError, UsageError
from holdfast.profiles import ColumnKind, NumberSpec, Profile, ProfileSpec
from holdfast.profiles.kernel import count_numbers


def _one(values, spec_values, name="x"):
    spec = ProfileSpec.learn({name: spec_values})
    return Profile.of({name: values}, spec).columns[name], spec.columns[name]


def test_every_special_number_is_counted_once():
    values = pa.array([1.0, None, math.nan, math.inf, -math.inf, 0.0, -0.0, -999.0, 7.0])
    got, spec = _one(values, np.linspace(0, 5, 200))
    assert (got.rows, got.null, got.nan, got.pos_inf, got.neg_inf, got.zero) == (9, 1, 1, 1, 1, 2)
    assert (got.finite, got.low, got.high) == (5, -999.0, 7.0)
    assert -999.0 in spec.sentinels
    assert got.distinct.estimate() == 4


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-10, 10), st.integers(-3, 3).map(float)), min_size=1, max_size=300)
)
def test_cells_agree_with_counting_one_by_one(values):
    reference = np.random.default_rng(1).normal(0, 3, 2000).round(1)
    got, spec = _one(values, reference)
    edges = [-math.inf, *spec.edges, math.inf]
    expected = [sum(low <= v < high for v in values) for low, high in itertools.pairwise(edges)]
    assert list(got.cells) == expected


def test_moments_agree_with_exact_summation():
    rng = np.random.default_rng(2)
    for values in (
        rng.normal(1e6, 1, 5000),
        rng.lognormal(0, 3, 5000),
        rng.integers(0, 10, 5000).astype(float),
        rng.normal(size=5000) * 1e-12,
        np.r_[rng.normal(size=5000), 1e200, -1e190],
    ):
        got, spec = _one(values, values[:5000])
        mean = math.fsum(values) / len(values)
        sd = values[:5000].std() + 1e-300
        assert abs(got.sums.mean(spec.grid) - mean) <= max(1e-6 * sd, 1e-8 * abs(mean))
        with np.errstate(over="ignore"):
            squares = np.isfinite(values.var())
        if squares:
            assert got.sums.variance(spec.grid) == pytest.approx(values.var(), rel=1e-5)


def test_steps_tell_rounded_numbers():
    rng = np.random.default_rng(4)
    fine = rng.normal(0, 100, 4000)
    got, spec = _one(fine.round(), fine)
    share = [n / 4000 for n in got.on_step]
    assert share[0] > 0.99
    same, _ = _one(fine, fine)
    assert max(same.on_step) < 40
    cents, spec = _one(rng.uniform(0, 90, 1000).round(2), rng.uniform(0, 90, 1000).round(2))
    assert spec.steps[0] == -2
    assert cents.on_step[0] == 1000


def test_frequent_values_have_a_cell_of_their_own():
    rng = np.random.default_rng(5)
    reference = np.where(rng.random(5000) < 0.2, 3.5, rng.normal(size=5000))
    spec = ProfileSpec.learn({"x": reference}).columns["x"]
    assert spec.values == (3.5,)
    got = count_numbers(np.array([3.5, 3.5, 3.4999, 3.5001]), None, spec)
    at = spec.edges.index(3.5)
    assert got.cells[at + 1] == 2


def test_a_column_of_another_type_is_counted_as_wrong():
    got, spec = _one(["1", "2", None], [1.0, 2.0, 3.0])
    assert (got.wrong, got.null, got.finite, got.storage) == (2, 1, 0, {"text": 3})
    text, _ = _one([1, 2, 2, None], ["1", "1", "1", "2", "2", "x"])
    assert (text.wrong, text.null, text.counts) == (3, 1, (1, 2, 0))
    time, spec = _one([5, 6], [datetime.date(2024, 1, day) for day in (1, 2, 3)])
    assert spec.kind is ColumnKind.TIME
    assert time.wrong == 2


def test_times_are_counted_in_microseconds():
    moment = datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC)
    got, spec = _one([moment, None], [moment, datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC)])
    assert (got.low, got.null, spec.high) == (1e6, 1, 86_400e6)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([], pa.float64()),
        pa.array([None] * 5, pa.float64()),
        pa.nulls(4),
        pa.array([2.5] * 7),
        pa.array([math.nan] * 3),
        pa.array([math.inf, -math.inf]),
        pa.array([1]),
        pa.array([], pa.string()),
        pa.array([None, None], pa.string()),
        pa.array([[]], pa.list_(pa.float64())),
        pa.array([None], pa.list_(pa.int64())),
    ],
    ids=str,
)
def test_degenerate_columns_learn_and_count(values):
    spec = ProfileSpec.learn({"x": values})
    again = ProfileSpec.from_bytes(spec.to_bytes())
    for current in (values, pa.array([1.0, 2.0]), pa.array(["q"]), pa.array([[1.0]])):
        got = Profile.of({"x": current}, again)
        assert got.columns["x"].rows == len(current)
        assert Profile.from_bytes(got.to_bytes(), spec) == got


def test_a_million_categories_stay_bounded_and_exact():
    n = 1_000_000
    names = pa.array(np.char.add("user-", np.arange(n).astype(str)), pa.string())
    spec = ProfileSpec.learn({"id": names})
    column = spec.columns["id"]
    assert (len(column.categories), column.complete, column.known) == (1000, False, n)
    got = Profile.of({"id": names}, spec)
    counted = got.columns["id"]
    assert (sum(counted.counts), counted.other, sum(counted.buckets)) == (1000, n - 1000, n)
    assert abs(counted.distinct.estimate() / n - 1) < 4 * 0.0143
    assert len(got.to_bytes()) < 8_000


def test_texts_are_counted_by_length_and_by_what_they_hold():
    got, _ = _one(["Ab 1", "", " x", "é", "a,b", None, "Ab 1"], ["a", "b"])
    assert (got.empty, got.characters, got.shortest, got.longest) == (1, 14, 0, 4)
    letter, capital, digit, end, space, punctuation, foreign = got.classes
    assert (letter, capital, digit, end, space, punctuation, foreign) == (5, 2, 2, 1, 2, 1, 1)
    assert got.lengths[:5] == (1, 1, 1, 1, 2)
    assert {(u.text, u.rows) for u in got.others} == {
        ("Ab 1", 2), ("", 1), (" x", 1), ("é", 1), ("a,b", 1),
    }  # fmt: skip


def test_embeddings_are_counted_by_length_norm_and_dimension():
    reference = pa.array([[3.0, 4.0], [6.0, 8.0], [0.0, 1.0]])
    current = pa.array([[3.0, 4.0], None, [1.0], [math.nan, 1.0], [5.0, 12.0]])
    got, spec = _one(current, reference, "v")
    assert (got.null, got.odd_length, got.not_finite) == (1, 1, 1)
    assert (got.norm.low, got.norm.high) == (5.0, 13.0)
    assert [s.mean(g) for s, g in zip(got.sums, spec.grids, strict=True)] == [4.0, 8.0]


def test_parts_of_a_model_can_be_given_beside_the_table():
    table = {"x": [1.0, 2.0, 3.0], "p": [0.1, 0.5, 0.9], "y": ["n", "y", "y"]}
    spec = ProfileSpec.learn(table, score="p", label="y")
    got = Profile.of({"x": [1.0, 1.0]}, spec, score=[0.5, 0.5], label=["y", "n"])
    assert got.columns["p"].sums.count == 2
    assert got.columns["y"].counts == (1, 1)
    with pytest.raises(UsageError, match="no decision"):
        Profile.of({"x": [1.0]}, spec, decision=[True])
    with pytest.raises(DataError, match="does not fit"):
        Profile.of({"x": [1.0]}, spec, score=[0.1, 0.2])


def test_slices_are_profiles_of_their_rows():
    table = {"channel": ["web", "app", "web"], "x": [1.0, 2.0, 5.0]}
    spec = ProfileSpec.learn(table, slices=["channel"])
    got = Profile.of(table, spec)
    part = got.slices["channel"]["web"]
    assert (part.rows, part.columns["x"].high, got.slices["channel"]["app"].rows) == (2, 5.0, 1)
    with pytest.raises(DataError, match="cannot slice"):
        ProfileSpec.learn(table, slices=["x"])


def test_columns_that_move_together_are_watched_and_their_parting_is_seen():
    rng = np.random.default_rng(6)
    x = rng.normal(size=4000)
    table = {"x": x, "y": x + rng.normal(size=4000), "alone": rng.normal(size=4000)}
    spec = ProfileSpec.learn(table)
    assert spec.together == ("x", "y")
    kept = Profile.of(table, spec).together.correlations()[0, 1]
    assert kept == pytest.approx(np.corrcoef(table["x"], table["y"])[0, 1], abs=0.03)
    parted = {**table, "y": rng.permutation(table["y"])}
    assert abs(Profile.of(parted, spec).together.correlations()[0, 1]) < 0.06


def test_unknown_columns_are_named_not_counted():
    spec = ProfileSpec.learn({"x": [1.0]})
    assert Profile.of({"x": [1.0], "new": [2]}, spec).extra == {"new": 1}


def test_a_spec_column_that_is_not_there_is_refused_when_learning():
    with pytest.raises(DataError, match="no column 'nope'"):
        ProfileSpec.learn({"x": [1.0]}, score="nope")


def test_numbers_beyond_two_to_the_53_do_not_break_the_count():
    got, _ = _one(pa.array([2**62, 2**62 + 1, -(2**62)]), pa.array([0, 1, 2]))
    assert got.finite == 3
    assert isinstance(_, NumberSpec)
