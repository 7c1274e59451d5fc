"""The threshold found by data when scores lie: what it costs, and whether its interval is honest.

    python -m benchmarks.evaluation.threshold [--sims 300]

Log odds are normal; scores are warped (slope and shift of the log odds), so that the formula's
threshold is wrong. The oracle knows the warp; any rising warp gives the same
cost. Intervals by entity: rows come in sixes that share most of their odds and outcome.
"""

from __future__ import annotations

import argparse

import numpy as np

from holdfast.evaluation import Costs, evaluate
from holdfast.evaluation.costs import Prices
from holdfast.evaluation.metrics import Sample
from holdfast.evaluation.threshold import thresholds
from holdfast.stats.logistic import expit

COSTS = Costs(1.0, 6.0)
WARPS = [(2.0, 1.0)]


def rows(n: int, warp: float, shift: float, rng: np.random.Generator):
    """Truth, scores and the true probabilities."""
    odds = rng.normal(-2.0, 1.3, n)
    p = expit(odds)
    return rng.random(n) < p, expit(warp * odds + shift), p


def realised(threshold: float, score: np.ndarray, p: np.ndarray) -> float:
    """Cost a row over a large population, outcomes at their expectation."""
    return float(np.where(score >= threshold, (1 - p), p * 6.0).mean())


def study(n: int, warp: float, shift: float, sims: int) -> tuple[float, float, float]:
    """Median and 90 % point of realised cost over the oracle's, and coverage of the oracle."""
    rng = np.random.default_rng(n)
    _, score, p = rows(400_000, warp, shift, rng)
    oracle = float(expit(np.array(warp * np.log(1 / 6) + shift)))
    best = realised(oracle, score, p)
    ratio, covered = [], 0
    for i in range(sims):
        truth, s, _ = rows(n, warp, shift, rng)
        formula = COSTS.threshold
        sample = Sample(truth, s, s >= formula, Prices(truth, COSTS), seed=i)
        found = thresholds(sample, used=formula, formula=formula, capacity=None)
        ratio.append(realised(found.empirical.value, score, p) / best)
        covered += found.empirical.low <= oracle <= found.empirical.high
    return float(np.median(ratio)), float(np.quantile(ratio, 0.9)), covered / sims


def people(count: int, rng: np.random.Generator):
    """Rows in sixes."""
    who = np.repeat(np.arange(count), 6)
    odds = np.repeat(rng.normal(-1.0, 1.5, count), 6)
    truth = np.repeat(rng.random(count), 6) < expit(odds)
    return truth, expit(odds + 0.5 * rng.normal(size=6 * count)), who


def by_entity(sims: int) -> None:
    """Coverage with and without entity ids."""
    names = ["accuracy", "recall", "f1", "roc_auc", "pr_auc", "recall_at_budget", "expected_cost"]
    rng = np.random.default_rng(5)
    truth, score, _ = people(200_000, rng)
    true = evaluate(truth, score, costs=Costs(1.0, 3.0), metrics=names)
    inside = {name: [0, 0] for name in names}
    for i in range(sims):
        truth, score, who = people(200, rng)
        for place, entity in enumerate((None, who)):
            found = evaluate(
                truth, score, costs=Costs(1.0, 3.0), metrics=names, entity=entity, seed=i
            )
            for name in names:
                e = found.metrics[name]
                inside[name][place] += e.low <= true.value(name) <= e.high
    print("\n| metric, 200 entities of 6 rows | rows as independent | by entity |\n|---|---|---|")
    for name, (alone, together) in inside.items():
        print(f"| {name} | {alone / sims:.1%} | {together / sims:.1%} |", flush=True)


def run(sims: int) -> None:
    """Every row as a line of Markdown."""
    print("| rows | warp of the log odds | cost over the oracle's, median | 90 % point "
          "| interval holds the oracle |")  # fmt: skip
    print("|---|---|---|---|---|")
    for n in (1_000, 5_000):
        for warp, shift in WARPS:
            median, high, covered = study(n, warp, shift, sims)
            print(
                f"| {n:,} | x {warp:g} {shift:+g} | {median:.3f} | {high:.3f} | {covered:.1%} |",
                flush=True,
            )
    by_entity(sims)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--sims", type=int, default=300)
    run(parser.parse_args().sims)
