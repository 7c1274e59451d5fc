from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.tables import categories, numbers

from holdfast.detection.columns.cells import (
    MOST_CATEGORIES,
    SLACK,
    Coder,
    code_columns,
    learn_cells,
    mid_ranks,
    standardise,
)
from holdfast.frames.values import ValueKind, read_values

finite = st.floats(allow_nan=False, allow_infinity=False)
mixed = st.one_of(st.floats(), st.none(), st.integers(-5, 5), st.text(max_size=2), st.booleans())


def plain_cell(cells, value):
    """First cell whose upper end is not below the value."""
    for k, cut in enumerate(cells.cuts):
        if value <= cut:
            return k
    return len(cells.cuts)


@settings(max_examples=60, deadline=None)
@given(reference=st.lists(mixed, min_size=1, max_size=60), live=st.lists(mixed, max_size=20))
def test_every_value_has_exactly_one_cell_of_the_right_sort(reference, live):
    cells = learn_cells(read_values(ValueKind.NUMBER, reference))
    assert sum(cells.counts) == len(reference)
    assert list(cells.cuts) == sorted(set(cells.cuts))
    values = read_values(ValueKind.NUMBER, live)
    coded = Coder(cells).code(values)
    for value, state, number, cell in zip(
        live, values.state.tolist(), values.numbers.tolist(), coded.tolist(), strict=True
    ):
        assert 0 <= cell < cells.size
        if isinstance(value, str):
            assert (state, cell) == (2, cells.wrong)
        elif state == 1:
            assert cell == cells.missing
        else:
            assert cell == plain_cell(cells, number)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=80))
def test_the_outer_cells_begin_a_little_beyond_the_range(reference):
    cells = learn_cells(numbers(reference))
    coder = Coder(cells)
    low, high = min(reference), max(reference)
    slack = SLACK * (high - low)
    inside = coder.code(numbers([low, high, low - 0.5 * slack, high + 0.5 * slack]))
    assert cells.below not in inside.tolist()
    assert cells.above not in inside.tolist()
    span = max(abs(low), abs(high), 1.0)
    far = coder.code(numbers([low - slack - span, high + slack + span, -np.inf, np.inf]))
    assert far.tolist() == [cells.below, cells.above] * 2
    assert cells.counts[cells.below] == cells.counts[cells.above] == 0


def test_a_common_value_has_a_cell_of_its_own():
    x = np.concatenate((np.random.default_rng(0).normal(50, 10, 900), np.full(100, 42.0)))
    cells = learn_cells(numbers(x))
    own = cells.atoms[42.0]
    assert cells.counts[own] == 100
    near = Coder(cells).code(numbers([np.nextafter(42.0, 0), 42.0, np.nextafter(42.0, 99)]))
    assert near.tolist() == [own - 1, own, own + 1]


def test_few_different_values_have_a_cell_each():
    cells = learn_cells(numbers([0, 1, 1, 2, 5] * 20))
    assert {v: cells.counts[c] for v, c in cells.atoms.items()} == {0: 20, 1: 40, 2: 20, 5: 20}


@pytest.mark.parametrize(
    "values",
    [
        [math.nan] * 40, [None] * 40, [math.inf] * 40, [-math.inf, math.inf] * 20, [0.0] * 40,
        [1e308, -1e308] * 20, [5e-324, 0.0] * 20, ["x"] * 40,
    ],
)  # fmt: skip
def test_strange_references_are_cut_without_an_exception(values):
    cells = learn_cells(read_values(ValueKind.NUMBER, values))
    assert sum(cells.counts) == 40
    coded = Coder(cells).code(numbers([0.0, 1e308, -1e308, np.inf, -np.inf, np.nan]))
    assert (coded >= 0).all()
    assert (coded < cells.size).all()
    assert np.isfinite(mid_ranks(cells)).all()


def test_categories_are_own_known_unseen_or_missing():
    names = [f"c{i}" for i in range(MOST_CATEGORIES + 10)]
    codes = np.repeat(np.arange(len(names)), np.arange(len(names), 0, -1))
    cells = learn_cells(categories(codes, names))
    coded = Coder(cells).code(read_values(ValueKind.CATEGORY, ["c0", "c55", "new", None, "c1"]))
    assert coded.tolist() == [0, MOST_CATEGORIES, cells.unseen, cells.missing, 1]
    assert cells.counts[cells.unseen] == 0


def test_the_same_spellings_in_another_order_mean_the_same():
    cells = learn_cells(categories([0, 0, 1, 1, 1], "ab"))
    coder = Coder(cells)
    first = coder.code(categories([0, 1, 2], ["a", "b", "z"]))
    second = coder.code(categories([1, 0, 2], ["b", "a", "z"]))
    third = coder.code(categories([0, 1, 2], ["a", "b", "z"]))
    assert first.tolist() == second.tolist() == third.tolist() == [1, 0, cells.unseen]


def test_counts_of_cells_add_up_over_any_parts():
    x = np.random.default_rng(1).normal(size=500)
    cells = learn_cells(numbers(x))
    coder = Coder(cells)
    parts = [np.bincount(coder.code(numbers(p)), minlength=cells.size)
             for p in np.array_split(x, 7)]  # fmt: skip
    assert np.sum(parts, axis=0).tolist() == list(cells.counts)


def test_an_absent_column_is_missing_in_every_row():
    coders = {n: Coder(learn_cells(numbers([1, 2, 3]))) for n in ("a", "b")}
    coded = code_columns(coders, {"b": numbers([1, 2])}, 2)
    assert (coded[:, 0] == coders["a"].cells.missing).all()
    assert (coded[:, 1] != coders["b"].cells.missing).all()


def test_ranks_run_from_zero_to_one_and_standardise_to_zero_and_one():
    cells = learn_cells(numbers(np.random.default_rng(2).normal(size=2000)))
    ranks, weights = mid_ranks(cells), np.array(cells.counts, float)
    assert (np.diff(ranks[: cells.inner]) >= 0).all()
    assert weights @ ranks / weights.sum() == pytest.approx(0.5)
    z = standardise(ranks, weights)
    assert weights @ z == pytest.approx(0.0, abs=1e-9)
    assert weights @ z**2 / weights.sum() == pytest.approx(1.0)
    assert not standardise(np.ones(4), np.ones(4)).any()
    assert not standardise(np.arange(4.0), np.zeros(4)).any()
