"""Resampled rows: found when the test table holds them, left alone when only training rows are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from holdfast.audit import Verdict
from holdfast.audit.checks.resampling import Resampling
from holdfast.audit.run import make_case

Table = dict[str, Any]


def customers(rng: np.random.Generator, n: int = 1500, whole: bool = True) -> Table:
    made: Table = {f"x{i}": rng.gamma(2.0, 10.0, n) for i in range(5)}
    if whole:
        made = {name: np.round(values).astype(float) for name, values in made.items()}
    made["y"] = (rng.random(n) < 0.2).astype(int)
    return made


def interpolated(rng: np.random.Generator, table: Table) -> Table:
    names = [name for name in table if name != "y"]
    x = np.column_stack([table[name] for name in names])
    few = np.flatnonzero(table["y"] == 1)
    more = int((table["y"] == 0).sum()) - len(few)
    near = NearestNeighbors(n_neighbors=6).fit(x[few]).kneighbors(x[few], return_distance=False)
    one = rng.integers(0, len(few), more)
    two = near[one, rng.integers(1, 6, more)]
    new = x[few][one] + rng.random((more, 1)) * (x[few][two] - x[few][one])
    grown = {name: np.r_[table[name], new[:, i]] for i, name in enumerate(names)}
    return {**grown, "y": np.r_[table["y"], np.ones(more, int)]}


def repeated(rng: np.random.Generator, table: Table) -> Table:
    few = np.flatnonzero(table["y"] == 1)
    rows = np.r_[
        np.arange(len(table["y"])), rng.choice(few, int((table["y"] == 0).sum()) - len(few))
    ]
    return {name: values[rows] for name, values in table.items()}


def parted(rng: np.random.Generator, table: Table) -> tuple[Table, Table]:
    order = rng.permutation(len(table["y"]))
    cut = int(0.7 * len(order))
    return tuple({k: v[rows] for k, v in table.items()} for rows in (order[:cut], order[cut:]))  # type: ignore[return-value]


def found(train: Table, test: Table | None = None) -> list[Any]:
    return list(Resampling().run(make_case(train, test, target="y")))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_interpolation_before_the_split_is_proven(seed, whole):
    rng = np.random.default_rng(seed)
    (finding,) = found(*parted(rng, interpolated(rng, customers(rng, whole=whole))))
    assert finding.verdict is Verdict.PROVEN
    assert (finding.evidence["class"], finding.evidence["way"]) == ("1", "interpolated")
    assert len(finding.evidence["columns_with_broken_numbers"]) == (5 if whole else 0)
    assert finding.evidence["test_rows_made"] >= 20


@pytest.mark.parametrize("seed", range(3))
def test_repetition_before_the_split_is_proven_and_after_it_is_not(seed):
    rng = np.random.default_rng(seed)
    table = customers(rng, whole=False)
    (finding,) = found(*parted(rng, repeated(rng, table)))
    assert (finding.verdict, finding.evidence["way"]) == (Verdict.PROVEN, "repeated")
    train, test = parted(rng, table)
    assert found(repeated(rng, train), test) == []


@pytest.mark.parametrize("whole", [True, False])
def test_interpolation_of_the_training_rows_alone_is_as_it_should_be(whole):
    rng = np.random.default_rng(4)
    train, test = parted(rng, customers(rng, whole=whole))
    assert found(interpolated(rng, train), test) == []


def test_a_resampled_table_without_a_split_is_asked_about():
    rng = np.random.default_rng(5)
    (finding,) = found(interpolated(rng, customers(rng)))
    assert finding.verdict is Verdict.SUSPECT
    assert finding.evidence["equal_classes"] is True


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("whole", [True, False])
def test_tables_as_they_come_are_left_alone(seed, whole):
    rng = np.random.default_rng(seed)
    table = customers(rng, whole=whole)
    assert found(table) == []
    assert found(*parted(rng, table)) == []


def test_an_amount_that_only_one_class_has_is_no_resampling():
    rng = np.random.default_rng(6)
    table = customers(rng)
    table["recovered"] = np.where(table["y"] == 1, rng.gamma(2.0, 100.0, 1500), 0.0)
    table["fee"] = np.where(table["y"] == 1, rng.gamma(2.0, 10.0, 1500), 0.0)
    assert found(*parted(rng, table)) == []


def rides(rng: np.random.Generator, n: int = 2000) -> Table:
    table = customers(rng, n, whole=False)
    table["y"] = table["x0"] * 3.0 + rng.normal(size=n)
    return table


@pytest.mark.parametrize("seed", range(3))
def test_the_high_end_of_a_number_filled_up_before_the_split_is_proven(seed):
    rng = np.random.default_rng(seed)
    table = rides(rng)
    high = table["y"] >= np.quantile(table["y"], 0.8)
    grown = interpolated(rng, {**table, "y": high.astype(int)})
    extra = len(grown["y"]) - len(high)
    grown["y"] = np.r_[table["y"], rng.choice(table["y"][high], extra)]
    (finding,) = found(*parted(rng, grown))
    assert (finding.verdict, finding.evidence["class"]) == (Verdict.PROVEN, "high")
    assert "high targets" in finding.sentence


@pytest.mark.parametrize("seed", range(3))
def test_a_number_to_predict_in_honest_rows_was_not_resampled(seed):
    rng = np.random.default_rng(seed)
    assert found(*parted(rng, rides(rng))) == []


def few_categories(rng: np.random.Generator, n: int = 3000) -> Table:
    made: Table = {f"c{i}": rng.choice(list("abcd"), n) for i in range(8)}
    kept = np.unique(np.column_stack(list(made.values())), axis=0, return_index=True)[1]
    made = {name: values[np.sort(kept)] for name, values in made.items()}
    return {**made, "y": (rng.random(len(kept)) < 0.3).astype(int)}


def test_repeated_rows_of_a_class_are_suspect_where_all_rows_lie_close():
    rng = np.random.default_rng(0)
    (finding,) = found(*parted(rng, repeated(rng, few_categories(rng))))
    assert finding.verdict is Verdict.SUSPECT
    assert finding.evidence["way"] == "repeated"


@pytest.mark.parametrize("seed", range(3))
def test_a_class_whose_rows_fall_together_by_nature_was_not_resampled(seed):
    rng = np.random.default_rng(seed)
    n = 3000
    y = (rng.random(n) < 0.3).astype(int)
    table: Table = {  # one class is nearly always the same in most columns
        f"c{i}": np.where(
            (y == 1) & (rng.random(n) < 0.8), "a", rng.choice(list("abcdefgh"), n)
        )
        for i in range(7)
    }  # fmt: skip
    assert found(*parted(rng, {**table, "y": y})) == []
