"""Every fault keeps its promises on rows of every kind; faults that break them are told."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.drill.faults import FAULTS
from holdfast.drill.faults.base import Fault, Injected, Skipped, differs, put
from holdfast.drill.run import inject
from holdfast.drill.scene import Scene
from holdfast.testing import fault_problems, random_scene

SCENE = random_scene(seed=3, rows=1200)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_only_later_rows_is_repeatable_and_grows_with_its_severity(name):
    for seed in range(4):
        assert fault_problems(FAULTS[name], SCENE, seed=seed) == []


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_applies_to_rows_of_every_kind(name):
    assert any(isinstance(inject(FAULTS[name], SCENE, 3, s), Injected) for s in range(4))


@pytest.mark.parametrize("name", FAULTS)
def test_a_table_without_anything_to_break_is_skipped_in_words(name):
    bare = Scene(pa.table({"x": pa.nulls(300, pa.float64())}), onset=60, numbers=["x"])
    outcome = inject(FAULTS[name], bare, 3, 0)
    assert isinstance(outcome, Skipped | Injected)
    if isinstance(outcome, Skipped):
        assert len(outcome.why) > 10
    else:
        assert FAULTS[name].class_ == "pipeline"


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(FAULTS)),
    seed=st.integers(0, 10_000),
    rows=st.integers(200, 500),
)
def test_promises_hold_on_any_generated_rows(name, seed, rows):
    scene = random_scene(seed=seed, rows=rows)
    assert fault_problems(FAULTS[name], scene, seed=seed) == []


def test_the_suite_finds_a_fault_that_reaches_back_before_the_onset():
    def early(scene, rng, severity):
        rows = np.ones(len(scene), bool)
        column = put(scene.table.column("count"), rows, pa.scalar(9, pa.uint8()))
        index = scene.table.column_names.index("count")
        table = scene.table.set_column(index, "count", column)
        return Injected(table, ("count",), "all nine", float(severity), rows)

    fault = Fault(name="early", kind="x", says="", visible="", inject=early)
    assert any("before the onset" in text for text in fault_problems(fault, SCENE))


def test_the_suite_finds_a_fault_with_randomness_of_its_own():
    hidden = np.random.default_rng(1)

    def moody(scene, rng, severity):
        return FAULTS["missing"].inject(scene, hidden, severity)

    fault = Fault(name="moody", kind="x", says="", visible="", inject=moody)
    assert any("same seed" in text for text in fault_problems(fault, SCENE))


def test_the_shares_drawn_are_those_that_the_note_tells():
    for severity, share in ((1, 0.05), (2, 0.4), (3, 1.0)):
        outcome = inject(FAULTS["dtype_change"], SCENE, severity, 5)
        known = np.isfinite(SCENE.number(outcome.columns[0])[SCENE.onset :])
        drawn = outcome.affected[SCENE.onset :][known].mean()
        assert abs(drawn - share) <= 4 * np.sqrt(share * (1 - share) / known.sum())
        assert f"{share:.0%}" in outcome.note


def test_milder_rows_are_among_the_grosser_ones():
    mild, gross = (inject(FAULTS["missing"], SCENE, s, 2).affected for s in (1, 2))
    assert not (mild & ~gross).any()


def test_an_integer_column_stays_one_and_is_widened_where_it_must_be():
    scene = Scene(pa.table({"n": pa.array(range(1, 101), pa.uint8())}), onset=20, numbers=["n"])
    flipped = inject(FAULTS["sign_flip"], scene, 3, 0)
    assert flipped.table.column("n").type == pa.int64()
    assert flipped.table.column("n").to_pylist()[19:21] == [20, -21]
    scaled = inject(FAULTS["unit_scale"], scene, 1, 0)
    assert pa.types.is_integer(scaled.table.column("n").type)


def test_untouched_rows_of_large_integers_keep_every_digit():
    scene = Scene(
        pa.table({"n": pa.array(range(2**60 + 1, 2**60 + 401))}), onset=100, numbers=["n"]
    )
    outcome = inject(FAULTS["outliers"], scene, 1, 0)
    same = ~outcome.affected
    before, after = scene.table.column("n").to_pylist(), outcome.table.column("n").to_pylist()
    assert all(a == b for a, b, s in zip(before, after, same, strict=True) if s)


def test_a_prior_shift_moves_the_share_of_positive_outcomes_and_keeps_the_rows_real():
    outcome = inject(FAULTS["prior_shift"], SCENE, 3, 0)
    rate = np.mean([v == "bad" for v in outcome.table["outcome"].to_pylist()[SCENE.onset :]])
    assert abs(rate - SCENE.labels().mean()) > 0.1
    known = set(SCENE.table.column("amount").to_pylist())
    assert set(outcome.table.column("amount").to_pylist()) <= known


def test_concept_drift_leaves_every_input_alone():
    for name in ("concept_segment", "concept_rotate", "concept_noise"):
        outcome = inject(FAULTS[name], SCENE, 3, 1)
        changed = [
            n for n in SCENE.table.column_names
            if differs(SCENE.table.column(n), outcome.table.column(n)).any()
        ]  # fmt: skip
        assert changed == ["outcome"]


def test_nan_and_null_are_the_same_nothing_when_rows_are_compared():
    before = pa.chunked_array([pa.array([1.0, None, float("nan"), 2.0])])
    after = pa.chunked_array([pa.array([1.0, float("nan"), None, 3.0])])
    assert differs(before, after).tolist() == [False, False, False, True]
