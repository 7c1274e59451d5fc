"""The registry: which releases a model has, and which one answers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from holdfast.errors import ReleaseError
from holdfast.releases.bundle import is_id, staging, verify
from holdfast.releases.gate import GateState
from holdfast.releases.lifecycle import Lifecycle, Stage
from holdfast.releases.lifecycle.ledger import How
from holdfast.releases.release import Release
from holdfast.storage import Store

_ANSWERED = "audit.answered"


class Registry:
    """Releases of many models, with one champion each.

    Promotion and rollback are moves of the model's `Lifecycle`: the whole bundle in one
    transaction, told by one event.

    Args:
        store: path of the store, or an open `holdfast.storage.Store`.
        now: gives the time in microseconds since 1970 (UTC).

    Example:
        ``registry = Registry("holdfast.db"); registry.add("loan", release);
        registry.promote("loan", release.id, reason="first release")``
    """

    def __init__(self, store: str | Path | Store, *, now: Any = None) -> None:
        self._own = not isinstance(store, Store)
        self._store = store if isinstance(store, Store) else Store.open(store)
        self._now = now or (lambda: time.time_ns() // 1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store, if this registry opened it."""
        if self._own:
            self._store.close()

    @property
    def directory(self) -> Path:
        """Where the bundles are, each under its id."""
        return self._store.files / "releases"

    def add(self, model: str, release: Release) -> str:
        """Make a release known to a model; copies the bundle into the store. Gives its id."""
        target = self.directory / release.id
        if not target.exists():
            folder = staging(self.directory)
            try:
                copy = folder / release.id
                shutil.copytree(release.directory, copy)
                verify(copy, release.id)
                copy.rename(target)
            except OSError as error:
                raise ReleaseError(
                    "the release could not be copied into the store",
                    got=type(error).__name__,
                    remedy="make room on the disk and add it again",
                ) from error
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        else:
            verify(target, release.id)
        at = self._now()
        details = {
            "name": release.name,
            "kind": release.manifest.model_kind,
            "parent": release.manifest.parent,
            "contract": release.manifest.contract,
        }
        with self._store.transaction():
            self._store.catalog.add_release(model, release.id, at=at, details=details)
            self._store.control.append(
                "release.added",
                model,
                {"release": release.id},
                at=at,
                key=f"added:{model}:{release.id}",
            )
            if self._store.catalog.gate(model, release.id) is None:
                self._decide(model, release, at)
        return release.id

    def answer(
        self, model: str, release_id: str, finding: str, *, reason: str, by: str
    ) -> GateState:
        """Answer a suspicion of the audit, for good; gives what the gate says then.

        The answer is a control event of the release's id: another release asks again.

        Args:
            model: name of the model.
            release_id: the release; a beginning of 8 digits of its id will do.
            finding: code of the finding, with ``:column,column`` where several share a code.
            reason: why this is no leak; a person will read it.
            by: who says so.

        Raises:
            ReleaseError: no such question, or an empty reason or name.
        """
        release_id = self._find(model, release_id)
        with self.open(release_id) as release:
            questions = release.gate.questions if release.gate is not None else ()
            asked = [q for q in questions if finding in (q.key, q.code)]
            if len(asked) != 1 or not reason.strip() or not by.strip():
                raise ReleaseError(
                    "this does not answer a question of the audit",
                    expected=f"one of {[q.key for q in questions]}, a reason and a name",
                    got=f"finding={finding!r}, matches={len(asked)}, reason={reason!r}, by={by!r}",
                    remedy="`holdfast release show` lists what the gate asks",
                )
            at, key = self._now(), asked[0].key
            with self._store.transaction():
                self._store.control.append(
                    _ANSWERED,
                    model,
                    {"release": release_id, "finding": key, "reason": reason, "by": by},
                    at=at,
                    key=f"answered:{model}:{release_id}:{key}",
                )
                return self._decide(model, release, at)

    def gate(self, model: str, release_id: str) -> tuple[GateState, list[str]]:
        """Whether a release may be promoted, and every reason why not."""
        release_id = self._find(model, release_id)
        with self.open(release_id) as release:
            return self._judge(model, release)

    def answers(self, model: str, release_id: str) -> list[dict[str, Any]]:
        """The answers given to the audit's questions: finding, reason, by, at; oldest first."""
        events = self._store.control.events(model=model, kinds=[_ANSWERED])
        return [
            {**{k: e.payload[k] for k in ("finding", "reason", "by")}, "at": e.at}
            for e in events
            if e.payload["release"] == release_id
        ]

    def carry_answers(self, model: str, before: str, release_id: str) -> GateState:
        """Answer what the audit asks of a release as the same question was answered before.

        A question is the same where code and columns are; any other one stays open, and a proven
        leak stays one.

        Args:
            model: name of the model.
            before: full id of the release that was answered for.
            release_id: full id of the release that is asked about.

        Returns:
            What the gate says then.
        """
        known = {a["finding"]: a for a in self.answers(model, before)}
        with self.open(release_id) as release:
            asked = [q.key for q in release.gate.questions] if release.gate is not None else []
        for key in asked:
            if key in known:
                told = f"answered for release {before[:12]}: {known[key]['reason']}"
                self.answer(model, release_id, key, reason=told, by=known[key]["by"])
        return self.gate(model, release_id)[0]

    def _judge(self, model: str, release: Release) -> tuple[GateState, list[str]]:
        answered = {a["finding"] for a in self.answers(model, release.id)}
        kept = self._store.catalog.gate(model, release.id)
        if release.gate is None:  # of before gates were kept
            state = GateState(kept) if kept else GateState.FAILED
            return state, [] if state is GateState.PASSED else ["built before audits were kept"]
        state, reasons = release.gate.state(answered), release.gate.reasons(answered)
        if kept == GateState.FAILED and state is not GateState.FAILED:
            return GateState.FAILED, ["the gate of this release failed before", *reasons]
        return state, reasons

    def _decide(self, model: str, release: Release, at: int) -> GateState:
        """Keep what the gate says now; inside the caller's transaction."""
        state, reasons = self._judge(model, release)
        self._store.decide_gate(model, release.id, state.value, at=at, reasons=reasons)
        return state

    def lifecycle(self, model: str) -> Lifecycle:
        """The lifecycle of a model's releases: every move of them, and where they stand."""
        return Lifecycle(self._store, model)

    def promote(
        self,
        model: str,
        release_id: str,
        *,
        reason: str = "",
        by: str = "",
        expected: int | None = None,
    ) -> int:
        """Let a release answer from now on; gives the champion's new revision.

        The release is opened first: what cannot be opened is not promoted. Nor is a release with
        a proven leak, an unanswered suspicion or a requirement that does not hold; the store
        itself refuses it, whoever asks. A shadow and a canary that the release has not passed are
        waived with the reason given, which the event keeps; see `Lifecycle.promote` for more.

        Args:
            model: name of the model.
            release_id: the release; a beginning of 8 digits of its id will do. The champion
                stays what it is.
            reason: why; kept for good.
            by: who says so; kept for good.
            expected: revision of the lifecycle that the caller saw; another one is refused.

        Raises:
            ReleaseError: unknown, damaged, stopped by its gate (``HF-E-GATE``), frozen
                (``HF-E-LIFECYCLE-FROZEN``), or at a stage that leads to no promotion.
            StoreError: the lifecycle moved since `expected` (``HF-E-STORE-REVISION``), or the
                release learned from spoiled rows.
        """
        release_id = self._find(model, release_id)
        with self.open(release_id) as release:
            state, reasons = self._judge(model, release)
        if state is not GateState.PASSED:
            raise ReleaseError(
                "the gate of this release is shut: " + "; ".join(reasons),
                code="HF-E-GATE",
                expected="an audit without proven leaks, answers to every suspicion, "
                "and every requirement met",
                got=f"gate={state.value}",
                remedy="`holdfast release answer` answers a suspicion; anything else needs "
                "another release",
            )
        lifecycle, how = self.lifecycle(model), self._how(reason, by)
        with self._store.transaction():
            self._adopt(lifecycle, how)
            known = lifecycle.state()
            if known.stage(release_id) is not Stage.CHAMPION:
                how["expected"] = expected
                if known.stage(release_id) is Stage.CANDIDATE:
                    lifecycle.audit(release_id, **how)
                    how["expected"] = None
                waived = {
                    name: how["reason"]
                    for name in lifecycle.required
                    if not known.passes(release_id, name, how["at"])
                }
                lifecycle.promote(release_id, waived=waived, **how)
            champion = self._store.catalog.champion(model)
        return champion.revision if champion is not None else 0

    def rollback(self, model: str, *, reason: str = "", by: str = "") -> str:
        """Let the standby, the champion before this one, answer again; gives its id.

        It is opened first. The champion is quarantined: what was bad enough to go back from does
        not come again under the same id. A freeze does not stop this.

        Raises:
            ReleaseError: there is no standby, or it does not open.
            StoreError: the lifecycle moved meanwhile (``HF-E-STORE-REVISION``).
        """
        lifecycle, how = self.lifecycle(model), self._how(reason, by)
        with self._store.transaction():
            self._adopt(lifecycle, how)
        known = lifecycle.state()
        standby = known.holder(Stage.STANDBY)
        if standby is None:
            raise ReleaseError(
                "there is no earlier release to roll back to",
                expected="a standby: the champion before this one",
                got=f"model={model!r}",
                remedy="promote the release you want by its id",
            )
        self.open(standby).close()
        how["expected"] = known.rev  # what was opened is what answers, or nothing moves
        lifecycle.rollback(**how)
        return standby

    def _how(self, reason: str, by: str) -> How:
        return {
            "at": self._now(),
            "by": by.strip() or "not told",
            "reason": reason.strip() or "no reason given",
        }

    def _adopt(self, lifecycle: Lifecycle, how: How) -> None:
        """Bring the stages into line with a champion of an older store; in a transaction."""
        champion = self._store.catalog.champion(lifecycle.model)
        if champion is None or lifecycle.state().holder(Stage.CHAMPION) == champion.release:
            return
        lifecycle.adopt(at=how["at"], by=how["by"], reason="set before there was a lifecycle")

    def champion(self, model: str) -> Release:
        """The release that answers, opened and verified."""
        champion = self._store.catalog.champion(model)
        if champion is None:
            raise ReleaseError(
                f"model {model!r} has no release that answers",
                expected="a promoted release",
                got=f"models={self._store.catalog.models()}",
                remedy="registry.promote(model, release_id)",
            )
        return self.open(champion.release)

    def list(self, model: str | None = None) -> list[dict[str, Any]]:
        """Releases as plain data: model, id, added_at, champion, details."""
        champions = {c.model: c.release for c in self._store.catalog.champions()}
        return [
            {
                "model": row.model,
                "id": row.id,
                "added_at": row.added_at,
                "champion": champions.get(row.model) == row.id,
                "details": row.details,
            }
            for row in self._store.catalog.releases(model)
        ]

    def open(self, release_id: str, *, allow: Collection[str] = ()) -> Release:
        """Open one release of the store by its id."""
        if not is_id(release_id):
            raise ReleaseError(
                "this is no release id", expected="64 hexadecimal digits", got="another text"
            )
        return Release.open(self.directory / release_id, expected_id=release_id, allow=allow)

    def _find(self, model: str, asked: str) -> str:
        """The full id of a release of this model; a beginning of 8 digits will do."""
        known = [row.id for row in self._store.catalog.releases(model)]
        found = [i for i in known if i == asked or (len(asked) >= 8 and i.startswith(asked))]
        if len(found) != 1:
            raise ReleaseError(
                f"no such release of model {model!r}",
                expected=f"one of {[i[:12] for i in known]}",
                got=f"matches={len(found)}",
                remedy="add the release first: registry.add(model, release)",
            )
        return found[0]
