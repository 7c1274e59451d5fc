"""The loan story: does it collapse without Holdfast, and does it hold with it?

Ten seeds of the real story and the generated story are replayed through release, guard, scorer,
store and monitor without HTTP (the same objects that the server wires together); once the
generated story runs over HTTP, servers and all. Fault-free rows, resampled to 100,000, say how
often the monitor cries wolf. The real rows are of ``credit_data_spain.parquet`` in HOLDFAST_DATA.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from holdfast.contracts import Contract
from holdfast.demo import run as demo
from holdfast.demo import story, train
from holdfast.demo.score import Measure, measure, recovered
from holdfast.monitoring import MonitorWorker
from holdfast.records import Incident
from holdfast.releases import Release, Scorer
from holdfast.storage import Store

FILE = "credit_data_spain.parquet"
SEEDS = 10
#: rows of a replayed block; the monitor steps after each
BLOCK = 2_000
#: 97.5% quantile of Student's t with 9 degrees of freedom
T9 = 2.2622
FIRST = 1_700_000_000_000_000


class Outcome(msgspec.Struct):
    """One seed: the same held-out rows, whole and with the field NULL."""

    healthy: Measure
    naive: Measure
    kept: Measure
    refit: Measure
    flagged: int | None
    incident: int | None

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
    )


def _until_incident(told: story.Story, release: Release, folder: Path) -> int | None:
    """Rows from the first NULL until the monitor has seen enough, after 557 healthy ones."""
    rows = told.replay.drop_columns(told.target)
    before = min(557, rows.num_rows // 2)
    whole, broken = rows.slice(0, before), without(told, rows.slice(before, 400), None)
    found = monitored(release, [whole, broken], folder / "loan.db")
    return found[0].opened_row - before if found else None


def monitored(release: Release, tables: list[pa.Table], path: Path) -> list[Incident]:
    """Scores tables, logs them durably in a fresh store, lets the monitor read; its incidents."""
    scorer = release.scorer()
    seen: dict[str, Incident] = {}
    with Store.open(path) as store:
        worker = MonitorWorker(store, lambda *_: release)
        number = 0
        for table in tables:
            for start in range(0, table.num_rows, BLOCK):
                part = answered(scorer, table.slice(start, BLOCK))
                store.predictions.append_many([_logged(release, part, number)])
                number += part.num_rows
                for incident in worker.step(FIRST + number * 1_000_000):
                    seen[incident.id] = incident
    return sorted(seen.values(), key=lambda incident: incident.opened_row)


def _logged(release: Release, answers: pa.Table, number: int) -> pa.RecordBatch:
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
        "features": pa.array(["{}"] * count),
    }
    for name in ("score", "decision", "verdict", "fallback", "marks"):
        columns[name] = answers.column(name).combine_chunks()
    return pa.RecordBatch.from_pydict(columns)


def resampled(table: pa.Table, count: int, seed: int) -> pa.Table:
    """Fault-free rows drawn with replacement."""
    drawn = np.random.default_rng(seed).integers(0, table.num_rows, count)
    return table.take(pa.array(drawn))


def row(
    what: str, value: Any, unit: str, target: str, reached: bool | None, how: str
) -> dict[str, Any]:
    names = ("what", "value", "unit", "target", "reached", "how")
    return dict(zip(names, (what, value, unit, target, reached, how), strict=True))


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and its 95% interval (Student's t over seeds)."""
    mean = statistics.fmean(values)
    half = (
        T9 * statistics.stdev(values) / len(values) ** 0.5 if len(values) == SEEDS else float("nan")
    )
    return mean, mean - half, mean + half


def run(quick: bool) -> list[dict[str, Any]]:
    """Every row of the numbers table that speaks of the story."""
    rows = [*_generated(quick), *_over_http(quick)]
    data = Path(os.environ.get("HOLDFAST_DATA", "")) / FILE
    if os.environ.get("HOLDFAST_DATA") and data.is_file():
        rows += _real(data, quick)
    else:
        rows.append(
            row("real story", "not run", "", "10 seeds", None, f"HOLDFAST_DATA has no {FILE}")
        )
    return rows


