"""However rows are cut and whatever the order of merging, the bytes are the same."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError
from holdfast.profiles import Profile, ProfileSpec, merge_profiles

NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-50, 50).map(lambda x: round(x, 2)),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, -999.0, 2.0**60]),
)
WORDS = st.one_of(st.none(), st.sampled_from(["a", "b", "", "é ß", " lead"]), st.text(max_size=9))
VECTORS = st.one_of(
    st.none(),
    st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=4),
)
ROWS = st.lists(st.tuples(NUMBERS, WORDS, VECTORS, st.booleans()), max_size=60)


def _table(rows: list[tuple]) -> pa.Table:
    return pa.table(
        {
            "x": pa.array([r[0] for r in rows], pa.float64()),
            "word": pa.array([r[1] for r in rows], pa.string()),
            "v": pa.array([r[2] for r in rows], pa.list_(pa.float64())),
            "flag": pa.array([r[3] for r in rows], pa.bool_()),
        }
    )


REFERENCE = _table(
    [
        (float(x), w, [float(x), 1.0, -x / 7], bool(i % 3))
        for i, (x, w) in enumerate(
            zip(
                np.random.default_rng(0).normal(0, 9, 700),
                ["a", "b", "c", "a", ""] * 140,
                strict=True,
            )
        )
    ]
)
SPEC = ProfileSpec.learn(REFERENCE, slices=["word"])


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 60), max_size=5), order=st.randoms())
def test_any_partition_merged_in_any_order_gives_the_same_bytes(rows, cuts, order):
    table = _table(rows)
    whole = Profile.of(table, SPEC, threads=1)
    bounds = [0, *sorted(min(c, len(rows)) for c in cuts), len(rows)]
    parts = [
        Profile.of(table.slice(a, b - a), SPEC, threads=1) for a, b in itertools.pairwise(bounds)
    ]
    order.shuffle(parts)
    assert merge_profiles(parts, SPEC).to_bytes() == whole.to_bytes()
    while len(parts) > 1:  # and associated in any way
        at = order.randrange(len(parts) - 1)
        parts[at : at + 2] = [parts[at].merge(parts[at + 1])]
    assert parts[0] == whole
    assert Profile.from_bytes(whole.to_bytes(), SPEC) == whole


@settings(max_examples=25, deadline=None)
@given(rows=ROWS, order=st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows, order):
    whole = Profile.of(_table(rows), SPEC, threads=1)
    order.shuffle(rows)
    assert Profile.of(_table(rows), SPEC, threads=1) == whole


def test_a_large_table_in_parts_equals_the_table_at_once():
    rng = np.random.default_rng(3)
    n = 300_000
    wide = rng.standard_cauchy(n) * 10.0 ** rng.integers(-8, 9, n)
    table = pa.table(
        {
            "normal": rng.normal(size=n),
            "wide": wide,
            "whole": rng.integers(0, 5000, n),
            "holes": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.1),
            "word": rng.choice(["a", "b", "c"], n),
        }
    )
    spec = ProfileSpec.learn(table.slice(0, 5000), slices=["word"])
    whole = Profile.of(table, spec)
    shuffled = table.take(pa.array(rng.permutation(n)))
    edges = [0, 7, 100_000, 100_001, 240_000, n]
    parts = [
        Profile.of(shuffled.slice(a, b - a), spec, threads=2) for a, b in itertools.pairwise(edges)
    ]
    assert parts[4].merge(parts[0], parts[3], parts[1], parts[2]).to_bytes() == whole.to_bytes()
    column, numbers = whole.columns["wide"], spec.columns["wide"]
    assert column.sums.mean(numbers.grid) == pytest.approx(math.fsum(wide) / n, rel=1e-7)


def test_a_file_is_profiled_chunk_by_chunk_to_the_same_bytes(tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    pq.write_table(REFERENCE, path, row_group_size=100)
    assert Profile.of(path, SPEC).to_bytes() == Profile.of(REFERENCE, SPEC).to_bytes()
    assert ProfileSpec.learn(path, slices=["word"]) == SPEC


def test_no_rows_is_the_neutral_profile():
    one = Profile.of(REFERENCE, SPEC)
    assert one.merge(Profile.empty(SPEC)) == one == Profile.empty(SPEC).merge(one)


def test_profiles_of_different_specs_do_not_merge():
    other = ProfileSpec.learn({"x": [1.0, 2.0]})
    with pytest.raises(DataError, match="count different things"):
        Profile.empty(SPEC).merge(Profile.empty(other))


def test_a_column_missing_from_one_part_is_counted_as_absent_there():
    left = Profile.of(REFERENCE.drop_columns(["x"]).slice(0, 10), SPEC)
    both = left.merge(Profile.of(REFERENCE.slice(10, 5), SPEC))
    column = both.columns["x"]
    assert (column.rows, column.absent, sum(column.cells)) == (15, 10, 5)
