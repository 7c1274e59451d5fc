"""Promotions that must never succeed, tried through every door: how many did?

    python -m benchmarks.lifecycle.attempts [--small] [--attempts N] [--served N] [--seed N]
        [--out FILE]

One store has a champion and a release in every condition that forbids a promotion. Each attempt
takes one of them and one door: the lifecycle (waivers included), the store's own calls, an old key
or event again, the registry, the command line, plain SQL, events that were forged and sealed; and
through a real server its forms and its API, with tokens of every role and with none. It succeeded
if the release answers afterwards.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.lifecycle.doors import DOORS, SHUT_BY
from benchmarks.lifecycle.forbidden import WAIVABLE, answers, bundles, opened, prepared
from benchmarks.lifecycle.served import served
from holdfast.releases.lifecycle import verify

#: attempts in one store at most
BATCH = 100


def attempt(count: int, seed: int) -> dict[str, Any]:
    """Tries `count` times, in stores made anew after each success.

    Returns:
        Attempts, refusals by door, successes by door and condition, and how many of these
        `verify` does not notice. A try succeeded if the champion or any stage is another
        afterwards, or the store is not as its events tell.
    """
    chance = random.Random(seed)
    refused: Counter[str] = Counter()
    succeeded: Counter[str] = Counter()
    unnoticed = done = 0
    names, weights = list(DOORS), [door.weight for door in DOORS.values()]
    while done < count:
        with tempfile.TemporaryDirectory() as name, opened(Path(name)) as store:
            frozen = chance.random() < 0.2
            prepared(store, frozen)
            before = answers(store)
            for _ in range(min(BATCH, count - done)):
                (door,) = chance.choices(names, weights)
                shut = DOORS[door].conditions
                condition = "frozen" if frozen and len(shut) > 1 else chance.choice(shut)
                waive = condition not in WAIVABLE and chance.random() < 0.5
                done += 1
                try:
                    DOORS[door].attempt(store, bundles().ids[condition], waive)
                except SHUT_BY:
                    refused[door] += 1
                changed, told = answers(store) != before, verify(store, "loan")
                unnoticed += changed and told == () and store.control.verify() == []
                if changed or told:
                    succeeded[f"{door}: {condition}"] += 1
                    break
    return {
        "attempts": done,
        "seed": seed,
        "refused": dict(sorted(refused.items())),
        "succeeded": dict(sorted(succeeded.items())),
        "unnoticed": unnoticed,
    }


def together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The results of several runs as one."""
    found: dict[str, Any] = {"seed": parts[0]["seed"]}
    for part in ("attempts", "unnoticed"):
        found[part] = sum(one[part] for one in parts)
    for part in ("refused", "succeeded"):
        counts: Counter[str] = Counter()
        for one in parts:
            counts.update(one[part])
        found[part] = dict(sorted(counts.items()))
    return found


def main() -> int:
    """Parses the flags, runs, prints and writes; 1 if any attempt succeeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.attempts")
    parser.add_argument("--small", action="store_true", help="500 attempts, 50 of a server")
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--served", type=int, default=2_000, help="attempts through a server")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "attempts.json")
    args = parser.parse_args()
    found = together(
        [
            attempt(500 if args.small else args.attempts, args.seed),
            served(50 if args.small else args.served, args.seed),
        ]
    )
    text = json.dumps(found, indent=1)
    args.out.write_text(text + "\n")
    print(text)
    return int(bool(found["succeeded"]))


if __name__ == "__main__":
    raise SystemExit(main())
