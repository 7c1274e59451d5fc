"""Every result of the public face shows itself the same ways."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdfast as hf
from holdfast.reports.result import Result


def check() -> Result:
    table = {"age": [30, 41, 52] * 100, "job": ["a", "b", None] * 100}
    return hf.Contract.learn(table).check({**table, "age": [None] * 300})


def evaluation() -> Result:
    return hf.evaluate([0, 0, 1, 1] * 50, [0.1, 0.4, 0.35, 0.8] * 50, costs=hf.Costs(1, 3))


RESULTS = [check, evaluation]


@pytest.mark.parametrize("make", RESULTS)
def test_a_result_is_saved_as_one_html_file(make, tmp_path: Path):
    path = make().save_html(tmp_path / "report.html", "loans")
    text = path.read_text("utf-8")
    assert "loans" in text
    assert "Content-Security-Policy" in text


@pytest.mark.parametrize("make", RESULTS)
def test_a_result_shows_itself_in_a_notebook_inside_a_sandbox(make):
    shown = make()._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert " sandbox " in shown
    assert shown.count("<") == 2  # everything inside the frame is escaped


@pytest.mark.parametrize("make", RESULTS)
def test_a_result_is_a_frame_for_any_engine(make):
    frame = make().to_frame().to_pandas()
    assert len(frame) >= 4


@pytest.mark.parametrize("make", RESULTS)
def test_a_result_says_whether_it_passed_in_three_values(make):
    assert make().passed in {True, False, None}


def test_the_frame_of_a_check_names_the_rule_that_complains():
    rows = check().to_frame().to_pylist()
    assert [(r["fields"], r["code"]) for r in rows if r["complains"]] == [(["age"], "null")]
