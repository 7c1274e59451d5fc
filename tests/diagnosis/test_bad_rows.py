"""Whatever the rows hold, a diagnosis comes back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.diagnosis.world import NOON, columns, crossing, portrait, sample, shop, told

from holdfast.diagnosis.diagnose import diagnose
from holdfast.diagnosis.evidence import Evidence, Sample
from holdfast.frames.values import ValueKind, read_values
from holdfast.profiles.portrait import Portrait

anything = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(-(10**12), 10**12),
    st.sampled_from(["", "DE", " de", "unknown", "7 EUR", "1,5", "\u00c3\u00a9", "x" * 50]),
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(
    data=st.lists(st.tuples(anything, anything, anything), min_size=1, max_size=40),
    scores=st.sampled_from(["usual", "nan", "constant"]),
)
def test_any_values_in_any_column_get_a_diagnosis(data, scores):
    table = shop(len(data), 3)
    for place, name in enumerate(("age", "income", "plan")):
        table[name] = np.array([row[place] for row in data] + [None], object)[:-1]
    made = columns(table)
    score = {
        "usual": np.linspace(0.1, 0.9, len(data)),
        "nan": np.full(len(data), math.nan),
        "constant": np.full(len(data), 0.5),
    }[scores]
    evidence = Evidence(
        moved=(crossing(),), now=Sample(columns=made, score=score), portrait=portrait(),
        before=sample(shop(50, 4)),
    )  # fmt: skip
    diagnosis = diagnose(evidence, NOON)
    assert diagnosis.sentence
    assert 0.0 <= diagnosis.cause.confidence <= 1.0
    assert diagnosis.sentence.isprintable()


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(1, 90),
    seed=st.integers(0, 1000),
    odd=st.sampled_from(["constant", "null", "one value", "ids", "tiny", "huge", "infinite"]),
)
def test_any_reference_can_be_compared_with(rows, seed, odd):
    rng = np.random.default_rng(seed)
    column = {
        "constant": np.full(rows, 3.0),
        "null": np.full(rows, np.nan),
        "one value": np.where(np.arange(rows) == 0, 1.0, np.nan),
        "ids": np.arange(rows) * 1e9,
        "tiny": rng.normal(size=rows) * 1e-300,
        "huge": rng.normal(size=rows) * 1e300,
        "infinite": np.where(rng.random(rows) < 0.5, np.inf, rng.normal(size=rows)),
    }[odd]
    names = np.array([f"id{i}" for i in range(rows)], object)
    read = {
        "x": read_values(ValueKind.NUMBER, column),
        "y": read_values(ValueKind.NUMBER, rng.normal(size=rows)),
        "c": read_values(ValueKind.CATEGORY, names),
        "void": read_values(ValueKind.CATEGORY, np.array([None] * rows, object)),
    }
    label = (rng.random(rows) < 0.5).astype(float)
    learned = Portrait.of(read, score=rng.random(rows), label=label)
    learned = Portrait.from_bytes(learned.to_bytes())
    moved = {
        "x": read_values(ValueKind.NUMBER, column * 7.0 + 1.0),
        "y": read_values(ValueKind.NUMBER, rng.normal(size=rows) + 3.0),
        "c": read_values(ValueKind.CATEGORY, names[::-1]),
        "void": read_values(ValueKind.CATEGORY, names),
    }
    now = Sample(columns=moved, score=rng.random(rows), label=label)
    assert diagnose(Evidence(moved=(crossing("x"),), now=now, portrait=learned), NOON).sentence


def test_one_row_is_too_thin_for_a_cause():
    cause = told({name: values[:1] for name, values in shop(5, 1).items()}).cause
    assert (cause.kind, cause.action.value) == ("unknown", "investigate")


def test_rows_without_scores_labels_or_past_are_enough():
    table = shop(200, 2)
    table["income"] = table["income"] * 1000.0
    evidence = Evidence(
        moved=(crossing(),), now=Sample(columns=columns(table)), portrait=portrait()
    )
    assert diagnose(evidence, NOON).cause.kind == "unit_scale"


@pytest.mark.parametrize("gone", ["age", "plan"])
def test_a_column_that_is_not_among_the_rows_is_left_alone(gone):
    table = shop(200, 2)
    table["income"] = table["income"] * 1000.0
    read = columns(table)
    del read[gone]
    evidence = Evidence(moved=(crossing(),), now=Sample(columns=read), portrait=portrait())
    assert diagnose(evidence, NOON).cause.features == ("income",)


def test_columns_that_the_portrait_does_not_know_are_left_alone():
    table = shop(200, 2)
    table["income"] = table["income"] * 1000.0
    read = columns(table) | {"new": read_values(ValueKind.NUMBER, np.arange(200.0))}
    evidence = Evidence(moved=(crossing(),), now=Sample(columns=read), portrait=portrait())
    assert diagnose(evidence, NOON).cause.features == ("income",)


def test_the_same_rows_get_the_same_diagnosis():
    table = shop(1500, 5)
    table["age"] = table["age"] + 4.5
    assert told(table, before=shop(300, 6)) == told(table, before=shop(300, 6))
