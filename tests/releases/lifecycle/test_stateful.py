"""Any sequence of moves, against a dictionary that knows the rules in its own words."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.releases.lifecycle.book import UP, Book

from holdfast.errors import HoldfastError
from holdfast.releases.lifecycle import Lifecycle, Move, verify
from holdfast.storage import Store

RELEASES = st.sampled_from("abcdef")
SIMPLE = st.sampled_from(["audit", "shadow", "reject", "retire", "quarantine"])


class Moves(RuleBasedStateMachine):
    """Every move, allowed or not, by a machine and by the book."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "holdfast.db")
        self.store = Store.open(self.path)
        self.book = Book()
        self.now = 0
        self.made: list[tuple[str, str, dict[str, Any], Move]] = []
        self.crowned = False
        self.left: dict[str, str] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @initialize(ready=st.booleans())
    def begin_with_two_champions_behind_us(self, ready: bool) -> None:
        for release in "ab" if ready else "":
            self.add(release)
            self.decide(release, "passed")
            self.simple("audit", release)
            self.promote(release, True)

    @property
    def loan(self) -> Lifecycle:
        return Lifecycle(self.store, "loan")

    def move(
        self, kind: str, release: str, can: bool, to: str = "", check: Any = (False, 0), **args: Any
    ) -> None:
        """Try it; the book says whether it must succeed."""
        self.now += 1
        name = "record_check" if kind == "check" else kind
        args |= {"release": release} if release else {}
        how = {"at": self.now, "by": "ada", "reason": "test", "key": f"k{self.now}"}
        before = self.store.control.head()
        if not can:
            with pytest.raises(HoldfastError):
                getattr(self.loan, name)(**args, **how)
            assert self.store.control.head() == before
            return
        move = getattr(self.loan, name)(**args, **how)
        self.book.do(kind, release, to, check)
        self.made.append((name, kind, {**args, **how}, move))
        assert move.rev == self.book.rev
        if release:
            assert (move.release, move.stage) == (release, self.book.stage[release])

    @rule(release=RELEASES)
    def add(self, release: str) -> None:
        self.move("add", release, self.book.can("add", release, self.now))

    @rule(release=RELEASES, state=st.sampled_from(["passed", "passed", "waiting", "failed"]))
    def decide(self, release: str, state: str) -> None:
        """Decided once, while the release is a candidate; other ways have tests of their own."""
        if self.book.stage.get(release) == "candidate" and release not in self.book.gate:
            self.store.decide_gate("loan", release, state, at=self.now)
            self.book.gate[release] = state

    @rule(kind=SIMPLE, release=RELEASES)
    def simple(self, kind: str, release: str) -> None:
        self.move(kind, release, self.book.can(kind, release, self.now))

    @rule(release=RELEASES, share=st.sampled_from([0.01, 0.5, 1.0]))
    def canary(self, release: str, share: float) -> None:
        self.move("canary", release, self.book.can("canary", release, self.now), share=share)

    @rule(
        release=RELEASES,
        name=st.sampled_from(["shadow", "canary"]),
        passed=st.booleans(),
        life=st.sampled_from([2, 50]),
    )
    def record(self, release: str, name: str, passed: bool, life: int) -> None:
        can, expires = self.book.can("check", release, self.now, to=name), self.now + 1 + life
        self.move(
            "check",
            release,
            can,
            name,
            (passed, expires),
            name=name,
            passed=passed,
            expires=expires,
        )

    @rule(release=RELEASES, waive=st.booleans())
    def promote(self, release: str, waive: bool) -> None:
        can = self.book.can("promote", release, self.now + 1, waive)
        waived = {"shadow": "urgent", "canary": "urgent"} if waive else {}
        self.move("promote", release, can, waived=waived)

    @rule(release=RELEASES, steps=st.integers(1, 5))
    def carry_on(self, release: str, steps: int) -> None:
        """The natural next steps of a release, so that sequences come far; freezes stop them."""
        for _ in range(steps):
            stage = self.book.stage.get(release)
            if stage is None:
                self.add(release)
                self.decide(release, "passed")
            elif stage == "candidate":
                self.simple("audit", release)
            elif stage == "audited":
                self.simple("shadow", release)
            elif stage in ("shadow", "canary") and (release, stage) not in self.book.check:
                self.record(release, stage, True, 50)
            elif stage == "shadow":
                self.canary(release, 0.01)
            elif stage == "canary":
                self.promote(release, False)

    @rule()
    def rollback(self) -> None:
        self.move("rollback", "", self.book.can("rollback", "", self.now))

    @rule(kind=st.sampled_from(["freeze", "unfreeze", "unfreeze"]), everywhere=st.booleans())
    def freeze(self, kind: str, everywhere: bool) -> None:
        scope = "all" if everywhere else "model:loan"
        can = self.book.can(kind, "", self.now, to=scope)
        self.move(kind, "", can, scope, everywhere=everywhere)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = Store.open(self.path)

    @rule(data=st.data())
    def say_the_same_again(self, data: st.DataObject) -> None:
        if self.made:
            name, _, said, move = data.draw(st.sampled_from(self.made))
            before = self.store.control.head()
            assert getattr(self.loan, name)(**said) == move  # I6
            assert self.store.control.head() == before

    def refused(self, code: str, release: str, **how: Any) -> None:
        before = self.store.control.head()
        with pytest.raises(HoldfastError) as caught:
            self.loan.add(release, at=self.now, by="ada", reason="test", **how)
        assert caught.value.code == code
        assert self.store.control.head() == before

    @rule(behind=st.sampled_from([-1, 1, 2]))
    def move_from_a_stale_revision(self, behind: int) -> None:
        self.refused("HF-E-STORE-REVISION", "new", expected=self.book.rev - behind)

    @rule()
    def move_under_a_lost_lease(self) -> None:
        lease = f"loop {self.now}"
        token = self.store.catalog.acquire(lease, "one", ttl=1, now=0)
        assert token is not None
        assert self.store.catalog.acquire(lease, "two", ttl=1, now=2) == token + 1
        self.refused("HF-E-STORE-FENCED", "new", fence=(lease, token))
        self.store.catalog.release_lease(lease, "two")

    @invariant()
    def the_store_says_what_the_book_says(self) -> None:
        state = self.loan.state()
        assert {r: s.value for r, s in state.stages.items()} == self.book.stage
        assert set(state.frozen) == self.book.frozen
        assert verify(self.store, "loan") == ()

    @invariant()
    def one_holds_each_place_and_a_champion_never_goes_missing(self) -> None:  # I1
        held = list(self.store.lifecycle.stages("loan").values())
        assert all(held.count(stage) <= 1 for stage in ("champion", "standby", "canary"))
        self.crowned = self.crowned or "champion" in held
        assert held.count("champion") == self.crowned
        row = self.store.catalog.champion("loan")
        assert (row.release if row else None) == self.book.who("champion")

    @invariant()
    def every_champion_had_its_checks_or_a_reason(self) -> None:  # I2
        events = self.store.control.events("loan")
        checks: dict[tuple[str, str], tuple[bool, int]] = {}
        gates: dict[str, str] = {}
        for event in events:
            told = event.payload
            if event.kind == "gate.decided":
                gates[told["release"]] = told["state"]
            elif event.kind == "lifecycle.check":
                checks[told["release"], told["name"]] = (told["passed"], told["expires"])
            elif event.kind == "lifecycle.promote":
                assert gates[told["release"]] == "passed"
                for name in {"shadow", "canary"} - set(told["waived"]):
                    passed, expires = checks[told["release"], name]
                    assert passed
                    assert event.at < expires
                assert all(told["waived"].values())

    @invariant()
    def what_is_out_stays_out(self) -> None:  # I3
        now = self.store.lifecycle.stages("loan")
        assert self.left.items() <= now.items()
        out = ("rejected", "retired", "quarantined")
        self.left = {r: s for r, s in now.items() if s in out}

    @invariant()
    def revisions_have_no_gap_and_the_chain_holds(self) -> None:  # I5
        told = [e for e in self.store.control.events("loan") if e.kind.startswith("lifecycle.")]
        assert [e.payload["rev"] for e in told] == list(range(1, self.book.rev + 1))
        assert [m.rev for m in self.store.lifecycle.moves("loan")] == list(
            range(1, self.book.rev + 1)
        )
        assert self.store.control.verify() == []

    @invariant()
    def no_upward_move_was_made_under_a_freeze(self) -> None:  # I12
        frozen: set[str] = set()
        for event in self.store.control.events("loan"):
            kind = event.kind.removeprefix("lifecycle.")
            if kind == "freeze":
                frozen.add(event.payload["scope"])
            elif kind == "unfreeze":
                frozen.discard(event.payload["scope"])
            assert not (frozen and kind in UP)


Moves.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, derandomize=True
)
test_any_sequence_of_moves_keeps_the_invariants = Moves.TestCase
