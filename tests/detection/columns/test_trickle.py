from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.columns.tables import categories, numbers

from holdfast.detection.columns.fit import learn_reference
from holdfast.detection.columns.quiet import BLOCK
from holdfast.detection.columns.trickle import Trickle
from holdfast.frames.values import concatenate, read_values

FIT = learn_reference(
    {
        "size": numbers(np.random.default_rng(0).normal(size=600)),
        "kind": categories(np.random.default_rng(1).integers(0, 3, 600), "abc"),
    }
)

anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["a", "b", "z", "7"]),
    st.just(10**400), st.decimals(), st.binary(max_size=2), st.just([1]),
)  # fmt: skip


class Sink:
    def __init__(self):
        self.sizes, self.columns, self.scores = [], [], []

    def __call__(self, columns, rows, scores):
        self.sizes.append(rows)
        self.columns.append(columns)
        self.scores += scores.tolist()
        return [rows]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(anything, anything), min_size=1, max_size=70))
def test_the_detector_sees_the_same_rows_in_the_same_order(rows):
    sink = Sink()
    trickle = Trickle(FIT, sink)
    for i, (size, kind) in enumerate(rows):
        trickle.add({"size": size, "kind": kind}, float(i))
    trickle.flush()
    assert trickle.flush() == []
    assert sum(sink.sizes) == len(rows)
    assert max(sink.sizes) <= BLOCK
    assert sink.scores == list(range(len(rows)))
    for k, name in enumerate(("size", "kind")):
        got = concatenate([c[name] for c in sink.columns])
        truth = read_values(FIT.kinds[name], [row[k] for row in rows])
        assert got.state.tolist() == truth.state.tolist()
        if name == "size":
            assert np.array_equal(got.numbers, truth.numbers, equal_nan=True)
        else:
            assert [got.names[c] for c in got.codes if c >= 0] == [
                truth.names[c] for c in truth.codes if c >= 0
            ]


def test_two_hard_rows_let_the_rows_go_at_once():
    for bad in ({"size": None, "kind": "a"}, {"size": "x", "kind": "a"}, {"size": 0.0, "kind": "z"},
                {"size": 1e9, "kind": "a"}, {"kind": "a"}):  # fmt: skip
        sink = Sink()
        trickle = Trickle(FIT, sink)
        for _ in range(5):
            assert trickle.add({"size": 0.0, "kind": "a"}) == []
        assert trickle.add(bad) == []
        assert trickle.add(bad) == [7]


def test_a_row_without_a_score_has_none():
    sink = Sink()
    trickle = Trickle(FIT, sink)
    trickle.add({"size": 0.0, "kind": "a"})
    trickle.flush()
    assert math.isnan(sink.scores[0])
