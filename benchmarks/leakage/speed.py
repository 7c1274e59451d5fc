"""Audit against Deepchecks' train-test suite on one table, and the memory of a big one.

    python -m benchmarks.leakage.speed --deepchecks ENV/bin/python    # an environment of its own
    python -m benchmarks.leakage.speed --big                          # 1M rows x 50 columns

Both get the same 30,000 rows of 23 columns (70 to 30), generated; they take turns in one run, each
in a fresh process, and the ratio of their CPU seconds is the result.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

OURS = """
import json, resource, sys, time
from holdfast.audit import audit
start = time.perf_counter()
report = audit(sys.argv[1], sys.argv[2], target="y")
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall": time.perf_counter() - start, "cpu": used.ru_utime + used.ru_stime,
                  "peak_mb": used.ru_maxrss // 1024,
                  "found": [f.code for f in report.findings], "tested": len(report.tested)}))
"""

THEIRS = """
import json, resource, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from deepchecks.tabular import Dataset
from deepchecks.tabular.suites import train_test_validation
start = time.perf_counter()
train, test = pd.read_parquet(sys.argv[1]), pd.read_parquet(sys.argv[2])
text = [c for c in train if train[c].dtype == object or str(train[c].dtype).startswith("str")]
made = [Dataset(t, label="y", cat_features=text) for t in (train, test)]
result = train_test_validation().run(*made)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"wall": time.perf_counter() - start, "cpu": used.ru_utime + used.ru_stime,
                  "peak_mb": used.ru_maxrss // 1024, "checks": len(result.results)}))
"""


def table(rows: int, columns: int, seed: int = 0) -> pa.Table:
    """Numbers, categories and integers with nulls; a target that four of them explain in part."""
    rng = np.random.default_rng(seed)
    made: dict[str, pa.Array] = {}
    signal = np.zeros(rows)
    for i in range(columns - 1):
        kind = i % 3
        if kind == 0:
            values = rng.normal(size=rows)
            signal += values * (0.5 if i < 12 else 0)
            made[f"n{i}"] = pa.array(values, mask=rng.random(rows) < 0.02)
        elif kind == 1:
            codes = rng.integers(0, 12, rows)
            signal += (codes == 3) * (0.8 if i < 12 else 0)
            made[f"c{i}"] = pa.array([f"v{k}" for k in range(12)]).take(pa.array(codes))
        else:
            values = rng.poisson(40, rows)
            signal += (values - 40) / 12 * (0.4 if i < 12 else 0)
            made[f"i{i}"] = pa.array(values)
    made["y"] = pa.array((signal + rng.logistic(size=rows) > 1.0).astype(np.int64))
    return pa.table(made)


def ask(python: str, code: str, files: list[Path]) -> dict:
    """Run a script in a fresh process; gives its last line."""
    done = subprocess.run(
        [python, "-c", code, *map(str, files)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deepchecks", help="python of an environment with deepchecks")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--big", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, "train.parquet"), Path(folder, "test.parquet")]
        rows, columns = (1_000_000, 50) if args.big else (30_000, 23)
        whole = table(rows, columns)
        cut = int(rows * 0.7)
        pq.write_table(whole.slice(0, cut), files[0])
        pq.write_table(whole.slice(cut), files[1])
        del whole
        ours, theirs = [], []
        for _ in range(1 if args.big else args.repeats):
            ours.append(ask(sys.executable, OURS, files))
            if args.deepchecks:
                theirs.append(ask(args.deepchecks, THEIRS, files))
    print(f"{rows:,} x {columns}")
    for name, runs in (("holdfast audit", ours), ("deepchecks train-test suite", theirs)):
        if runs:
            cpu, wall = (statistics.median(r[k] for r in runs) for k in ("cpu", "wall"))
            print(
                f"{name}: CPU {cpu:.1f} s, wall {wall:.1f} s, peak {runs[0]['peak_mb']} MB", runs[0]
            )
    if theirs:
        ratio = statistics.median(b["cpu"] / a["cpu"] for a, b in zip(ours, theirs, strict=True))
        wall = statistics.median(b["wall"] / a["wall"] for a, b in zip(ours, theirs, strict=True))
        print(f"deepchecks / holdfast: CPU {ratio:.1f}x, wall {wall:.1f}x")


if __name__ == "__main__":
    main()
