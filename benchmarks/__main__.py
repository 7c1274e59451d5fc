"""Runs every `bench_*.py` beside this file and writes `results.md`.

    python -m benchmarks [--quick] [--only contract,guard]

A row is {"what", "value", "unit", "target", "reached", "how"}. Absolute CPU figures stand beside a
calibration loop timed in the same run, so that two machines can be compared.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def calibration() -> float:
    """CPU seconds of a fixed pure-Python loop, best of five: the unit of this machine."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        total = 0
        for i in range(2_000_000):
            total += i & 7
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Parses the flags, runs, writes the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a look")
    parser.add_argument("--only", default="", help="comma-separated topics")
    parser.add_argument("--out", default=str(HERE / "results.md"))
    args = parser.parse_args()
    wanted = {name for name in args.only.split(",") if name}
    topics = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    raw_path = Path(args.out).with_suffix(".json")
    kept: dict[str, Any] = json.loads(raw_path.read_text()) if raw_path.exists() else {}
    for topic in topics:
        if wanted and topic not in wanted:
            continue
        before = calibration()
        start = time.perf_counter()
        rows = importlib.import_module(f"benchmarks.bench_{topic}").run(quick=args.quick)
        kept[topic] = {
            "rows": rows,
            "calibration": [round(before, 4), round(calibration(), 4)],
            "seconds": round(time.perf_counter() - start, 1),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "quick": args.quick,
        }
        for row in rows:
            print(
                f"{topic:12} {row['what']}: {row['value']} {row['unit']} (target {row['target']})"
            )
        raw_path.write_text(json.dumps(kept, indent=1, default=str) + "\n")
    Path(args.out).write_text(page({name: kept[name] for name in topics if name in kept}))


def page(topics: dict[str, Any]) -> str:
    """The results as a Markdown page."""
    lines = [
        "# Benchmark results",
        "",
        "Made by `make bench` (`python -m benchmarks`); `--only TOPIC` runs one. CPU time unless",
        "said otherwise; ratios are of things measured in one run. *Calibration* is the CPU time",
        "of a fixed pure-Python loop before and after the topic: a noisy machine shows there.",
        "",
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}.",
    ]
    word = {True: "yes", False: "**no**", None: "could not tell"}
    for name, topic in topics.items():
        lines += [
            "",
            f"## {name}",
            "",
            f"Run on {topic['date']}{' (quick)' if topic['quick'] else ''}, {topic['seconds']} s; "
            f"calibration {topic['calibration'][0]} s / {topic['calibration'][1]} s.",
            "",
            "| what | measured | target | reached | how |",
            "|---|---|---|---|---|",
        ]
        for row in topic["rows"]:
            value = row["value"]
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            aim = row["target"] if row["target"] not in (None, "", "-") else None
            reached = word[row["reached"]] if aim is not None else "no target"
            lines.append(
                f"| {row['what']} | {shown} {row['unit']} | {'' if aim is None else aim} | "
                f"{reached} | {row['how']} |"
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
