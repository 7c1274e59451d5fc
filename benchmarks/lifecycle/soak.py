"""A long run of random moves of the lifecycle, held against a dictionary after every step.

    python -m benchmarks.lifecycle.soak [--small] [--steps N] [--seed N] [--out FILE]

Many short stores in memory-backed files, each with its own seed. Steps are moves that the rules
allow or forbid, the same key again, a stale revision, a lost lease, the clock set a day ahead or
back, the store closed and opened, and a full disk. The first difference stops the run and names
its seed.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.releases.lifecycle.book import UP, Book

from holdfast.errors import HoldfastError, StoreFullError
from holdfast.releases.lifecycle import Lifecycle, verify
from holdfast.storage import Store

DAY = 86_400_000_000
#: releases in play at one time
PLAY = 6
#: steps in one store, and how often events, chain and tables are walked
STEPS, WALK = 400, 50
SIMPLE = ("audit", "shadow", "reject", "retire", "quarantine")


class DifferenceError(Exception):
    """The store and the book disagree."""


def must(truth: bool, what: str) -> None:
    """Raises `DifferenceError` unless it is true."""
    if not truth:
        raise DifferenceError(what)


class Run:
    """One store and its book.

    Args:
        folder: an empty folder.
        seed: of everything random.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.path = folder / "holdfast.db"
        self.store = Store.open(self.path)
        self.book = Book()
        self.now = 10 * DAY
        self.number = 0
        self.made: list[tuple[str, dict[str, Any], Any]] = []
        self.out: dict[str, str] = {}
        self.seen: Counter[str] = Counter()

    @property
    def loan(self) -> Lifecycle:
        """The lifecycle of the only model."""
        return Lifecycle(self.store, "loan")

    def how(self) -> dict[str, Any]:
        """Who, when and why of the next move."""
        self.number += 1
        self.now += 1
        return {"at": self.now, "by": "soak", "reason": "soak", "key": f"k{self.number}"}

    def step(self) -> None:
        """One random step, and what must hold after it."""
        deeds = {self.move: 80, self.again: 4, self.stale: 4, self.fenced: 4, self.jump: 4,
                 self.reopen: 2, self.full: 2}  # fmt: skip
        self.chance.choices(list(deeds), list(deeds.values()))[0]()
        self.holds()

    # -- steps --------------------------------------------------------------------------------

    def move(self) -> None:
        """Any move of any release; mostly the next one on its way up."""
        release = self.chosen()
        kind, args, to, check = self.natural(release)
        if self.chance.random() < 0.25:
            kind, args, to, check = self.any_move()
            if self.chance.random() < 0.2:
                release = self.chance.choice([*self.book.stage, release])
            if kind == "retire" and self.chance.random() < 0.5:
                release = self.book.who("standby") or release
        elif self.book.frozen and self.chance.random() < 0.3:
            to = self.chance.choice(sorted(self.book.frozen))
            kind, args, check = "unfreeze", {"everywhere": to == "all"}, (False, 0)
        named = kind not in ("rollback", "freeze", "unfreeze")
        can = self.book.can(kind, release if named else "", self.now + 1, "waived" in args, to)
        how = self.how()
        args = {**args, "release": release} if named else args
        name = "record_check" if kind == "check" else kind
        before = self.store.control.head()
        try:
            made = getattr(self.loan, name)(**args, **how)
        except HoldfastError:
            must(not can, f"{kind} of {release} was refused")
            must(self.store.control.head() == before, "a refusal left an event")
            self.seen[f"{kind} refused"] += 1
            return
        must(can, f"{kind} of {release} was not refused")
        self.seen[kind] += 1
        self.book.do(kind, release if named else "", to, check)
        self.made.append((name, {**args, **how}, made))
        must(made.rev == self.book.rev, "the revision is another")
        if kind == "add":
            state = self.chance.choice(["passed", "passed", "passed", "waiting", "failed"])
            self.store.decide_gate("loan", release, state, at=self.now)
            self.book.gate[release] = state

    def chosen(self) -> str:
        """A release on its way up, or a new one while fewer than `PLAY` are."""
        up = ("candidate", "audited", "shadow", "canary")
        play = [release for release, stage in self.book.stage.items() if stage in up]
        new = [f"r{len(self.book.stage)}"] if len(play) < PLAY else []
        return self.chance.choice(play + new)

    def natural(self, release: str) -> tuple[str, dict[str, Any], str, tuple[bool, int]]:
        """The next move of a release on its way up, with its arguments."""
        stage = self.book.stage.get(release)
        if stage in ("shadow", "canary"):
            passed, expires = self.book.check.get((release, stage), (False, 0))
            if not passed or expires <= self.now + 1:
                return self.check(stage, True, DAY)
        if stage == "candidate" and self.book.gate[release] != "passed":
            return self.chance.choice(["audit", "reject"]), {}, "", (False, 0)
        if stage == "shadow" and self.book.who("canary") and self.chance.random() < 0.5:
            return "reject", {}, "", (False, 0)
        kind = {None: "add", "candidate": "audit", "audited": "shadow", "shadow": "canary"}
        move = kind.get(stage, "promote")
        return move, {"share": 0.1} if move == "canary" else {}, "", (False, 0)

    def any_move(self) -> tuple[str, dict[str, Any], str, tuple[bool, int]]:
        """Any move, with its arguments."""
        kind = self.chance.choice([*SIMPLE, "add", "canary", "check", "promote", "rollback",
                                   "freeze", "unfreeze", "unfreeze"])  # fmt: skip
        if kind == "check":
            name = self.chance.choice(["shadow", "canary"])
            return self.check(name, self.chance.random() < 0.5, self.chance.choice([3, DAY]))
        if kind in ("freeze", "unfreeze"):
            everywhere = self.chance.random() < 0.5
            scope = "all" if everywhere else "model:loan"
            return kind, {"everywhere": everywhere}, scope, (False, 0)
        args: dict[str, Any] = {"share": 0.5} if kind == "canary" else {}
        if kind == "promote" and self.chance.random() < 0.5:
            args["waived"] = {"shadow": "soak", "canary": "soak"}
        return kind, args, "", (False, 0)

    def check(
        self, name: str, passed: bool, life: int
    ) -> tuple[str, dict[str, Any], str, tuple[bool, int]]:
        """A check that expires `life` microseconds after it is made."""
        expires = self.now + 1 + life
        args = {"name": name, "passed": passed, "expires": expires}
        return "check", args, name, (passed, expires)

    def again(self) -> None:
        """A move that was made, word for word: the same answer and nothing new (I6)."""
        if self.made:
            name, said, made = self.chance.choice(self.made)
            before = self.store.control.head()
            must(getattr(self.loan, name)(**said) == made, "the same key gave another answer")
            must(self.store.control.head() == before, "the same key left an event")
            self.seen["same key"] += 1

    def refused(self, code: str, **more: Any) -> None:
        """A move that must be refused with this code, and leave nothing."""
        before = self.store.control.head()
        try:
            self.loan.add(f"new{self.number}", **self.how(), **more)
        except HoldfastError as error:
            must(error.code == code, f"refused with {error.code} instead of {code}")
        else:
            raise DifferenceError(f"a move was made that {code} forbids")
        must(self.store.control.head() == before, "a refusal left an event")
        self.seen[code] += 1

    def stale(self) -> None:
        """A move from a revision that is over, or not yet."""
        behind = self.chance.choice([-1, 1, 2])
        self.refused("HF-E-STORE-REVISION", expected=self.book.rev - behind)

    def fenced(self) -> None:
        """A move under a lease that another one took."""
        lease = f"loop {self.number}"
        token = self.store.catalog.acquire(lease, "one", ttl=1, now=0)
        must(token is not None, "a free lease was not given")
        self.store.catalog.acquire(lease, "two", ttl=1, now=2)
        self.refused("HF-E-STORE-FENCED", fence=(lease, token))
        self.store.catalog.release_lease(lease, "two")

    def jump(self) -> None:
        """The clock is set a day ahead or back."""
        self.now += self.chance.choice([-DAY, DAY])
        self.seen["clock set"] += 1

    def reopen(self) -> None:
        """The process ends and another begins."""
        self.store.close()
        self.store = Store.open(self.path)
        self.seen["reopened"] += 1

    def full(self) -> None:
        """No page is left: whatever a move does, it happens whole or not at all."""
        before = self.store.control.head()
        with self.store._database.transaction() as connection:
            pass
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        try:
            how = self.how() | {"reason": "x" * 20_000}
            self.loan.freeze(**how)
        except HoldfastError as error:
            must(self.store.control.head() == before, "a full disk left half a move")
            full = isinstance(error, StoreFullError)
            must(full or "model:loan" in self.book.frozen, "refused, and not for want of space")
            self.seen["disk full" if full else "freeze refused"] += 1
        else:
            self.book.do("freeze", "", "model:loan")
            self.seen["disk nearly full, move made"] += 1
        finally:
            connection.execute("PRAGMA max_page_count = 4294967294")

    # -- what must hold -----------------------------------------------------------------------

    def holds(self) -> None:
        """After every step: the tables say what the book says."""
        state = self.loan.state()
        now = {release: stage.value for release, stage in state.stages.items()}
        must(now == self.book.stage, f"stages are {now} instead of {self.book.stage}")
        must(set(state.frozen) == self.book.frozen, "the freezes differ")
        must(state.rev == self.book.rev, "the revision differs")
        held = list(now.values())
        places = ("champion", "standby", "canary")
        must(all(held.count(place) <= 1 for place in places), "two hold one place")  # I1
        row = self.store.catalog.champion("loan")
        must((row.release if row else None) == self.book.who("champion"), "another one answers")
        must(self.out.items() <= now.items(), "what was out came back")  # I3
        out = ("rejected", "retired", "quarantined")
        self.out = {release: stage for release, stage in now.items() if stage in out}

    def walk(self) -> None:
        """Now and then: the chain, the fold, and every event since the beginning."""
        must(self.store.control.verify() == [], "the chain is broken")
        must(verify(self.store, "loan") == (), "the tables differ from the events")
        events = self.store.control.events("loan")
        revs = [e.payload["rev"] for e in events if e.kind.startswith("lifecycle.")]
        must(revs == list(range(1, self.book.rev + 1)), "a revision is missing")  # I5
        gates: dict[str, str] = {}
        checks: dict[tuple[str, str], tuple[bool, int]] = {}
        frozen: set[str] = set()
        for event in events:
            told, kind = event.payload, event.kind.removeprefix("lifecycle.")
            if kind == "gate.decided":
                gates[told["release"]] = told["state"]
            elif kind == "check":
                checks[told["release"], told["name"]] = (told["passed"], told["expires"])
            elif kind == "freeze":
                frozen.add(told["scope"])
            elif kind == "unfreeze":
                frozen.discard(told["scope"])
            must(not (frozen and kind in UP), "a freeze was passed")  # I12
            if kind == "promote":  # I2
                must(gates[told["release"]] == "passed", "a shut gate was passed")
                for name in {"shadow", "canary"} - set(told["waived"]):
                    passed, expires = checks.get((told["release"], name), (False, 0))
                    must(passed and event.at < expires, f"promoted without {name}")


