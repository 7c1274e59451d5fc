from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.frames.values import ValueKind, read_values
from holdfast.monitoring.ring import BEFORE, KEPT, MANY_PARTS, NOW, Ring
from holdfast.monitoring.rows import Coded


def batch(numbers, *, source="web", score=None, word="w"):
    """Rows whose value, time and spelling follow from their number."""
    numbers = np.asarray(numbers, np.int64)
    columns = {
        "size": read_values(ValueKind.NUMBER, numbers * 0.5),
        "name": read_values(ValueKind.CATEGORY, [f"{word}{i}" for i in numbers.tolist()]),
    }
    names = Coded(np.zeros(len(numbers), np.int64), [source])
    return numbers, numbers * 1000, columns, score, names


def filled(rows, width, **details):
    ring = Ring()
    for low in range(0, rows, width):
        ring.append(*batch(range(low, min(low + width, rows)), **details))
    return ring


def kept(ring):
    return sum(len(part) for part in ring._parts)


def spelled(values):
    return [None if c < 0 else values.names[c] for c in values.codes.tolist()]


def test_nothing_is_known_before_the_first_row():
    ring = Ring()
    assert ring.sample(0, 10) is None
    assert ring.before(10) is None
    assert ring.rows(np.array([0])) is None


def test_a_batch_without_rows_changes_nothing():
    ring = filled(5, 5)
    ring.append(*batch([]))
    assert ring.sample(0, 10).at.tolist() == [0, 1000, 2000, 3000, 4000]


@pytest.mark.parametrize("width", [1, 7, 191, 3000])
def test_memory_stays_bounded_however_small_the_batches(width):
    rows = 3 * KEPT if width > 1 else KEPT + 3000
    ring = filled(rows, width)
    assert kept(ring) <= KEPT + (MANY_PARTS + 1) * max(width, 1)
    assert all(len(p.columns["name"].names) <= max(2 * KEPT, len(p)) for p in ring._parts)
    found = ring.sample(0, rows)
    assert found.at.tolist() == list(range((rows - NOW) * 1000, rows * 1000, 1000))


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 399), max_size=90, unique=True),
    since=st.integers(0, 420),
    length=st.integers(0, 420),
)
def test_a_sample_holds_exactly_the_rows_asked_for_whatever_the_batches(cuts, since, length):
    ring = Ring()
    edges = [0, *sorted(cuts), 400]
    for low, high in itertools.pairwise(edges):
        ring.append(*batch(range(low, high), source=f"s{low % 3}"))
    sample = ring.sample(since, since + length)
    expected = [i for i in range(400) if since <= i <= since + length]
    if not expected:
        assert sample is None
        return
    assert sample.at.tolist() == [1000 * i for i in expected]
    assert sample.columns["size"].numbers.tolist() == [0.5 * i for i in expected]
    assert spelled(sample.columns["name"]) == [f"w{i}" for i in expected]
    codes, names = sample.origins["source"]
    starts = {i: low for low, high in itertools.pairwise(edges)
              for i in range(low, high)}  # fmt: skip
    assert [names[c] for c in codes.tolist()] == [f"s{starts[i] % 3}" for i in expected]


def test_the_rows_before_an_onset_are_the_last_thousand():
    sample = filled(5000, 500).before(4000)
    assert sample.at.tolist() == [1000 * i for i in range(4000 - BEFORE, 4000)]


def test_outcomes_find_their_rows_and_late_ones_are_left_out():
    ring = filled(30_000, 1000)
    ring.label(np.array([29_999, 5, 29_000]), np.array([1.0, 1.0, 0.0]))
    sample = ring.sample(28_999, 29_999)
    assert sample.label[[1, 1000]].tolist() == [0.0, 1.0]
    assert np.isnan(sample.label[2:1000]).all()
    assert filled(30, 10).sample(0, 30).label is None


def test_rows_come_back_in_the_order_asked_for():
    ring = filled(300, 7)
    places, part = ring.rows(np.array([250, 3, 9999, 120]))
    assert places.tolist() == [0, 1, 3]
    assert part.numbers.tolist() == [250, 3, 120]
    assert part.columns["size"].numbers.tolist() == [125.0, 1.5, 60.0]


def test_two_releases_that_serve_in_turns_do_not_lose_rows():
    ring = Ring()
    for low in range(0, 2 * MANY_PARTS * 10, 10):
        ring.append(*batch(range(low, low + 10, 2)))
        ring.append(*batch(range(low + 1, low + 10, 2)))
    wanted = np.arange(0, 2 * MANY_PARTS * 10, 3)
    places, part = ring.rows(wanted)
    assert part.numbers.tolist() == wanted.tolist()
    assert places.tolist() == list(range(len(wanted)))


def test_scores_are_kept_and_none_is_none():
    ring = Ring()
    ring.append(*batch(range(3), score=np.array([0.1, np.nan, 0.3])))
    ring.append(*batch(range(3, 5)))
    score = ring.sample(0, 4).score
    assert np.nan_to_num(score, nan=-1.0).tolist() == [0.1, -1.0, 0.3, -1.0, -1.0]
    assert ring.sample(3, 4).score is None


def test_columns_of_an_earlier_release_are_left_out_of_a_sample():
    ring = Ring()
    numbers, at, _, score, source = batch(range(3))
    ring.append(numbers, at, {"old": read_values(ValueKind.NUMBER, [1, 2, 3])}, score, source)
    ring.append(*batch(range(3, 6)))
    sample = ring.sample(0, 5)
    assert set(sample.columns) == {"size", "name"}
    assert sample.at.tolist() == [3000, 4000, 5000]
