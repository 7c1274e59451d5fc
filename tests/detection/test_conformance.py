"""The three promises of `detection/base.py`, tried on every member."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.detection import DETECTORS, budget_shares, detector_class
from holdfast.detection.base import Block, Detector, Reference
from holdfast.detection.budget import shares_to_nats

REFERENCE = Reference(
    rows=4000,
    marks={"Job:null": 3, "Income:null": 1500, "Age:range": 20},
    watched=("Job:null", "Job:type", "Income:null", "Age:null", "Age:range"),
)


@pytest.fixture(params=sorted(DETECTORS))
def fresh(request):
    nats = shares_to_nats(1e6, budget_shares())[request.param]
    return lambda: detector_class(request.param).fit(REFERENCE, nats)


def life(rows=3000, seed=0):
    rng = np.random.default_rng(seed)
    null = rng.random(rows) < np.where(np.arange(rows) // 500 % 2, 0.9, 0.001)
    return {
        "Job:null": np.flatnonzero(null),
        "~Income:null": np.flatnonzero(rng.random(rows) < 0.375),
        "Age:range": np.flatnonzero(rng.random(rows) < 0.005),
    }


def cut(marks, low, high):
    inside = {m: at[(at >= low) & (at < high)] - low for m, at in marks.items()}
    numbers = np.arange(low, high)
    return Block(numbers, numbers * 1000, inside)


def test_a_member_is_a_detector(fresh):
    assert isinstance(fresh(), Detector)


def test_the_streams_of_a_member_spend_its_share_once(fresh):
    live = [s for s in fresh().streams if not s.muted]
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
    assert {e.stream.field for e in whole} == {"Job"}


def test_state_is_data(fresh):
    marks = life()
    detector = fresh()
    detector.observe(cut(marks, 0, 800))
    copy = type(detector).load(detector.dump())
    rest = cut(marks, 800, 3000)
    assert copy.observe(rest) == detector.observe(rest)
    assert copy.dump() == detector.dump()


def test_an_empty_block_changes_nothing(fresh):
    detector = fresh()
    before = detector.dump()
    assert detector.observe(cut({}, 0, 0)) == []
    assert detector.dump() == before
