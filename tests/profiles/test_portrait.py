"""The portrait of a reference: exact shares, bounded size, no rows, dependence that is there."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import DataError
from holdfast.frames.values import ValueKind, read_values
from holdfast.profiles.portrait import Portrait
from holdfast.profiles.portrait_cells import FIRST, NULL, unpack, unpack4
from holdfast.profiles.portrait_dependence import ratio_table
from holdfast.profiles.portrait_learning import row_keys, steps_back

N = 4000


def table(seed=0, n=N):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    cat = np.where(x + rng.normal(size=n) > 0, "up", np.where(rng.random(n) < 0.5, "down", "side"))
    gaps = np.where(rng.random(n) < 0.25, np.nan, np.round(rng.normal(size=n), 1))
    return (
        {
            "x": read_values(ValueKind.NUMBER, x),
            "y": read_values(ValueKind.NUMBER, np.round(2 * x + rng.normal(size=n), 2)),
            "cat": read_values(ValueKind.CATEGORY, cat.astype(object)),
            "gaps": read_values(ValueKind.NUMBER, gaps),
            "alone": read_values(ValueKind.NUMBER, rng.integers(0, 24, n).astype(float)),
        },
        x,
        rng,
    )


COLUMNS, X, RNG = table()
LABEL = (RNG.random(N) < 1 / (1 + np.exp(-X))).astype(float)
SCORE = 1 / (1 + np.exp(-X))
PORTRAIT = Portrait.of(COLUMNS, score=SCORE, label=LABEL)


def test_shares_of_nulls_and_cells_are_exact():
    gaps = PORTRAIT.columns["gaps"]
    assert gaps.null == float(np.isnan(COLUMNS["gaps"].numbers).mean())
    for name, face in PORTRAIT.columns.items():
        counts = np.bincount(face.cells_of(COLUMNS[name]), minlength=len(unpack(face.cells)))
        assert np.array_equal(counts / N, unpack(face.cells))
        assert unpack(face.cells).sum() == pytest.approx(1.0)
    assert unpack(gaps.cells)[NULL] == gaps.null


def test_a_portrait_survives_its_bytes():
    assert Portrait.from_bytes(PORTRAIT.to_bytes()) == PORTRAIT


def test_a_column_takes_at_most_twenty_kilobytes():
    rng = np.random.default_rng(1)
    wide = {f"n{i}": read_values(ValueKind.NUMBER, rng.normal(size=3000)) for i in range(40)}
    names = [f"category number {i}" for i in range(900)]
    wide["c"] = read_values(ValueKind.CATEGORY, np.array(names, object)[rng.integers(0, 900, 3000)])
    wide["i"] = read_values(ValueKind.NUMBER, rng.integers(0, 599, 3000).astype(float))
    portrait = Portrait.of(wide, score=rng.random(3000))
    assert len(portrait.to_bytes()) <= 20_000 * len(wide)


def test_the_order_of_rows_is_not_in_the_portrait():
    order = np.random.default_rng(2).permutation(N)
    again = Portrait.of(
        {n: v.take(order) for n, v in COLUMNS.items()}, score=SCORE[order], label=LABEL[order]
    )
    for name, face in PORTRAIT.columns.items():
        other = again.columns[name]
        for field in ("null", "low", "high", "quantiles", "known", "edges", "cells", "step"):
            assert getattr(face, field) == getattr(other, field)


def test_columns_that_hang_together_explain_each_other_and_others_do_not():
    r2 = {name: face.r2 for name, face in PORTRAIT.columns.items()}
    assert 0.6 < r2["x"] < 0.9
    assert 0.6 < r2["y"] < 0.9
    assert r2["cat"] > 0.15
    assert r2["alone"] < 0.02
    assert r2["gaps"] < 0.02


def test_class_conditional_shares_add_up_to_the_shares():
    rate = LABEL.mean()
    for face in PORTRAIT.columns.values():
        mixed = rate * unpack(face.cells_if_1) + (1 - rate) * unpack(face.cells_if_0)
        assert np.allclose(mixed, unpack(face.cells), atol=0.01)


def test_a_calibrated_score_stays_as_it_is():
    at = np.linspace(0.1, 0.9, 9)
    assert np.allclose(PORTRAIT.calibrated(at), at, atol=0.08)
    assert PORTRAIT.base_rate == pytest.approx(LABEL.mean())


def test_importance_is_given_or_found():
    found = {name: face.importance for name, face in PORTRAIT.columns.items()}
    assert max(found, key=lambda name: found[name]) == "x"
    assert sum(found.values()) == pytest.approx(1.0)
    given = Portrait.of(COLUMNS, score=SCORE, importance={"alone": 1.0}).columns
    assert (given["alone"].importance, given["x"].importance) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (np.arange(100.0), 1.0), (np.arange(100.0) * 1000, 1000.0), (np.arange(99) * 0.01, 0.01),
        (np.random.default_rng(3).normal(size=500), 0.0), (np.full(50, 7.0), 0.0),
    ],
)  # fmt: skip
def test_the_step_of_numbers_is_found(values, step):
    face = Portrait.of({"x": read_values(ValueKind.NUMBER, values)}).columns["x"]
    assert face.step == step


def test_rows_that_repeat_are_counted_exactly():
    place = np.array([0, 1, 2, 2, 3, 0, 4, 4])
    columns = {n: v.take(place) for n, v in COLUMNS.items()}
    assert steps_back(row_keys(columns))[[3, 5, 7]].tolist() == [1, 5, 1]
    assert Portrait.of(columns).repeated == 3 / 8
    assert Portrait.of(columns).adjacent == 2 / 8


def test_keys_do_not_depend_on_how_categories_are_coded():
    one = read_values(ValueKind.CATEGORY, ["a", "b"])
    two = read_values(ValueKind.CATEGORY, ["b", "a"]).take(np.array([1, 0]))
    assert row_keys({"c": one}).tolist() == row_keys({"c": two}).tolist()


def test_the_table_of_ratios_is_nearly_one_where_nothing_hangs_together():
    rng = np.random.default_rng(4)
    table = ratio_table(rng.integers(0, 10, 20000), rng.integers(0, 10, 20000), (10, 10))
    assert np.abs(table).max() < 0.25


def test_the_table_of_ratios_is_the_log_ratio_of_the_joint_share():
    rng = np.random.default_rng(5)
    row = rng.integers(0, 2, 50000)
    column = np.where(rng.random(50000) < 0.9, row, 1 - row)
    assert np.allclose(
        np.exp(ratio_table(row, column, (2, 2))), [[1.8, 0.2], [0.2, 1.8]], atol=0.05
    )


def test_the_mean_gain_of_belonging_is_positive_for_rows_and_negative_for_shuffled_ones():
    from holdfast.diagnosis.evidence import Evidence, Sample
    from holdfast.diagnosis.scene import Scene

    fresh, _, rng = table(9, 1500)
    shuffled = dict(fresh) | {"y": fresh["y"].take(rng.permutation(1500))}
    bond = [
        float(Scene(Evidence(moved=()), Sample(columns=c), PORTRAIT).looks["y"].bond.mean())
        for c in (fresh, shuffled)
    ]
    assert bond[0] > 0.3
    assert bond[1] < -0.3


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_a_short_reference_is_enough_for_shares(rows):
    portrait = Portrait.of({n: v.take(np.arange(rows)) for n, v in COLUMNS.items()})
    assert portrait.rows == rows
    assert portrait.columns["x"].r2 == 0.0


def test_columns_that_never_change_have_a_portrait_though_they_say_nothing_of_each_other():
    portrait = Portrait.of(
        {
            "plan": read_values(ValueKind.CATEGORY, np.full(500, "pro", object)),
            "fee": read_values(ValueKind.NUMBER, np.full(500, 3.0)),
        }
    )
    assert [portrait.columns[name].r2 for name in ("plan", "fee")] == [0.0, 0.0]
    assert [portrait.columns[name].distinct for name in ("plan", "fee")] == [1, 1]


def test_a_portrait_of_nothing_is_refused():
    for columns in ({}, {"x": read_values(ValueKind.NUMBER, [])}):
        with pytest.raises(DataError, match="at least one column and one row"):
            Portrait.of(columns)
    with pytest.raises(DataError, match="alike in length"):
        Portrait.of({"x": COLUMNS["x"], "y": COLUMNS["y"].take(np.arange(3))})


def test_other_bytes_and_later_formats_are_refused():
    with pytest.raises(DataError, match="not a portrait"):
        Portrait.from_bytes(b"nonsense")
    import msgspec

    later = msgspec.structs.replace(PORTRAIT, format=99)
    with pytest.raises(DataError, match="later version"):
        Portrait.from_bytes(later.to_bytes())


def test_scores_that_are_no_probabilities_have_cells_but_no_share_of_positives():
    portrait = Portrait.of(COLUMNS, score=X * 100.0)
    assert not portrait.probability
    assert portrait.base_rate is None
    assert unpack(portrait.score_cells).sum() == pytest.approx(1.0)


def test_weights_are_zero_for_a_column_s_own_features():
    face = PORTRAIT.columns["x"]
    assert np.all(unpack4(face.weights)[:3] == 0.0)
    assert FIRST == 4


def test_how_long_values_stay_is_known_of_a_chain_and_none_of_a_shuffle():
    rng = np.random.default_rng(12)
    stays, rows = 0.8, 20_000
    fresh = rng.random(rows) > stays
    fresh[0] = True
    chain = rng.integers(0, 5, fresh.sum()).astype(float)[np.cumsum(fresh) - 1]
    faces = Portrait.of(
        {
            "chain": read_values(ValueKind.NUMBER, chain),
            "shuffled": read_values(ValueKind.NUMBER, rng.permutation(chain)),
        }
    ).columns
    assert abs(faces["chain"].sticky - stays) < 0.02  # excess over chance of a chain is its memory
    assert faces["shuffled"].sticky < 0.02
    runs = np.diff(np.flatnonzero(np.concatenate(([True], chain[1:] != chain[:-1], [True]))))
    assert faces["chain"].spell == runs.max()
