from __future__ import annotations

import bisect
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.batches import plainly, run
from tests.detection.columns.plain import PlainLabels, log_sum

from holdfast.detection.columns.cells import Coder, code_columns, learn_cells
from holdfast.detection.columns.labels import (
    CLIP,
    FLIPS,
    NAMES,
    ODDS,
    SHIFTS,
    LabelBank,
    Members,
    calibrate,
    learn_labels,
    payoffs,
)
from holdfast.frames.values import ValueKind, read_values


def life(rows, seed):
    """A number, a category, a score that means what it says, and outcomes."""
    rng = np.random.default_rng(seed)
    size = rng.normal(0.0, 1.0, rows)
    kind = rng.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    score = 1.0 / (1.0 + np.exp(-(size - 1.0 + (kind == "b"))))
    label = (rng.random(rows) < score).astype(float)
    columns = {
        "size": read_values(ValueKind.NUMBER, size),
        "kind": read_values(ValueKind.CATEGORY, kind.tolist()),
    }
    return columns, score, label


def taught(rows=1500, seed=0):
    columns, score, label = life(rows, seed)
    cells = [learn_cells(v) for v in columns.values()]
    coders = {n: Coder(c) for n, c in zip(columns, cells, strict=True)}
    coded = code_columns(coders, columns, rows)
    return cells, coders, learn_labels(list(columns), cells, coded, score, label)


CELLS, CODERS, FIT = taught()


def bank(nats=4.0):
    return LabelBank(FIT, CELLS, nats, overall=0.5, segments=0.5)


def plain_chance(score):
    """Linear in the log-odds between knots, kept between 0.004 and 0.996."""
    knots, heights = FIT.calibration.knots, FIT.calibration.log_odds
    k = bisect.bisect_right(knots, score)
    if k == 0:
        z = heights[0]
    elif k == len(knots):
        z = heights[-1]
    else:
        part = (score - knots[k - 1]) / (knots[k] - knots[k - 1])
        z = heights[k - 1] + part * (heights[k] - heights[k - 1])
    return min(max(1 / (1 + math.exp(-z)), CLIP), 1 - CLIP)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 1499), max_size=25),
    restart=st.integers(1, 1499),
    flipped=st.sampled_from([0.0, 0.5]),
)
def test_the_bank_equals_a_row_by_row_rewrite_in_any_batches_and_after_a_restart(
    seed, cuts, restart, flipped
):
    rows, nats = 1500, 2.0
    columns, score, label = life(rows, seed + 1)
    rng = np.random.default_rng(seed)
    low = int(rng.integers(0, 900))
    turn = (np.arange(rows) >= low) & (np.arange(rows) < low + 300) & (rng.random(rows) < flipped)
    label = np.where(turn, 1.0 - label, label)
    score = np.where(rng.random(rows) < 0.02, np.nan, score)
    label = np.where(rng.random(rows) < 0.02, np.nan, label)
    coded = code_columns(CODERS, columns, rows)
    fast, found = run(
        lambda: bank(nats),
        lambda b, i, j: b.observe(coded[i:j], score[i:j], label[i:j]),
        rows, cuts, restart,
    )  # fmt: skip
    shape = (len(FIT.segments), len(NAMES))
    threshold = np.full(shape, np.inf)
    threshold[fast.segment, fast.place] = fast.thresholds
    slow = PlainLabels(
        np.frombuffer(FIT.norm).reshape(shape).tolist(),
        np.frombuffer(FIT.deff).reshape(shape).tolist(),
        threshold.tolist(),
        FIT.base,
    )
    truth = []
    for i in range(rows):
        if not math.isnan(score[i]) and not math.isnan(label[i]):
            member = [s.column < 0 or int(coded[i, s.column]) in s.cells for s in FIT.segments]
            truth += slow.see(plain_chance(score[i]), label[i] == 1.0, member)
    truth = [(s, r, o, round(n, 9), b, over, last) for s, r, o, n, b, over, last in truth]
    assert plainly(found) == sorted(truth, key=lambda x: (x[1], x[5], x[0]))
    places = list(zip(fast.segment.tolist(), fast.place.tolist(), strict=True))
    assert fast.wealth == pytest.approx([slow.wealth[s][j] for s, j in places], abs=1e-9)
    sums = [math.exp(log_sum(slow.starts[s][j])) for s, j in places]
    assert fast.sums == pytest.approx(sums, rel=1e-7)
    assert set(fast.faults) == set(slow.faults)


