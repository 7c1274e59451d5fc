"""Plays every plan over the streams, clean or with each fault, and keeps what they came to.

    python -m benchmarks.loop [--streams elec2,bank_marketing_additional] [--seed N]
    python -m benchmarks.loop --faults [--at 8,14,20]

Needs HOLDFAST_DATA. Writes `results/clean.json` and, with faults, `results/faults.json`, stream by
stream. A fault lasts two windows from each of the given ones on, and is played until three windows
later; before it all plans are where their clean run is. Excess is the cost beyond the plan's own
clean cost of the same windows, with and without the rows of the fault itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.loop.faults import FAULTS, broken
from benchmarks.loop.replay import (
    AFTER,
    FIRST,
    LASTS,
    WINDOWS,
    Design,
    Fixed,
    Holdfast,
    World,
    plans,
    play,
)
from benchmarks.loop.streams import SPECS, Stream, load

RESULTS = Path(__file__).parent / "results"
#: plans that a fault is played for
TRIED = ("always", "alarm", "holdfast")


def hit(stream: Stream, rows: np.ndarray) -> tuple[str, ...]:
    """The two numeric columns that tell most of the outcome in the first rows, if there are two."""

    def strength(name: str) -> float:
        values = stream.numbers[name][rows]
        known = np.isfinite(values)
        if known.sum() < 100 or values[known].std() == 0:
            return 0.0
        return abs(float(np.corrcoef(values[known], stream.bad[rows][known])[0, 1]))

    return tuple(sorted(stream.numbers, key=strength, reverse=True)[:2])


def clean(name: str, seed: int) -> dict[str, Any]:
    """Every plan over a clean stream, as plain data."""
    return {plan: msgspec.to_builtins(one) for plan, one in play(_world(name, seed)).items()}


def with_faults(name: str, at: list[int], seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every plan over every fault, from copies of the clean run as it is when the fault begins.

    Returns:
        What the faults came to, by window and kind; and what the clean run did.
    """
    world = _world(name, seed)
    columns = hit(world.stream, np.arange(world.edges[FIRST]))
    playing = plans(world)
    tried = {plan: playing[plan] for plan in TRIED}
    found: dict[str, Any] = {}
    for number in range(FIRST, WINDOWS):
        if number in at:
            rows = np.arange(world.edges[number], world.edges[number + LASTS])
            for fault in FAULTS:
                stream = broken(world.stream, fault, columns, rows, seed + number)
                if stream is not None:
                    found[f"{number} {fault}"] = _apart(world, tried, stream, rows, number)
        for one in playing.values():
            one.step(number)
    for key, of_fault in found.items():
        number = int(key.split()[0])
        for plan, one in tried.items():
            end = min(WINDOWS, number + LASTS + AFTER)
            rows = np.arange(world.edges[number], world.edges[number + LASTS])
            world.broken = range(int(rows[0]), int(rows[-1]) + 1)
            own = one.played(number, end)
            world.broken = None
            of_fault[plan]["clean_cost"], of_fault[plan]["clean_during"] = own.cost, own.during
    return found, {plan: msgspec.to_builtins(one.played()) for plan, one in playing.items()}


def _apart(
    world: World,
    playing: dict[str, Fixed | Holdfast],
    stream: Stream,
    rows: np.ndarray,
    number: int,
) -> dict[str, Any]:
    """What the plans come to with a fault, played in a copy of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        world.breaks(stream, range(int(rows[0]), int(rows[-1]) + 1))
        end = min(WINDOWS, number + LASTS + AFTER)
        out = {}
        for plan, one in playing.items():
            if isinstance(one, Holdfast):
                one.watcher.breaks()
            before = one.played(FIRST, number).wrongful
            for later in range(number, end):
                one.step(later)
            found = one.played(number, end)
            out[plan] = msgspec.to_builtins(found) | {"wrongful": found.wrongful - before}
        with os.fdopen(writing, "w") as pipe:
            json.dump(out, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    found_there: dict[str, Any] = json.loads(told)
    return found_there


def _world(name: str, seed: int) -> World:
    stream = load(name)
    edges = np.linspace(0, stream.rows, WINDOWS + 1).astype(int)
    return World(stream, Design(stream, np.arange(edges[FIRST])), seed)


def main() -> None:
    """Parses the flags, plays, keeps the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop")
    parser.add_argument("--streams", default=",".join(SPECS))
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--at", default="8,14,20")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    for name in given.streams.split(","):
        if given.faults:
            found, own = with_faults(name, [int(n) for n in given.at.split(",")], given.seed)
            _keep(given.out / "faults.json", name, found)
        else:
            own = clean(name, given.seed)
        _keep(given.out / "clean.json", name, own)


def _keep(path: Path, name: str, found: dict[str, Any]) -> None:
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    kept[name] = found
    path.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    sys.stdout.write(f"{name}: {json.dumps(found)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
