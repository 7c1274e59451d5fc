"""Plays every plan over the streams, clean or with each fault, and keeps what they came to.

    python -m benchmarks.loop [--streams elec2,bank_marketing_additional] [--faults] [--seed N]

Needs HOLDFAST_DATA. Writes `results/clean.json` or `results/faults.json`, stream by stream.
A fault lasts two windows in the middle; its excess is the cost beyond the plan's own clean cost,
without the rows of the fault itself, which no plan is asked about.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.loop.faults import FAULTS, broken
from benchmarks.loop.replay import FIRST, WINDOWS, Design, World, plans
from benchmarks.loop.streams import SPECS, Stream, load

RESULTS = Path(__file__).parent / "results"


def hit(stream: Stream, rows: np.ndarray) -> tuple[str, str]:
    """The two numeric columns that tell most of the outcome in the first rows."""

    def strength(name: str) -> float:
        values = stream.numbers[name][rows]
        known = np.isfinite(values)
        if known.sum() < 100 or values[known].std() == 0:
            return 0.0
        return abs(float(np.corrcoef(values[known], stream.bad[rows][known])[0, 1]))

    first, second = sorted(stream.numbers, key=strength, reverse=True)[:2]
    return first, second


def played(stream: Stream, design: Design, rows: range | None, seed: int) -> dict[str, Any]:
    """Every plan over one stream, as plain data."""
    names = ("never", "always", "alarm") if rows is None else ("always", "alarm")
    return msgspec.to_builtins(plans(World(stream, design, rows, seed), names))


def main() -> None:
    """Parses the flags, plays, keeps the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop")
    parser.add_argument("--streams", default=",".join(SPECS))
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    path = RESULTS / ("faults.json" if given.faults else "clean.json")
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name in given.streams.split(","):
        stream = load(name)
        edges = np.linspace(0, stream.rows, WINDOWS + 1).astype(int)
        first = np.arange(edges[FIRST])
        design = Design(stream, first)
        if not given.faults:
            kept[name] = played(stream, design, None, given.seed)
        else:
            middle = WINDOWS // 2
            rows = range(int(edges[middle]), int(edges[middle + 2]))
            found = {}
            for fault in FAULTS:
                other = broken(stream, fault, hit(stream, first), np.array(rows), given.seed)
                if other is not None:
                    found[fault] = played(other, design, rows, given.seed)
            # the same rows left out, without a fault: what the excess is held against
            found["none"] = played(stream, design, rows, given.seed)
            kept[name] = found
        path.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        print(name, json.dumps(kept[name]))


if __name__ == "__main__":
    main()
