from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.batches import stretches
from tests.detection.columns.tables import categories, exchangeable, numbers

from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import ReferenceFit, learn_reference
from holdfast.frames.values import ValueKind, read_values


def taught(seed=0, rows=3000):
    columns, score, label = exchangeable(rows, np.random.default_rng(seed))
    return learn_reference(columns, score=score, label=label)


FIT = taught()
ROWS = 1500


def live(seed=5):
    """Rows with a null column, a shift, an unseen category and repeated rows in places."""
    columns, score, label = exchangeable(ROWS, np.random.default_rng(seed))
    x = columns["normal"].numbers.copy()
    x[300:360] = np.nan
    x[700:1000] += 1.0
    heavy = columns["heavy"].numbers.copy()
    heavy[500:520] = 1e9
    job = columns["job"].codes.copy()
    job[1100:1130] = 4
    columns |= {
        "normal": numbers(x), "heavy": numbers(heavy), "job": categories(job, "abcde"),
    }  # fmt: skip
    same = np.arange(ROWS)
    same[1300:1400] = 1300
    return {n: v.take(same) for n, v in columns.items()}, score[same], label[same]


COLUMNS, SCORE, LABEL = live()


def part(low, high):
    at = np.arange(low, high)
    return {n: v.take(at) for n, v in COLUMNS.items()}


def observed(detector, low, high):
    return detector.observe(part(low, high), high - low, SCORE[low:high])


def signals(found):
    return sorted((x.row, x.bank, x.place, x.key, x.onset, round(x.nats, 9), x.over) for x in found)


WHOLE = ValueDetector(FIT, 12.0)
TRUTH = observed(WHOLE, 0, ROWS)


def test_the_faults_of_the_example_are_all_found():
    found = {(x.field, x.code) for x in TRUTH if not x.over}
    assert {
        ("normal", "null"),
        ("normal", "values"),
        ("heavy", "above"),
        ("job", "unseen"),
    } <= found
    assert {("", "duplicate"), ("", "adjacent")} & found
    nulls = [x for x in TRUTH if (x.field, x.code) == ("normal", "null")]
    assert [(x.onset, x.over) for x in nulls] == [(300, False), (300, True)]


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(1, ROWS - 1), max_size=15),
    restart=st.integers(1, ROWS - 1),
)
def test_batches_and_restarts_do_not_matter(cuts, restart):
    detector, found = ValueDetector(FIT, 12.0), []
    for low, high in stretches(ROWS, [*cuts, restart]):
        if low == restart:
            data = detector.dump()
            detector = ValueDetector(ReferenceFit.from_bytes(FIT.to_bytes()), 12.0)
            detector.load(data)
        found += observed(detector, low, high)
    assert signals(found) == signals(TRUTH)
    assert detector.dump() == WHOLE.dump()


def test_single_rows_give_the_same_as_one_batch():
    detector, found = ValueDetector(FIT, 12.0), []
    for row in range(400):
        found += observed(detector, row, row + 1)
    assert signals(found) == signals([x for x in TRUTH if x.row < 400])


def test_a_column_that_vanishes_counts_as_missing_and_is_told_at_once():
    detector = ValueDetector(FIT, 14.0)
    columns, score, _ = exchangeable(100, np.random.default_rng(8))
    del columns["job"], columns["heavy"]
    found = {(x.field, x.code): x.row for x in detector.observe(columns, 100, score)}
    assert found["job", "null"] <= 5
    assert found["heavy", "null"] <= 5


def test_a_column_that_is_new_is_not_looked_at():
    columns, score, _ = exchangeable(200, np.random.default_rng(8))
    first, second = ValueDetector(FIT, 14.0), ValueDetector(FIT, 14.0)
    more = columns | {"new": numbers(np.full(200, 1e9))}
    assert signals(first.observe(more, 200, score)) == signals(second.observe(columns, 200, score))
    assert first.dump() == second.dump()


def test_a_type_that_changes_in_the_middle_is_told_as_such():
    columns, score, _ = exchangeable(400, np.random.default_rng(9))
    mixed = [*columns["normal"].numbers[:200].tolist(), *["12 EUR"] * 200]
    columns["normal"] = read_values(ValueKind.NUMBER, mixed)
    columns["job"] = read_values(ValueKind.CATEGORY, [*(["a"] * 120 + ["b"] * 80), *range(200)])
    found = ValueDetector(FIT, 14.0).observe(columns, 400, score)
    by = {(x.field, x.code): (x.onset, x.row) for x in found if not x.over}
    assert by["normal", "type"][0] == 200
    assert by["normal", "type"][1] <= 205
    assert ("normal", "null") not in by
    assert by["job", "unseen"][0] == 200


