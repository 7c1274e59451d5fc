"""The three promises of `detection/base.py`, tried on every member."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.detection import DETECTORS, budget_shares, detector_class
from holdfast.detection.base import Block, Detector, Reference
from holdfast.detection.budget import shares_to_nats
from holdfast.detection.columns.fit import learn_reference
from holdfast.frames.values import ValueKind, read_values


def columns(rows, seed):
    """A number that shifts and goes missing in places, and a category."""
    rng = np.random.default_rng(seed)
    size = rng.normal(50.0, 10.0, rows)
    kind = rng.choice(["a", "b", "c"], rows)
    return size, kind


def read(size, kind):
    return {
        "size": read_values(ValueKind.NUMBER, size),
        "kind": read_values(ValueKind.CATEGORY, kind.tolist()),
    }


def taught():
    size, kind = columns(4000, 1)
    score = 1.0 / (1.0 + np.exp(-(size - 50.0) / 10.0))
    label = (np.random.default_rng(2).random(4000) < score).astype(float)
    return learn_reference(read(size, kind), score=score, label=label)


REFERENCE = Reference(
    values=taught(),
    rows=4000,
    marks={"Job:null": 3, "Income:null": 1500, "Age:range": 20},
    watched=("Job:null", "Job:type", "Income:null", "Age:null", "Age:range"),
)


NATS = shares_to_nats(1e6, budget_shares())


@pytest.fixture(params=sorted(DETECTORS))
def fresh(request):
    return lambda: detector_class(request.param).fit(REFERENCE, NATS[request.param])


def life(rows=3000, seed=0):
    rng = np.random.default_rng(seed)
    null = rng.random(rows) < np.where(np.arange(rows) // 500 % 2, 0.9, 0.001)
    return {
        "Job:null": np.flatnonzero(null),
        "~Income:null": np.flatnonzero(rng.random(rows) < 0.375),
        "Age:range": np.flatnonzero(rng.random(rows) < 0.005),
    }


def live_columns(rows=3000):
    size, kind = columns(rows, 3)
    broken = (np.arange(rows) // 500 % 2 == 1) & (np.random.default_rng(4).random(rows) < 0.9)
    size[broken] = np.nan
    size[2200:2600] += 15.0
    return size, kind


def cut(marks, low, high):
    inside = {m: at[(at >= low) & (at < high)] - low for m, at in marks.items()}
    numbers = np.arange(low, high)
    size, kind = live_columns()
    score = 1.0 / (1.0 + np.exp(-(np.nan_to_num(size, nan=50.0) - 50.0) / 10.0))
    return Block(
        numbers, numbers * 1000, inside, read(size[low:high], kind[low:high]), score[low:high]
    )


def test_a_member_is_a_detector(fresh):
    assert isinstance(fresh(), Detector)


def test_the_streams_of_a_member_spend_its_share_once(fresh):
    detector = fresh()
    live = [s for s in detector.streams if not s.muted]
    assert live
    if detector.name == "values":  # families of bets: counted bet by bet
        assert 0.5 < detector.spent <= 1.0 + 1e-9
        return
    total = shares_to_nats(1e6, {"all": 1.0})["all"]
    bets = 4
    assert bets * sum(math.exp(-s.nats) for s in live) <= math.exp(-total) * (1 + 1e-9)


@pytest.mark.parametrize("width", [1, 7, 250, 999])
def test_blocks_do_not_matter(fresh, width):
    marks, rows = life(), 3000
    whole = fresh().observe(cut(marks, 0, rows))
    detector = fresh()
    pieces = [
        e
        for low in range(0, rows, width)
        for e in detector.observe(cut(marks, low, min(low + width, rows)))
    ]
    assert pieces == whole
    guilty = {"marks": "Job", "values": "size"}[detector.name]
    assert guilty in {e.stream.field for e in whole} <= {guilty, ""}


def test_state_is_data(fresh):
    marks = life()
    detector = fresh()
    detector.observe(cut(marks, 0, 800))
    copy = type(detector).load(detector.dump(), REFERENCE, NATS[detector.name])
    rest = cut(marks, 800, 3000)
    assert copy.observe(rest) == detector.observe(rest)
    assert copy.dump() == detector.dump()


def test_an_empty_block_changes_nothing(fresh):
    detector = fresh()
    before = detector.dump()
    assert detector.observe(cut({}, 0, 0)) == []
    assert detector.dump() == before
