"""Groups, time, look-ahead and reuse of a test table."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pytest

from holdfast import frames
from holdfast.audit import Verdict, audit
from holdfast.audit.checks.groups import Groups
from holdfast.audit.checks.look_ahead import LookAhead, lag
from holdfast.audit.checks.reuse import Reuse, usage
from holdfast.audit.checks.time_split import TimeSplit
from holdfast.audit.run import make_case
from holdfast.errors import DataError

Table = dict[str, Any]


def take(table: Table, rows: Any) -> Table:
    return {name: np.asarray(values)[rows] for name, values in table.items()}


def patients(rng: np.random.Generator, n: int = 600, visits: int = 4, effect: float = 3.0) -> Table:
    who = np.repeat(np.arange(n), visits)
    bias = rng.normal(size=n)[who] * effect
    mark = rng.normal(size=(n, 3))[who]
    rows = len(who)
    return {
        "patient": who * 17 + 1001, "sex": (np.arange(n) % 2)[who],
        "race": rng.integers(0, 4, n)[who],
        "a": mark[:, 0] + rng.normal(0, 0.05, rows), "b": mark[:, 1] + rng.normal(0, 0.05, rows),
        "c": mark[:, 2] + rng.normal(0, 0.05, rows), "noise": rng.normal(size=rows),
        "y": (bias + rng.logistic(size=rows) > 0).astype(int),
    }  # fmt: skip


def randomly(rng: np.random.Generator, table: Table) -> tuple[Table, Table]:
    order = rng.permutation(len(table["y"]))
    cut = int(0.7 * len(order))
    return take(table, np.sort(order[:cut])), take(table, np.sort(order[cut:]))


def by_value(table: Table, name: str) -> tuple[Table, Table]:
    own = np.asarray(table[name])
    inside = np.isin(own, np.unique(own)[::3])
    return take(table, ~inside), take(table, inside)


def found(check: Any, train: Table, test: Table | None = None, **roles: Any) -> list[Any]:
    case = make_case(train, test, target="y", **roles)
    assert check.needs(case) is None
    return list(check.run(case))


@pytest.mark.parametrize("seed", range(3))
def test_declared_groups_on_both_sides_are_proven_and_sized(seed):
    rng = np.random.default_rng(seed)
    train, test = randomly(rng, patients(rng))
    (finding,) = found(Groups(), train, test, groups=["patient"])
    assert finding.verdict is Verdict.PROVEN
    assert finding.evidence["share"] > 0.9
    assert finding.worth.low > 0.05
    assert abs(finding.worth.without - 0.5) < 0.08  # a new patient cannot be told


def test_groups_that_are_apart_are_no_finding():
    rng = np.random.default_rng(0)
    train, test = by_value(patients(rng), "patient")
    assert found(Groups(), train, test, groups=["patient"]) == []
    assert found(Groups(), train, test) == []


def test_an_undeclared_group_is_found_whatever_its_name():
    rng = np.random.default_rng(1)
    train, test = randomly(rng, patients(rng))
    (finding,) = found(Groups(), train, test)
    assert (finding.verdict, finding.columns) == (Verdict.SUSPECT, ("patient",))
    assert set(finding.evidence["agree_within"]) >= {"sex", "race"}
    (alone,) = found(Groups(), patients(rng))
    assert alone.columns == ("patient",)


def test_a_declared_entity_on_both_sides_of_a_random_split_is_proven():
    rng = np.random.default_rng(2)
    train, test = randomly(rng, patients(rng))
    (finding,) = found(Groups(), train, test, entity="patient")
    assert (finding.verdict, finding.columns) == (Verdict.PROVEN, ("patient",))


def test_an_entity_that_returns_later_without_being_known_is_no_leak():
    rng = np.random.default_rng(2)
    table = patients(rng, effect=0.0)
    train, test = randomly(rng, table)
    train["when"] = np.sort(rng.integers(0, 1000, len(train["y"])))
    test["when"] = 1000 + np.arange(len(test["y"]))
    assert found(Groups(), train, test, entity="patient", event_time="when") == []


def habitual(rng: np.random.Generator, noise: float, n: int = 3000) -> Table:
    """Fifteen rows a person, with an outcome and three numbers that are nearly its own."""
    who = rng.permutation(n) // 15
    habits = rng.normal(size=(n // 15, 3))[who] + rng.normal(size=(n, 3)) * noise
    own = rng.integers(0, 2, n // 15)[who]
    return {
        "person": rng.permutation(n // 15)[who] + 500, "x": rng.normal(size=n),
        **{f"habit_{k}": habits[:, k] for k in range(3)},
        "y": np.where(rng.random(n) < 0.08, 1 - own, own),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_numbers_that_are_nearly_a_persons_own_give_the_person_away(seed):
    rng = np.random.default_rng(seed)
    train, test = randomly(rng, habitual(rng, 0.01))
    (finding,) = found(Groups(), train, test)
    assert (finding.verdict, finding.columns) == (Verdict.SUSPECT, ("person",))
    assert set(finding.evidence["agree_within"]) == {"habit_0", "habit_1", "habit_2"}


@pytest.mark.parametrize("seed", range(3))
def test_numbers_that_lean_on_a_repeated_value_make_it_no_person(seed):
    rng = np.random.default_rng(seed)
    train, test = randomly(rng, habitual(rng, 0.5))
    assert found(Groups(), train, test) == []


def test_columns_that_repeat_by_chance_are_no_groups():
    rng = np.random.default_rng(3)
    n = 2000
    table = {
        "zip": rng.integers(0, 300, n), "age": rng.integers(18, 90, n), "x": rng.normal(size=n),
        "job": rng.choice(list("abcdef"), n), "sex": rng.integers(0, 2, n),
    }  # fmt: skip
    table["y"] = (table["x"] + rng.logistic(size=n) > 0).astype(int)
    assert found(Groups(), table) == []


def drifting(rng: np.random.Generator, n: int = 3000) -> Table:
    day = np.sort(rng.integers(0, 300, n))
    level = np.cumsum(rng.choice([-1.0, 1.0], 300) * 0.8)[day]
    clock = day + rng.normal(0, 3, n)  # a feature that tells the day
    return {
        "when": np.datetime64("2024-01-01") + day.astype("timedelta64[D]"),
        "clock": clock, "x": rng.normal(size=n),
        "y": (level - level.mean() + rng.logistic(size=n) > 0).astype(int),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_a_random_split_of_timed_rows_is_proven_and_sized(seed):
    rng = np.random.default_rng(seed)
    train, test = randomly(rng, drifting(rng))
    (finding,) = found(TimeSplit(), train, test, event_time="when")
    assert finding.verdict is Verdict.PROVEN
    assert finding.evidence["share"] > 0.95
    assert finding.worth.low > 0.05
    assert "forward in time expect AUC" in finding.sentence


def test_a_split_that_goes_forward_is_no_finding():
    rng = np.random.default_rng(4)
    table = drifting(rng)
    for roles in ({"event_time": "when"}, {}):
        assert (
            found(TimeSplit(), take(table, slice(0, 2000)), take(table, slice(2000, 3000)), **roles)
            == []
        )


def test_rows_of_the_day_of_the_cut_may_be_on_both_sides():
    rng = np.random.default_rng(5)
    table = drifting(rng)
    last = table["when"][2000]
    day = np.flatnonzero(table["when"] == last)
    train = take(table, np.r_[0 : day[0], day[::2]])
    test = take(table, np.r_[day[1::2], day[-1] + 1 : 3000])
    assert found(TimeSplit(), train, test, event_time="when") == []


def test_timed_rows_without_drift_and_without_a_split_are_no_finding():
    rng = np.random.default_rng(6)
    table = drifting(rng)
    table["y"] = rng.integers(0, 2, 3000)
    assert found(TimeSplit(), table, event_time="when") == []


def test_without_times_the_check_says_what_it_needs():
    case = make_case(patients(np.random.default_rng(0)), target="y")
    assert TimeSplit().needs(case) == "the time of the decision (--event-time)"
    text = {"when": ["a"] * 300, "x": list(range(300)), "y": [0, 1] * 150}
    report = audit(text, target="y", event_time="when", checks=["HF-L-TIME-SPLIT"])
    assert report.passed is None
    assert "times or numbers" in report.not_tested[0].needs


def loans(n: int = 100) -> Table:
    day = np.datetime64("2024-01-01") + np.arange(n).astype("timedelta64[D]")
    return {"when": day, "paid": np.arange(n) * 1.0, "x": np.arange(n) % 7, "y": np.arange(n) % 2}


def test_values_known_after_the_decision_are_counted():
    table = loans()
    known = table["when"].copy()
    known[10:15] += np.timedelta64(3, "D")
    (finding,) = found(
        LookAhead(), {**table, "known": known}, event_time="when", known_at={"paid": "known"}
    )
    assert finding.verdict is Verdict.PROVEN
    assert finding.evidence["rows_late"] == 5
    assert finding.evidence["rows"] == [10, 11, 12, 13, 14]
    assert finding.evidence["median_days_late"] == 3.0
    assert (
        found(
            LookAhead(),
            {**table, "known": table["when"]},
            event_time="when",
            known_at={"paid": "known"},
        )
        == []
    )


def test_a_value_that_is_null_cannot_be_early():
    table = loans()
    late = table["when"] + np.timedelta64(1, "D")
    table["paid"] = np.full(100, np.nan)
    assert (
        found(LookAhead(), {**table, "known": late}, event_time="when", known_at={"paid": "known"})
        == []
    )


@pytest.mark.parametrize(
    ("at", "late"),
    [
        ("7d", True),
        (datetime.timedelta(hours=1), True),
        ("0d", False),
        ("-2h", False),
        (np.timedelta64(3, "h"), True),
    ],
)
def test_a_lag_after_the_decision_is_a_leak(at, late):
    assert bool(found(LookAhead(), loans(), known_at={"paid": at})) == late


@pytest.mark.parametrize("at", ["soon", 7, "7 years", None])
def test_a_lag_that_is_none_is_an_error_that_says_so(at):
    with pytest.raises(DataError, match="cannot tell when"):
        lag("paid", at)


def test_ten_evaluations_are_in_budget_and_eleven_are_not():
    rng = np.random.default_rng(7)
    train, test = randomly(rng, patients(rng, 200))
    assert found(Reuse(), train, test, history=10) == []
    (finding,) = found(Reuse(), train, test, history=11)
    assert finding.verdict is Verdict.SUSPECT
    assert f"{math.sqrt(2 * math.log(11)):.1f} standard errors" in finding.sentence


def test_only_evaluations_of_this_test_table_count():
    rng = np.random.default_rng(8)
    train, test = randomly(rng, patients(rng, 200))
    own = frames.read(test).fingerprint()
    history = [{"test": own, "score": 0.7 + i / 100} for i in range(20)] + [
        {"test": "other", "score": 0.99}
    ] * 50
    (finding,) = found(Reuse(), train, test, history=history)
    evidence = finding.evidence
    assert (evidence["evaluations"], evidence["best_score"]) == (20, 0.89)
    assert (
        evidence["adjusted_low"]
        < evidence["best_score_less_luck"]
        < 0.89
        < evidence["adjusted_high"]
    )


def test_luck_alone_explains_the_best_of_many_useless_models():
    rng = np.random.default_rng(9)
    y = np.r_[np.zeros(300), np.ones(300)]
    train = {"x": rng.normal(size=600), "y": y}
    above = 0
    for _ in range(100):
        scores = []
        for _ in range(50):
            rank = rng.permutation(600)
            scores.append((rank[y == 1].sum() - 300 * 299 / 2) / 90_000)
        history = [{"score": float(max(s, 0.5))} for s in scores]
        (finding,) = found(Reuse(), train, train, history=history)
        above += finding.evidence["best_score_less_luck"] > 0.5
    assert above <= 25  # sqrt(2 ln k) bounds the mean of the maximum, not every one


@pytest.mark.parametrize("history", ["often", True, -1, 2.5, [1, 2], {"evaluations": "x"}])
def test_a_history_that_cannot_be_read_is_an_error_that_says_so(history):
    with pytest.raises(DataError, match="history"):
        usage(history, "ab")
