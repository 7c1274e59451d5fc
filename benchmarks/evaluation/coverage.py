"""How often 95 % intervals hold the true value: AUC, PR-AUC, recall at a budget, cost.

    python -m benchmarks.evaluation.coverage [--sims 2000]

Scores are normal with unit variance, positives shifted; the truth is a closed form or an integral
over the population. Each row's class is drawn, so that the number of positives varies.
"""

from __future__ import annotations

import argparse
from statistics import NormalDist

import numpy as np

from holdfast.evaluation import Costs, evaluate

NORMAL = NormalDist()
#: rows, share of positives, shift: the five rows of the research note
AUC_ROWS = [
    (200, 0.5, 1.0),
    (1_000, 0.05, 1.0),
    (2_000, 0.01, 1.5),
    (5_000, 0.01, 3.0),
    (1_000, 0.02, 3.0),
]
#: the same for what is resampled: about 50 positives and more
OTHER_ROWS = [
    (1_000, 0.05, 1.0),
    (1_000, 0.05, 2.5),
    (5_000, 0.01, 2.0),
    (400, 0.5, 1.0),
    (2_000, 0.1, 1.5),
]
BUDGET = 0.10


def upper(t: np.ndarray, shift: float) -> np.ndarray:
    """P(score >= t) of a class."""
    return np.array([1.0 - NORMAL.cdf(x - shift) for x in t])


def truth(share: float, shift: float, threshold: float, costs: Costs) -> dict[str, float]:
    """True values of the population."""
    grid = np.linspace(-6.0, 6.0 + shift, 8001)
    hit, miss = share * upper(grid, shift), (1 - share) * upper(grid, 0.0)
    precision = hit / (hit + miss)
    middle = (precision[1:] + precision[:-1]) / 2
    asked = hit + miss
    return {
        "roc_auc": NORMAL.cdf(shift / 2**0.5),
        "pr_auc": float((middle * -np.diff(hit)).sum() / share),
        "recall_at_budget": float(np.interp(BUDGET, asked[::-1], hit[::-1]) / share),
        "expected_cost": (1 - share) * (1 - NORMAL.cdf(threshold)) * costs.false_positive
        + share * NORMAL.cdf(threshold - shift) * costs.false_negative,
    }


def study(
    n: int, share: float, shift: float, metrics: list[str], sims: int, seed: int
) -> dict[str, float]:
    """Share of simulated samples whose interval holds the truth, by metric."""
    rng = np.random.default_rng(seed)
    costs, threshold = Costs(1.0, 5.0), shift / 2 + 0.5
    true = truth(share, shift, threshold, costs)
    inside = dict.fromkeys(metrics, 0)
    told = dict.fromkeys(metrics, 0)
    for i in range(sims):
        positive = rng.random(n) < share
        score = rng.normal(size=n) + shift * positive
        found = evaluate(
            positive, score, costs=costs, threshold=threshold, metrics=metrics, seed=i
        ).metrics
        for name in metrics:
            e = found[name]
            if e.value is not None:
                told[name] += 1
                inside[name] += e.low <= true[name] <= e.high
    return {name: inside[name] / told[name] for name in metrics}


def run(sims: int) -> list[str]:
    """Every row as a line of Markdown."""
    lines = ["| rows | positives | metric | true value | coverage |", "|---|---|---|---|---|"]
    plan = [(*row, ["roc_auc"]) for row in AUC_ROWS]
    plan += [(*row, ["pr_auc", "recall_at_budget", "expected_cost"]) for row in OTHER_ROWS]
    for number, (n, share, shift, metrics) in enumerate(plan):
        got = study(n, share, shift, metrics, sims, 1000 + number)
        true = truth(share, shift, shift / 2 + 0.5, Costs(1.0, 5.0))
        for name, coverage in got.items():
            lines.append(
                f"| {n:,} | {n * share:.0f} | {name} | {true[name]:.4f} | {coverage:.1%} |"
            )
            print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sims", type=int, default=2000)
    run(parser.parse_args().sims)
