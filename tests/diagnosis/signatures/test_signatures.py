"""The numbers behind the rules, held against closed forms and simulations of known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.diagnosis.signatures import movement
from holdfast.diagnosis.signatures.lag import lag_of
from holdfast.diagnosis.signatures.mixture import fit, gains
from holdfast.diagnosis.signatures.permuting import best_permutation, choices
from holdfast.diagnosis.signatures.plausible import Plausible
from holdfast.diagnosis.signatures.renaming import trace
from holdfast.diagnosis.signatures.rounding import on_multiple, rounded_log_p
from holdfast.diagnosis.signatures.special import log_gamma
from holdfast.diagnosis.signatures.spelling import is_nothing, likeness
from holdfast.frames.values import ValueKind, read_values
from holdfast.profiles.portrait import Portrait


def face(values):
    return Portrait.of({"x": read_values(ValueKind.NUMBER, np.asarray(values, float))}).columns["x"]


def test_the_share_of_a_mixture_is_the_maximum_of_its_likelihood():
    rng = np.random.default_rng(1)
    ratio = np.where(rng.random(500) < 0.3, rng.normal(2.0, 1.0, 500), rng.normal(-2.0, 1.0, 500))
    found = fit(ratio, fixed_start=True)
    grid = np.linspace(0.001, 0.999, 999)
    value = [np.log(1 - f + f * np.exp(ratio)).sum() for f in grid]
    assert abs(found.share - grid[int(np.argmax(value))]) < 0.002
    assert found.nats == pytest.approx(max(value), abs=0.05)


def test_a_mixture_without_evidence_gains_nothing():
    assert fit(np.full(50, -2.0)).nats == 0.0
    assert fit(np.full(50, -np.inf)).nats == 0.0
    assert fit(np.empty(0)).nats == 0.0


def test_a_likelihood_ratio_gains_little_on_rows_of_the_reference():
    rng = np.random.default_rng(2)
    nats = []
    for _ in range(300):
        x = rng.normal(size=200)  # "shifted by a half": log ratio x / 2 - 1 / 8
        nats.append(fit(0.5 * x - 0.125).nats)
    assert np.mean(np.array(nats) > 6.0) < 0.01


def test_the_start_of_a_fault_is_found():
    ratio = np.concatenate((np.full(70, -3.0), np.full(130, 1.0)))
    assert fit(ratio).start == 70


def test_gains_of_many_are_those_of_each():
    rng = np.random.default_rng(3)
    ratio = rng.normal(0.5, 1.0, (4, 80))
    each = [fit(row, fixed_start=True).nats for row in ratio]
    assert np.allclose(gains(ratio), each, atol=1.5)


def test_log_gamma_is_that_of_the_standard_library():
    x = np.concatenate((np.geomspace(1e-6, 1e6, 200), [0.5, 1.0, 2.0]))
    assert np.allclose(log_gamma(x), [math.lgamma(v) for v in x], rtol=1e-9, atol=1e-9)


def test_learned_shares_are_the_dirichlet_factor_in_closed_form():
    counts, shares = np.array([7.0, 3.0]), np.array([0.4, 0.6])

    def factor(belief):
        top = sum(math.lgamma(belief * p + n) - math.lgamma(belief * p)
                  for n, p in zip(counts, shares, strict=True))  # fmt: skip
        return math.exp(
            top - math.lgamma(belief + 10) + math.lgamma(belief)
            - sum(n * math.log(p) for n, p in zip(counts, shares, strict=True))
        )  # fmt: skip

    want = math.log(np.mean([factor(b) for b in movement.BELIEFS]))
    assert float(movement.learned(counts, shares)) == pytest.approx(want, abs=1e-9)


def test_shares_as_in_the_reference_are_seldom_called_changed():
    rng = np.random.default_rng(4)
    shares = np.full(24, 1 / 24)
    counts = rng.multinomial(500, shares, 2000).astype(float)
    assert float((movement.learned(counts, np.tile(shares, (2000, 1))) > 3.0).mean()) < 0.05


def test_a_tilt_gains_what_its_divergence_says():
    z = np.linspace(-1.7, 1.7, 20)
    shares = np.full(20, 0.05)
    tilted = shares * np.exp(0.5 * z)
    tilted /= tilted.sum()
    gain, size = movement.tilted(4000 * tilted, shares, z)
    truth = 4000 * float(tilted @ np.log(tilted / shares))
    assert truth * 0.97 - 6.0 < float(gain) <= truth
    assert float(size) == pytest.approx(0.5, abs=0.12)


def test_values_off_the_grid_or_out_of_range_are_implausible():
    plausible = Plausible(face(np.random.default_rng(5).integers(18, 90, 3000)))
    usual, off, far = plausible(np.array([40.0, 40.5, 4000.0]))
    assert usual > -6.0
    assert off < usual - 8.0
    assert far < usual - 8.0


def test_probabilities_of_known_values_sum_to_nearly_one():
    column = face(np.random.default_rng(6).poisson(6.0, 4000))
    total = np.exp(Plausible(column)(np.arange(30.0))).sum()
    assert 0.97 < total < 1.03


def test_a_change_of_unit_undone_is_as_plausible_as_the_reference():
    rng = np.random.default_rng(7)
    plausible = Plausible(face(np.round(np.exp(rng.normal(5, 1, 4000)), 2)))
    fresh = np.round(np.exp(rng.normal(5, 1, 400)), 2)
    undone = plausible.rescaled(fresh[None, :], fresh * 1000.0, np.array([[1000.0]]))
    assert np.allclose(undone[0], plausible(fresh), atol=1e-9)


def test_rounding_the_reference_gives_its_shares():
    values = np.random.default_rng(8).uniform(0, 100, 20000)
    got = rounded_log_p(face(values), np.array([0.0, 50.0, 90.0]), 10.0, "cut")
    assert np.allclose(np.exp(got), 0.1, atol=0.01)
    assert on_multiple(np.array([0.1 + 0.2, 0.31]), 0.1).tolist() == [True, False]


def test_a_lag_is_found_among_values_that_come_again():
    rng = np.random.default_rng(9)
    past = rng.integers(0, 300, 900)
    now = np.where(rng.random(150) < 0.4, past[500:650], rng.integers(0, 300, 150))
    lag, nats = lag_of(past, now, np.full(150, math.log(300)))
    assert lag == 400
    assert nats > 50


def test_chance_matches_are_no_lag():
    rng = np.random.default_rng(10)
    gain = np.full(150, math.log(20))
    nats = [lag_of(rng.integers(0, 20, 800), rng.integers(0, 20, 150), gain)[1] for _ in range(30)]
    assert max(nats) < 8.0


def test_the_best_permutation_is_found_among_all():
    from itertools import permutations

    rng = np.random.default_rng(11)
    for _ in range(20):
        gain = rng.normal(size=(5, 5))
        np.fill_diagonal(gain, 0.0)
        best = max(sum(gain[i, p[i]] for i in range(5)) for p in permutations(range(5)))
        found = best_permutation(gain)
        assert sorted(found.tolist()) == [0, 1, 2, 3, 4]
        assert sum(gain[i, found[i]] for i in range(5)) >= best - 0.8


def test_a_shift_of_all_names_is_simpler_than_any_other_exchange():
    assert choices(np.arange(6)) == 0.0
    assert choices(np.array([1, 2, 3, 4, 5, 0])) < choices(np.array([1, 0, 3, 2, 5, 4]))


@pytest.mark.parametrize(
    ("new", "old", "alike"),
    [
        (" Private", "Private", True), ("PRIVATE", "private", True), ("3.0", "3", True),
        ("v2_etavirP", "Private", True), ("Privat\u00c3\u00a9", "Private", True),
        ("Norway", "DE", False), ("married", "divorced", False), ("premium", "pro", False),
        ("lisbon", "sbolin", True), ("2008-10", "2008-01", False),
    ],
)  # fmt: skip
def test_spellings_of_one_thing_are_told_from_others(new, old, alike):
    assert (likeness(new, old) >= 0.65) is alike


def test_words_for_nothing():
    assert [is_nothing(w) for w in ("N/A", "<NA>", "unknown ", "not available", "none", "no")] == [
        True, True, True, True, True, False,
    ]  # fmt: skip


def test_a_new_code_for_a_vanished_category_is_matched_by_share():
    got = trace(
        {"X9": 30}, ["a", "b", "c"], np.array([0.5, 0.3, 0.2]), np.array([51.0, 0, 19]), 100
    )
    assert got.pairs == (("X9", "b"),)
    assert got.lost == (1,)
    assert got.displaced > 10


def test_a_new_category_beside_the_known_ones_displaces_none():
    got = trace({"Norway": 20}, ["a", "b"], np.array([0.6, 0.4]), np.array([48.0, 32.0]), 100)
    assert (got.pairs, got.lost) == ((), ())
    assert got.displaced == 0.0


def traced(new, known, rows=100):
    """One unseen spelling in a tenth of the rows, beside known ones in even shares."""
    shares = np.full(len(known), 1.0 / len(known))
    return trace({new: rows // 10}, known, shares, 0.9 * rows * shares, rows)


@pytest.mark.parametrize(
    ("new", "known"),
    [
        ("2008-12", [f"2008-{month:02d}" for month in range(1, 12)]),
        ("store_031", [f"store_{number:03d}" for number in range(1, 31)]),
        ("2008-W10", [f"2008-W{week:02d}" for week in range(1, 10)]),
        ("2008-12", ["2008-02"]),
    ],
)
def test_the_next_one_of_a_series_is_no_spelling_of_the_ones_before(new, known):
    got = traced(new, known)
    assert (got.spelled, got.pairs) == (0.0, ())


@pytest.mark.parametrize(
    ("new", "old", "known"),
    [
        ("v2_ekaL", "Lake", ["Field", "Lake", "Road"]),
        ("MALE", "Male", ["Female", "Male"]),
        ("v2_elaM", "Male", ["Female", "Male"]),
        ("Married-AF\u00c3\u00a9", "Married-AF", ["Married-CIV", "Married-AF", "Never"]),
        ("basic.9", "basic.9y", ["basic.9y", "tertiary", "illiterate"]),
        ("2008-09 ", "2008-09", ["2008-08", "2008-09", "2008-10"]),
        ("GERMANY", "Germany", ["Germany"]),
    ],
)
def test_a_misspelling_of_one_known_category_is_told(new, old, known):
    got = traced(new, known)
    assert (got.spelled, got.pairs) == (1.0, ((new, old),))
