"""A process that moves releases is killed at random: is any acknowledged move lost?

    python -m benchmarks.lifecycle.killing [--kills N] [--seed N] [--out FILE]

A child promotes, rolls back and records what releases learned, and writes the number of each
move's event to a pipe once it is told. It is killed with SIGKILL after a random time. Then the
store is opened again: every acknowledged event must be there, the chain and the tables must be
whole, and the time of the opening is measured. A killed process does not test a lost disk cache:
power loss is not covered.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from holdfast.releases.lifecycle import Lifecycle, verify
from holdfast.storage import Store
from holdfast.storage.training import Interval

#: milliseconds that a child lives after its first acknowledged move
LIFE = (1, 60)


def live(place: Path, number: int) -> None:
    """The child: moves releases until it is killed; prints the number of each move's event."""
    with Store.open(place) as store:
        loan = Lifecycle(store, "loan", required=())
        n = 0
        while True:
            n += 1
            release = f"{number * 1_000_000 + n:064x}"
            how: dict[str, Any] = {"at": n, "by": "a child", "reason": "it goes on"}
            told = [loan.add(release, **how).event]
            store.decide_gate("loan", release, "passed", at=n)
            store.training.record("loan", release, [Interval(n, n + 1)], at=n, rows=1)
            told.append(loan.audit(release, **how).event)
            told.append(loan.promote(release, **how).event)
            if n % 3 == 0:
                told.append(loan.rollback(**how).event)
            os.write(1, "".join(f"{event}\n" for event in told).encode())


def kill_once(place: Path, number: int, rng: random.Random) -> tuple[set[int], float, list[str]]:
    """One child and its end: acknowledged events, seconds to open again, and what is wrong."""
    command = [sys.executable, "-m", "benchmarks.lifecycle.killing", "--child", str(place)]
    child = subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE)
    out = child.stdout
    if out is None:
        raise RuntimeError("the child has no pipe")
    first = out.readline()
    time.sleep(rng.uniform(*LIFE) / 1000)
    child.send_signal(signal.SIGKILL)
    lines = [first, *out.readlines()]
    child.wait()
    out.close()
    acknowledged = {int(line) for line in lines if line.endswith(b"\n")}
    begun = time.perf_counter()
    with Store.open(place) as store:
        opened = time.perf_counter() - begun
        known = {event.seq for event in store.control.events("loan")}
        wrong = [f"event {event} is lost" for event in sorted(acknowledged - known)]
        wrong += [finding.message for finding in store.control.verify()]
        wrong += list(verify(store, "loan"))
    return acknowledged, opened, wrong


def run(kills: int, seed: int) -> dict[str, Any]:
    """Kills so many children over one store that grows."""
    rng = random.Random(seed)
    acknowledged, slowest, wrong = 0, 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(kills):
            if number % 20 == 0:
                place = Path(folder, f"store-{number}.db")
            told, opened, found = kill_once(place, number + 1, rng)
            acknowledged += len(told)
            slowest = max(slowest, opened)
            wrong += [f"kill {number}: {one}" for one in found]
    return {
        "kills": kills, "acknowledged": acknowledged, "wrong": wrong,
        "slowest_opening_seconds": round(slowest, 3), "seed": seed,
    }  # fmt: skip


def main() -> None:
    """Parses the flags, runs, keeps the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.killing")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=str(Path(__file__).with_name("killing.json")))
    parser.add_argument("--child", nargs=2, default=None)
    given = parser.parse_args()
    if given.child is not None:
        live(Path(given.child[0]), int(given.child[1]))
        return
    found = run(given.kills, given.seed)
    Path(given.out).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found, indent=1))
    raise SystemExit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
