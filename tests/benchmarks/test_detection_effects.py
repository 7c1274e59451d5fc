"""Sizes of drifts in the fault benchmark, against their closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks.detection.effects import ENOUGH, FLOOR, effect

pd = pytest.importorskip("pandas")
ROWS, WINDOWS, ONSET = 200, 50, 2000


def drift(cls, fault="made_up", severity=3, columns=("x",), X=None, y=None, categorical=()):
    n = ROWS * WINDOWS
    return SimpleNamespace(
        onset=ONSET, rows=ROWS, n_windows=WINDOWS, cls=cls, fault=fault, severity=severity,
        columns=list(columns), X=X, y=np.zeros(n, np.int8) if y is None else y,
        meta={"label_delay_rows": 1000, "categorical": list(categorical)},
    )  # fmt: skip


def made_from(X, y=None, score=0.2):
    """What a case was made from: dataset, model, reference, stream, labels."""
    model = SimpleNamespace(predict=lambda frame: np.full(len(frame), score))
    labels = np.zeros(len(X), np.int8) if y is None else y
    return None, model, SimpleNamespace(X=X, y=labels), X, labels


def uniform(rng, n=ROWS * WINDOWS):
    return pd.DataFrame({"x": rng.random(n)})


def test_a_shift_of_ranks_is_measured_in_their_standard_deviations():
    rng = np.random.default_rng(0)
    stream = pd.DataFrame({"x": np.sqrt(rng.random(ROWS * WINDOWS))})  # mean rank 2/3
    got = effect(drift("covariate", X=stream), made_from(uniform(rng)))
    assert got["effect"] == pytest.approx((2 / 3 - 0.5) * np.sqrt(12), abs=0.03)
    assert got["usable_rows"] == 8000
    assert got["reach"] == pytest.approx(8000 * (got["effect"] - FLOOR) ** 2 / 2, rel=0.01)


def test_no_shift_is_below_the_floor_and_out_of_reach():
    rng = np.random.default_rng(1)
    got = effect(drift("covariate", X=uniform(rng)), made_from(uniform(rng)))
    assert got["effect"] < FLOOR
    assert got["reach"] < ENOUGH


def test_a_ramp_is_measured_at_its_end_and_reaches_less_than_a_jump():
    rng = np.random.default_rng(2)
    n = ROWS * WINDOWS
    part = np.clip((np.arange(n) - ONSET) / (n - ONSET), 0, 1)
    ramp = pd.DataFrame({"x": np.where(rng.random(n) < part, 0.75, rng.random(n))})
    got = effect(drift("covariate", "covariate_gradual", X=ramp), made_from(uniform(rng)))
    assert got["effect"] == pytest.approx(0.25 * np.sqrt(12), abs=0.06)
    assert got["reach"] < 8000 * (got["effect"] - FLOOR) ** 2 / 2 / 2


def test_shares_of_categories_are_compared_by_chi_squared_distance():
    rng = np.random.default_rng(3)
    n = ROWS * WINDOWS
    old = pd.DataFrame({"x": rng.choice(["a", "b"], n, p=[0.5, 0.5]).astype(object)})
    new = pd.DataFrame({"x": rng.choice(["a", "b"], n, p=[0.7, 0.3]).astype(object)})
    got = effect(drift("covariate", X=new, categorical=("x",)), made_from(old))
    assert got["effect"] == pytest.approx(0.4, abs=0.03)  # sqrt(2 * .2^2 / .5)


def test_a_prior_shift_counts_only_rows_whose_labels_arrive():
    n = ROWS * WINDOWS
    old, new = np.arange(n) % 2, (np.arange(n) % 10 < 6).astype(np.int8)
    got = effect(drift("prior", y=new), made_from(uniform(np.random.default_rng(4)), old))
    assert got["effect"] == pytest.approx(0.2, abs=0.001)
    assert got["usable_rows"] == 7000


@pytest.mark.parametrize(("severity", "share"), [(1, 0.08), (2, 0.2), (3, 0.4)])
def test_label_noise_has_the_effect_of_its_closed_form(severity, share):
    frame = uniform(np.random.default_rng(5))
    got = effect(drift("concept", "concept_noise", severity, X=frame), made_from(frame))
    assert got["effect"] == pytest.approx(share * 0.6 / 0.4, abs=1e-4)  # p = .2


def test_flipped_labels_of_a_segment_weigh_by_its_share():
    frame = uniform(np.random.default_rng(6))
    y = (np.arange(len(frame)) % 4 == 0).astype(np.int8)  # a quarter of all rows, flipped from 0
    got = effect(drift("concept", "labels_swapped_segment", y=y), made_from(frame))
    assert got["effect"] == pytest.approx(np.sqrt(0.25 * 0.6**2 / 0.16), abs=1e-3)


def test_what_is_no_drift_has_no_size():
    assert effect(drift("pipeline"), made_from(uniform(np.random.default_rng(7)))) is None
