"""Peeking: how often equal models get a winner, and how many labels a one-point gain takes.

python -m benchmarks.evaluation.sequential [--streams 5000]
"""

from __future__ import annotations

import argparse
import math
import sys

import numpy as np
import numpy.typing as npt

from holdfast.evaluation.sequential import ConfidenceSequence
from holdfast.stats.intervals import clopper_pearson

ROWS, LOOKS = 20_000, 100


def stream(
    rng: np.random.Generator, rows: int, disagreement: float, gain: float
) -> npt.NDArray[np.float64]:
    """0/1 loss of the first less that of the second; the second is right `gain` more often."""
    second = (disagreement + gain) / 2.0
    return rng.choice([1.0, -1.0, 0.0], rows, p=[second, disagreement - second, 1.0 - disagreement])


def watched(differences: npt.NDArray[np.float64], looks: int) -> tuple[str | None, int]:
    """The decision and the rows it took, looking so many times."""
    sequence = ConfidenceSequence()
    for part in np.array_split(differences, looks):
        look = sequence.update(part)
        if look.decided is not None:
            return look.decided, look.rows
    return None, len(differences)


def naive(differences: npt.NDArray[np.float64], looks: int) -> bool:
    """Whether a z-test at 5 % at each look ever names a winner."""
    seen = np.cumsum([len(p) for p in np.array_split(differences, looks)])
    total, square = np.cumsum(differences)[seen - 1], np.cumsum(differences**2)[seen - 1]
    spread = np.sqrt(np.maximum(square - total**2 / seen, 1e-12))
    return bool((np.abs(total) > 1.959964 * spread).any())


def main() -> None:
    """Prints one line a scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=5_000)
    asked = parser.parse_args()
    rng = np.random.default_rng(7)
    for disagreement, looks, rows in (
        (0.10, LOOKS, ROWS),
        (0.02, LOOKS, ROWS),
        (0.50, LOOKS, ROWS),
        (0.10, 2_000, 4_000),
    ):
        runs = asked.streams if looks == LOOKS else asked.streams // 10
        won = plain = 0
        for _ in range(runs):
            differences = stream(rng, rows, disagreement, 0.0)
            won += watched(differences, looks)[0] is not None
            plain += naive(differences, looks)
        told, z = clopper_pearson(won, runs), plain / runs
        sys.stdout.write(
            f"| equal, {disagreement:.0%} disagreement, {looks:,} looks at {rows:,} labels | "
            f"{told.value:.4f} ({told.low:.4f} to {told.high:.4f}) | {z:.3f} |\n"
        )
    for name, draw in (
        ("normal", lambda n: rng.normal(size=n)),
        ("skewed: exponential less its mean", lambda n: rng.exponential(size=n) - 1.0),
        ("heavy: t, 3 degrees", lambda n: rng.standard_t(3, n)),
    ):
        runs = asked.streams // 5
        won = sum(watched(draw(ROWS), LOOKS)[0] is not None for _ in range(runs))
        told = clopper_pearson(won, runs)
        sys.stdout.write(
            f"| equal, {name}, {LOOKS} looks | {told.value:.4f} ({told.low:.4f} to "
            f"{told.high:.4f}) | |\n"
        )
    runs = asked.streams // 5
    labels, right = [], 0
    for _ in range(runs):
        decided, at = watched(stream(rng, 40_000, 0.10, 0.01), 2 * LOOKS)
        right += decided == "second"
        labels.append(at if decided == "second" else math.inf)
    found = np.array(labels)
    sys.stdout.write(
        f"| gain of one point, 10 % disagreement | found within 20,000 labels "
        f"{(found <= 20_000).mean():.3f}, within 40,000 {(found <= 40_000).mean():.3f}; median "
        f"{np.median(found):,.0f} labels | |\n"
    )


if __name__ == "__main__":
    main()
