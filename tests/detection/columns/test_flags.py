from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.batches import stretches
from tests.detection.columns.tables import categories, numbers

from holdfast.detection.columns.cells import Coder, code_columns, learn_cells
from holdfast.detection.columns.flags import (
    RECENT,
    WINDOW,
    Keys,
    Lattices,
    Repeats,
    Residuals,
    lattice_steps,
    learn_dependence,
    on_lattice,
    row_hashes,
)

NOTHING = int(Keys().of([None], 1)[0, 0])


def plain_repeats(keys):
    """The same questions, one row at a time."""
    out = []
    for i, row in enumerate(keys):
        same = [i > 0 and k == keys[i - 1][c] and k != NOTHING for c, k in enumerate(row)]
        recent = [
            any(k == keys[j][c] for j in range(max(i - RECENT, 0), i)) and k != NOTHING
            for c, k in enumerate(row)
        ]
        again = row in keys[max(i - WINDOW, 0) : i]
        out.append((same, recent, [again, i > 0 and row == keys[i - 1]]))
    return out


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    kinds=st.sampled_from([2, 30, 2000]),
    cuts=st.lists(st.integers(1, 899), max_size=20),
    restart=st.integers(1, 899),
)
def test_repeats_equal_a_loop_over_all_earlier_rows_in_any_batches(seed, kinds, cuts, restart):
    rows = 900
    rng = np.random.default_rng(seed)
    keys = rng.integers(0, kinds, (rows, 2))
    keys[rng.random((rows, 2)) < 0.1] = NOTHING
    keys[400:410] = keys[399]
    keys[700:720] = keys[100:120]
    whole = Repeats(2)
    whole.observe(keys)
    repeats, got = Repeats(2), []
    for low, high in stretches(rows, [*cuts, restart]):
        if low == restart:
            data = repeats.dump()
            repeats = Repeats(2)
            repeats.load(data)
        parts = [x.tolist() for x in repeats.observe(keys[low:high])]
        got += list(zip(*parts, strict=True))
    assert got == plain_repeats(keys.tolist())
    assert repeats.dump() == whole.dump()


def test_equal_values_have_equal_keys_whatever_batch_they_come_in():
    keys = Keys()
    a = keys.of([numbers([0.0, -0.0, 1.5, np.nan]), categories([0, 1, -1, 0], ["x", "y"])], 4)
    b = keys.of([numbers([1.5, 0.0, np.nan, 2.0]), categories([1, 0, -1, 2], ["y", "x", "z"])], 4)
    assert a[0, 0] == a[1, 0] == b[1, 0]
    assert a[2, 0] == b[0, 0]
    assert a[3, 0] == b[2, 0] == a[2, 1] == b[2, 1] == NOTHING
    assert (a[0, 1], a[1, 1]) == (b[1 - 1, 1], b[1, 1])
    assert len({*a[:, 1].tolist(), *b[:, 1].tolist()}) == 4
    assert (Keys().of([None], 3) == NOTHING).all()


def test_row_hashes_tell_rows_apart():
    rows = np.random.default_rng(0).integers(-5, 5, (5000, 6))
    different = len(np.unique(rows, axis=0))
    assert len(set(row_hashes(rows).tolist())) == different


@pytest.mark.parametrize("step", [0.001, 0.1, 1.0, 1000.0])
def test_multiples_of_a_step_are_seen_despite_rounding(step):
    k = np.random.default_rng(0).integers(-10_000, 10_000, 500)
    assert on_lattice(k * step, step).all()
    assert not on_lattice((k + 0.5) * step, step).any()


def test_no_number_is_a_multiple_of_nothing():
    odd = np.array([np.nan, np.inf, -np.inf])
    assert not on_lattice(odd, 0.01).any()


def test_steps_of_a_lattice_follow_the_spread_and_keep_the_coarsest_full_one():
    rng = np.random.default_rng(0)
    cents = lattice_steps(numbers(np.round(rng.normal(50, 10, 1000), 2)))
    assert cents[0] == pytest.approx(0.01)
    tens = lattice_steps(numbers(np.round(rng.normal(500, 100, 1000), -1)))
    assert tens == pytest.approx((10.0, 100.0, 1000.0))
    for odd in ([], [1.0], [3.0] * 50, [np.nan] * 50, [1e308, -1e308], [0.0, 5e-324]):
        assert lattice_steps(numbers(odd)) == ()


def test_lattice_flags_of_all_columns_equal_those_of_each():
    rng = np.random.default_rng(1)
    steps = [(0.1, 1.0), (), (10.0,)]
    columns = [numbers(rng.integers(0, 50, 40) / 10), None, numbers(rng.integers(0, 99, 40))]
    out = np.zeros((40, 3, 3), np.bool_)
    Lattices(steps, 2).flags(columns, 40, out)
    for i, mine in enumerate(steps):
        for k, step in enumerate(mine):
            assert (out[:, i, k] == on_lattice(columns[i].numbers, step)).all()
    assert not out[:, 1].any()
    assert not out[:, :, 2].any()


def related(rows, rng, broken=0.0):
    x = rng.normal(size=rows)
    y = 2.0 * x + rng.normal(0, 0.3, rows)
    swap = rng.random(rows) < broken
    y[swap] = rng.permutation(y[swap])
    return {"x": numbers(x), "y": numbers(y), "z": numbers(rng.normal(size=rows)),
            "k": categories((x > 0).astype(int), "ab")}  # fmt: skip


def fitted(rows=4000):
    columns = related(rows, np.random.default_rng(0))
    cells = [learn_cells(v) for v in columns.values()]
    coders = {n: Coder(c) for n, c in zip(columns, cells, strict=True)}
    model = learn_dependence(cells, code_columns(coders, columns, rows))
    return cells, coders, model


def test_columns_that_follow_from_the_others_are_found_and_others_left_out():
    _, _, model = fitted()
    names = ["x", "y", "z", "k"]
    r2 = {names[i]: r for i, r in zip(model.targets, model.r2, strict=True)}
    assert set(r2) == {"x", "y"}
    assert min(r2.values()) > 0.8


def test_a_tenth_of_the_reference_does_not_fit_and_broken_rows_do_so_far_more_often():
    cells, coders, model = fitted()
    residuals = Residuals(model, cells)
    good = code_columns(coders, related(4000, np.random.default_rng(1)), 4000)
    bad = code_columns(coders, related(4000, np.random.default_rng(1), broken=1.0), 4000)
    assert residuals.flags(good).mean(axis=0) == pytest.approx(0.1, abs=0.02)
    assert (residuals.flags(bad).mean(axis=0) > 0.4).all()


def test_a_row_is_judged_alone():
    cells, coders, model = fitted()
    residuals = Residuals(model, cells)
    coded = code_columns(coders, related(200, np.random.default_rng(2), broken=0.5), 200)
    whole = residuals.flags(coded)
    single = np.concatenate([residuals.flags(coded[i : i + 1]) for i in range(200)])
    assert np.array_equal(whole, single)


def test_a_row_without_the_value_is_no_misfit_and_small_references_teach_nothing():
    cells, coders, model = fitted()
    columns = related(50, np.random.default_rng(3)) | {"y": numbers(np.full(50, np.nan))}
    flags = Residuals(model, cells).flags(code_columns(coders, columns, 50))
    assert not flags[:, 1].any()
    small = learn_dependence(cells, code_columns(coders, related(60, np.random.default_rng(0)), 60))
    assert small.targets == ()
    assert Residuals(small, cells).flags(np.zeros((7, 4), np.int64)).shape == (7, 0)
