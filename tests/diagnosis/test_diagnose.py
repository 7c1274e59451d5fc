from __future__ import annotations

import numpy as np
import pytest

from holdfast.diagnosis.attribution import attribute
from holdfast.diagnosis.diagnose import diagnose
from holdfast.diagnosis.evidence import Evidence, Movement, Spot, Values
from holdfast.diagnosis.rules import RULES
from holdfast.records import Action

NOON = 1795442700_000_000  # 2026-11-23 14:05 UTC


def moved(field, code, share=1.0, rows=200, normal=0.0, side="up", nats=100.0):
    return Movement(
        field=field, code=code, side=side, yes=round(share * rows), rows=rows, normal=normal,
        edge=normal + 0.003, onset_row=0, nats=nats,
    )  # fmt: skip


def values(**details):
    return Values(**({"rows": 20, "distinct": 20} | details))


@pytest.mark.parametrize(
    ("evidence", "kind", "action"),
    [
        ({"moved": (moved("Job", "null"),)}, "missing", "fix_pipeline"),
        ({"moved": (moved("Age", "type"),)}, "dtype_change", "fix_pipeline"),
        ({"moved": (moved("Age", "range"),)}, "unit_scale", "fix_pipeline"),
        ({"moved": (moved("Age", "range", 0.02),)}, "outliers", "fix_pipeline"),
        (
            {
                "moved": (moved("Age", "range", 0.3),),
                "values": {"Age": values(factor=100.0)},
            },
            "unit_scale",
            "fix_pipeline",
        ),
        ({"moved": (moved("Job", "unseen"),)}, "category_renamed", "fix_pipeline"),
        (
            {
                "moved": (moved("Job", "unseen"),),
                "values": {"Job": values(nothing=True, distinct=1)},
            },
            "default_filled",
            "fix_pipeline",
        ),
        ({"moved": (moved("Age", "sentinel"),)}, "default_filled", "fix_pipeline"),
        (
            {"moved": (moved("Age", "null", 0.0, normal=0.6, side="down"),)},
            "default_filled",
            "investigate",
        ),
        ({"moved": (moved("", "rejected", 0.2),)}, "unknown", "investigate"),
        ({"moved": (moved("Job", "format"),)}, "unknown", "fix_pipeline"),
    ],
)
def test_the_first_rule_that_fits_names_the_cause(evidence, kind, action):
    cause = diagnose(Evidence(**evidence), NOON).cause
    assert (cause.kind, cause.action) == (kind, Action(action))


def test_marks_alone_never_claim_drift():
    everything = [moved("A", code) for rule in RULES for code in rule.codes]
    kinds = {diagnose(Evidence(moved=(m,)), NOON).cause.class_ for m in everything}
    assert kinds == {"pipeline"}


def test_the_sentence_names_feature_time_share_and_source():
    spot = Spot(
        dimension="source", value="app-ios", of_affected=1.0, of_traffic=0.3, within=1.0,
        rows=60, values=3,
    )  # fmt: skip
    evidence = Evidence(moved=(moved("Job", "null", 0.3, 200),), spot=spot)
    assert diagnose(evidence, NOON).sentence == (
        "broken pipeline: `Job` missing since 2026-11-23 14:05 UTC, 30% of 200 requests, "
        "all from source=app-ios (100% of its 60 requests, 30% of the traffic)"
    )


def test_features_that_broke_together_are_all_named():
    evidence = Evidence(moved=(moved("Job", "null"), moved("Age", "null")))
    diagnosis = diagnose(evidence, NOON)
    assert diagnosis.cause.features == ("Job", "Age")
    assert "`Job` and `Age` missing" in diagnosis.sentence


def test_what_did_not_move_is_ruled_out_by_name():
    evidence = Evidence(
        moved=(moved("Age", "null"),),
        quiet=(("Age", "type"), ("Age", "range"), ("Job", "unseen")),
    )
    text = " ".join(diagnose(evidence, NOON).ruled_out)
    assert "dtype_change" in text
    assert "unit_scale" in text
    assert "category_renamed" not in text


def test_a_hostile_feature_name_cannot_break_the_sentence():
    text = diagnose(Evidence(moved=(moved("a`\n\x1b[31m" + "b" * 500, "null"),)), NOON).sentence
    assert text.isprintable()
    assert text.count("`") == 2
    assert len(text) < 250


def test_a_source_is_not_blamed_on_five_rows_of_luck():
    codes = np.array([0, 1] * 50)
    since = np.arange(100) >= 90
    affected = since & (codes == 0)
    spot = attribute("source", codes, affected, since, ["web", "app"])
    assert spot is not None
    assert spot.value == ""


def test_a_source_that_holds_all_affected_rows_is_blamed():
    codes = np.array([0, 1] * 50)
    since = np.arange(100) >= 40
    spot = attribute("source", codes, since & (codes == 1), since, ["web", "app"])
    assert (spot.value, spot.within, spot.rows) == ("app", 1.0, 30)


def test_affected_rows_spread_like_traffic_blame_nobody():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, 2000)
    since = np.arange(2000) >= 500
    spot = attribute("source", codes, since & (rng.random(2000) < 0.3), since, ["a", "b", "c"])
    assert spot.value == ""
    evidence = Evidence(moved=(moved("Job", "null", 0.3),), spot=spot)
    diagnosis = diagnose(evidence, NOON)
    assert diagnosis.sentence.endswith("from every source alike")
    assert any("source" in line for line in diagnosis.ruled_out)


def test_rows_without_a_source_are_no_origin():
    none = np.full(10, -1)
    assert attribute("source", none, np.ones(10, bool), np.ones(10, bool), []) is None
