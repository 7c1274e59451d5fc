"""Training a project's model again: in a process of its own, one at a time, never promoted.

The parent decides, holds the lease and writes the control events; the child trains and builds.
Whatever the child does, the champion stays.

====================  ==========================================================================
``retrain.finished``  a candidate was built and its gate is open or waits for an answer
``retrain.rejected``  training failed, would not help, or the gate of what was built is shut;
                      ``why`` says so
``retrain.vetoed``    nothing was run: ``why`` and ``incidents``; told once for the same incidents
====================  ==========================================================================

The first two carry ``key, reason, parent, release, gate, status, seconds, why, override`` and
``vetoed_by``.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal

import msgspec

from holdfast.app.basics import now_us
from holdfast.app.home import Home, opened
from holdfast.app.loop.facts import challenger
from holdfast.app.loop.state import load
from holdfast.app.policy import decision_now, policy_of
from holdfast.app.project import Project, read_project
from holdfast.app.retrain_key import FINISHED, LEASE, REJECTED, VETOED, derived, digest
from holdfast.errors import DataError, StoreError
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.retraining.deciding import Outcome, Role
from holdfast.retraining.job import Job, Limits
from holdfast.retraining.losswatch import LossWatch
from holdfast.retraining.runner import RunOutcome, RunStatus, Sign, run
from holdfast.storage.training import Interval

#: a lease lasts so long unless it is renewed, microseconds
LEASE_TTL = 60_000_000
#: classes of incidents after which old rows may teach the past
CHANGES = frozenset({"concept", "covariate", "prior"})
#: the jobs of the child process
RETRAIN, RECALIBRATE = "holdfast.app.retrain_job:build", "holdfast.app.recalibrate:build"

Ending = Literal["made", "already", "rejected", "vetoed", "idle", "busy"]
_CODES: dict[Ending, int] = {
    "made": 0, "already": 0, "rejected": 1, "vetoed": 3, "idle": 3, "busy": 3,
}  # fmt: skip


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for.

    Attributes:
        if_needed: only when the project's policy asks for it and nothing forbids it.
        decided: the policy was asked already; only an incident opened since then stops it, or a
            challenger that another loop had made meanwhile.
        recalibrate: fit calibrator and threshold anew, keep the champion's model.
        data: another training table than the project's.
        since_log: add logged predictions whose label has come.
        override: why to train in spite of a veto; empty: a veto holds.
        reason: why it is trained; empty: the incident that asks for it, or ``by hand``.
        key: names the retraining; empty: derived from data, code, settings and champion.
        limits: how much it may take.
    """

    if_needed: bool = False
    decided: bool = False
    recalibrate: bool = False
    data: Path | None = None
    since_log: bool = False
    override: str = ""
    reason: str = ""
    key: str = ""
    limits: Limits = Limits()