def test_scores_that_are_no_numbers_count_as_missing_and_infinite_ones_as_large():
    columns = exchangeable(300, np.random.default_rng(9))[0]
    detector = ValueDetector(FIT, 14.0)
    assert not [x for x in detector.observe(columns, 300, np.full(300, np.nan)) if not x.over]
    assert not [x for x in ValueDetector(FIT, 14.0).observe(columns, 300) if not x.over]
    found = ValueDetector(FIT, 14.0).observe(columns, 300, np.full(300, np.inf))
    assert {x.code for x in found if not x.over} == {"score"}


def test_outcomes_that_never_come_or_come_twice_or_in_another_order_are_taken_as_they_are():
    detector = ValueDetector(FIT, 14.0)
    coded = detector.read(COLUMNS, ROWS)
    assert detector.observe_labels(coded, SCORE, np.full(ROWS, np.nan)) == []
    assert detector.labelled == 0
    order = np.random.default_rng(0).permutation(ROWS)
    detector.observe_labels(coded[order], SCORE[order], LABEL[order])
    detector.observe_labels(coded[order], SCORE[order], LABEL[order])
    assert detector.labelled == 2 * ROWS


def test_a_batch_that_comes_twice_is_told_as_repeated_rows():
    columns, score, _ = exchangeable(200, np.random.default_rng(3))
    detector = ValueDetector(FIT, 14.0)
    assert not [x for x in detector.observe(columns, 200, score) if x.code == "duplicate"]
    again = [x for x in detector.observe(columns, 200, score) if x.code == "duplicate"]
    assert again[0].onset == 200
    assert again[0].row <= 215


def test_no_rows_change_nothing():
    detector = ValueDetector(FIT, 14.0)
    before = detector.dump()
    assert detector.observe({}, 0) == []
    assert detector.observe_labels(detector.read({}, 0), np.empty(0), np.empty(0)) == []
    assert detector.dump() == before


def test_a_forgotten_stream_starts_afresh():
    for x in {x.bank: x for x in reversed(TRUTH) if not x.over}.values():
        detector = ValueDetector(FIT, 12.0)
        observed(detector, 0, x.row + 1)
        detector.forget(x.name)
        assert x.place not in {
            "rows": detector._rows.faults, "ends": detector._ends.faults,
            "blocks": detector._blocks.faults,
        }[x.bank]  # fmt: skip


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4),
    st.binary(max_size=3), st.dates(), st.datetimes(), st.decimals(), st.complex_numbers(),
    st.lists(st.integers(), max_size=2), st.just({"a": None}),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(anything, min_size=1, max_size=60),
    score=st.lists(st.floats(), min_size=1, max_size=60),
    label=st.floats(),
)
def test_nothing_that_production_sends_raises(values, score, label):
    detector = ValueDetector(FIT, 14.0)
    rows = len(values)
    kinds = FIT.kinds
    columns = {name: read_values(kind, values) for name, kind in kinds.items()}
    scores = np.array(list(itertools.islice(itertools.cycle(score), rows)))
    detector.observe(columns, rows, scores)
    coded = detector.read(columns, rows)
    detector.observe_labels(coded, scores, np.full(rows, label))
    other = ValueDetector(FIT, 14.0)
    other.load(detector.dump())
    assert other.dump() == detector.dump()


@pytest.mark.parametrize("rows", [1, 19, 20, 21])
def test_batches_of_odd_sizes_work_on_a_tiny_reference(rows):
    rng = np.random.default_rng(0)
    fit = learn_reference({"a": numbers(rng.normal(size=30)), "b": categories([0] * 30, "x")})
    detector = ValueDetector(fit, 14.0)
    for _ in range(5):
        detector.observe(
            {"a": numbers(rng.normal(size=rows)), "b": categories([0] * rows, "x")}, rows
        )
    assert detector.rows == 5 * rows


def test_a_million_categories_are_learned_and_watched_in_reasonable_time():
    names = [f"customer-{i}" for i in range(1_000_000)]
    codes = np.random.default_rng(0).permutation(1_000_000)
    begin = time.process_time()
    fit = learn_reference({"id": categories(codes, names)})
    new = {"id": read_values(ValueKind.CATEGORY, [f"new-{i}" for i in range(5000)])}
    assert not [x for x in ValueDetector(fit, 14.0).observe(new, 5000) if not x.over]
    assert time.process_time() - begin < 30.0
    assert any("free text or an identifier" in note for note in fit.notes)
    assert len(fit.to_bytes()) < 1_000_000