def soak(steps: int, seed: int) -> dict[str, Any]:
    """Runs stores of `STEPS` steps until `steps` are done or the first difference.

    Returns:
        Steps done, steps a second, seeds, what happened how often, and the difference or None.
    """
    memory = Path("/dev/shm")
    seen: Counter[str] = Counter()
    done, number, difference = 0, seed, None
    start = time.perf_counter()
    while done < steps and difference is None:
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
            run = Run(Path(name), number)
            try:
                for place in range(1, min(STEPS, steps - done) + 1):
                    run.step()
                    done += 1
                    if place % WALK == 0:
                        run.walk()
                run.walk()
            except (DifferenceError, HoldfastError) as error:
                difference = {"seed": number, "step": done, "what": str(error)}
            finally:
                run.store.close()
            seen += run.seen
        number += 1
    seconds = time.perf_counter() - start
    return {
        "steps": done,
        "seconds": round(seconds, 1),
        "steps_per_second": round(done / seconds, 1),
        "seeds": [seed, number - 1],
        "seen": dict(sorted(seen.items())),
        "difference": difference,
    }


def main() -> int:
    """Parses the flags, runs, prints and writes; 1 if there was a difference."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lifecycle.soak")
    parser.add_argument("--small", action="store_true", help="2000 steps")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "soak.json")
    args = parser.parse_args()
    found = soak(2_000 if args.small else args.steps, args.seed)
    text = json.dumps(found, indent=1)
    args.out.write_text(text + "\n")
    print(text)
    return int(found["difference"] is not None)


if __name__ == "__main__":
    raise SystemExit(main())
