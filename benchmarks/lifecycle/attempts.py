"""Promotions that must never succeed, tried through every door: how many did?

    python -m benchmarks.lifecycle.attempts [--small] [--attempts N] [--seed N] [--out FILE]

One store has a champion and a release in every condition that forbids a promotion. Each attempt
takes one of them and one door: the lifecycle (waivers included), the store's own
calls, an old key or event again, or plain SQL. It succeeded if the release answers afterwards.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.releases.lifecycle import Lifecycle, verify
from holdfast.storage import Store
from holdfast.storage.lifecycle import MoveRow

#: ids as a release has them, so that every door takes them for ids
IDS = {
    name: f"{n:064x}"
    for n, name in enumerate(
        (
            "champion", "gate failed", "gate waiting", "check failed", "check expired",
            "check missing", "rejected", "retired", "quarantined", "frozen",
        ),
        1,
    )
}  # fmt: skip
CONDITIONS = tuple(name for name in IDS if name not in ("champion", "frozen"))
#: conditions that a waiver of the checks lifts, as it should: no waiver is tried there
WAIVABLE = ("check failed", "check expired", "check missing")
LATER = 1_000_000
#: attempts in one store at most
BATCH = 100
HOW: dict[str, Any] = {"by": "ada", "reason": "attempt"}


def prepared(store: Store, frozen: bool) -> None:
    """The champion, a release in every forbidden condition, and a good one for under a freeze."""
    loan = Lifecycle(store, "loan")
    how: dict[str, Any] = {"at": 1, "by": "ada", "reason": "prepared"}
    waived = {"shadow": "prepared", "canary": "prepared"}
    for name, release in IDS.items():
        loan.add(release, **how)
        state = {"gate failed": "failed", "gate waiting": "waiting"}.get(name, "passed")
        store.decide_gate("loan", release, state, at=1)
    for name in ("retired", "quarantined", "champion"):
        loan.audit(IDS[name], **how)
    loan.promote(IDS["retired"], **how)
    loan.promote(IDS["quarantined"], waived=waived, key="crowned", **how)
    loan.rollback(**how)
    loan.promote(IDS["champion"], waived=waived, **how)
    loan.retire(IDS["retired"], **how)
    loan.reject(IDS["rejected"], **how)
    for name in WAIVABLE:
        release = IDS[name]
        loan.audit(release, **how)
        loan.shadow(release, **how)
        if name != "check missing":
            passed = name == "check expired"
            loan.record_check(release, "shadow", passed, expires=2, **how)
    loan.audit(IDS["frozen"], **how)
    for stage in ("shadow", "canary"):
        if stage == "shadow":
            loan.shadow(IDS["frozen"], **how)
        else:
            loan.canary(IDS["frozen"], 0.1, **how)
        loan.record_check(IDS["frozen"], stage, True, **how)
    if frozen:
        loan.freeze(**how)


def by_lifecycle(store: Store, release: str, waive: bool) -> None:
    """The move itself."""
    waived = {"shadow": "attempt", "canary": "attempt"} if waive else {}
    Lifecycle(store, "loan").promote(release, waived=waived, at=LATER, **HOW)


def by_old_key(store: Store, release: str, waive: bool) -> None:
    """The key of a promotion that was made."""
    Lifecycle(store, "loan").promote(release, at=LATER, key="crowned", **HOW)


def by_catalog(store: Store, release: str, waive: bool) -> None:
    """The store's own compare-and-set."""
    champion = store.catalog.champion("loan")
    revision = champion.revision if champion else 0
    store.catalog.compare_and_set("loan", revision, release, at=LATER)


def by_old_event(store: Store, release: str, waive: bool) -> None:
    """The tables of the lifecycle, with the event of a promotion that was made."""
    old = store.control.events("loan", ["lifecycle.promote"])[-1]
    move = MoveRow("loan", store.lifecycle.rev("loan") + 1, old.seq, "promote", release, None)
    with store.transaction():
        store.lifecycle.add_move(move)
        store.lifecycle.set_stages(move, [(release, "champion")])


def by_sql(statement: str) -> Callable[[Store, str, bool], None]:
    """Plain SQL in a connection of its own."""

    def attempt(store: Store, release: str, waive: bool) -> None:
        connection = sqlite3.connect(store.path)
        try:
            with connection:
                connection.execute(statement, {"release": release})
        finally:
            connection.close()

    return attempt


DOORS: dict[str, Callable[[Store, str, bool], None]] = {
    "lifecycle": by_lifecycle,
    "old key": by_old_key,
    "old event": by_old_event,
    "compare-and-set": by_catalog,
    "UPDATE champions": by_sql("UPDATE champions SET release = :release, revision = revision + 1"),
    "REPLACE champions": by_sql(
        "REPLACE INTO champions SELECT model, :release, revision + 1, changed_at FROM champions"
    ),
    "UPDATE stages": by_sql("UPDATE stages SET stage = 'champion' WHERE release = :release"),
    "REPLACE stages": by_sql(
        "REPLACE INTO stages SELECT model, release, 'champion', rev, event FROM stages "
        "WHERE release = :release"
    ),
    "DELETE stages": by_sql("DELETE FROM stages WHERE release = :release"),
    "UPDATE gates": by_sql("UPDATE gates SET state = 'passed' WHERE release = :release"),
}


def answers(store: Store) -> tuple[str | None, dict[str, str]]:
    """Which release answers, and all stages."""
    champion = store.catalog.champion("loan")
    return (champion.release if champion else None), store.lifecycle.stages("loan")


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
    while done < count:
        with (
            tempfile.TemporaryDirectory() as name,
            Store.open(Path(name, "holdfast.db")) as store,
        ):
            frozen = chance.random() < 0.2
            prepared(store, frozen)
            before = answers(store)
            for _ in range(min(BATCH, count - done)):
                condition = "frozen" if frozen else chance.choice(CONDITIONS)
                door = chance.choice(list(DOORS))
                waive = condition not in WAIVABLE and chance.random() < 0.5
                done += 1
                try:
                    DOORS[door](store, IDS[condition], waive)
                except (HoldfastError, sqlite3.IntegrityError):
                    refused[door] += 1
                changed, told = answers(store) != before, verify(store, "loan")
                unnoticed += changed and told == ()
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


def main() -> int:
    """Parses the flags, runs, prints and writes; 1 if any attempt succeeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.attempts")
    parser.add_argument("--small", action="store_true", help="500 attempts")
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "attempts.json")
    args = parser.parse_args()
    found = attempt(500 if args.small else args.attempts, args.seed)
    text = json.dumps(found, indent=1)
    args.out.write_text(text + "\n")
    print(text)
    return int(bool(found["succeeded"]))


if __name__ == "__main__":
    raise SystemExit(main())
