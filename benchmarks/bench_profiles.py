"""What a profile costs: CPU per cell against a stored reference, size, and bits after merging.

The table is that of the profiling kernel's study (see `bench_contract`): 30 float64 columns with
3 % NaN or null, 10 int64, 10 texts with 2 to 2,000 different values.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.bench_contract import cpu, make_table
from holdfast.frames import read
from holdfast.profiles import Profile, ProfileSpec, merge_profiles


def sort_chunks(table: pa.Table) -> None:
    """The yardstick: a copy and a sort of every float column, chunk by chunk, in one thread."""
    chunk = np.empty(131_072)
    for name in table.column_names[:30]:
        values = read(table.select([name])).column(name).values
        for start in range(0, len(values), len(chunk)):
            part = chunk[: min(len(chunk), len(values) - start)]
            part[:] = values[start : start + len(part)]
            part.sort()


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows for the benchmark report."""
    rows = 200_000 if quick else 1_000_000
    table = make_table(rows)
    cells = rows * table.num_columns
    spec = ProfileSpec.learn(make_table(rows, seed=1))
    yardstick, profiled, one_thread = [], [], []
    whole = Profile.of(table, spec)
    for _ in range(3 if quick else 5):
        yardstick.append(cpu(lambda: sort_chunks(table)) / (rows * 30) * 1e9)
        known = read(table)
        profiled.append(cpu(lambda known=known: Profile.of(known, spec, threads=2)) / cells * 1e9)
        known = read(table)
        one_thread.append(cpu(lambda known=known: Profile.of(known, spec, threads=1)) / cells * 1e9)
    ns, alone = float(np.median(profiled)), float(np.median(one_thread))
    ratio = float(np.median(np.array(profiled) / np.array(yardstick)))
    how = f"{rows} x {table.num_columns}, process CPU, median of {len(profiled)} interleaved rounds"

    shuffled = table.take(pa.array(np.random.default_rng(2).permutation(rows)))
    size = -(-rows // 8)
    parts = [Profile.of(shuffled.slice(i * size, size), spec) for i in (3, 0, 7, 1, 6, 5, 2, 4)]
    start = time.process_time()
    merged = merge_profiles(parts, spec)
    merging = (time.process_time() - start) / 8 * 1e3
    data = whole.to_bytes()
    equal = merged.to_bytes() == data
    return [
        {
            "what": "profile against a stored reference, CPU per cell, two threads",
            "value": round(ns, 2),
            "unit": "ns",
            "target": "<= 12",
            "reached": ns <= 12,
            "how": f"{how}; in one thread {alone:.2f}",
        },
        {
            "what": "profile per cell against copying and sorting a float",
            "value": round(ratio, 2),
            "unit": "x",
            "target": None,
            "reached": None,
            "how": f"same rounds; yardstick {np.median(yardstick):.2f} ns per float, one thread",
        },
        {
            "what": "8 shuffled parts merged in another order, bits equal",
            "value": int(equal),
            "unit": "yes/no",
            "target": "1",
            "reached": equal,
            "how": f"bytes compared; {merging:.1f} ms CPU a merge of {table.num_columns} columns",
        },
        {
            "what": f"size of a profile of {table.num_columns} columns",
            "value": round(len(data) / 1000, 1),
            "unit": "kB",
            "target": "<= 70",
            "reached": len(data) <= 70_000,
            "how": f"to_bytes; the spec, stored once, {len(spec.to_bytes()) / 1000:.0f} kB",
        },
    ]


if __name__ == "__main__":
    for row in run(quick=False):
        print(row)
