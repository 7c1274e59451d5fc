from __future__ import annotations

import math

import numpy as np
import pytest

from holdfast.detection.cusum import SCALE, units
from holdfast.detection.recovery import (
    FALSE_END_ROWS,
    MIN_CLEAN,
    STRENGTH,
    Fault,
    follow,
    relief_bet,
)

#: (share in the reference, end of the allowed interval): a null, a rare repeat, a common one
SHARES = [(0.0, 0.003), (0.02, 0.05), (0.23, 0.34), (0.46, 0.555), (0.7, 0.78)]


def over_a_full_fault(normal, edge, yes):
    """Rows until a fault of every row is found over; -1 if it is not."""
    gain, loss = units(0.45), units(-1.26)
    fault = Fault(
        gain=gain, loss=loss, wealth=10 * gain, peak=10 * gain, onset_row=0, onset_at=0,
        onset_rows=0, onset_yes=0, peak_row=99, peak_at=0, peak_rows=100, peak_yes=100,
    )  # fmt: skip
    return follow(fault, np.flatnonzero(yes), len(yes), normal, edge, (100, 100)).end


@pytest.mark.parametrize(("normal", "edge"), SHARES)
@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
def test_the_bet_on_recovery_is_fair_while_a_quarter_of_the_fault_goes_on(normal, edge, strength):
    yes, no = relief_bet(normal, edge, strength)
    still = min(edge + max(strength - edge, 0.0) * STRENGTH, 1.0 - 1e-4)
    mean = still * math.exp(yes / SCALE) + (1.0 - still) * math.exp(no / SCALE)
    assert mean <= 1.0 + 2.0 / SCALE  # both steps are at least one unit


@pytest.mark.parametrize(("normal", "edge"), SHARES)
def test_the_bet_on_recovery_grows_once_the_share_is_normal_again(normal, edge):
    yes, no = relief_bet(normal, edge, 1.0)
    grows = normal * yes + (1.0 - normal) * no
    assert grows > 0
    assert no <= units(math.log(FALSE_END_ROWS)) / MIN_CLEAN


def test_a_stream_that_is_often_yes_anyhow_recovers_in_the_rows_that_its_bet_needs():
    normal, edge = 0.46, 0.555
    rng = np.random.default_rng(0)
    ends = [over_a_full_fault(normal, edge, rng.random(4_000) < normal) for _ in range(40)]
    yes, no = relief_bet(normal, edge, 1.0)
    needed = math.log(FALSE_END_ROWS) / ((normal * yes + (1 - normal) * no) / SCALE)
    assert min(ends) >= MIN_CLEAN - 1
    assert np.mean(ends) == pytest.approx(needed, rel=0.25)
