"""Rows with a fault on their way into the monitor, in the types in which they arrive."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.drill.faults.base import Injected, with_columns
from holdfast.drill.scene import IntArray
from holdfast.errors import DataError
from holdfast.monitoring.monitor import Monitor
from holdfast.records import Incident

#: rows given to the monitor at a time: (rows since the onset, step); few at first, so that what
#: raises the alarm is seen before its consequences
STEPS = ((100, 25), (300, 50))
STEP = 200


def observe(monitor: Monitor, injected: Injected, low: int, high: int) -> list[Incident]:
    """Gives rows `low` to `high` to the monitor; says which incidents changed.

    Rows in which a column mixes types go in as dicts. A monitor that takes only tables gets a table
    for each run of rows of one type: the same rows in the same order.
    """
    if not injected.mixed or not injected.affected[low:high].any():
        return monitor.observe(injected.table.slice(low, high - low))
    try:
        return monitor.observe(records(injected, np.arange(low, high)))
    except DataError:  # refused before any row was counted
        found: dict[str, Incident] = {}
        for part in _runs(injected, low, high):
            found.update((i.id, i) for i in monitor.observe(part))
        return list(found.values())


def step(since: int) -> int:
    """Rows to give at a time when so many have come since the onset.

    >>> step(0), step(100), step(300), step(-800)
    (25, 50, 200, 200)
    """
    return next((size for until, size in STEPS if 0 <= since < until), STEP)


def records(injected: Injected, positions: IntArray) -> list[dict[str, Any]]:
    """Some rows as dicts, each value in the type in which it arrives."""
    at = pa.array(positions)
    rows: list[dict[str, Any]] = injected.table.take(at).to_pylist()
    hit = injected.affected[positions].tolist()
    for name, values in injected.mixed.items():
        for row, value, there in zip(rows, values.take(at).to_pylist(), hit, strict=True):
            if there:
                row[name] = value
    return rows


def _runs(injected: Injected, low: int, high: int) -> Iterator[pa.Table]:
    """Tables of one type a column, in row order."""
    hit = injected.affected[low:high]
    edges = [low, *(np.flatnonzero(np.diff(hit.astype(np.int8))) + low + 1).tolist(), high]
    for start, end in pairwise(edges):
        part = injected.table.slice(start, end - start)
        if injected.affected[start]:
            texts = {n: v.slice(start, end - start) for n, v in injected.mixed.items()}
            part = with_columns(part, texts)
        yield part
