"""The pages of the fault benchmark: counted right, losses listed by rule."""

import json

import pytest
from benchmarks.detection import peers, run_faultbench, scores, tables


def record(name, **changes):
    base = {
        "id": name, "dataset": "shop", "model": "lgbm", "order": "permuted", "fault": "missing",
        "severity": 3, "seed": 0, "kind": "missing", "cls": "pipeline", "expect": True,
        "windows": 12, "rows": 200, "observe_s": 0.12, "quiet_windows": 10, "false_windows": 0,
        "false_alarms": 0, "onset": 2000, "has_cols": True, "detected": True, "clean": True,
        "found": True, "delay": 5, "found_delay": 5, "hit1": True, "hit3": True,
        "kind_final": "missing", "kind_ok": True, "cls_final": "pipeline", "cls_ok": True,
        "action_final": "fix_pipeline", "action_ok": True, "cols": ["age"], "digest": "aa",
        "truth_columns": ["age"],
    }  # fmt: skip
    return base | changes


def missed(name, **changes):
    gone = dict.fromkeys(("delay", "found_delay", "hit1", "hit3", "kind_final", "action_final"))
    r = record(name, detected=False, clean=False, found=False, **changes)
    return {k: v for k, v in r.items() if k not in gone}


def run(monitor, *records):
    return scores.Run(monitor, (200, 20, "8,13", 5, 6000), {r["id"]: r for r in records})


def test_a_fault_without_a_column_is_found_when_it_is_detected():
    assert scores.found(record("a", has_cols=False, found=False))
    assert not scores.found(record("a", found=False))
    assert not scores.found(missed("a", has_cols=False))


def test_measures_of_cases_are_shares_and_medians():
    got = scores.block([record("a"), record("b", delay=15, hit1=False), missed("c"), missed("d")])
    assert (got["detected"], got["clean"], got["found"]) == (0.5, 0.5, 0.5)
    assert (got["delay"], got["hit@1"], got["kind"]) == (10, 0.5, 1.0)


def test_a_monitor_that_gives_no_kind_has_no_share_of_right_kinds():
    got = scores.block([record("a", kind_final=None, kind_ok=False, action_final=None)])
    assert got["kind"] is None
    assert got["action"] is None


def test_an_alarm_before_the_onset_spoils_found_clean():
    assert scores.block([record("a", false_windows=1, clean=False)])["found clean"] == 0.0


def test_no_alarm_in_many_windows_bounds_the_rate_from_above():
    low, high = scores.wilson(0, 3000)
    assert low == 0.0
    assert high == pytest.approx(3 / 3000, rel=0.01)


def test_quantiles_interpolate_and_say_none_of_nothing():
    assert scores.quantile([], 0.5) is None
    assert scores.quantile([1.0, 2.0, 4.0], 0.5) == 2.0
    assert scores.quantile([1.0, 3.0], 0.25) == 1.5


def test_only_cases_with_the_very_same_rows_are_compared():
    ours = run("Holdfast", record("a"), record("b", digest="bb"), record("c"))
    ids, differ = scores.common(run("ks", record("a"), record("b")), ours)
    assert ids == ["a"]
    assert differ == 1


def test_a_peer_that_catches_more_or_sooner_is_listed_as_better():
    ours = [record("a", found_delay=9, delay=9), missed("b"), record("c", kind="stuck")]
    theirs = [record("a"), record("b"), missed("c", kind="stuck")]
    found = {(x.group, x.measure): (x.ours, x.theirs) for x in scores.losses(ours, theirs)}
    assert found["kind missing", "clean"] == (0.5, 1.0)
    assert found["all", "found delay, both found"] == (9, 5)
    assert ("kind stuck", "clean") not in found


def test_columns_and_kinds_are_compared_on_the_cases_both_detected():
    ours = [record("a"), record("b", kind_ok=False, hit1=False)]
    assert scores.losses(ours, [record("a"), missed("b")]) == []
    found = [x for x in scores.losses(ours, [record("a"), record("b")]) if x.group == "all"]
    assert [(x.measure, x.ours, x.theirs) for x in found] == [("hit@1", 0.5, 1), ("kind", 0.5, 1)]


def test_a_group_of_the_same_cases_is_listed_once():
    listed = scores.losses([missed("a")], [record("a")])
    assert {x.group for x in listed} == {"all"}


def test_a_peer_that_is_never_better_is_not_listed():
    assert scores.losses([record("a")], [missed("a")]) == []


@pytest.mark.parametrize(
    ("effect", "label"), [(0.1, "below 2"), (0.15, "2 to 3"), (0.3, "3 to 5"), (0.36, "over 5")]
)
def test_drifts_are_grouped_by_effect_over_the_floor(effect, label):
    drift = record("a", cls="prior", effect=effect, usable_rows=3000.0, reach=30.0)
    assert list(scores.by_effect([drift], 2500)) == [("prior", label)]
    assert scores.by_effect([drift], 3500) == {}


def test_confusion_counts_the_silent_apart():
    counts = scores.confusion([record("a"), missed("b"), record("c", kind_final=None)], "kind")
    assert counts == {"missing": {"missing": 1, "(silent)": 1, "(none given)": 1}}


def test_pages_are_written_from_files_and_name_what_a_peer_caught_alone(tmp_path):
    for name, records in (
        ("x:Holdfast", [record("a"), missed("b")]),
        ("ks", [record("a"), record("b"), record("n", fault="none", expect=False, onset=None)]),
    ):
        body = {"adapter": name, "args": {"windows": 20}, "cases": records, "n_errors": 1}
        (tmp_path / f"{name[-2:]}.json").write_text(json.dumps(body))
    assert tables.main([*map(str, tmp_path.glob("*.json")), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "peers-200.md").read_text()
    assert "Caught clean by ks and missed by Holdfast:\n\n* `b`" in page
    assert "ks: 1 cases ended in an error" in page
    own = (tmp_path / "out" / "holdfast-200.md").read_text()
    assert "gross pipeline faults | 2 | found 0.50" in own


def test_files_of_one_set_up_are_one_run_and_of_two_set_ups_are_two(tmp_path):
    for name, rows, case in (("a", 200, "p"), ("b", 200, "q"), ("c", 1000, "p")):
        body = {"adapter": "ks", "args": {"window_rows": rows}, "cases": [record(case)]}
        (tmp_path / name).write_text(json.dumps(body))
    runs = scores.load(sorted(tmp_path.iterdir()))
    assert [(r.setup[0], sorted(r.cases)) for r in runs] == [(200, ["p", "q"]), (1000, ["p"])]


@pytest.mark.parametrize("setup", peers.SETUPS)
def test_the_options_of_each_set_up_are_options_of_the_runner(setup, tmp_path):
    (tmp_path / "faultbench").mkdir()
    a = run_faultbench.arguments(
        [
            *("--faultbench", str(tmp_path), "--adapter", "ks", "--out", str(tmp_path / "o.json")),
            *peers.SETUPS[setup],
        ]
    )
    assert a.window_rows * a.label_delay_windows == 1000


def test_the_runner_says_how_to_tell_it_where_faultbench_is(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("HOLDFAST_FAULTBENCH", raising=False)
    with pytest.raises(SystemExit):
        run_faultbench.arguments(["--adapter", "ks", "--out", str(tmp_path / "o.json")])
    assert "HOLDFAST_FAULTBENCH" in capsys.readouterr().err
