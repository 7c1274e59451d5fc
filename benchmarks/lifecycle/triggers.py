"""Two schedulers fire at one store: is each cause and window retrained exactly once?

    python -m benchmarks.lifecycle.triggers [--triggers N] [--windows N] [--seed N] [--out FILE]

Two runs, each with two processes over one project:

- *claims*: each scheduler goes through the same causes in an order of its own, some of them
  several times, and calls `holdfast.app.retrain.retrain` as the loop does, under the key of the
  cause. It is killed now and then and begins anew, and its clock is set ahead while the other one
  holds the lease, so that the lease is stolen from a retraining at work. Lease, key, child process
  and event are the product's; only the job of the child (`holdfast.app.retrain.RETRAIN`) is another
  one, which trains nothing and gives a release that was built before.
- *windows*: for each window and its incident, two `holdfast retrain --if-needed` at once, that
  train and build; a scheduler that is told to wait asks again, and then asks once more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from holdfast.app import retrain as product
from holdfast.app.basics import now_us
from holdfast.cli import main as holdfast
from holdfast.demo.loans import generate
from holdfast.diagnosis.incidents import OPENED, RESOLVED, as_payload
from holdfast.errors import HoldfastError
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.releases import Registry
from holdfast.storage import Store

COLUMNS = [
    "application_id", "applied_at", "employment_type", "income_source", "monthly_income",
    "loan_amount", "outcome",
]  # fmt: skip
#: rows of a training table, and judged rows since
ROWS, JUDGED = 700, 20
#: a policy that nothing but the incident and the claim itself holds back
POLICY = """
[policy.unless]
matured_labels = 20
cooldown = "0s"
[policy.limits]
per_model = "100000/1h"
"""
SCHEDULERS = 2
#: seconds that a scheduler lives before it is killed, and how often one is
LIFE, KILLS = (2.0, 8.0), 40
#: share of the answers "another retrain is running" after which the clock is set ahead
JUMPS = 0.02
#: how far, microseconds: past the end of the lease
AHEAD = (61_000_000, 3_600_000_000)
MADE = "retrain.finished"
#: the lease was stolen meanwhile; or the run of this key is at work in a process that lost it
EXPECTED = ("HF-E-STORE-FENCED", "HF-E-USAGE")


def project(folder: Path) -> Path:
    """A project with a champion; gives its settings file."""
    pq.write_table(generate(seed=5, rows=ROWS).table.select(COLUMNS), folder / "loans.parquet")
    words = ["--target", "outcome", "--id", "application_id", "--event-time", "applied_at"]
    place = folder / "loan"
    holdfast(["init", str(place), "--data", str(folder / "loans.parquet"), *words])
    config = place / "holdfast.toml"
    with config.open("a") as file:
        file.write(POLICY)
    holdfast(["release", "build", "--config", str(config)])
    with Registry(place / "holdfast.db") as registry:
        built = registry.list("loan")[-1]["id"]
        for question in registry.open(built).gate.questions:
            registry.answer("loan", built, question.key, reason="known at application", by="bench")
        registry.promote("loan", built, reason="first")
    with Store.open(place / "holdfast.db") as store:
        names, at = [f"p{n}" for n in range(JUDGED)], [now_us()] * JUDGED
        same: dict[str, Any] = {"id": names, "model": ["loan"] * JUDGED, "received": at}
        store.predictions.append_columns(
            {**same, "at": at, "release": [built] * JUDGED, "score": [0.5] * JUDGED}
        )
        store.labels.append_columns(
            {**same, "known_at": at, "value": ['"repaid"', '"defaulted"'] * (JUDGED // 2)}
        )
    return config


# -- claims ----------------------------------------------------------------------------------------


def schedule(config: Path, triggers: int, seed: int) -> None:
    """One scheduler: fires until every cause was answered, each several times."""
    chance = random.Random(seed)
    ahead = 0

    def clock() -> int:
        return now_us() + ahead

    product.RETRAIN = f"{Path(__file__).with_name('claimed.py').resolve()}:build"
    product.now_us = clock
    left = [n for n in range(triggers) for _ in range(chance.choice((1, 1, 2)))]
    chance.shuffle(left)
    with (config.parent / "answers.txt").open("a", buffering=1) as told:
        while left:
            at = chance.randrange(len(left))
            cause = f"loan:incident:i{left[at]:04}:0"
            try:
                answer: str = product.retrain(
                    config, product.Ask(decided=True, reason=cause, key=cause)
                ).outcome
            except HoldfastError as error:
                if error.code not in EXPECTED:
                    raise
                answer = error.code
            told.write(f"{answer}\n")
            if answer in ("made", "already", "rejected"):
                left.pop(at)
                ahead = 0 if chance.random() < JUMPS else ahead
            elif answer == "busy":
                time.sleep(0.005)
                if chance.random() < JUMPS:
                    ahead += chance.randint(*AHEAD)
                    told.write("clock set ahead\n")


def claims(config: Path, triggers: int, seed: int) -> dict[str, Any]:
    """Lets two schedulers race through so many causes, killed now and then."""
    chance = random.Random(seed)
    folder = config.parent
    with Store.open(folder / "holdfast.db") as store:
        release = store.catalog.releases("loan")[0].id
        pieces = msgspec.to_builtins(store.training.pieces("loan", release))
    told = {"release": release, "pieces": pieces, "rows": ROWS, "why": []}
    (folder / "built.json").write_text(json.dumps(told))
    kills = starts = 0

    def started() -> subprocess.Popen[bytes]:
        nonlocal starts
        starts += 1
        words = ["--scheduler", str(config), "--triggers", str(triggers), "--seed"]
        command = [sys.executable, "-m", "benchmarks.lifecycle.triggers", *words]
        return subprocess.Popen([*command, str(seed * 1000 + starts)])

    begun = time.monotonic()
    alive = [started() for _ in range(SCHEDULERS)]
    ends = [time.monotonic() + chance.uniform(*LIFE) for _ in alive]
    try:
        while any(one.poll() is None for one in alive):
            for n, one in enumerate(alive):
                if one.poll() is None and kills < KILLS and time.monotonic() > ends[n]:
                    one.send_signal(signal.SIGKILL)
                    one.wait()
                    kills += 1
                    alive[n] = started()
                    ends[n] = time.monotonic() + chance.uniform(*LIFE)
                elif one.poll() not in (None, 0):
                    raise RuntimeError(f"a scheduler ended with {one.returncode}")
            time.sleep(0.02)
    finally:
        for one in alive:
            one.kill()
            one.wait()
    with Store.open(folder / "holdfast.db") as store:
        events = store.control.events("loan", [MADE])
        broken = [finding.sentence for finding in store.control.verify()]
        rejected = len(store.control.events("loan", ["retrain.rejected"]))
    retrains = Counter(event.payload["key"] for event in events)
    runs = Counter((folder / "runs.txt").read_text().split())
    answers = Counter((folder / "answers.txt").read_text().splitlines())
    return {
        "triggers": triggers,
        "retrained_once": sum(count == 1 for count in retrains.values()),
        "retrained_more_often": sum(count > 1 for count in retrains.values()),
        "never_retrained": triggers - len(retrains),
        "rejected": rejected,
        "kills": kills,
        "answers": dict(sorted(answers.items())),
        "trained_again_as_the_lease_or_the_scheduler_was_lost": sum(
            count > 1 for count in runs.values()
        ),
        "broken": broken,
        "seconds": round(time.monotonic() - begun, 1),
    }


# -- windows ---------------------------------------------------------------------------------------


def windows(config: Path, count: int) -> dict[str, Any]:
    """Lets two commands race for each of so many windows, all of it real."""
    made: list[int] = []
    answers: Counter[str] = Counter()
    for number in range(count):
        table = config.parent / f"window-{number}.parquet"
        pq.write_table(generate(seed=100 + number, rows=ROWS).table.select(COLUMNS), table)
        name = f"i-{number}"
        with Store.open(config.parent / "holdfast.db") as store:
            store.control.append(OPENED, "loan", as_payload(_drift(name)), at=now_us())
            before = store.control.head()[0]
        asked = [_ask(config, table) for _ in range(SCHEDULERS)]
        while asked:
            answer = _answer(asked.pop())
            answers[answer] += 1
            if answer == "busy":
                asked.append(_ask(config, table))
        answers[f"asked once more: {_answer(_ask(config, table))}"] += 1
        with Registry(config.parent / "holdfast.db") as registry:
            how: dict[str, Any] = {"at": now_us(), "by": "bench", "reason": "the next window"}
            with Store.open(config.parent / "holdfast.db") as store:
                events = store.control.events("loan", [MADE], after=before)
                store.control.append(RESOLVED, "loan", {"id": name}, at=now_us())
            for event in events:
                registry.lifecycle("loan").reject(event.payload["release"], **how)
        made.append(len(events))
    return {
        "windows": count,
        "retrained_once": sum(n == 1 for n in made),
        "retrained_more_often": sum(n > 1 for n in made),
        "never_retrained": sum(n == 0 for n in made),
        "answers": dict(sorted(answers.items())),
    }


def _drift(name: str) -> Incident:
    return Incident(
        id=name, model="loan", release="r", status=IncidentStatus.OPEN, class_="concept",
        kind="concept_drift", action=Action.RETRAIN, features=(), sentence="Outcomes changed.",
        since=0, opened_at=now_us(), opened_row=10, onset_row=5,
    )  # fmt: skip


def _ask(config: Path, table: Path) -> subprocess.Popen[bytes]:
    words = ["--if-needed", "--data", str(table), "--config", str(config), "--json"]
    command = [sys.executable, "-m", "holdfast", "retrain", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _answer(asked: subprocess.Popen[bytes]) -> str:
    told = json.loads(asked.communicate()[0] or b"{}")
    return str(told.get("outcome") or told["error"]["code"])


def run(triggers: int, real: int, seed: int) -> dict[str, Any]:
    """Both runs, each over a project of its own."""
    found: dict[str, Any] = {"seed": seed}
    with tempfile.TemporaryDirectory() as place:
        for name in ("claims", "windows"):
            folder = Path(place, name)
            folder.mkdir()
            with (
                Path(os.devnull).open("w") as quiet,
                contextlib.redirect_stdout(quiet),
                contextlib.redirect_stderr(quiet),
            ):
                config = project(folder)
            found[name] = (
                claims(config, triggers, seed) if name == "claims" else windows(config, real)
            )
    return found


def main() -> int:
    """Parses the flags, runs, keeps the result; 1 if any cause was not retrained exactly once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.triggers")
    parser.add_argument("--triggers", type=int, default=1_000)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("triggers.json"))
    parser.add_argument("--scheduler", type=Path, default=None)
    given = parser.parse_args()
    if given.scheduler is not None:
        schedule(given.scheduler, given.triggers, given.seed)
        return 0
    found = run(given.triggers, given.windows, given.seed)
    text = json.dumps(found, indent=1)
    given.out.write_text(text + "\n", "utf-8")
    print(text)
    once = found["claims"]["retrained_once"] == given.triggers
    return int(not once or found["windows"]["retrained_once"] != given.windows)


if __name__ == "__main__":
    raise SystemExit(main())
