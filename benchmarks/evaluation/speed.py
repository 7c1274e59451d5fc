"""The whole evaluation of a million rows against scikit-learn's bare point metrics, in one run.

OMP_NUM_THREADS=1 python -m benchmarks.evaluation.speed [--rows 1000000]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn import metrics as reference

from holdfast.evaluation import Costs, evaluate
from holdfast.evaluation.metrics import METRICS
from holdfast.reports import render


def bare(truth: np.ndarray, score: np.ndarray, threshold: float) -> dict[str, float]:
    """Point metrics only, each by scikit-learn."""
    decided = score >= threshold
    return {
        "roc_auc": reference.roc_auc_score(truth, score),
        "pr_auc": reference.average_precision_score(truth, score),
        "log_loss": reference.log_loss(truth, score),
        "brier": reference.brier_score_loss(truth, score),
        "precision": reference.precision_score(truth, decided),
        "recall": reference.recall_score(truth, decided),
        "f1": reference.f1_score(truth, decided),
        "accuracy": reference.accuracy_score(truth, decided),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, decided),
        "mcc": reference.matthews_corrcoef(truth, decided),
    }


def timed(function, *arguments, **options):
    """(seconds, result), the quickest of three."""
    best, result = float("inf"), None
    for _ in range(3):
        start = time.perf_counter()
        result = function(*arguments, **options)
        best = min(best, time.perf_counter() - start)
    return best, result


def run(rows: int) -> None:
    """Every row as a line of Markdown."""
    rng = np.random.default_rng(0)
    p = rng.beta(1.0, 19.0, rows)
    truth = rng.random(rows) < p
    costs = Costs(1.0, 9.0)
    entity = rng.integers(0, rows // 5, rows)
    plain, want = timed(bare, truth, p, costs.threshold)
    print("| what | seconds | of scikit-learn's |")
    print("|---|---|---|")
    print(f"| scikit-learn, 10 point metrics | {plain:.2f} | 1 |")
    for name, options in {
        f"{len(METRICS)} metrics, each with its interval": {"metrics": list(METRICS)},
        "the same, with thresholds, baselines, calibration, curves": {},
        "the same, resampled by entity": {"entity": entity},
        "the same, with a champion and costs by row": {
            "champion": p**1.1, "cost_columns": {"false_negative": 1 + 16 * rng.random(rows)},
        },
    }.items():  # fmt: skip
        seconds, found = timed(evaluate, truth, p, costs=costs, **options)
        if "cost_columns" not in options:
            for metric, value in want.items():
                assert abs(found.value(metric) - value) < 1e-9, metric
        print(f"| {name} | {seconds:.2f} | {seconds / plain:.2f} |", flush=True)
    size = len(render(found.document(), "html"))
    print(f"\nThe HTML report of these {rows:,} rows has {size / 1000:.0f} kB.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    run(parser.parse_args().rows)
