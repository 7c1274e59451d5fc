"""Five hundred models alarm at once from one source: how much is done about it?

    python -m benchmarks.lifecycle.storm [--models N] [--fault null|shift] [--out FILE]

Each model has a project of its own with a policy that is due to train it (a schedule has passed and
there are outcomes enough), and all share one store. Their rows come from two sources. At one moment
one source sends a field as null to every model, or shifts it, which only some models call a broken
pipeline and some do not notice. Then the product's monitor reads the log to its
end, and the loop of every project takes its steps. Counted are retrainings, storms as the product
groups incidents, and notices to people (the event ``alert.raised``, one row of the outbox each).
Models share a few releases, so that building them does not take the time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.lifecycle.rollback import releases, table
from holdfast.app.basics import now_us
from holdfast.app.loop.unattended import project_loop
from holdfast.app.programs import make_monitor
from holdfast.app.settings import Settings
from holdfast.diagnosis.storms import storms
from holdfast.monitoring.actions import ALERTED
from holdfast.monitoring.worker import incidents
from holdfast.records import IncidentStatus
from holdfast.releases import Registry, Release
from holdfast.storage import Store

TRAIN = """\
from holdfast.models.recipes import logistic_regression


def train(table, features, target, positive):
    return logistic_regression(table, features, target, positive=positive)