class Retrained(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        model: name of the model.
        outcome: ``made`` a candidate, ``already`` made before, ``rejected``; or nothing was run:
            ``vetoed`` by an incident, ``idle`` as none asks for it, ``busy`` as another runs.
        why: reasons, in words.
        incidents: ids of the open incidents that veto it or ask for it.
        key: names the retraining; empty when nothing was run.
        release: id of the candidate, or None.
        gate: state of its gate, or None.
        run: how the process ended, or None.
    """

    model: str
    outcome: Ending
    why: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    key: str = ""
    release: str | None = None
    gate: str | None = None
    run: RunOutcome | None = None

    @property
    def exit_code(self) -> int:
        """0 a candidate, 1 rejected, 3 nothing was run."""
        return _CODES[self.outcome]


def retrain(config: Path, ask: Ask, progress: Callable[[str], None] = lambda _: None) -> Retrained:
    """Trains a project's model again, if it may, and builds a candidate.

    Args:
        config: the settings file of the project.
        ask: what is asked for.
        progress: told each step.

    Raises:
        UsageError, DataError, ConfigError: it cannot be begun.
        StoreError: the lease was lost meanwhile; nothing was recorded.
    """
    project, folder = read_project(config), config.resolve().parent
    with opened(folder / project.store, config=config) as home:
        lease, holder = f"{LEASE}{project.model}", secrets.token_hex(8)
        fence = home.store.catalog.acquire(lease, holder, LEASE_TTL, now_us())
        if fence is None:
            told = ("another retrain is running",)
            return Retrained(model=project.model, outcome="busy", why=told)
        try:
            found = _Attempt(home, project, config.resolve(), ask, lease, holder, fence).go(
                progress
            )
            if found.outcome == "vetoed":
                _tell_veto(home, found)
            return found
        finally:
            home.store.catalog.release_lease(lease, holder)


def _tell_veto(home: Home, found: Retrained) -> None:
    payload = {"why": list(found.why), "incidents": list(found.incidents)}
    named = hashlib.sha256(msgspec.json.encode(sorted(found.incidents))).hexdigest()[:16]
    home.store.control.append(
        VETOED, found.model, payload, at=now_us(), key=f"vetoed:{found.model}:{named}"
    )


class _Attempt:
    """One attempt, by the holder of the lease."""

    def __init__(
        self, home: Home, project: Project, config: Path, ask: Ask,
        lease: str, holder: str, fence: int,
    ) -> None:  # fmt: skip
        self._home, self._project, self._config, self._ask = home, project, config, ask
        self._lease, self._holder, self._fence = lease, holder, fence
        self._renewed = now_us()
        self._root = config.parent / project.store.replace(".db", ".retrain")

    def go(self, progress: Callable[[str], None]) -> Retrained:
        model, now, policy = self._project.model, now_us(), policy_of(self._config)
        incidents = self._home.incidents(model)
        vetoes = [i for i in incidents if vetoing(i, policy.unless.open_incident)]
        causes = [i for i in incidents if asking(i, now)]
        if vetoes and not self._ask.override:
            return Retrained(
                model=model,
                outcome="vetoed",
                why=tuple(_told(i) for i in vetoes),
                incidents=tuple(i.id for i in vetoes),
            )
        asked_for, recalibrate = "", self._ask.recalibrate
        if self._ask.if_needed:
            decision = decision_now(self._home, model, policy, now)
            vetoed = decision.outcome is Outcome.VETOED
            wanted = decision.outcome in (Outcome.RETRAIN, Outcome.RECALIBRATE)
            if not (wanted or (vetoed and self._ask.override)):
                return Retrained(
                    model=model,
                    outcome="vetoed" if vetoed else "idle",
                    why=decision.why,
                    incidents=tuple(i.id for i in causes),
                )
            recalibrate = decision.outcome is Outcome.RECALIBRATE
            asked_for = "; ".join(
                c.sentence for c in decision.clauses if c.role is Role.WHEN and c.holds
            )
        reason = self._ask.reason or asked_for or "; ".join(map(_told, causes)) or "by hand"
        data, selective = self._data()
        champion = self._home.store.catalog.champion(model)
        parent = champion.release if champion else None
        spoiled = self._home.store.training.standing(model)
        key = self._ask.key or derived(self._project, self._config, data, parent, spoiled)
        asked = tuple(i.id for i in causes)
        before = self._before(key)
        if before is not None:
            told = ("it was made before from the same data, code and champion",)
            if self._ask.key:
                told = (f"it was made before with the key {key!r}",)
            return Retrained(
                model=model, outcome="already", why=told, incidents=asked, key=key,
                release=before["release"], gate=before["gate"],
            )  # fmt: skip
        tried = challenger(self._home.store, model, self._home.registry.lifecycle(model).state())
        if self._ask.decided and tried is not None:
            told = (f"release {tried[:12]} is being tried",)
            return Retrained(model=model, outcome="idle", why=told, incidents=asked)
        done = run(
            Job(
                function=RECALIBRATE if recalibrate else RETRAIN,
                arguments={
                    "config": str(self._config),
                    "data": str(data),
                    "reason": reason,
                    "spoiled": msgspec.to_builtins(spoiled),
                    "choose": self._ask.since_log,
                    "changes": list(self._changes()),
                    "insist": not (self._ask.if_needed or self._ask.decided),
                },
                folder=str(self._config.parent),
            ),
            self._root,
            f"{model}\n{key}",
            self._ask.limits,
            lambda sign: self._watch(sign, progress),
        )
        found = self._judged(done, key, asked)
        found = msgspec.structs.replace(found, why=(*found.why, *selective))
        self._record(found, reason, parent, tuple(i.id for i in vetoes))
        return found

    def _data(self) -> tuple[Path, tuple[str, ...]]:
        """The table to train on, and what is told of selective labels in the log."""
        path = self._ask.data or Path(self._project.data.train)
        path = path.resolve() if self._ask.data else self._config.parent / path
        if not path.is_file():
            raise DataError("there is no training table", expected="a file", got=f"path={path}")
        if not self._ask.since_log:
            return path, ()
        import pyarrow.parquet as pq

        from holdfast import frames
        from holdfast.app.retrain_rows import with_weighted_log

        store, policy = self._home.store, self._home.settings.labels
        found = with_weighted_log(
            frames.read(path).arrow(), store, self._project.model, self._project.data, policy
        )
        self._root.mkdir(parents=True, exist_ok=True)
        part = self._root / "rows.part"
        pq.write_table(found.table, part)
        return part.replace(self._root / f"rows-{digest(part)[:32]}.parquet"), found.selective

    def _changes(self) -> tuple[int, ...]:
        """Event times at which the world may have changed: a loss that rose, and incidents."""
        store, model = self._home.store, self._project.model
        found = {i.since for i in self._home.incidents(model) if i.class_ in CHANGES}
        watch = load(store, model).watch
        since = LossWatch.load(watch).signal().since if watch else None
        return tuple(sorted(found | ({since} if since is not None else set())))

    def _before(self, key: str) -> dict[str, Any] | None:
        events = self._home.store.control.events(self._project.model, [FINISHED])
        return next((e.payload for e in events if e.payload["key"] == key), None)

    def _watch(self, sign: Sign, progress: Callable[[str], None]) -> None:
        if sign.step is not None:
            progress(sign.step.step)
        now, catalog = now_us(), self._home.store.catalog
        if now - self._renewed > LEASE_TTL // 4:
            catalog.acquire(self._lease, self._holder, LEASE_TTL, now)
            catalog.check_fence(self._lease, self._fence)
            self._renewed = now

    def _judged(self, done: RunOutcome, key: str, asked: tuple[str, ...]) -> Retrained:
        model = self._project.model
        if done.status is not RunStatus.FINISHED or done.result is None:
            said = f"{done.error.type}: {done.error.message}" if done.error else "no reason"
            why = (f"training {done.status.value.replace('_', ' ')}: {said}",)
            return Retrained(
                model=model, outcome="rejected", why=why, incidents=asked, key=key, run=done
            )
        result = msgspec.json.decode(Path(done.result).read_bytes())
        release = result["release"]
        if release is None:
            return Retrained(
                model=model, outcome="rejected", why=tuple(result["why"]), incidents=asked, key=key,
                run=done,
            )  # fmt: skip
        pieces = msgspec.convert(result["pieces"], tuple[Interval, ...])
        state, reasons = self._home.registry.gate(model, release)
        try:
            self._home.store.training.record(
                model, release, pieces, at=now_us(), rows=result["rows"]
            )
            refused = state.value == "failed"
        except StoreError as error:  # an incident was found meanwhile
            refused, reasons = True, [error.message, *reasons]
        return Retrained(
            model=model,
            outcome="rejected" if refused else "made",
            why=(*reasons, *result["why"]),
            incidents=asked,
            key=key,
            release=release,
            gate=state.value,
            run=done,
        )

    def _record(
        self, found: Retrained, reason: str, parent: str | None, vetoes: tuple[str, ...]
    ) -> None:
        kind, name = FINISHED, f"retrain:{found.model}:{found.key}"
        if found.outcome == "rejected":  # each attempt is an event of its own
            kind, name = REJECTED, f"{name}:rejected:{self._fence}"
        run = found.run
        payload = {
            "key": found.key,
            "reason": reason,
            "parent": parent,
            "release": found.release,
            "gate": found.gate,
            "status": run.status.value if run else None,
            "seconds": run.seconds if run else None,
            "why": list(found.why),
            "override": self._ask.override if vetoes else "",
            "vetoed_by": list(vetoes),
        }
        with self._home.store.transaction():
            self._home.store.catalog.check_fence(self._lease, self._fence)
            self._home.store.control.append(kind, found.model, payload, at=now_us(), key=name)


def vetoing(incident: Incident, classes: Collection[str]) -> bool:
    """Whether it forbids retraining: open, muted or not, and of a class that the policy names."""
    return incident.status is IncidentStatus.OPEN and incident.class_ in classes


def asking(incident: Incident, now: int) -> bool:
    """Whether it asks for retraining: open, not muted, and retraining is its action."""
    return incident.standing(now) and incident.action is Action.RETRAIN


def _told(incident: Incident) -> str:
    return f"incident {incident.id[:12]} ({incident.class_}: {incident.kind}): {incident.sentence}"
