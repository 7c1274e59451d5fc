"""One step of the closed loop for one model: look, decide, move; every step is a control event.

======================  ======================================================================
``loop.decided``        ``{"decision", "cause", "why", "clauses"}``: what was decided about
                        retraining; told when it changes
``release.live``        ``{"release", "revision", "servers"}``: the first server said that it
                        answers with the champion
======================  ======================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

import msgspec

from holdfast.app.loop.look import Look, look
from holdfast.app.loop.state import save
from holdfast.app.loop.trial import Bench
from holdfast.app.policy import DECIDED, as_payload
from holdfast.app.retrain import Ask, Retrained
from holdfast.app.retrain_key import REJECTED
from holdfast.app.stages import live
from holdfast.errors import HoldfastError
from holdfast.releases.lifecycle import Stage
from holdfast.retraining.course import Go, Turn, turn
from holdfast.retraining.deciding import Decision, Outcome, decide

if TYPE_CHECKING:
    from holdfast.app.home import Home
    from holdfast.releases import Release
    from holdfast.releases.lifecycle import Lifecycle, State
    from holdfast.releases.lifecycle.ledger import How
    from holdfast.retraining.policy import Policy

LIVE = "release.live"
#: who moves releases when nobody is asked
BY = "holdfast"

#: begins a retraining and gives its result when it is done
Trainer = Callable[[Ask], "Future[Retrained]"]


class Loop:
    """Drives one model of a store by its policy.

    Nothing here is remembered that is not in the store, but for scores that can be worked out
    again. So a restart at any point goes on where it was, and of two loops over one store the
    lifecycle lets one make each move: the other one's is refused and looked at again.

    Args:
        home: the open store.
        model: name of its model.
        policy: the clauses.
        train: begins a retraining.
    """

    def __init__(self, home: Home, model: str, policy: Policy, train: Trainer) -> None:
        self._home = home
        self.model = model
        self.policy = policy
        self._train = train
        self._job: Future[Retrained] | None = None
        self._bench: Bench | None = None
        self._open: dict[str, Release] = {}
        self._fence: tuple[str, int] | None = None
        self._live: tuple[str, int] | None = None  # champion that was told live

    @property
    def training(self) -> bool:
        """Whether a retraining that this loop began still runs."""
        return self._job is not None and not self._job.done()

    def step(self, now: int, fence: tuple[str, int] | None = None) -> list[str]:
        """Looks at the model and does what is due.

        Args:
            now: microseconds since 1970 (UTC).
            fence: lease and token that the caller works under; once another holds the lease, no
                release is moved.

        Returns:
            What was done, a sentence each; empty for nothing.
        """
        store, said = self._home.store, self._trained()
        self._fence = fence
        champion = store.catalog.champion(self.model)
        if champion is None:
            return said
        lifecycle = self._home.registry.lifecycle(self.model)
        state = lifecycle.state()
        said += self._set_aside(lifecycle, state, now)
        self._tell_live(champion.release, champion.revision, now)
        release = self._release(champion.release)
        seen = look(store, release, self.model, self.policy, self._home.settings.labels, now)
        state = lifecycle.state()
        back = self._roll_back(lifecycle, state, seen, now)
        if back:
            return [*said, *back]
        if seen.facts.challenger is not None and self.policy.automatic:
            said += self._bring_on(lifecycle, state, release, seen.facts.challenger, seen, now)
        said += self._decide(seen, now)
        return said

    # -- releases that must not go on ---------------------------------------------------------

    def _set_aside(self, lifecycle: Lifecycle, state: State, now: int) -> list[str]:
        """Quarantines what learned from rows that turned out to be spoiled, but the champion."""
        said = []
        open_stages = (Stage.CANDIDATE, Stage.AUDITED, Stage.SHADOW, Stage.CANARY, Stage.STANDBY)
        for release, ids in self._home.store.training.tainted(self.model).items():
            if state.stage(release) in open_stages:
                why = f"it learned from rows of {', '.join(i[:12] for i in ids)}, found spoiled"
                lifecycle.quarantine(release, **self._how(why, now))
                said.append(f"quarantined release {release[:12]}: {why}")
        return said

    def _roll_back(self, lifecycle: Lifecycle, state: State, seen: Look, now: int) -> list[str]:
        """Goes back to the standby where it is told better than a champion that is new."""
        known, maturity = seen.facts, seen.state.maturity
        back, standby = self.policy.rollback, state.holder(Stage.STANDBY)
        champion, risen = known.champion, known.loss is not None and known.loss.risen
        if not (back.automatic and self.policy.automatic and risen):
            return []
        if standby is None or champion is None or maturity is None:
            return []
        doubted = any(i.class_ in self.policy.unless.open_incident for i in known.incidents)
        if doubted or now - self._promoted_at(champion) > back.keep_standby:
            return []  # the rows are in doubt, not the release; or it is not new any more
        verdict = self._pair(self._release(champion), standby).verdict(seen.rows, maturity, now)
        if verdict.state != "better" or not verdict.certain:
            return []
        why = f"the standby does better: {verdict.sentences[0]}"
        lifecycle.rollback(**self._how(why, now))
        return [f"rolled back to release {standby[:12]}: {why}"]

    # -- the challenger -----------------------------------------------------------------------

    def _bring_on(
        self,
        lifecycle: Lifecycle,
        state: State,
        champion: Release,
        tried: str,
        seen: Look,
        now: int,
    ) -> list[str]:
        store, stage = self._home.store, state.stage(tried)
        if state.frozen:
            return []
        if stage is Stage.CANDIDATE:
            if store.catalog.gate(self.model, tried) != "passed":
                return []  # it waits for an answer to what the audit asks
            lifecycle.audit(tried, **self._how("its gate is open", now))
            return [f"release {tried[:12]} is audited"]
        bench = self._pair(champion, tried)
        share = lifecycle.share() if stage is Stage.CANARY else None
        found = turn(
            bench.trial(seen.rows, stage, share, seen.state.maturity or 0, now), now,
            shadow=self.policy.shadow, canary=self.policy.canary, steps=self.policy.canary.steps,
        )  # fmt: skip
        return self._go(lifecycle, tried, found, now)

    def _pair(self, champion: Release, other: str) -> Bench:
        """The bench of these two; with the scores that are known already, if it is the last one."""
        bench = self._bench
        if bench is None or (bench.champion.id, bench.challenger.id) != (champion.id, other):
            bench = Bench(
                self._home.store, self.model, champion, self._release(other), self.policy
            )  # fmt: skip
            self._bench = bench
        return bench

    def _go(self, lifecycle: Lifecycle, tried: str, found: Turn, now: int) -> list[str]:
        if found.go is Go.WAIT:
            return []
        why = "; ".join(found.why)
        how = self._how(why, now)
        with self._home.store.transaction():
            for name in found.passed:
                lifecycle.record_check(tried, name, True, **how)
            if found.go is Go.SHADOW:
                lifecycle.shadow(tried, **how)
            elif found.go is Go.CANARY:
                lifecycle.canary(tried, found.share or 0.0, **how)
            elif found.go is Go.PROMOTE:
                waived = (
                    {"canary": "the policy has no canary"} if not self.policy.canary.steps else {}
                )
                lifecycle.promote(tried, waived=waived, **how)
            elif found.go is Go.REJECT:
                lifecycle.reject(tried, **how)
            else:
                lifecycle.quarantine(tried, **how)
        share = f" with {found.share:.1%}" if found.go is Go.CANARY else ""
        return [f"release {tried[:12]}: {found.go.value}{share}: {why}"]

    # -- the decision -------------------------------------------------------------------------

    def _decide(self, seen: Look, now: int) -> list[str]:
        store = self._home.store
        decision = decide(self.policy, seen.facts)
        told = f"{decision.outcome.value}:{decision.cause}:{','.join(_holding(decision))}"
        news = told != seen.state.decided
        state = msgspec.structs.replace(seen.state, decided=told)
        if state != seen.before:
            with store.transaction():
                if news:
                    store.control.append(DECIDED, self.model, as_payload(decision), at=now)
                save(store, self.model, state)
        wanted = decision.outcome in (Outcome.RETRAIN, Outcome.RECALIBRATE)
        said = [f"{decision.outcome.value}: {'; '.join(decision.why)}"] if news else []
        if wanted and self.policy.automatic and not self.training:
            self._job = self._train(
                Ask(
                    since_log=True,
                    decided=True,
                    recalibrate=decision.outcome is Outcome.RECALIBRATE,
                    reason="; ".join(decision.why),
                    key=f"{self.model}:{decision.cause}:{self._attempt()}",
                )
            )
            said.append("a retraining was begun")
        return said

    def _attempt(self) -> int:
        """How many retrainings of this model were rejected so far: each may be tried again."""
        return len(self._home.store.control.events(self.model, [REJECTED]))

    def _trained(self) -> list[str]:
        """What came of the retraining that was begun, once it is done."""
        if self._job is None or not self._job.done():
            return []
        job, self._job = self._job, None
        try:
            done = job.result()
        except HoldfastError as error:
            return [f"the retraining could not be run: {error}"]
        what = f"release {done.release[:12]}" if done.release else "nothing"
        return [f"retraining {done.outcome}, {what}: {'; '.join(done.why) or 'no remarks'}"]

    # -- helpers ------------------------------------------------------------------------------

    def _release(self, name: str) -> Release:
        """A release, kept open while it plays a part."""
        if name not in self._open:
            while len(self._open) >= 4:
                self._open.pop(next(iter(self._open)))
            allow = self._home.settings.allow_models
            self._open[name] = self._home.registry.open(name, allow=allow)
        return self._open[name]

    def _promoted_at(self, release: str) -> int:
        """When the champion began to answer, microseconds since 1970 (UTC)."""
        kinds = ["release.promoted", "release.rolled_back"]
        events = self._home.store.control.events(self.model, kinds)
        return next((e.at for e in reversed(events) if e.payload["release"] == release), 0)

    def _tell_live(self, release: str, revision: int, now: int) -> None:
        if self._live == (release, revision):
            return
        servers = live(self._home.store, self.model)
        if servers:
            payload = {"release": release, "revision": revision, "servers": servers[:1]}
            self._home.store.control.append(
                LIVE, self.model, payload, at=now, key=f"live:{self.model}:{revision}"
            )
            self._live = (release, revision)

    def _how(self, reason: str, now: int) -> How:
        return {"at": now, "by": BY, "reason": reason, "fence": self._fence}


def _holding(decision: Decision) -> list[str]:
    return [clause.name for clause in decision.clauses if clause.holds is not False]
