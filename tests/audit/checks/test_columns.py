"""Leaks in columns: planted ones are found and sized, honest tables are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from tests.audit.planted import honest, shuffled, side

from holdfast.audit import audit


def codes(report) -> list[tuple[str, tuple[str, ...]]]:
    return [(f.code, f.columns) for f in report.findings]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_honest_table_has_no_finding(task, seed):
    report = audit(honest(seed=seed, task=task), target="y")
    assert codes(report) == []
    assert report.passed is True
    assert report.verdict.startswith("Clear as far as tested")


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_column_that_follows_the_outcome_is_suspect_and_sized(task):
    table = honest(task=task)
    late = 1.5 * side(table) + np.random.default_rng(5).normal(size=1500)
    clean = audit(table, target="y").peel.scores[0]
    report = audit({**table, "late": late}, target="y")
    assert codes(report) == [("HF-L-POST-OUTCOME", ("late",))]
    finding = report.findings[0]
    assert finding.worth.without == pytest.approx(clean, abs=0.02)
    assert 0.0 < finding.worth.low < finding.worth.gain < finding.worth.high
    assert "without `late` expect" in finding.sentence
    assert report.passed is None


def test_twins_fall_together():
    table = honest()
    rng = np.random.default_rng(5)
    late = 1.5 * side(table) + rng.normal(size=1500)
    twins = {"late": late, "fee": 3 * late + 0.2 * rng.normal(size=1500)}
    report = audit({**table, **twins}, target="y")
    assert {frozenset(f.columns) for f in report.findings} == {frozenset(twins)}


def test_names_do_not_matter():
    table = honest()
    late = 1.5 * side(table) + np.random.default_rng(5).normal(size=1500)
    table = {**table, "late": late}
    renamed = {n if n == "y" else f"c{i}": v for i, (n, v) in enumerate(table.items())}
    assert codes(audit(renamed, target="y")) == [("HF-L-POST-OUTCOME", ("c11",))]


def test_one_value_that_settles_the_outcome_is_suspect():
    table = honest()
    state = np.array(["open", "due", "paid"])[np.random.default_rng(4).integers(0, 3, 1500)]
    state[(table["y"] == 1) & (np.random.default_rng(5).random(1500) < 0.15)] = "written off"
    report = audit({**table, "state": state}, target="y")
    assert [f.columns for f in report.findings] == [("state",)]
    assert "written off" not in report.to_json()


def test_the_hour_read_off_the_event_time_is_cleared():
    rng = np.random.default_rng(0)
    start = np.datetime64("2024-01-01T00:00", "us")
    times = start + np.arange(4000) * np.timedelta64(3_600_000_000, "us")
    hour = np.arange(4000) % 24
    busy = np.sin(hour / 24 * 2 * np.pi)
    table = {"at": times, "hour": hour, "x": rng.normal(size=4000)}
    table["y"] = 5 * busy + table["x"] + 0.5 * rng.normal(size=4000)
    assert audit(table, target="y", event_time="at").findings == ()
    untimed = {name: values for name, values in table.items() if name != "at"}
    assert [f.columns for f in audit(untimed, target="y").findings] == [("hour",)]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_column_filled_because_of_the_outcome_is_suspect_for_its_nulls(task):
    table = honest(task=task)
    rng = np.random.default_rng(8)
    filled = rng.random(1500) < np.where(side(table) > 0, 0.95, 0.04)
    report = audit(
        {**table, "closing": np.where(filled, rng.normal(size=1500), np.nan)}, target="y"
    )
    assert codes(report) == [("HF-L-NULL-PATTERN", ("closing",))]


def test_a_rarely_filled_column_is_suspect_where_its_rows_are_all_of_one_class():
    table = honest()
    rng = np.random.default_rng(8)
    filled = (table["y"] == 1) & (rng.random(1500) < 0.12)
    body = np.where(filled, rng.integers(1, 300, 1500), np.nan)
    finding = audit({**table, "body": body}, target="y").findings[0]
    assert (finding.code, finding.columns) == ("HF-L-NULL-PATTERN", ("body",))
    assert finding.evidence["of_class"] == finding.evidence["rows"] == filled.sum()
    assert finding.evidence["rows_filled_by_class"] == [0, filled.sum()]


def test_nulls_at_random_are_no_suspect():
    table = honest()
    holes = np.where(np.random.default_rng(8).random(1500) < 0.5, 1.0, np.nan)
    assert audit({**table, "holes": holes}, target="y").findings == ()


def test_ids_given_out_by_outcome_are_suspect():
    table = honest()
    rank = np.argsort(np.argsort(side(table) + np.random.default_rng(2).normal(size=1500)))
    assert codes(audit({**table, "key": rank + 1000}, target="y")) == [("HF-L-ID", ("key",))]
    texts = np.array([f"A-{r + 10_000}" for r in rank])
    assert codes(audit({**table, "key": texts}, target="y")) == [("HF-L-ID", ("key",))]


def test_a_declared_id_is_no_feature_and_no_suspect():
    table = honest()
    rank = np.argsort(np.argsort(side(table) + np.random.default_rng(2).normal(size=1500)))
    assert audit({**table, "key": rank + 1000}, target="y", ids=["key"]).findings == ()


def test_ids_at_random_are_no_suspect():
    table = honest()
    key = np.random.default_rng(2).permutation(1500)
    assert audit({**table, "key": key}, target="y").findings == ()


def test_a_file_in_the_order_of_its_outcome_is_suspect():
    table = honest()
    place = np.argsort(side(table) + np.random.default_rng(1).normal(size=1500), kind="stable")
    ordered = {name: values[place] for name, values in table.items()}
    report = audit(ordered, target="y")
    assert codes(report) == [("HF-L-ORDER", ())]
    assert report.findings[0].worth.low > 0.0
    assert audit(shuffled(ordered), target="y").findings == ()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_two_columns_that_tell_it_only_together_are_suspect(task):
    table = honest(task=task)
    rng = np.random.default_rng(3)
    one = rng.normal(size=1500)
    two = np.abs(rng.normal(size=1500)) * np.sign(one) * np.where(side(table) > 0, 1, -1)
    two = np.where(rng.random(1500) < 0.06, -two, two)
    assert codes(audit({**table, "one": one, "two": two}, target="y")) == [
        ("HF-L-JOINT", ("one", "two"))
    ]


def test_two_times_whose_difference_tells_it_are_suspect():
    table = honest()
    rng = np.random.default_rng(3)
    opened = rng.uniform(0, 1e6, 1500)
    closed = opened + 3000 * side(table) + 1500 * rng.normal(size=1500)
    report = audit({**table, "opened": opened, "closed": closed}, target="y")
    assert {frozenset(f.columns) for f in report.findings} == {frozenset({"opened", "closed"})}
    assert report.findings[0].evidence["by"] == "difference"


def test_parts_of_the_target_are_found_by_their_sum():
    table = honest(task="regression")
    rng = np.random.default_rng(3)
    whole = np.round(50 + 10 * table["y"])
    part = np.round(whole * rng.uniform(0.1, 0.9, 1500))
    report = audit({**table, "y": whole, "part": part, "rest": whole - part}, target="y")
    assert codes(report) == [("HF-L-JOINT", ("part", "rest"))]
    assert report.findings[0].evidence["weights"] == {"part": 1.0, "rest": 1.0}
    assert report.score.without == pytest.approx(
        audit({**table, "y": whole}, target="y").peel.scores[0], abs=0.02
    )


@pytest.mark.parametrize("smoothing", [0, 10])
def test_label_means_of_a_hidden_category_are_suspect(smoothing):
    table = honest()
    group = np.random.default_rng(3).integers(0, 60, 1500)
    count = np.bincount(group)
    means = np.bincount(group, weights=table["y"])
    means = (means + smoothing * table["y"].mean()) / (count + smoothing)
    report = audit({**table, "rate": means[group]}, target="y")
    assert codes(report) == [("HF-L-TARGET-ENCODING", ("rate",))]


def test_an_encoding_fitted_on_the_training_rows_alone_is_as_it_should_be():
    table = honest()
    group = np.random.default_rng(3).integers(0, 60, 1500)
    cut = {True: {n: v[:1000] for n, v in table.items()}, False: {}}
    cut[False] = {n: v[1000:] for n, v in table.items()}
    proper = np.bincount(group[:1000], weights=table["y"][:1000]) / np.bincount(group[:1000])
    leaky = np.bincount(group, weights=table["y"]) / np.bincount(group)
    for means, told in ((proper, []), (leaky, ["HF-L-TARGET-ENCODING"])):
        report = audit(
            {**cut[True], "rate": means[group[:1000]]},
            {**cut[False], "rate": means[group[1000:]]},
            target="y",
            checks=["HF-L-TARGET-ENCODING"],
        )
        assert [f.code for f in report.findings] == told


def test_an_outcome_spread_over_several_columns_is_too_good_to_be_true():
    table = honest()
    rng = np.random.default_rng(9)
    parts = {f"p{i}": side(table) + 0.9 * rng.normal(size=1500) for i in range(3)}
    report = audit({**table, **parts}, target="y")
    assert set(parts) <= {c for f in report.findings for c in f.columns}
    assert report.score.without == pytest.approx(audit(table, target="y").peel.scores[0], abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_two_columns_that_tell_a_number_together_are_suspect_though_others_know_it(seed):
    rng = np.random.default_rng(seed)
    n = 3000
    level = rng.normal(size=n)
    first = rng.random(n) < 0.5
    second = first ^ (level > 0) ^ (rng.random(n) < 0.05)
    table = {
        "known": level + rng.normal(0, 0.1, n), "other": rng.normal(size=n),
        "a": np.where(first, "left", "right"), "b": np.where(second, 3.0, 9.0) + rng.normal(size=n),
        "y": level * 10.0,
    }  # fmt: skip
    found = [f for f in audit(table, target="y").findings if f.code == "HF-L-JOINT"]
    assert [set(f.columns) for f in found] == [{"a", "b"}]
