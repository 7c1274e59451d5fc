"""The loan stories without HTTP: release, scorer, store and monitor, wired as the server does."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.contracts import Contract
from holdfast.demo import run as demo
from holdfast.demo import story
from holdfast.demo.score import Measure, measure, recovered
from holdfast.monitoring import MonitorWorker
from holdfast.records import Incident
from holdfast.releases import Release, Scorer
from holdfast.storage import Store

encode = msgspec.json.encode
#: rows of a replayed block; the monitor steps after each
BLOCK = 2_000
FIRST = 1_700_000_000_000_000


class Filled(msgspec.Struct):
    """What the monitor makes of the field arriving filled."""

    rows: int
    kind: str
    culprit: str


class Outcome(msgspec.Struct):
    """One seed: the same held-out rows, whole and with the field NULL."""

    healthy: Measure
    naive: Measure
    kept: Measure
    refit: Measure
    flagged: int | None
    incident: int | None
    filled: Filled | None

    @property
    def cost_share(self) -> float:
        """Of the lost cost, the share that was kept."""
        return recovered(
            self.naive.expected_cost, self.kept.expected_cost, self.healthy.expected_cost
        )

    @property
    def accuracy_share(self) -> float:
        """The same for accuracy."""
        return recovered(self.naive.accuracy, self.kept.accuracy, self.healthy.accuracy)


def build(told: story.Story, folder: Path) -> Release:
    """The demo's release, with the one fallback that the story needs (the others cost time)."""
    contract = Contract.learn(
        told.train, target=told.target, event_time=told.event_time, ids=told.ids, name="loan"
    )
    return Release.build(
        told.fit(told.train, told.features),
        train=told.train,
        contract=contract,
        costs=told.costs,
        fit=told.fit,
        positive=told.positive,
        fallbacks=[told.field],
        seed=told.seed,
        name="loan",
        directory=folder,
    )


def without(told: story.Story, table: pa.Table, value: str | None) -> pa.Table:
    """The rows with the field NULL, or filled with one value."""
    index = table.column_names.index(told.field)
    return table.set_column(index, told.field, pa.array([value] * table.num_rows, pa.string()))


def judged(told: story.Story, bad: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> Measure:
    return measure([not decision for decision in bad.tolist()], truth, told.costs)


def answered(scorer: Scorer, table: pa.Table) -> pa.Table:
    return scorer.answer_table(table, rows=BLOCK)


def measured(told: story.Story, folder: Path) -> Outcome:
    """One seed: everything held out, measured whole, filled, and answered by Holdfast."""
    release = build(told, folder / "built")
    rows = told.replay
    truth = told.truth(rows)
    plain = told.fit(told.train, [name for name in told.features if name != told.field])
    kept = answered(release.scorer(), without(told, rows, None).drop_columns(told.target))
    approve = release.decisions[0]
    decisions = kept.column("decision").to_pylist()
    marks = kept.column("marks").to_pylist()
    flagged = next(
        (i for i, row in enumerate(marks, 1) if f"{told.field}:null" in (row or ())), None
    )
    return Outcome(
        healthy=demo.healthy(told, release, rows),
        naive=demo.healthy(told, release, without(told, rows, told.default)),
        kept=measure([None if d is None else d == approve for d in decisions], truth, told.costs),
        refit=judged(told, plain.predict_table(rows) >= release.threshold, truth),
        flagged=flagged,
        incident=_until_incident(told, release, folder),
        filled=_filled(told, release, folder),
    )


def _until_incident(told: story.Story, release: Release, folder: Path) -> int | None:
    """Rows from the first NULL until the monitor has seen enough, after 557 healthy ones."""
    rows = told.replay.drop_columns(told.target)
    before = min(557, rows.num_rows // 2)
    whole, broken = rows.slice(0, before), without(told, rows.slice(before, 400), None)
    found = monitored(release, [whole, broken], folder / "loan.db")
    return found[0].opened_row - before if found else None


def _filled(told: story.Story, release: Release, folder: Path) -> Filled | None:
    """Rows from the first filled value until the monitor has seen enough, and what it names."""
    rows = told.replay.drop_columns(told.target)
    before = min(557, rows.num_rows // 2)
    parts = [rows.slice(0, before), without(told, rows.slice(before, 400), told.default)]
    found = monitored(release, parts, folder / "filled.db", values=True)
    own = [i for i in found if told.field in i.features]
    if not own:
        return None
    return Filled(own[0].opened_row - before, own[0].kind, own[0].features[0])


def monitored(
    release: Release, tables: list[pa.Table], path: Path, *, values: bool = False
) -> list[Incident]:
    """Scores tables, logs them durably in a fresh store, lets the monitor read; its incidents.

    Args:
        release: that answers.
        tables: rows in order.
        path: of the store.
        values: whether the rows are logged with their inputs, so that values are watched too.
    """
    scorer = release.scorer()
    seen: dict[str, Incident] = {}
    with Store.open(path) as store:
        worker = MonitorWorker(store, lambda *_: release)
        number = 0
        for table in tables:
            for start in range(0, table.num_rows, BLOCK):
                block = table.slice(start, BLOCK)
                part = answered(scorer, block)
                texts = [encode(row).decode() for row in block.to_pylist()] if values else None
                store.predictions.append_many([_logged(release, part, number, texts)])
                number += part.num_rows
                for incident in worker.step(FIRST + number * 1_000_000):
                    seen[incident.id] = incident
    return sorted(seen.values(), key=lambda incident: incident.opened_row)


def _logged(
    release: Release, answers: pa.Table, number: int, features: list[str] | None
) -> pa.RecordBatch:
    count = answers.num_rows
    at = pa.array([FIRST + (number + i) * 1_000_000 for i in range(count)], pa.int64())
    columns: dict[str, pa.Array] = {
        "id": pa.array([f"r{number + i}" for i in range(count)]),
        "model": pa.array(["loan"] * count),
        "release": pa.array([release.id] * count),
        "contract": pa.array([release.contract.id] * count),
        "at": at.cast(pa.timestamp("us", "UTC")),
        "received": at.cast(pa.timestamp("us", "UTC")),
        "source": pa.array(["replay"] * count),
        "features": pa.array(features or ["{}"] * count),
    }
    for name in ("score", "decision", "verdict", "fallback", "marks"):
        columns[name] = answers.column(name).combine_chunks()
    return pa.RecordBatch.from_pydict(columns)


def resampled(table: pa.Table, count: int, seed: int) -> pa.Table:
    """Fault-free rows drawn with replacement."""
    drawn = np.random.default_rng(seed).integers(0, table.num_rows, count)
    return table.take(pa.array(drawn))
