"""Which incidents spoil rows for training, how many before their onset, and until when."""

from __future__ import annotations

import pytest

from holdfast.diagnosis.spoiling import rows_in_doubt, spoiled_until, spoils
from holdfast.records import Action, Incident, IncidentStatus


def an_incident(**changes) -> Incident:
    usual = {
        "id": "i1", "model": "loan", "release": "a1", "status": IncidentStatus.OPEN,
        "class_": "pipeline", "kind": "missing", "action": Action.FIX_PIPELINE,
        "features": ("Job",), "sentence": "", "since": 1_000, "opened_at": 2_000,
        "opened_row": 1_400, "onset_row": 1_000,
    }  # fmt: skip
    return Incident(**usual | changes)


@pytest.mark.parametrize(
    ("class_", "kind", "spoiling"),
    [
        ("pipeline", "missing", True),
        ("label", "label_shift", True),
        ("covariate", "missing", False),
        ("unknown", "missing", False),
        ("pipeline", "duplicates", True),
        ("pipeline", "no_data", False),
        ("pipeline", "traffic_low", False),
        ("pipeline", "traffic_high", False),
        ("pipeline", "late_data", False),
    ],
)
def test_broken_rows_spoil_and_rows_that_only_came_late_or_not_do_not(class_, kind, spoiling):
    assert spoils(an_incident(class_=class_, kind=kind)) is spoiling


@pytest.mark.parametrize(
    ("took", "doubted"), [(0, 200), (200, 200), (201, 201), (2_000, 2_000), (2_001, 2_000)]
)
def test_as_many_rows_are_in_doubt_as_the_finding_took_within_bounds(took, doubted):
    assert rows_in_doubt(an_incident(onset_row=1_000, opened_row=1_000 + took)) == doubted


def test_an_open_incident_spoils_without_an_end_also_where_it_was_closed_before():
    assert spoiled_until(an_incident()) is None
    assert spoiled_until(an_incident(closed_at=3_000)) is None


def test_a_closed_incident_whose_end_nobody_kept_spoils_without_an_end():
    assert spoiled_until(an_incident(status=IncidentStatus.CLOSED)) is None


@pytest.mark.parametrize(("closed_at", "until"), [(3_000, 3_000), (1_000, 1_001), (900, 1_001)])
def test_a_closed_incident_spoils_until_then_and_its_first_moment_in_any_case(closed_at, until):
    closed = an_incident(status=IncidentStatus.CLOSED, closed_at=closed_at)
    assert spoiled_until(closed) == until
