"""Monitoring: CPU per row from log batch to incidents, rows to the first incident, silence."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.contracts.model import (
    CategoriesRule,
    ContractData,
    Field,
    Kind,
    NullRule,
    RangeRule,
    TypeRule,
)
from holdfast.detection.budget import parse_budget
from holdfast.monitoring.engine import ModelMonitor
from holdfast.monitoring.promise import watched
from holdfast.monitoring.rows import decode
from holdfast.monitoring.worker import MonitorWorker, incidents
from holdfast.storage import Store

FIELDS = 30
START = 1_795_442_700_000_000
TIME = pa.timestamp("us", tz="UTC")
BUDGET = parse_budget("1 false incident per month", rows_per_day=50_000)
#: share of nulls of three columns where nulls are normal
NULLS = {"f3": 0.08, "f4": 0.6, "f5": 0.02}


def release(nulls: bool = True) -> SimpleNamespace:
    numeric = (NullRule(), TypeRule(), RangeRule(low=0, high=1))
    categorical = (NullRule(), TypeRule(), CategoriesRule(values=("a",)))
    fields = tuple(
        Field(
            name=f"f{i}",
            kind=Kind.NUMERIC if i % 2 else Kind.CATEGORICAL,
            rules=numeric if i % 2 else categorical,
        )
        for i in range(FIELDS)
    )
    marks = {f"~{name}:null": int(share * 10_000) for name, share in NULLS.items() if nulls}
    return SimpleNamespace(
        id="r1",
        contract=SimpleNamespace(data=ContractData(fields=fields)),
        reference={"rows": 10_000, "marks": marks},
    )


def batch(rows: int, first: int, rng: np.random.Generator, broken: Any, nulls: bool) -> pa.Array:
    """Rows of the log; `broken` is a mask of rows whose f0 is null."""
    where = {"f0:null": broken}
    if nulls:
        where |= {f"~{name}:null": rng.random(rows) < share for name, share in NULLS.items()}
    counts = np.sum(list(where.values()), axis=0)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    matrix = np.stack(list(where.values()), axis=1)
    names = np.array(list(where))
    values = names[np.nonzero(matrix)[1]]
    at = pa.array(START + (first + np.arange(rows)) * 1000).cast(TIME)
    return pa.record_batch(
        {
            "id": pa.array([f"p{first + i}" for i in range(rows)]),
            "model": pa.array(["loan"] * rows),
            "release": pa.array(["r1"] * rows),
            "at": at,
            "received": at,
            "source": pa.array(np.array(["web", "app"])[rng.integers(0, 2, rows)]),
            "verdict": pa.array(np.where(broken, "degraded", "ok")),
            "marks": pa.ListArray.from_arrays(
                pa.array(offsets), pa.array(values.tolist(), pa.string())
            ),
            "features": pa.array(["{}"] * rows),
        }
    )


def engine(nulls: bool = True) -> ModelMonitor:
    known = release(nulls)
    return ModelMonitor("loan", lambda _model, _id: known, BUDGET)


def per_row(rows: int, width: int, *, nulls: bool, share: float) -> float:
    """CPU microseconds a row from record batch to events."""
    rng = np.random.default_rng(0)
    batches = [
        batch(width, first, rng, rng.random(width) < share, nulls)
        for first in range(0, rows, width)
    ]
    best = np.inf
    for _ in range(3):
        watcher = engine(nulls)
        start = time.process_time()
        for part in batches:
            watcher.observe(decode(part))
        best = min(best, time.process_time() - start)
    return best / rows * 1e6


def rows_to_incident(share: float, seed: int) -> int:
    rng = np.random.default_rng(seed)
    watcher = engine()
    for first in range(0, 40_000, 2000):
        broken = (rng.random(2000) < share) & (first + np.arange(2000) >= 2000)
        for change in watcher.observe(decode(batch(2000, first, rng, broken, True))):
            return change.incident.opened_row - 2000
    return 40_000


def quiet(rows: int, seeds: int) -> int:
    found = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        watcher = engine()
        for first in range(0, rows, 20_000):
            none = np.zeros(20_000, bool)
            changes = watcher.observe(decode(batch(20_000, first, rng, none, True)))
            found += sum(c.kind == "incident.opened" for c in changes)
    return found


def through_the_store(rows: int) -> tuple[float, int]:
    """CPU microseconds a row of a worker that follows a durable log, and its incidents."""
    rng = np.random.default_rng(0)
    known = release()
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "h.db")) as store:
        for first in range(0, rows, 2000):
            broken = np.full(2000, first == rows // 2000 // 2 * 2000)
            store.predictions.append(batch(2000, first, rng, broken, True))
        worker = MonitorWorker(store, lambda _m, _r: known, BUDGET)
        start = time.process_time()
        worker.run_once(START)
        return (time.process_time() - start) / rows * 1e6, len(incidents(store))


def run(quick: bool) -> list[dict[str, Any]]:
    rows = 40_000 if quick else 200_000
    how = f"{FIELDS} fields, 93 streams or more; best of 3; record batch to events, CPU"
    out: list[dict[str, Any]] = []

    def add(what: str, value: float, unit: str, target: float | None, how: str) -> None:
        reached = None if target is None else value <= target
        out.append(
            {
                "what": what,
                "value": round(value, 3),
                "unit": unit,
                "target": None if target is None else f"<= {target:g}",
                "reached": reached,
                "how": how,
            }
        )

    for width in (200, 1000, 8000):
        cost = per_row(rows, width, nulls=False, share=0.0)
        add(f"clean blocks of {width} rows", cost, "us/row", 2.0 if width > 200 else None, how)
    cost = per_row(rows, 1000, nulls=True, share=0.0)
    add("blocks of 1000 rows, nulls normal in 3 columns", cost, "us/row", None, how)
    cost = per_row(rows, 1000, nulls=True, share=1.0)
    add("blocks of 1000 rows, one column all null", cost, "us/row", None, how)
    cost, found = through_the_store(rows)
    add("worker on a durable log, state saved with its position", cost, "us/row", None, how)
    add("incidents of 2,000 null rows in that log", found, "incidents", 1, "exactly one")

    seeds = 5 if quick else 40
    stream = next(
        w
        for d in _fitted().values()
        for w in watched(d.streams)
        if (w.feature, w.code, w.side) == ("f0", "null", "up")
    )
    for share, label in ((1.0, "100%"), (0.3, "30%"), (0.05, "5%")):
        delays = [rows_to_incident(share, seed) for seed in range(seeds)]
        said = stream.rows_to_alarm[label]
        add(
            f"rows to the incident, nulls in {label} of the rows, median",
            float(np.median(delays)),
            "rows",
            20 if share == 1.0 else None,
            f"{seeds} seeds; foretold at fit time: {said}; worst {max(delays)}",
        )
    n = 3 if quick else 20
    add(
        "incidents in fault-free life of 100,000 rows",
        quiet(100_000, n),
        "incidents",
        0,
        f"{n} seeds; columns with 2 %, 8 % and 60 % nulls",
    )
    return out


def _fitted() -> dict[str, Any]:
    watcher = engine()
    watcher.start("r1")
    return watcher.detectors("r1")
