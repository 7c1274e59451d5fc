from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from tests.monitoring.world import Life, release

from holdfast.contracts.model import ContractData, Field, Kind, NullRule, OrderRule, Policy
from holdfast.detection.marks import MarkDetector
from holdfast.monitoring.reference import FieldFacts, facts_of, reference_of
from holdfast.monitoring.rows import decode
from holdfast.monitoring.values import describe


class Counts(msgspec.Struct):
    rows: int
    marks: dict[str, int]
    outcomes: dict[str, int]


def test_every_mark_that_the_contract_can_set_is_watched_and_the_target_is_not():
    watched = set(reference_of(release()).watched)
    assert {"Job:null", "Job:unseen", "Age:range", "Income:null"} <= watched
    assert not any(mark.startswith("Status") for mark in watched)


def test_what_the_contract_allows_is_allowed():
    assert reference_of(release()).allowed == {"Income:null": 0.1, "Assets:null": 0.62}


def test_a_record_serves_as_well_as_a_mapping_and_its_verdicts_count():
    watched = release()
    watched.reference = Counts(
        rows=1000, marks={"Job:null": 3}, outcomes={"ok": 990, "rejected": 10}
    )
    found = reference_of(watched)
    assert (found.rows, found.marks) == (
        1000,
        {"Job:null": 3, ":rejected": 10, ":abstained": 0},
    )


def test_without_counted_verdicts_the_policies_say_what_rejection_is_normal():
    found = reference_of(release(job_policy=Policy.REJECT, marks={"Job:null": 80}))
    assert found.allowed[":rejected"] == pytest.approx(0.02)


def test_a_rule_over_two_fields_is_watched_when_both_are_served():
    field = Field(name="a", kind=Kind.NUMERIC, rules=(NullRule(),))
    watched = release()
    order = OrderRule(left="a", right="b")
    watched.contract.data = ContractData(fields=(field,), cross=(order,))
    assert "a:order" not in reference_of(watched).watched
    both = (field, msgspec.structs.replace(field, name="b"))
    watched.contract.data = ContractData(fields=both, cross=(order,))
    assert "a:order" in reference_of(watched).watched


def test_a_release_without_reference_rows_mutes_everything_and_says_so():
    watched = release()
    watched.reference = {"rows": 0, "marks": {}}
    streams = MarkDetector.fit(reference_of(watched), 14.0).streams
    assert all("no row" in s.muted for s in streams)


def test_bounds_and_permission_to_show_come_from_the_contract():
    assert facts_of(release(pii="no"))["Job"] == FieldFacts(shown=True)
    assert facts_of(release())["Age"] == FieldFacts(18.0, 70.0, shown=False)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4100, 5000], {"factor": 100.0, "texts": 0.0}),
        ([0.41, 0.5], {"factor": 0.01}),
        ([10**9, 41], {"factor": None}),
        (["1.234,5", "12"], {"texts": 1.0, "number_texts": 1.0}),
        (["fixd"], {"number_texts": 0.0, "nothing": False}),
        (["unknown", "N/A", "-999"], {"nothing": False}),
        (["unknown", "N/A"], {"nothing": True, "distinct": 2}),
        ([-999], {"nothing": True}),
        ([float("nan"), {"a": 1}, [2], True], {"nothing": False, "factor": None}),
    ],
)
def test_values_are_described_without_being_shown(values, expected):
    seen = describe("Age", [{"Age": v} for v in values], FieldFacts(18.0, 70.0))
    assert {k: getattr(seen, k) for k in expected} == expected
    assert seen.example == ""


def test_rows_without_the_value_describe_nothing():
    assert describe("Age", [None, {}, {"Age": None}], FieldFacts()) is None


def test_marks_are_decoded_from_slices_nulls_and_repetitions():
    batch = Life(10).batch()
    marks = [["a:null", "a:null"], None, [], ["b:type"], ["a:null"]] * 2
    column = batch.schema.names.index("marks")
    batch = batch.set_column(column, "marks", pa.array(marks, batch.schema.field("marks").type))
    rows = decode(batch.slice(3, 4))
    assert {k: v.tolist() for k, v in rows.marks.items()} == {"b:type": [0], "a:null": [1, 2]}
    assert np.array_equal(rows.at, np.sort(rows.at))
