"""One row by its id: CPU of `find` beside reading the whole log for it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.__main__ import calibration
from benchmarks.bench_storage import NoSync, batch_of, group
from holdfast.storage import Store

#: rows of one append
ROWS = 50_000


def seconds(deed: Callable[[], object], times: int) -> tuple[float, float]:
    """Wall and CPU seconds of one call, the median of `times`."""
    wall, cpu = [], []
    for _ in range(times):
        start, begun = time.perf_counter(), time.process_time()
        deed()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - begun)
    return statistics.median(wall), statistics.median(cpu)


def run(quick: bool) -> list[dict[str, Any]]:
    """Archived rows with random ids; a row from the middle, one that is not there."""
    count = 2 * ROWS if quick else 20 * ROWS
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd()) as name,
        Store.open(Path(name, "holdfast.db"), system=NoSync()) as store,
    ):
        return _measured(store, count, 3 if quick else 7)


def _measured(store: Store, count: int, times: int) -> list[dict[str, Any]]:
    wanted = ""
    for n in range(count // ROWS):
        batch = batch_of(group(ROWS, n), typed=False)
        store.predictions.append(batch)
        if n == count // ROWS // 2:
            wanted = batch.column("id")[ROWS // 2].as_py()
    store.compact()

    def whole() -> pa.Table:
        table = store.predictions.read()
        return table.filter(pc.equal(table.column("id"), wanted))

    if store.predictions.find(wanted).to_pylist() != whole().to_pylist():
        raise AssertionError("find and read disagree")
    hit = seconds(lambda: store.predictions.find(wanted), times)
    miss = seconds(lambda: store.predictions.find("nobody"), times)
    read = seconds(whole, 3)
    unit = calibration()
    how = f"{count} archived rows with random ids, median of {times}"
    beside = f"{how}; calibration loop {unit * 1e3:.0f} ms of CPU"

    def row(what: str, value: float, unit: str, how: str, goal: float | None = None) -> Any:
        target = "" if goal is None else f"< {goal:g}"
        reached = None if goal is None else value < goal
        return {
            "what": what, "value": value, "unit": unit, "target": target, "reached": reached,
            "how": how,
        }  # fmt: skip

    return [
        row("find a row by its id, wall", hit[0] * 1e3, "ms", how, 200),
        row("find a row by its id, CPU", hit[1] * 1e3, "ms", beside),
        row("find an id that is not there, CPU", miss[1] * 1e3, "ms", beside),
        row("find, CPU against reading the whole log", hit[1] / read[1], "x", how, 1),
    ]