def test_payoffs_are_likelihood_ratios_so_their_mean_is_one_when_the_chance_is_right():
    p = np.linspace(CLIP, 1 - CLIP, 41)
    yes, no = (np.exp(payoffs(p, np.full(41, y), 0.3)) for y in (1.0, 0.0))
    of_score = p[:, None] * yes + (1 - p)[:, None] * no
    assert of_score[:, : len(SHIFTS) + len(FLIPS)] == pytest.approx(1.0, abs=1e-12)
    of_base = 0.3 * yes + 0.7 * no
    assert of_base[:, -len(ODDS) :] == pytest.approx(1.0, abs=1e-12)


def test_payoffs_by_hand():
    [line] = np.exp(payoffs(np.array([0.2]), np.array([1.0]), 0.5))
    by = dict(zip(NAMES, line.tolist(), strict=True))
    odds = 0.25 * math.exp(1.0)
    assert by["log-odds +1"] == pytest.approx(odds / (1 + odds) / 0.2)
    # 30 % of outcomes flipped: a 1 comes with 0.2 * 0.7 + 0.8 * 0.3 = 0.38
    assert by["30% flipped"] == pytest.approx(0.38 / 0.2)
    assert by["odds x3"] == pytest.approx(0.75 / 0.5)


def test_a_calibration_follows_the_truth_and_never_leaves_its_bounds():
    rng = np.random.default_rng(1)
    score = rng.random(20_000)
    chance = score**2
    fitted = calibrate(score, (rng.random(20_000) < chance).astype(float))
    grid = np.linspace(0.2, 0.95, 16)
    assert fitted.chance(grid) == pytest.approx(grid**2, abs=0.04)
    extreme = fitted.chance(np.array([-1e300, 1e300, np.inf, np.nan]))
    assert (extreme[:2] >= CLIP).all()
    assert (extreme[:2] <= 1 - CLIP).all()
    assert np.isnan(extreme[3])


@pytest.mark.parametrize(
    ("score", "label"),
    [
        (np.full(600, 0.5), np.tile([0.0, 1.0], 300)),  # scores all equal
        (np.linspace(0, 1, 600), np.tile([0.0, 1.0], 300)),
    ],
)
def test_scores_that_say_nothing_still_give_the_base_rate(score, label):
    assert calibrate(score, label).chance(np.array([0.5])) == pytest.approx(0.5, abs=0.02)


def test_too_few_outcomes_or_one_class_only_give_no_bets():
    columns, score, label = life(600, 3)
    cells = [learn_cells(v) for v in columns.values()]
    coders = {n: Coder(c) for n, c in zip(columns, cells, strict=True)}
    coded = code_columns(coders, columns, 600)
    names = list(columns)
    assert learn_labels(names, cells, coded, score, np.ones(600)) is None
    assert learn_labels(names, cells, coded, score, np.full(600, np.nan)) is None
    assert learn_labels(names, cells, coded[:150], score[:150], label[:150]) is None
    assert learn_labels(names, cells, coded, np.full(600, np.nan), label) is None


def test_segments_hold_both_sides_of_each_cut_and_all_rows():
    columns, _, _ = life(1500, 0)
    member = Members(FIT.segments, CELLS).of(code_columns(CODERS, columns, 1500))
    assert member[:, 0].all()
    pairs = [
        (i, i + 1)
        for i, (a, b) in enumerate(itertools.pairwise(FIT.segments))
        if a.words.startswith("<=") and b.words == a.words.replace("<=", ">")
    ]
    assert len(pairs) == 5
    for low, high in pairs:
        assert (member[:, low] + member[:, high] == 1.0).all()


def test_flipped_outcomes_are_told_apart_from_a_shifted_base_rate():
    columns, score, label = life(1200, 9)
    coded = code_columns(CODERS, columns, 1200)
    rng = np.random.default_rng(2)
    broken = np.where(rng.random(1200) < 0.8, 1.0 - label, label)
    found = bank(10.0).observe(coded, score, broken)
    overall = next(x for x in found if x.group == 0)
    assert NAMES[overall.bet] in {"80% flipped", "30% flipped"}
    assert overall.row <= 100


def test_a_wrong_segment_is_named_while_the_whole_stays_calm():
    columns, score, label = life(4000, 5)
    coded = code_columns(CODERS, columns, 4000)
    third = columns["kind"].codes == columns["kind"].names.index("c")
    worse = np.where(third, 1.0, label)
    found = [x for x in bank(10.0).observe(coded, score, worse) if not x.over]
    assert FIT.segments[found[0].group].words == "= c"


def test_labels_that_never_come_and_rows_without_scores_change_nothing():
    columns, score, label = life(100, 5)
    coded = code_columns(CODERS, columns, 100)
    idle = bank()
    before = idle.dump()
    assert idle.observe(coded, score, np.full(100, np.nan)) == []
    assert idle.observe(coded, np.full(100, np.nan), label) == []
    assert idle.observe(coded[:0], score[:0], label[:0]) == []
    assert (idle.rows, idle.dump(), idle._open) == (0, before, [])