"""
PROJECT = """\
model = "{model}"
store = "../holdfast.db"
[data]
train = "../train.parquet"
target = "bad"
positive = 1
[policy]
automatic = true
[policy.when]
growth = false
maturity = "0s"
schedule = "7d"
[policy.unless]
matured_labels = 100
"""
SOURCES = ("bureau", "branch")
#: releases that the models share; rows of each model before the fault
RELEASES, BEFORE = 8, 300
#: rows of each model that the monitor is given at a time
TICK = 40
SECOND = 1_000_000
#: how long ago the models were trained; their schedule has passed
AGE = 8 * 86_400 * SECOND


class Fault(NamedTuple):
    """What the source does.

    Attributes:
        change: what it makes of a value.
        rows: of each model under it, from both sources.
    """

    change: Callable[[float], float | None]
    rows: int = 0


FAULTS = {
    "null": Fault(lambda _: None, 120),
    # about two standard deviations: few rows do not tell it, and not every model calls it broken
    "shift": Fault(lambda value: value + 900, 400),
}
SOUND = Fault(lambda value: value)


def made(folder: Path, count: int) -> tuple[dict[str, Release], list[Path]]:
    """Projects with champions, in one store: release by model, and settings files."""
    pq.write_table(table(400, 0), folder / "train.parquet")
    built = releases(folder, min(RELEASES, count))
    names = [f"model-{number:03}" for number in range(count)]
    answering = {name: built[n % len(built)] for n, name in enumerate(names)}
    configs = []
    then = now_us() - AGE
    with Registry(folder / "holdfast.db", now=lambda: then) as registry:
        for name, release in answering.items():
            registry.add(name, release)
            registry.promote(name, release.id, reason="first")
            place = folder / name
            place.mkdir()
            (place / "train.py").write_text(TRAIN)
            (place / "holdfast.toml").write_text(PROJECT.format(model=name))
            configs.append(place / "holdfast.toml")
    return answering, configs


class Traffic:
    """Rows of all models, answered by their releases, with outcomes.

    Args:
        answering: release by model.
        start: event time of the first rows, microseconds since 1970 (UTC); one a second.
    """

    def __init__(self, answering: dict[str, Release], start: int) -> None:
        self._answering = answering
        self._scorers = {release.id: release.scorer() for release in answering.values()}
        self._start = start
        self._sent = 0

    def send(self, store: Store, count: int, fault: Fault = SOUND) -> int:
        """So many rows of each model; gives the event time of the last ones."""
        rows = table(count, 1_000 + self._sent).to_pylist()
        sources = [SOURCES[n % 2] for n in range(count)]
        numbers = np.arange(self._sent, self._sent + count)
        self._sent += count
        for row, source in zip(rows, sources, strict=True):
            if source == SOURCES[0]:
                row["income"] = fault.change(row["income"])
        outcomes = [str(row.pop("bad")) for row in rows]
        texts = [json.dumps(row) for row in rows]
        answers = {name: scorer.answers(rows) for name, scorer in self._scorers.items()}
        at = pa.array(self._start + numbers * SECOND, pa.timestamp("us", "UTC"))
        batches, labels = [], []
        for model, release in self._answering.items():
            told = answers[release.id]
            ids = [f"{model}/{n}" for n in numbers]
            same = {"id": ids, "model": [model] * count, "received": at}
            batches.append(
                pa.table({
                    **same, "at": at, "release": [release.id] * count, "source": sources,
                    "contract": [release.contract.id] * count, "features": texts,
                    **{name: told.column(name) for name in told.column_names},
                })
            )  # fmt: skip
            labels.append(pa.table({**same, "value": outcomes, "known_at": at}))
        store.predictions.append_many(list(_by_time(batches)))
        store.labels.append_many(list(_by_time(labels)))
        return int(self._start + int(numbers[-1]) * SECOND)


def _by_time(tables: list[pa.Table]) -> Iterator[pa.RecordBatch]:
    """The rows of all models as they come: one of each, then the next of each."""
    whole = pa.concat_tables(tables, promote_options="permissive")
    yield from whole.sort_by("received").combine_chunks().to_batches()


def run(count: int, fault: str) -> dict[str, Any]:
    """The storm over so many models, by one of `FAULTS`."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        answering, configs = made(folder, count)
        settings = Settings(store=str(folder / "holdfast.db"))
        with Store.open(settings.store) as store:
            monitor = make_monitor(settings, store, "monitor")
            start = now_us() - (BEFORE + FAULTS[fault].rows) * SECOND
            traffic = Traffic(answering, start)
            now = traffic.send(store, BEFORE)
            monitor.run_once(now)
            before = len(incidents(store))
            for _ in range(FAULTS[fault].rows // TICK):
                now = traffic.send(store, TICK, FAULTS[fault])
                monitor.run_once(now)
            decided = _stepped(store, settings, configs)
            found = _counted(store, count, decided)
            monitor.close()
    return {"fault": fault, "models": count, "incidents_before": before, **found,
            "seconds": round(time.monotonic() - begun, 1)}  # fmt: skip


def _stepped(store: Store, settings: Settings, configs: list[Path]) -> Counter[str]:
    """The loop of every project steps until it does nothing more; what each decided first."""
    decided: Counter[str] = Counter()
    for config in configs:
        unattended = project_loop(store, settings, config=config, every=0.0, wait=True)
        if unattended is None:
            raise RuntimeError(f"{config} is no project")
        loop = unattended.loop
        while loop.step(now_us()):
            pass
        unattended.close()
        events = store.control.events(loop.model, ["loop.decided"])
        decided[events[0].payload["decision"]] += 1
    return decided


def _counted(store: Store, count: int, decided: Counter[str]) -> dict[str, Any]:
    known = incidents(store)
    standing = [i for i in known if i.status is IncidentStatus.OPEN]
    grouped = storms(known)
    held: Counter[str] = Counter()
    for event in store.control.events(kinds=["loop.decided"]):
        for clause in event.payload["clauses"]:
            if clause["role"] != "when" and clause["holds"]:
                held[clause["name"]] += 1
    asked = sum(
        any(c["role"] == "when" and c["holds"] for c in event.payload["clauses"])
        for event in store.control.events(kinds=["loop.decided"])
    )
    trained = store.control.events(kinds=["retrain.finished", "retrain.rejected"])
    stormy = {name for storm in grouped for name in storm.incidents}
    return {
        "models_that_alarmed": len({i.model for i in standing}),
        "incident_records": len(known),
        "kinds": dict(sorted(Counter(f"{i.class_}: {i.kind}" for i in known).items())),
        "storms": len(grouped),
        "models_in_the_storm": max((len(storm.models) for storm in grouped), default=0),
        "sources": [storm.source for storm in grouped],
        "incidents_outside_of_a_storm": sum(i.id not in stormy for i in standing),
        "outbox_rows": len(store.control.events(kinds=[ALERTED])),
        "notices": [event.payload["text"] for event in store.control.events(kinds=[ALERTED])],
        "asked_for_a_retraining": asked,
        "decided": dict(sorted(decided.items())),
        "held_back_by": dict(sorted(held.items())),
        "retrains": len(trained),
        "retrains_of_models_that_alarmed": sum(
            event.model in {i.model for i in standing} for event in trained
        ),
    }


def main() -> int:
    """Parses the flags, runs, keeps the result; 1 if more was done than it may be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.storm")
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--fault", choices=list(FAULTS), default="null")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    out = given.out or Path(__file__).with_name(f"storm_{given.fault}.json")
    found = run(given.models, given.fault)
    text = json.dumps(found, indent=1)
    out.write_text(text + "\n", "utf-8")
    print(text)
    return int(found["retrains"] > 3 or found["storms"] != 1 or found["outbox_rows"] > 5)


if __name__ == "__main__":
    raise SystemExit(main())