def _generated(quick: bool) -> list[dict[str, Any]]:
    how = "seed 0, 10,000 held-out applications, without HTTP"
    with tempfile.TemporaryDirectory() as folder:
        told = story.generated(0)
        found = measured(told, Path(folder))
        cv = train.cv_accuracy(told)
        quiet = _quiet(told, Path(folder), quick)
    naive, kept = found.naive.accuracy, found.kept.accuracy
    share = found.cost_share
    return [
        row("generated: cross-validated accuracy", cv, "", ">= 0.94", cv >= 0.94, "5 folds"),
        row("generated: naive accuracy during", naive, "", "<= 0.60", naive <= 0.60, how),
        row("generated: Holdfast accuracy during", kept, "", ">= 0.88", kept >= 0.88, how),
        row("generated: cost recovered", share, "", "reported", None, how),
        _within("generated: first NULL flagged", found.flagged, 1, how),
        _within("generated: requests until incident", found.incident, 20, how),
        quiet,
    ]


def _within(what: str, value: int | None, most: int, how: str) -> dict[str, Any]:
    shown = "never" if value is None else value
    return row(what, shown, "requests", f"<= {most}", value is not None and value <= most, how)


def _quiet(told: story.Story, folder: Path, quick: bool) -> dict[str, Any]:
    count = 10_000 if quick else 100_000
    release = build(told, folder / "quiet")
    rows = resampled(told.replay.drop_columns(told.target), count, told.seed)
    found = monitored(release, [rows], folder / "quiet.db")
    name = "generated" if told.generated else "real"
    return row(
        f"{name}: incidents in {count:,} fault-free requests", len(found), "incidents", "0",
        not found, "held-out rows drawn with replacement; scorer, store and monitor",
    )  # fmt: skip


def _over_http(quick: bool) -> list[dict[str, Any]]:
    told = story.generated(0)
    with tempfile.TemporaryDirectory() as folder:
        document = demo.tell(
            told, out=Path(folder) / "report.html", requests=400 if quick else told.requests
        )
    v = document.data
    how = f"{sum(m.requests for m in v.naive.values()):,} applications to two server processes"
    naive, kept = v.naive["during"].accuracy, v.holdfast["during"].accuracy
    return [
        row("over HTTP: naive accuracy during", naive, "", "<= 0.60", naive <= 0.60, how),
        row("over HTTP: Holdfast accuracy during", kept, "", ">= 0.88", kept >= 0.88, how),
        _within("over HTTP: first NULL flagged", v.requests_until_flagged, 1, how),
        _within("over HTTP: requests until incident", v.requests_until_incident, 20, how),
        row("over HTTP: false incidents", v.false_incidents, "incidents", "0",
            v.false_incidents == 0, how),
    ]  # fmt: skip


def _real(data: Path, quick: bool) -> list[dict[str, Any]]:
    found: list[Outcome] = []
    for seed in range(3 if quick else SEEDS):
        with tempfile.TemporaryDirectory() as folder:
            found.append(measured(story.real(data, seed), Path(folder)))
    how = f"mean of {len(found)} seeds, 2,227 held-out loans each"

    def mean(get: Any) -> float:
        return statistics.fmean(get(o) for o in found)

    approvals = mean(lambda o: o.naive.approval_rate / o.healthy.approval_rate)
    points = mean(lambda o: 100 * (o.healthy.accuracy - o.naive.accuracy))
    cost, low, high = interval([o.cost_share for o in found])
    right, right_low, right_high = interval([o.accuracy_share for o in found])
    gap = mean(lambda o: 100 * abs(o.kept.approval_rate - o.healthy.approval_rate))
    worse, worse_low, worse_high = interval(
        [o.kept.expected_cost - o.refit.expected_cost for o in found]
    )
    flagged = max((o.flagged or 10**9 for o in found), default=10**9)
    incident = max((o.incident or 10**9 for o in found), default=10**9)
    with tempfile.TemporaryDirectory() as folder:
        quiet = _quiet(story.real(data, 0), Path(folder), quick)
    return [
        row("real: naive approvals", approvals, "x healthy", "<= 0.6", approvals <= 0.6, how),
        row("real: naive accuracy lost", points, "points", ">= 15", points >= 15, how),
        row("real: cost recovered", cost, "", ">= 0.75", cost >= 0.75,
            f"{how}; 95% {low:.3f} to {high:.3f}"),
        row("real: accuracy recovered", right, "", ">= 0.85", right >= 0.85,
            f"{how}; 95% {right_low:.3f} to {right_high:.3f}"),
        row("real: fallback minus plain refit, expected cost", worse, "a row",
            "not worse: interval not above 0", worse_low <= 0,
            f"paired by seed; 95% {worse_low:.4f} to {worse_high:.4f}"),
        row("real: approval rate against healthy", gap, "points", "<= 4", gap <= 4, how),
        _within("real: first NULL flagged, worst seed", flagged, 1, how),
        _within("real: requests until incident, worst seed", incident, 20, how),
        quiet,
    ]  # fmt: skip
