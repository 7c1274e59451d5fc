"""Holdfast as a monitor of the fault benchmark: `--adapter faultbench_adapter:Holdfast`.

A thin layer over `hf.Monitor` with a table as its reference: rows in, incidents out. Nothing is
decided here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from faultbench.adapters import Adapter, Alarm

from holdfast.frames.values import ValueKind, Values, read_values
from holdfast.monitoring.monitor import Monitor
from holdfast.monitoring.table_reference import TableReference
from holdfast.records import Incident

#: kinds of the product for which the benchmark's list has a wider word
WIDER = {"population_shift": "covariate_drift", "new_category": "covariate_drift"}


class Holdfast(Adapter):
    """One monitor a case."""

    def fit(self, reference: Any, meta: dict[str, Any]) -> None:
        """Learns the reference; promises one false incident in 10,000 windows."""
        categories = set(meta["categorical"])
        self.kinds = {
            name: ValueKind.CATEGORY if name in categories else ValueKind.NUMBER
            for name in meta["features"]
        }
        learned = TableReference.of(
            self.columns(reference.X),
            score=np.asarray(reference.score, float),
            label=np.asarray(reference.y, float),
        )
        budget = f"1 false incident per {10_000 * meta['window_rows']} rows"
        self.monitor = Monitor(learned, budget=budget, clock=lambda: 0)
        self.numbers: dict[str, int] = {}
        self.told: dict[str, tuple[Any, ...]] = {}

    def columns(self, frame: Any) -> dict[str, Values]:
        """A pandas frame as columns."""
        return {
            name: read_values(kind, frame[name].to_numpy()) for name, kind in self.kinds.items()
        }

    def observe(self, window: Any) -> list[Alarm]:
        """One window and the labels that came with it."""
        changed = self.monitor.observe_columns(
            self.columns(window.X), score=np.asarray(window.score, float)
        )
        if len(window.label_rows):
            labels = np.asarray(window.labels, float)
            changed = changed + self.monitor.observe_labels(window.label_rows, labels)
        alarms = [self.alarm(i, window.index) for i in changed if i.status.value == "open"]
        return [a for a in alarms if a is not None]

    def alarm(self, incident: Incident, window: int) -> Alarm | None:
        """A new incident is an alarm; another answer to an open one is an update."""
        number = self.numbers.get(incident.id)
        if number is None:
            number = self.numbers[incident.id] = len(self.numbers)
            update = False
        else:
            update = True
        return Alarm(
            window,
            row=incident.opened_row - 1,
            columns=list(incident.features),
            kind=WIDER.get(incident.kind, incident.kind),
            action=incident.action.value,
            incident=number,
            update=update,
        )
