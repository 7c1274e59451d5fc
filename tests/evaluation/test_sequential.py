"""The confidence sequence: right at all looks together, the same however it is fed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import DataError, UsageError
from holdfast.evaluation import ConfidenceSequence
from holdfast.stats.sequential import best_mixture, sequence_radius

FINITE = st.floats(-1e6, 1e6)


def _watched(differences, looks):
    sequence = ConfidenceSequence()
    for part in np.array_split(differences, looks):
        look = sequence.update(part)
        if look.decided:
            return look
    return look


def test_equal_models_looked_at_a_hundred_times_get_a_winner_in_under_five_percent():
    rng = np.random.default_rng(0)
    streams = rng.choice([1.0, -1.0, 0.0], (400, 20_000), p=[0.05, 0.05, 0.9])
    assert sum(_watched(s, 100).decided is not None for s in streams) <= 20


def test_a_gain_of_one_point_is_found_with_a_median_of_under_nine_thousand_labels():
    rng = np.random.default_rng(1)
    streams = rng.choice([1.0, -1.0, 0.0], (120, 30_000), p=[0.055, 0.045, 0.9])
    looks = [_watched(s, 150) for s in streams]
    assert np.median([x.rows if x.decided == "second" else math.inf for x in looks]) <= 9_000
    assert not any(x.decided == "first" for x in looks)


def test_the_radius_agrees_with_robbins_boundary():
    # |S_t| <= sqrt((t + 1/m^2) (log(t m^2 + 1) - 2 log alpha)): Robbins 1970, two-sided
    for t in (1, 100, 12_345):
        m = best_mixture(1000)
        bound = math.sqrt((t + 1 / m**2) * (math.log(t * m**2 + 1) - 2 * math.log(0.05)))
        assert sequence_radius(t, 1.0, m) == pytest.approx(bound / t, abs=1e-12)


@settings(max_examples=40)
@given(st.lists(FINITE, min_size=1, max_size=60), st.integers(1, 7))
def test_the_state_does_not_depend_on_how_rows_are_batched(values, batches):
    whole, parted = ConfidenceSequence(), ConfidenceSequence()
    whole.update(values)
    for part in np.array_split(np.array(values), batches):
        parted.update(part)
    assert parted.rows == whole.rows == len(values)
    assert parted.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert parted.squares == pytest.approx(whole.squares, rel=1e-6, abs=1e-3)


def test_the_state_survives_json_and_goes_on_as_if_nothing_had_been():
    rng = np.random.default_rng(2)
    first, second = rng.normal(0.05, 1, 500), rng.normal(0.05, 1, 500)
    straight = ConfidenceSequence(horizon=2000)
    straight.update(first)
    back = ConfidenceSequence.from_dict(json.loads(json.dumps(straight.to_dict())))
    assert back.update(second) == straight.update(second)
    assert len(json.dumps(back.to_dict())) < 400


def test_a_decision_stays_however_later_rows_fall():
    sequence = ConfidenceSequence()
    assert sequence.update(np.tile([1.0, 0.0], 500)).decided == "second"
    assert sequence.update(np.tile([-1.0, -1.0], 5_000)).decided == "second"
    assert sequence.decided_at == 1000


def test_nothing_is_claimed_before_the_two_have_differed_often_enough():
    sequence = ConfidenceSequence()
    look = sequence.update([1.0] * 20)
    assert (look.low, look.decided) == (None, None)
    assert "100 are needed" in look.why_not
    assert "differ on 20 rows" in sequence.update([0.0] * 1000).why_not


def test_a_margin_lets_two_models_be_called_equal():
    sequence = ConfidenceSequence(margin=0.05)
    rows = np.random.default_rng(3).choice([1.0, -1.0, 0.0], 20_000, p=[0.05, 0.05, 0.9])
    assert sequence.update(rows).decided == "equal"


@pytest.mark.parametrize("bad", [[math.nan], [math.inf], ["a"], [None]])
def test_a_difference_that_is_no_number_is_refused_and_nothing_taken_in(bad):
    sequence = ConfidenceSequence()
    with pytest.raises(DataError):
        sequence.update(bad)
    assert sequence.rows == 0


def test_no_rows_at_all_are_an_empty_look():
    look = ConfidenceSequence().update([])
    assert (look.rows, look.value, look.decided) == (0, None, None)


def test_settings_that_make_no_sense_are_refused():
    for wrong in ({"level": 1.0}, {"horizon": 0}, {"margin": -1.0}):
        with pytest.raises(UsageError):
            ConfidenceSequence(**wrong)
    with pytest.raises(DataError):
        ConfidenceSequence.from_dict({"rows": "many"})
