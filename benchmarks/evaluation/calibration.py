"""How often a perfectly calibrated model raises a calibration finding, and miscalibrated ones do.

    python -m benchmarks.evaluation.calibration [--runs 1000]

Probabilities are beta(1, 9): a base rate of 10 %. The miscalibrated model halves or doubles the
log odds, or doubles the odds.
"""

from __future__ import annotations

import argparse

import numpy as np

from holdfast.evaluation.calibration import calibration, calibration_finding
from holdfast.evaluation.costs import Costs, Prices
from holdfast.evaluation.metrics import Sample

WARPS = {"calibrated": (1.0, 0.0), "slope 1.5": (1.5, 0.0), "odds doubled": (1.0, np.log(2.0))}


def study(n: int, warp: str, runs: int, seed: int) -> tuple[float, float, float]:
    """Share of runs with a finding, median debiased ECE, coverage of the slope's interval."""
    rng = np.random.default_rng(seed)
    slope, shift = WARPS[warp]
    raised, errors, inside = 0, [], 0
    for i in range(runs):
        p = rng.beta(1.0, 9.0, n)
        positive = rng.random(n) < p
        odds = np.log(p / (1 - p)) * slope + shift
        score = 1 / (1 + np.exp(-odds))
        prices = Prices(positive, Costs(1.0, 1.0))
        found = calibration(Sample(positive, score, score > 0.5, prices, seed=i))
        raised += calibration_finding(found, positive.mean()) is not None
        if found.ece.value is not None:
            errors.append(found.ece.value)
            inside += found.slope.low <= 1 / slope <= found.slope.high
    return raised / runs, float(np.median(errors)), inside / len(errors)


def run(runs: int) -> None:
    """Every row as a line of Markdown."""
    print("| model | rows | finding | median debiased ECE | slope's interval holds the truth |")
    print("|---|---|---|---|---|")
    for warp in WARPS:
        for n in (200, 1_000, 10_000):
            count = runs if warp == "calibrated" else runs // 5
            raised, error, inside = study(n, warp, count, n)
            print(f"| {warp} | {n:,} | {raised:.1%} | {error:.4f} | {inside:.1%} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    run(parser.parse_args().runs)
