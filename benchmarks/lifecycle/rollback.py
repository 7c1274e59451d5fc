"""Rollback under load: how long until every answer is the standby's, and is any answer mixed?

    python -m benchmarks.lifecycle.rollback [--trials N] [--out FILE]

A real `holdfast serve` with two workers, eight client connections that ask without a pause. Each
trial promotes a new release, waits until it answers, rolls back, and takes the time from the return
of the rollback's commit until the last answer of any client that was not the standby's. An answer
is mixed when its score is not the score of the release that it names.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.contracts import Contract
from holdfast.demo.hammering import CLIENTS, hammering, mixed
from holdfast.demo.processes import running
from holdfast.models.recipes import logistic_regression
from holdfast.releases import Registry, Release

ROWS = 64
#: seconds before a rollback, and after it until the next trial
BEFORE, AFTER = 0.5, 0.7


def table(rows: int, seed: int) -> pa.Table:
    """Two inputs that tell the outcome."""
    rng = np.random.default_rng(seed)
    income, debt = rng.normal(2_000, 500, rows).round(), rng.normal(5_000, 2_000, rows).round()
    odds = (debt - 5_000) / 1_500 - (income - 2_000) / 400
    bad = rng.random(rows) < 1 / (1 + np.exp(-odds))
    return pa.table({"income": income, "debt": debt, "bad": bad.astype(np.int64)})


def releases(folder: Path, count: int) -> list[Release]:
    """Releases that differ in what they learned, and so in every score."""
    found = []
    for number in range(count):
        train = table(400, number)
        contract = Contract.learn(train, target="bad", name="loan")

        def fit(rows: pa.Table, features: tuple[str, ...]) -> Any:
            return logistic_regression(rows, features, "bad", positive=1)

        found.append(
            Release.build(
                fit(train, contract.features),
                train=train,
                contract=contract,
                fit=fit,
                positive=1,
                fallbacks="none",
                name=f"release {number}",
                directory=folder / "built",
            )
        )
    return found


def run(trials: int) -> dict[str, Any]:
    """So many promotions, each rolled back."""
    rows = [
        {"income": row["income"], "debt": row["debt"]} for row in table(ROWS, 10**6).to_pylist()
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        built = releases(folder, trials + 1)
        scores = {r.id: [a.score for a in r.scorer().answer(rows)] for r in built}
        with Registry(folder / "holdfast.db") as registry:
            for release in built:
                registry.add("loan", release)
                for question in release.gate.questions if release.gate else ():
                    registry.answer("loan", release.id, question.key, reason="made up", by="bench")
            registry.promote("loan", built[0].id, reason="first")
            words = ["holdfast", "serve", "--store", "holdfast.db", "--port", "0"]
            words += ["--workers", "2", "--ready-file", "{ready}"]
            with running(words, folder, "holdfast") as url:
                return _measure(registry, built, url, rows, scores)


def _measure(
    registry: Registry,
    built: list[Release],
    url: str,
    rows: list[dict[str, Any]],
    scores: dict[str, list[float | None]],
) -> dict[str, Any]:
    took, unseen = [], 0
    begun = time.monotonic()
    with hammering(url, "loan", rows) as seen:
        for release in built[1:]:
            registry.promote("loan", release.id, reason="a trial")
            time.sleep(BEFORE)
            first = len(seen)
            registry.rollback("loan", reason="a trial")
            at = time.monotonic()
            time.sleep(AFTER)
            late = [
                one.at - at for one in seen[first:] if one.at > at and one.release == release.id
            ]
            unseen += not any(one.release == release.id for one in seen)
            took.append(max(late, default=0.0))
        seconds = time.monotonic() - begun
    ranked = sorted(took)
    return {
        "trials": len(took), "clients": CLIENTS, "answers": len(seen),
        "answers_per_second": round(len(seen) / seconds),
        "p50": round(statistics.median(ranked), 3),
        "p99": round(ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))], 3),
        "max": round(ranked[-1], 3), "mixed": mixed(seen, scores),
        "releases_that_never_answered": unseen,
    }  # fmt: skip


def main() -> None:
    """Parses the flags, runs, keeps the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.rollback")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--out", default=str(Path(__file__).with_name("rollback.json")))
    given = parser.parse_args()
    found = run(given.trials)
    Path(given.out).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
