"""The CV gap table on generated rows: leaky groups, drift, and rows with neither.

python -m benchmarks.evaluation.cv_gap [--runs 30]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np

from holdfast.evaluation.cross_validation import cv_gap
from holdfast.stats.intervals import clopper_pearson

Frame = dict[str, list[object]]


def leaky_groups(seed: int, people: int = 150, each: int = 8) -> Frame:
    """People who keep one label and show five personal numbers that mean nothing for others."""
    rng = np.random.default_rng([11, seed])
    person = np.repeat(np.arange(people), each)
    sick = rng.random(people) < 0.5
    frame: Frame = {"person": person.tolist(), "y": sick[person].tolist()}
    for j in range(5):
        own = rng.normal(size=people)[person] + 0.05 * rng.normal(size=len(person))
        frame[f"x{j}"] = own.tolist()
    return frame


def drifting(seed: int, rows: int = 1_500) -> Frame:
    """What the inputs mean turns round slowly; a running number gives the time away."""
    rng = np.random.default_rng([12, seed])
    when = np.arange(rows)
    x = rng.normal(size=(rows, 2))
    turn = 1.5 * np.pi * when / rows
    signal = np.cos(turn) * x[:, 0] + np.sin(turn) * x[:, 1]
    y = rng.random(rows) < 1 / (1 + np.exp(-3 * signal))
    return {
        "when": when.tolist(), "person": rng.integers(0, 100, rows).tolist(), "y": y.tolist(),
        "x0": x[:, 0].tolist(), "x1": x[:, 1].tolist(), "number": when.tolist(),
    }  # fmt: skip


def clean(seed: int, rows: int = 1_500) -> Frame:
    """Independent rows: every split must score the same."""
    rng = np.random.default_rng([13, seed])
    x, z = rng.normal(size=rows), rng.normal(size=rows)
    y = rng.random(rows) < 1 / (1 + np.exp(-1.5 * x))
    return {
        "when": list(range(rows)), "person": rng.integers(0, 100, rows).tolist(),
        "y": y.tolist(), "x": x.tolist(), "z": z.tolist(),
    }  # fmt: skip


def main() -> None:
    """Prints one line a scenario and split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    scenarios: list[tuple[str, Callable[[int], Frame], str | None]] = [
        ("leaky groups", leaky_groups, None),
        ("drift", drifting, "when"),
        ("neither", clean, "when"),
    ]
    for name, make, when in scenarios:
        gaps: dict[str, list[float]] = {}
        marked = 0
        for seed in range(runs):
            found = cv_gap(make(seed), target="y", group="person", event_time=when, seed=seed)
            marked += found.row("random").do_not_quote
            for row in found.table:
                if row.gap is not None and row.gap.value is not None:
                    gaps.setdefault(row.split, []).append(row.gap.value)
        told = clopper_pearson(marked, runs)
        for split, values in gaps.items():
            sys.stdout.write(
                f"| {name} | {split} | {np.median(values):+.3f} ({min(values):+.3f} to "
                f"{max(values):+.3f}) | {told.value:.2f} ({told.low:.2f} to {told.high:.2f}) |\n"
            )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
