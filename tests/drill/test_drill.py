"""The drill end to end, on a real release and the real monitor."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from tests.drill.conftest import DRILLED

import holdfast as hf
from holdfast.drill import FAULTS, drill
from holdfast.drill.faults.base import Fault, edited, put
from holdfast.drill.outcome import Reason
from holdfast.errors import DataError, UsageError
from holdfast.monitoring import Monitor
from holdfast.records import Action


def only(report, fault, severity=3):
    [found] = [o for o in report.outcomes if (o.fault, o.severity) == (fault, severity)]
    return found


def test_a_column_that_goes_null_is_caught_at_once_named_and_told_to_be_mended(report):
    found = only(report, "missing")
    assert found.caught
    assert found.rows_to_alarm <= 6
    assert (found.found_kind, found.found_columns[:1]) == ("missing", found.columns)
    assert found.found_action in {"fix_pipeline", "fallback"}
    assert found.named
    assert found.sentence


def test_milder_faults_of_a_kind_take_more_rows(report):
    delays = [only(report, "unknown_filled", s).rows_to_alarm for s in (1, 2, 3)]
    assert delays == sorted(delays, reverse=True)
    assert delays[0] > delays[2]


def test_numbers_as_text_are_carried_into_single_rows_and_caught_as_such(report):
    for severity in (1, 2, 3):
        found = only(report, "dtype_change", severity)
        assert found.caught
        assert found.found_kind == "dtype_change"
        assert abs(found.affected - (0.05, 0.4, 1.0)[severity - 1]) < 0.1


def test_every_fault_is_drilled_or_skipped_with_a_reason(report):
    drilled = {(o.fault, o.severity) for o in report.outcomes}
    skipped = {(s.fault, s.severity) for s in report.skipped}
    assert not drilled & skipped
    assert drilled | skipped == {(name, s) for name in DRILLED for s in (1, 2, 3)}
    assert all(s.why for s in report.skipped)


def test_the_control_run_is_silent_and_says_so(report):
    assert report.control.silent
    assert report.control.rows == report.rows == 1_200


def test_every_missed_fault_says_why_and_what_would_make_it_visible(report):
    for outcome in report.missed:
        assert outcome.missed.reason in Reason
        assert len(outcome.missed.why) > 20
        assert len(outcome.missed.remedy) > 10
    assert all(o.missed is None for o in report.caught)


def test_serving_answers_are_told_for_the_affected_rows(report):
    served = only(report, "missing").served
    assert sum(served.verdicts.values()) == served.rows > 100
    assert set(served.verdicts) <= {"ok", "degraded", "abstained", "rejected"}
    assert only(report, "duplicate_rows").served.flipped is None


def test_the_delay_that_the_drill_reports_is_the_delay_of_a_monitor_fed_by_hand(release, rows):
    found = only(drill(release, rows, faults="unknown_filled", severities=[3]), "unknown_filled")
    onset = 240
    [column] = found.columns
    broken = rows.column(column).to_pylist()
    broken[onset:] = ["unknown"] * (len(broken) - onset)
    index = rows.column_names.index(column)
    watcher = Monitor(release)
    watcher.observe(rows.set_column(index, column, pa.array(broken)))
    assert watcher.incidents[0].opened_row - onset == found.rows_to_alarm


def test_the_same_seed_gives_the_same_drill_and_another_draws_other_columns(release, rows):
    few = ("missing", "outliers")
    clock = {"clock": lambda: 1_800_000_000_000_000}
    one, two = (drill(release, rows, faults=few, seed=4, rows=400, **clock) for _ in range(2))
    assert one == two
    others = [
        drill(release, rows, faults=few, seed=s, severities=[1], rows=300, **clock)
        for s in range(6)
    ]
    assert len({o.outcomes[0].columns for o in others}) > 1


def test_rows_that_are_broken_already_are_told_and_faults_must_show_something_more(release, rows):
    index = rows.column_names.index("income_source")
    broken = rows.set_column(index, "income_source", pa.nulls(len(rows), pa.string()))
    found = drill(release, broken, faults=["tiny_drift", "unknown_filled"], severities=[3])
    assert not found.control.silent
    assert any("income_source" in sentence for sentence in found.control.incidents)
    assert [f.code for f in found.findings][:1] == ["HF-DRILL-CONTROL"]
    assert not only(found, "tiny_drift").caught
    assert only(found, "unknown_filled").caught


def extra_fault(expect=True):
    """Something in a column that neither contract nor model knows."""

    def inject(scene, rng, severity):
        column = scene.table.column("extra")
        return edited(
            scene, {"extra": put(column, scene.after, pa.scalar(9.0))}, "all nine", severity
        )

    return Fault(
        name="extra", kind="stuck", says="a column nobody reads is stuck", expect=expect,
        visible="reading it", inject=inject,
    )  # fmt: skip


def test_what_nothing_watches_is_missed_and_a_gross_miss_fails_the_drill(release, rows):
    wider = rows.append_column("extra", pa.array(np.arange(len(rows), dtype=float)))
    found = drill(release, wider, faults=[extra_fault()])
    assert [o.missed.reason for o in found.missed] == [Reason.NOT_WATCHED] * 3
    assert found.missed[0].missed.remedy == "reading it"
    assert found.passed is False
    assert [o.severity for o in found.gross_missed] == [3]
    mild = drill(release, wider, faults=[extra_fault()], severities=[1, 2])
    assert mild.passed is True


def test_silence_about_what_does_not_matter_is_no_miss(release, rows):
    wider = rows.append_column("extra", pa.array(np.arange(len(rows), dtype=float)))
    found = drill(release, wider, faults=[extra_fault(expect=False)], severities=[3])
    assert found.expected == ()
    assert found.passed is None
    assert "nothing is known" in found.verdict


def test_without_outcomes_concept_drift_is_skipped_with_the_way_out(release, rows):
    bare = rows.drop_columns("outcome")
    found = drill(release, bare, faults=["concept_noise", "prior_shift"], severities=[2])
    assert found.target is None
    assert all("target" in s.why for s in found.skipped)


def test_a_target_under_another_name_is_taken_when_it_is_named(release, rows):
    renamed = rows.rename_columns([*rows.column_names[:-1], "later"])
    found = drill(release, renamed, faults="concept_noise", severities=[3], target="later")
    assert (found.target, len(found.outcomes)) == ("outcome", 1)
    plain = drill(release, rows, faults="concept_noise", severities=[3])
    assert [o.rows_to_alarm for o in found.outcomes] == [o.rows_to_alarm for o in plain.outcomes]


def test_traffic_is_measured_from_event_times_and_gives_delays_in_time(report):
    assert 60 < report.rows_per_day < 180  # one application in 780 seconds on average
    nulls = report.power[0]
    assert nulls.days == pytest.approx(nulls.rows / report.rows_per_day)


def test_a_forked_monitor_goes_on_as_the_first_would_and_leaves_it_alone(release, rows):
    watcher = Monitor(release)
    watcher.observe(rows.slice(0, 500))
    twin = watcher.fork()
    index = rows.column_names.index("income_source")
    broken = rows.set_column(index, "income_source", pa.nulls(len(rows), pa.string()))
    twin.observe(broken.slice(500, 100))
    assert [i.kind for i in twin.incidents] == ["missing"]
    assert watcher.incidents == []
    assert (watcher.rows, twin.rows) == (500, 600)
    watcher.observe(broken.slice(500, 100))
    assert [i.id for i in watcher.incidents] == [i.id for i in twin.incidents]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"faults": ["nonsense"]}, "nonsense"),
        ({"faults": []}, "no fault"),
        ({"severities": [0, 4]}, "severity"),
        ({"severities": []}, "severity"),
        ({"rows": 50}, "rows"),
        ({"budget": "never"}, "budget"),
    ],
)
def test_a_wrong_call_is_refused_in_words(release, rows, options, told):
    with pytest.raises(UsageError, match=told):
        drill(release, rows, **options)


def test_rows_that_cannot_be_drilled_are_refused_in_words(release, rows):
    with pytest.raises(DataError, match="cannot be run"):
        drill(release, rows.slice(0, 120))
    with pytest.raises(DataError, match="cannot be run"):
        drill(release, rows.select(["application_id", "outcome"]))
    with pytest.raises(DataError, match="no such target"):
        drill(release, rows, target="nowhere")


def test_a_drill_of_everything_is_asked_for_by_naming_nothing(release, rows):
    told = []
    with pytest.raises(StopIteration):
        drill(release, rows, severities=[3], progress=lambda text: stop(told, text, 3))
    assert told == ["clean rows", "missing, severity 3", "missing_source, severity 3"]


def stop(told, text, most):
    if len(told) == most:
        raise StopIteration
    told.append(text)


def test_the_public_name_works_whatever_was_imported_before():
    import holdfast.drill.report  # noqa: F401 - the package is an attribute of holdfast now

    assert callable(hf.drill)
    with pytest.raises(TypeError):
        hf.drill()


def test_the_right_actions_of_a_broken_pipeline_never_are_to_retrain():
    for fault in FAULTS.values():
        if fault.class_ == "pipeline":
            assert Action.RETRAIN not in fault.actions
