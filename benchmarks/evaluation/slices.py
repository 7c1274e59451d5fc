"""How often a planted bad slice is found and confirmed, and how often a slice is told of nothing.

python -m benchmarks.evaluation.slices [--runs 200] [--rows 10000] [--only WORDS]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from holdfast.evaluation.slices import Slices, slices_of
from holdfast.stats.intervals import clopper_pearson

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
COLUMNS = 12
Loss = Callable[[np.random.Generator, Bools], Floats]


def table(rng: np.random.Generator, rows: int) -> dict[str, list[object]]:
    """Twelve columns: six categories of 4 to 20 values, six numbers, two of them related."""
    frame: dict[str, list[object]] = {}
    for j in range(COLUMNS // 2):
        size = int(rng.integers(4, 21))
        shares = rng.dirichlet(np.full(size, 3.0))
        frame[f"word{j}"] = [f"v{v}" for v in rng.choice(size, rows, p=shares)]
    base = rng.normal(size=rows)
    for j in range(COLUMNS // 2):
        frame[f"number{j}"] = (0.5 * base + rng.normal(size=rows)).tolist()
    return frame


def planted(
    rng: np.random.Generator, frame: dict[str, list[object]], rows: int, literals: int
) -> Bools:
    """Rows of a slice of 5 % support by one or two conditions of columns of its own."""
    if literals == 1:
        inside = rng.random(rows) < 0.05
        frame["region"] = [
            "bad" if i else f"r{v}" for i, v in zip(inside, rng.integers(0, 9, rows), strict=True)
        ]
        return inside
    share = 0.05**0.5
    left, right = rng.random(rows) < share, rng.random(rows) < share
    frame["region"] = ["bad" if i else f"r{v}" for i, v in zip(left, rng.integers(0, 3, rows),
                                                                strict=True)]  # fmt: skip
    frame["device"] = ["old" if i else f"d{v}" for i, v in zip(right, rng.integers(0, 3, rows),
                                                                strict=True)]  # fmt: skip
    return left & right


def error_of(rate: float, points: float) -> Loss:
    """0/1 errors; the planted slice is right in so many points fewer rows."""

    def draw(rng: np.random.Generator, inside: Bools) -> Floats:
        return (rng.random(len(inside)) < np.where(inside, rate + points, rate)).astype(np.float64)

    return draw


def squares(rng: np.random.Generator, inside: Bools) -> Floats:
    """Squared errors of a heavy-tailed regression (t with 5 degrees of freedom)."""
    return np.asarray(rng.standard_t(5, len(inside)) ** 2)


def costs(rng: np.random.Generator, inside: Bools) -> Floats:
    """Costs: 3 % of the rows cost 100, 8 % cost 5, the others nothing."""
    return rng.choice([100.0, 5.0, 0.0], len(inside), p=[0.03, 0.08, 0.89])


def one(seed: int, rows: int, draw: Loss, literals: int) -> tuple[Slices, bool]:
    """One simulated evaluation; whether a confirmed slice is the planted one (Jaccard > 0.5)."""
    rng = np.random.default_rng([2026, seed])
    frame = table(rng, rows)
    inside = planted(rng, frame, rows, literals) if literals else np.zeros(rows, dtype=np.bool_)
    found = slices_of(frame, draw(rng, inside), show=True, seed=seed)
    hit = False
    for s in found.confirmed:
        mask = np.ones(rows, dtype=np.bool_)
        for literal in s.literals:
            if literal.condition.startswith("= "):
                values = np.array([str(v) for v in frame[literal.column]])
                mask &= values == literal.condition[2:]
            else:
                mask &= False
        hit |= bool((mask & inside).sum() > 0.5 * max(1, (mask | inside).sum()))
    return found, hit


def main() -> None:
    """Prints one line a scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--only", default="", help="scenarios whose name holds this")
    asked = parser.parse_args()
    scenarios: list[tuple[str, Loss, int]] = [
        ("one condition, error .10 -> .20", error_of(0.10, 0.10), 1),
        ("two conditions, error .10 -> .20", error_of(0.10, 0.10), 2),
        ("one condition, error .20 -> .30", error_of(0.20, 0.10), 1),
        ("two conditions, error .20 -> .30", error_of(0.20, 0.10), 2),
        ("no slice, error .10", error_of(0.10, 0.0), 0),
        ("no slice, error .01", error_of(0.01, 0.0), 0),
        ("no slice, squared error", squares, 0),
        ("no slice, costs", costs, 0),
    ]
    for name, draw, literals in scenarios:
        if asked.only not in name:
            continue
        any_, hits = 0, 0
        for seed in range(asked.runs):
            found, hit = one(seed, asked.rows, draw, literals)
            any_ += bool(found.confirmed)
            hits += hit
        told = clopper_pearson(hits if literals else any_, asked.runs)
        what = "found and confirmed" if literals else "any slice reported"
        sys.stdout.write(
            f"| {name} | {asked.rows:,} | {what} | {told.value:.3f} | "
            f"{told.low:.3f} to {told.high:.3f} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
