"""A field that is switched off: its fallback answers, and the marks stay what they were."""

from __future__ import annotations

import numpy as np
import pytest
from tests.releases.conftest import lender
from tests.releases.test_release import rows_of

from holdfast.errors import ContractError
from holdfast.releases.switches import CODE


@pytest.fixture(scope="module")
def rows():
    return rows_of(lender(200, 9))


def test_every_row_is_answered_by_the_fallback_and_degraded(release, rows):
    answers = release.scorer_without(["job"]).answer(rows)
    missing = release.scorer().answer([{**row, "job": None} for row in rows])
    assert {a.verdict.value for a in answers} == {"degraded"}
    assert {a.fallback for a in answers} == {("job",)}
    assert [a.score for a in answers] == [a.score for a in missing]


def test_what_arrives_in_the_field_does_not_matter(release, rows):
    off = release.scorer_without(["job"])
    garbage = [{**row, "job": value} for row in rows[:4] for value in (None, 7, "?", [1])]
    assert [a.score for a in off.answer(garbage)] == [
        a.score for a in off.answer(rows[:4]) for _ in range(4)
    ]


def test_the_marks_stay_those_of_the_row_so_that_recovery_is_seen(release, rows):
    off = release.scorer_without(["job"])
    [healthy] = off.answer(rows[:1])
    [broken] = off.answer([{**rows[0], "job": None}])
    assert [(v.field, v.code) for v in healthy.violations if not v.note] == [("job", CODE)]
    assert [(v.field, v.code) for v in broken.violations if not v.note] == [
        ("job", "null"), ("job", CODE),
    ]  # fmt: skip


def test_another_missing_field_joins(release, rows):
    [answer] = release.scorer_without(["job"]).answer([{**rows[0], "age": None}])
    [both] = release.scorer().answer([{**rows[0], "job": None, "age": None}])
    assert (answer.score, answer.fallback) == (both.score, both.fallback)


def test_without_a_fallback_nothing_is_guessed(release, rows):
    lacking = [f for f in release.features if release.fallback_for(release.features) is None]
    off = release.scorer_without(release.features)
    verdicts = {a.verdict.value for a in off.answer(rows[:3])}
    assert verdicts == ({"abstained"} if lacking else {"degraded"})


def test_a_field_that_the_model_does_not_use_costs_nothing(second_release, rows):
    if second_release.fallback_for(["noise"]) is not None:
        pytest.skip("the release has a fallback for it")
    answers = second_release.scorer_without(["noise"]).answer(rows[:3])
    assert {a.verdict.value for a in answers} <= {"degraded", "abstained"}


def test_predictions_made_elsewhere_are_judged_as_ever(release, rows):
    off = release.scorer_without(["job"])
    assert off.check(rows[:5]) == release.scorer().check(rows[:5])


def test_an_unknown_field_is_refused(release):
    with pytest.raises(ContractError):
        release.scorer_without(["nothing"])


def test_the_callers_rows_are_left_alone(release, rows):
    before = [dict(row) for row in rows[:5]]
    release.scorer_without(["job"]).answer(rows[:5])
    assert rows[:5] == before
    assert np.isfinite([a.score for a in release.scorer_without(["job"]).answer(rows[:5])]).all()
