"""Copies of rows and texts across the split; what the training table itself shows is no leak."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.audit import Verdict
from holdfast.audit.checks.duplicates import Duplicates
from holdfast.audit.checks.near_duplicates import NearDuplicates
from holdfast.audit.checks.near_text import NearText
from holdfast.audit.run import make_case

Table = dict[str, Any]


def people(rng: np.random.Generator, n: int) -> Table:
    age, income = rng.integers(18, 80, n), rng.lognormal(10, 0.5, n).round(2)
    risk = (age < 30) + (income < 20_000) * 1.5 + rng.logistic(size=n)
    return {
        "age": age, "income": income, "job": rng.choice(list("abcdefgh"), n),
        "score": rng.normal(size=n), "y": (risk > 1.0).astype(int),
    }  # fmt: skip


def take(table: Table, rows: Any) -> Table:
    return {name: np.asarray(values)[rows] for name, values in table.items()}


def joined(*tables: Table) -> Table:
    return {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}


def found(check: Any, train: Table, test: Table | None = None, **roles: Any) -> list[Any]:
    case = make_case(train, test, target="y", **roles)
    assert check.needs(case) is None
    return list(check.run(case))


@pytest.mark.parametrize("seed", range(5))
def test_one_copied_row_in_twenty_is_proven_and_its_rows_are_named(seed):
    rng = np.random.default_rng(seed)
    train, test = people(rng, 2000), people(rng, 760)
    rows = rng.choice(2000, 40, replace=False)
    (finding,) = found(Duplicates(), train, joined(test, take(train, rows)))
    assert finding.verdict is Verdict.PROVEN
    assert finding.evidence["test_rows"] == 40
    assert finding.evidence["expected_share"] == 0.0
    assert finding.evidence["rows"] == [760, 761, 762, 763, 764]
    assert finding.evidence["training_rows"] == rows[:5].tolist()
    assert finding.evidence["same_label"] == 1.0


def test_copies_are_worth_what_a_model_that_remembers_them_gains():
    rng = np.random.default_rng(0)
    train = people(rng, 600)
    train["y"] = rng.integers(0, 2, 600)  # nothing to learn, everything to remember
    test = joined(take(train, np.arange(300)), take(people(rng, 300), np.arange(300)))
    (finding,) = found(Duplicates(), train, test)
    assert finding.worth.low > 0.0
    assert abs(finding.worth.without - 0.5) < 0.08


def test_rows_without_a_label_do_not_shift_the_row_numbers():
    rng = np.random.default_rng(1)
    train, test = people(rng, 500), people(rng, 180)
    test = joined(test, take(train, np.arange(20, 40)))
    train["y"] = np.r_[[np.nan] * 10, train["y"][10:]]
    (finding,) = found(Duplicates(), train, test)
    assert finding.evidence["training_rows"] == [20, 21, 22, 23, 24]


def test_a_copied_name_of_the_row_is_seen():
    rng = np.random.default_rng(2)
    few = {"a": rng.integers(0, 3, 400), "b": rng.integers(0, 3, 400), "y": rng.integers(0, 2, 400)}
    few["name"] = np.array([f"p{i}" for i in range(400)])
    train, test = take(few, np.arange(300)), take(few, np.arange(285, 400))
    (finding,) = found(Duplicates(), train, test)
    assert (finding.verdict, finding.evidence["test_rows"]) == (Verdict.PROVEN, 15)


@pytest.mark.parametrize("seed", range(8))
def test_categories_that_fall_together_by_chance_are_no_leak(seed):
    rng = np.random.default_rng(seed)
    table: Table = {f"c{i}": rng.choice(3, 1500, p=[0.6, 0.3, 0.1]) for i in range(6)}
    table["y"] = rng.integers(0, 2, 1500)
    train, test = take(table, np.arange(1000)), take(table, np.arange(1000, 1500))
    assert found(Duplicates(), train, test) == []
    assert found(Duplicates(), table) == []
    assert found(NearDuplicates(), train, test) == []


def test_measurements_of_which_one_in_fifty_repeats_are_no_leak():
    rng = np.random.default_rng(3)  # as in the banknote table
    table: Table = {f"x{i}": rng.normal(size=1372).round(5) for i in range(4)}
    table["y"] = rng.integers(0, 2, 1372)
    twins = rng.choice(1372, 24, replace=False)
    table = joined(take(table, np.arange(1348)), take(table, twins))
    order = rng.permutation(1372)
    train, test = take(table, order[:900]), take(table, order[900:])
    assert found(Duplicates(), train, test) == []
    assert found(Duplicates(), table) == []


def test_a_table_that_repeats_itself_is_asked_about_before_any_split():
    rng = np.random.default_rng(4)
    table = people(rng, 1000)
    table = joined(table, take(table, np.arange(100)))
    (finding,) = found(Duplicates(), table)
    assert finding.verdict is Verdict.SUSPECT
    assert finding.evidence["rows_beyond_the_first"] == 100
    assert finding.evidence["rows_with_a_copy"] == 200


@pytest.mark.parametrize("seed", range(5))
def test_noisy_copies_are_proven(seed):
    rng = np.random.default_rng(seed)
    train, test = people(rng, 3000), people(rng, 900)
    copies = take(train, rng.choice(3000, 60, replace=False))
    copies["income"] = copies["income"] * (1 + rng.normal(0, 0.003, 60))
    copies["score"] = copies["score"] + rng.normal(0, 0.005, 60)
    mixed = joined(test, copies)
    assert found(Duplicates(), train, mixed) == []
    (finding,) = found(NearDuplicates(), train, mixed)
    assert finding.verdict is Verdict.PROVEN
    assert finding.evidence["near"] >= 40
    assert sum(row >= 900 for row in finding.evidence["rows"]) >= 3


@pytest.mark.parametrize("seed", range(10))
def test_a_clean_split_shows_no_copies_even_where_the_test_rows_lie_dense(seed):
    rng = np.random.default_rng(seed)
    train, test = people(rng, 2000), people(rng, 800)
    assert found(NearDuplicates(), train, test) == []
    dense = take(people(rng, 4000), np.arange(4000))
    young = take(dense, np.flatnonzero(dense["age"] < 30))
    assert found(NearDuplicates(), train, young) == []


def test_repeated_measurements_inside_the_training_table_explain_those_of_the_test():
    rng = np.random.default_rng(5)
    base = take(people(rng, 500), np.repeat(np.arange(500), 4))
    base["score"] = base["score"] + rng.normal(0, 0.01, 2000)
    order = rng.permutation(2000)
    assert found(NearDuplicates(), take(base, order[:1400]), take(base, order[1400:])) == []


def messages(rng: np.random.Generator, n: int) -> Table:
    words = np.array(
        [f"{a}{b}" for a in ("lo", "me", "ti", "ra") for b in ("na", "der", "st", "ko")]
    )
    text = [" ".join(rng.choice(words, 15)) for _ in range(n)]
    return {"text": np.array(text), "y": rng.integers(0, 2, n)}


def test_texts_with_a_word_changed_are_proven():
    rng = np.random.default_rng(6)
    train, test = messages(rng, 800), messages(rng, 300)
    copies = take(train, np.arange(30))
    copies["text"] = np.array([text + " ok" for text in copies["text"]])
    (finding,) = found(NearText(), train, joined(test, copies))
    assert finding.verdict is Verdict.PROVEN
    assert finding.evidence["test_rows"] >= 28
    assert finding.evidence["pairs_not_equal_letter_by_letter"] >= 28
    assert found(NearText(), train, test) == []


def test_repeated_texts_of_one_table_are_asked_about():
    rng = np.random.default_rng(7)
    table = messages(rng, 600)
    table = joined(table, take(table, np.arange(40)))
    (finding,) = found(NearText(), table)
    assert (finding.verdict, finding.evidence["rows_with_a_twin"]) == (Verdict.SUSPECT, 80)


def test_without_a_test_table_near_copies_say_what_they_need():
    case = make_case(people(np.random.default_rng(0), 200), target="y")
    assert NearDuplicates().needs(case) == "the test table (--test)"
    assert NearText().needs(case) == "a column of prose"


def measured(rng: np.random.Generator, n: int, columns: int = 30) -> Table:
    """Numbers of high resolution that hang together, as of a laboratory."""
    base = rng.normal(size=(n, 4)) @ rng.normal(size=(4, columns))
    values = (base + 0.3 * rng.normal(size=(n, columns))).round(4)
    return {**{f"m{i}": values[:, i] for i in range(columns)}, "y": (base[:, 0] > 0).astype(int)}


@pytest.mark.parametrize("seed", range(5))
def test_eight_copies_in_a_small_table_of_fine_numbers_are_proven(seed):
    rng = np.random.default_rng(seed)
    table = measured(rng, 520)
    train, test = take(table, np.arange(360)), take(table, np.arange(360, 520))
    (finding,) = found(Duplicates(), train, joined(test, take(train, rng.permutation(360)[:8])))
    assert (finding.verdict, finding.evidence["test_rows"]) == (Verdict.PROVEN, 8)


def moved(rng: np.random.Generator, table: Table, names: list[str]) -> Table:
    """Some columns changed by a fiftieth of a standard deviation."""
    made = dict(table)
    for name in names:
        made[name] = made[name] + rng.normal(0, 0.02 * made[name].std(), len(made[name]))
    return made


@pytest.mark.parametrize("seed", range(5))
def test_twelve_copies_with_two_changed_cells_in_a_small_table_are_proven(seed):
    rng = np.random.default_rng(seed)
    table = measured(rng, 520)
    train, test = take(table, np.arange(360)), take(table, np.arange(360, 520))
    rows = rng.permutation(360)[:12]
    copies = moved(rng, take(train, rows), ["m3", "m17"])
    (finding,) = found(NearDuplicates(), train, joined(test, copies))
    assert finding.verdict is Verdict.PROVEN
    assert finding.evidence["near"] == 12
    assert finding.evidence["columns_that_may_differ"] == 2
    assert finding.evidence["expected_share"] == 0.0
    assert set(finding.evidence["training_rows"]) <= set(rows.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_changed_cells_are_found_among_categories(seed):
    rng = np.random.default_rng(seed)

    def mixed(n: int) -> Table:
        made: Table = {f"c{i}": rng.choice(list("abcdef"), n) for i in range(8)}
        made |= {"temp": rng.integers(0, 50, n) / 50, "wind": rng.integers(0, 60, n) / 60}
        return {**made, "y": (rng.random(n) < 0.4).astype(int)}

    train, test = mixed(3000), mixed(1000)
    copies = moved(rng, take(train, rng.permutation(3000)[:80]), ["temp", "wind"])
    (finding,) = found(NearDuplicates(), train, joined(test, copies))
    assert finding.verdict is Verdict.PROVEN
    assert finding.evidence["near"] >= 60


@pytest.mark.parametrize("digits", [None, 2, 1])
@pytest.mark.parametrize("columns", range(2, 7))
def test_clean_splits_of_few_columns_are_never_near_duplicates(columns, digits):
    for seed in range(8):
        rng = np.random.default_rng([seed, columns])
        x = rng.normal(size=(900, columns)) @ rng.normal(size=(columns, columns))
        x = x if digits is None else x.round(digits)
        table = {**{f"x{i}": x[:, i] for i in range(columns)}, "y": (x[:, 0] > 0).astype(int)}
        order = rng.permutation(900)
        assert found(NearDuplicates(), take(table, order[:600]), take(table, order[600:])) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_test_table_of_crowded_rows_is_no_copy_of_training(seed):
    rng = np.random.default_rng(seed)

    def clients(n: int, crowd: float) -> Table:
        common = rng.random(n) < crowd
        made: Table = {
            f"c{i}": np.where(common, rng.integers(0, 2, n), rng.integers(0, 9, n))
            for i in range(7)
        }
        made |= {"age": np.where(common, rng.integers(30, 36, n), rng.integers(18, 80, n))}
        return {**made, "y": rng.integers(0, 2, n)}

    assert found(NearDuplicates(), clients(2000, 0.2), clients(1000, 0.5)) == []


def test_numbers_without_end_are_no_near_duplicates():
    rng = np.random.default_rng(0)
    table = people(rng, 900)
    table["huge"] = rng.choice([1e308, -1e308, 1e300, 2.0, np.inf], 900)
    table["tiny"] = rng.normal(size=900) * 1e-300
    assert (
        found(NearDuplicates(), take(table, np.arange(600)), take(table, np.arange(600, 900))) == []
    )
