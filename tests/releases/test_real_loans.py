"""The story on real loans: the employment type goes missing."""

from __future__ import annotations

import numpy as np
from benchmarks.bench_release import real_loans


def test_without_the_employment_type_most_of_the_loss_is_recovered(real_data):
    got = real_loans(real_data / "credit_data_spain.parquet", seeds=3)
    healthy, naive, fallback = (got[k].mean(axis=0) for k in ("healthy", "naive", "fallback"))
    assert healthy[0] - naive[0] >= 0.15
    assert naive[1] <= 0.6 * healthy[1]
    assert (fallback[0] - naive[0]) / (healthy[0] - naive[0]) >= 0.85
    assert (naive[2] - fallback[2]) / (naive[2] - healthy[2]) >= 0.75
    assert abs(fallback[1] - healthy[1]) <= 0.04
    refit = got["plain refit"].mean(axis=0)
    assert fallback[2] <= refit[2]
    assert np.isfinite(fallback).all()
