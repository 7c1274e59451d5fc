"""MinHash, nearest rows, segments: against brute force."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.neighbors import NearestNeighbors

from holdfast.audit.rows.minhash import components, grams, plain, similar
from holdfast.audit.rows.neighbours import blocked, nearest
from holdfast.audit.rows.segments import on_segments

WORDS = np.array(
    ["loan", "bank", "credit", "wheat", "oil", "ship", "rate", "share", "rise", "the", "of", "in"]
)


def texts(rng: np.random.Generator, n: int, words: int) -> list[str]:
    return [" ".join(rng.choice(WORDS, words)) + f" {i * 7919:x}" for i in range(n)]


def pieces(text: str) -> set[str]:
    return {text[i : i + 5] for i in range(len(text) - 4)}


def jaccard(one: str, two: str) -> float:
    a, b = pieces(one), pieces(two)
    return len(a & b) / len(a | b)


def test_pairs_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    known = texts(rng, 100, 20)
    known += [text.replace("the", "this", 1) + "!" for text in known[:40]]
    known += [text[: len(text) // 2] + " and nothing more" for text in known[:20]]
    wanted = {
        (i, j)
        for i in range(len(known))
        for j in range(i + 1, len(known))
        if jaccard(known[i], known[j]) >= 0.8
    }
    one, two = similar(pa.array(known))
    found = set(zip(one.tolist(), two.tolist(), strict=True))
    assert found <= wanted
    assert len(wanted) >= 40
    assert len(found) >= 0.97 * len(wanted)


def test_capitals_and_blanks_do_not_count():
    text = "The Quick brown fox jumps over the lazy dog"
    one, two = similar(pa.array([text, f"  {text.upper()}  ".replace(" ", "   ")]))
    assert (one.tolist(), two.tolist()) == ([0], [1])


@pytest.mark.parametrize("rows", [[], [None], ["", ""], ["short", "short"], [None, "x" * 50]])
def test_texts_that_cannot_be_compared_are_in_no_pair(rows):
    one, _ = similar(pa.array(rows, pa.large_string()))
    assert len(one) == 0


def test_pieces_of_one_text_never_run_into_the_next():
    hashes, ends = grams(plain(pa.array(["abcdef", "ab", "cdefgh"])))
    assert np.diff(np.r_[0, ends]).tolist() == [2, 0, 2]
    alone, _ = grams(plain(pa.array(["cdefgh"])))
    assert hashes[2:].tolist() == alone.tolist()


def test_components_join_what_pairs_connect():
    found = components(5, [(np.array([0, 3]), np.array([4, 4]))])
    assert found.tolist() == [0, 1, 2, 0, 0]


def test_nearest_rows_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    base, queries = rng.random((700, 6)).astype(np.float32), rng.random((300, 6)).astype(np.float32)
    far, place = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(base).kneighbors(queries)
    near = nearest(base, queries)
    assert near.row.tolist() == place[:, 0].tolist()
    assert np.allclose(near.first, far[:, 0], atol=1e-5)
    assert np.allclose(near.fifth, far[:, 4], atol=1e-4)


def test_blocking_finds_noisy_copies():
    rng = np.random.default_rng(2)
    base = rng.random((20_000, 8)).astype(np.float32)
    chosen = rng.choice(20_000, 200, replace=False)
    queries = base[chosen] + rng.normal(0, 0.002, (200, 8)).astype(np.float32)
    near = blocked(base, queries, rng)
    assert (near.row == chosen).mean() >= 0.95


def test_points_on_lines_are_told_from_points_beside_them():
    rng = np.random.default_rng(3)
    ends = rng.normal(size=(400, 5))
    order = NearestNeighbors(n_neighbors=6).fit(ends).kneighbors(ends, return_distance=False)
    one = rng.integers(0, 400, 100)
    two = order[one, rng.integers(1, 6, 100)]
    made = ends[one] + rng.random((100, 1)) * (ends[two] - ends[one])
    assert on_segments(made, ends).mean() >= 0.9
    assert on_segments(made + rng.normal(0, 0.01, made.shape), ends).mean() == 0.0


def test_grids_of_whole_numbers_hold_no_lines():
    rng = np.random.default_rng(4)
    grid = rng.integers(0, 6, (500, 5)).astype(float)
    assert on_segments(grid[:200], grid, np.arange(200)).sum() == 0
