"""The monitor's promise for a release of a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.app.home import opened
from holdfast.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from holdfast.detection.season import Cycle
    from holdfast.monitoring.promise_report import PromiseReport

#: rows of a reference that are looked at for cycles, the last ones
MOST_ROWS = 200_000


def monitor_promise(
    *,
    release: str = "champion",
    store: Path | None = None,
    model: str | None = None,
    budget: str | None = None,
    rows_per_day: float | None = None,
    reference: Path | None = None,
) -> PromiseReport:
    """What is watched of a release, and after how many rows what would be noticed.

    Args:
        release: id, beginning of one, ``champion`` or ``latest``.
        store: the store; None takes the settings'.
        model: its name; None takes the only one.
        budget: the false-alarm promise; None takes the settings'.
        rows_per_day: traffic, for a promise per time; None: what the log shows.
        reference: the table the release was built from, to say what its times are good for.
    """
    from holdfast.detection.budget import parse_budget
    from holdfast.monitoring.arrivals import Arrivals
    from holdfast.monitoring.promise_report import promised

    with opened(store, read_only=True) as home:
        name, found = home.release(model, release)
        words = budget or home.settings.budget
        state = home.store.catalog.get_state(f"monitor-arrivals/{name}")
        arrivals = Arrivals(name, parse_budget(words), None if state is None else state[0])
        per_day = rows_per_day or arrivals.clock.per_day
        times = None if reference is None else times_of(found, reference)
        return promised(
            found,
            words,
            model=name,
            rows_per_day=per_day,
            times=times,
            cycles=None if reference is None else cycles_of(found, reference),
            traffic=tuple(p.sentence for p in arrivals.promises),
        )


def times_of(release: Any, table: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Event times of a table's rows in their order; empty where there are none."""
    import numpy as np

    from holdfast import frames
    from holdfast.frames.values import ValueKind, read_values

    name = next((f.name for f in release.contract.fields if f.role.value == "event_time"), None)
    frame = frames.read(table)
    if name is None or name not in frame:
        return np.empty(0, np.int64)
    try:
        values = read_values(ValueKind.NUMBER, frame.column(name))
    except DataError:
        return np.empty(0, np.int64)
    found: np.ndarray[Any, np.dtype[np.int64]] = values.numbers[values.state == 0].astype(np.int64)
    return found


def cycles_of(release: Any, table: Any) -> dict[str, Cycle]:
    """What each watched column of a table repeats, by its event times; empty where none has one."""
    import numpy as np

    from holdfast import frames
    from holdfast.detection.columns.cells import Coder
    from holdfast.detection.season import find_cycles
    from holdfast.frames.values import read_values

    fit = release.values
    at = times_of(release, table)
    frame = frames.read(table)
    if fit is None or len(at) != len(frame):
        return {}  # a time is missing somewhere: no clock to go by
    columns = [c for c in fit.columns if c.name in frame]
    cells = np.empty((len(frame), len(columns)), np.int64)
    for i, column in enumerate(columns):
        coded = Coder(column.cells).code(read_values(column.cells.kind, frame.column(column.name)))
        cells[:, i] = np.where(coded >= column.cells.missing, -1, coded)
    found = find_cycles(at[-MOST_ROWS:], cells[-MOST_ROWS:])
    return {column.name: cycle for column, cycle in zip(columns, found, strict=True)}
