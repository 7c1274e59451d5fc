"""The report shows itself in every format, and quotes no value of a person."""

from __future__ import annotations

import json

import msgspec
import pytest

from holdfast.drill import summary
from holdfast.drill.outcome import Control
from holdfast.reports import FORMATS, render
from holdfast.reports.document import Callout, Document, Heading, Table


def test_the_verdict_counts_what_the_outcomes_say(report):
    total = len(report.expected)
    prompt = sum(o.rows_to_alarm <= 100 for o in report.caught)
    named = sum(o.named for o in report.caught)
    assert report.verdict.startswith(
        f"{len(report.caught)} of {total} faults would be caught, {prompt} within 100 rows, "
        f"{named} with the right name; {len(report.missed)} would be missed"
    )
    assert len(report.caught) + len(report.missed) == total
    assert report.verdict in repr(report)


@pytest.mark.parametrize("name", FORMATS)
def test_it_is_written_in_every_format(report, name):
    text = render(report.document("loans"), name)
    assert len(text) > 200
    if name in {"text", "md", "html", "json"}:
        assert "missing_source" in text.replace("\\", "").replace("\n", "") or name == "text"


def test_the_answer_stands_first(report):
    document = report.document("loans")
    assert document.summary == report.verdict
    assert isinstance(document.blocks[0], Callout)
    assert document.passed is report.passed


def test_one_row_of_the_frame_is_one_fault_at_one_severity(report):
    frame = report.to_frame()
    assert frame.num_rows == len(report.outcomes)
    rows = frame.to_pylist()
    assert [(r["fault"], r["severity"]) for r in rows] == [
        (o.fault, o.severity) for o in report.outcomes
    ]
    missed = [r for r in rows if r["expect"] and not r["caught"]]
    assert all(r["reason"] and r["remedy"] for r in missed)


def test_json_carries_the_verdict_the_findings_and_every_outcome(report):
    plain = json.loads(report.to_json())
    assert plain["verdict"] == report.verdict
    assert plain["passed"] is report.passed
    assert len(plain["outcomes"]) == len(report.outcomes)
    assert {f["code"] for f in plain["findings"]} <= {
        "HF-DRILL-GROSS", "HF-DRILL-MISSED", "HF-DRILL-ALARMED", "HF-DRILL-CONTROL",
    }  # fmt: skip
    gross = [f for f in plain["findings"] if f["code"] == "HF-DRILL-GROSS"]
    assert len(gross) == len(report.gross_missed)


def test_no_value_of_a_field_that_may_be_personal_is_quoted(report, rows):
    text = report.to_json() + render(report.document("loans"), "html")
    for name in ("employment_type", "income_source"):
        for value in set(rows.column(name).to_pylist()) - {"none", "family"}:
            assert value not in text, value
    assert rows.column("application_id")[500].as_py() not in text


def test_the_summary_ends_another_report(report):
    blocks = summary(report)
    assert isinstance(blocks[0], Heading)
    assert any(isinstance(b, Callout) and b.title == report.verdict for b in blocks)
    tables = [b for b in blocks if isinstance(b, Table)]
    assert sum(len(t.rows) for t in tables) <= 8
    assert render(Document(title="t", blocks=blocks), "text")


def test_alarms_without_a_fault_are_told_before_anything_else_but_the_verdict(report):
    loud = msgspec.structs.replace(report, control=Control(rows=9, incidents=("it broke",)))
    document = loud.document()
    assert "it broke" in render(document, "text")
    assert document.findings[0].code == "HF-DRILL-CONTROL"
    assert any(isinstance(b, Callout) and "Not silent" in b.title for b in summary(loud))


def test_it_is_saved_as_one_html_file(report, tmp_path):
    path = report.save_html(tmp_path / "drill.html", "loans")
    assert report.verdict.split(",")[0] in path.read_text("utf-8")
