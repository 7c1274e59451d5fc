"""The number of different values: exact while few, within its stated error when many."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.profiles.distinct import EXACT, Distinct, distinct_of
from holdfast.profiles.hashing import hash_texts, mix

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=400).map(lambda v: np.array(v, np.uint64))


@settings(max_examples=60, deadline=None)
@given(HASHES, HASHES, HASHES)
def test_merge_is_associative_commutative_and_the_sketch_of_all(a, b, c):
    x, y, z = (distinct_of(part) for part in (a, b, c))
    whole = distinct_of(np.r_[a, b, c])
    assert x.merge(y).merge(z) == z.merge(x.merge(y)) == whole
    assert x.merge(x) == x


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 2**64 - 1), max_size=EXACT))
def test_a_few_values_are_counted_exactly(values):
    found = distinct_of(np.array(sorted(values) * 2, np.uint64))
    assert found.exact
    assert found.estimate() == len(values)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("whole numbers", lambda k: np.arange(k * 9_000.0, k * 9_000.0 + 9_000)),
        ("cents", lambda k: np.round(np.arange(k * 7_000, k * 7_000 + 7_000) / 100, 2)),
        ("moments", lambda k: 1.7e15 + k * 1e13 + np.arange(5_000) * 6e7),
        ("uniform", lambda k: np.random.default_rng(k).random(20_000)),
        ("single precision", lambda k: np.random.default_rng(k).normal(size=4_000).astype("f4")),
        ("large", lambda k: np.random.default_rng(k).normal(size=300_000)),
    ],
)
def test_the_error_is_the_stated_one(name, make):
    errors = []
    for k in range(12 if name == "large" else 40):
        values = np.unique(np.asarray(make(k), np.float64))
        found = distinct_of(mix(values.view(np.uint64))).estimate()
        errors.append(found / len(values) - 1)
    errors = np.array(errors)
    # standard error 1.43 %, less where few coupons meet twice; a mean of 40 and 4 sigma each
    assert abs(errors.mean()) < 3.5 * 0.0143 / np.sqrt(len(errors))
    assert np.abs(errors).max() < 4.2 * 0.0143
    assert errors.std() < 1.5 * 0.0143


def test_texts_that_differ_have_different_hashes():
    texts = [f"value {k}" for k in range(20_000)] + ["", "\0", "\0\0", "a" * 8, "a" * 9, "a" * 16]
    texts += ["x" * n for n in range(200)]
    array = pa.array(texts, pa.large_string())
    hashes = hash_texts(array)
    assert len(np.unique(hashes)) == len(set(texts))
    assert (hash_texts(array.slice(100, 50)) == hashes[100:150]).all()


def test_the_hash_of_a_text_never_changes():
    # stored profiles rely on it: change it only with the format's version
    assert [int(h) for h in hash_texts(pa.array(["", "holdfast"], pa.large_string()))] == FIXED


FIXED = [12948528627317346243, 5917195405765404271]


def test_an_empty_sketch_counts_nothing():
    assert Distinct().estimate() == 0
