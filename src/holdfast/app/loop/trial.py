"""How a challenger does: what it answered, what failed, and its losses beside the champion's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.app.loop.rows import Judged, rescored, trained_until
from holdfast.contracts.model import Kind, Role
from holdfast.diagnosis.quarantine import carrying
from holdfast.releases.lifecycle import Stage
from holdfast.releases.scorer import MODEL, MODEL_ERROR
from holdfast.retraining.challenging import Verdict, challenge
from holdfast.retraining.course import Trial
from holdfast.retraining.losses import losses_of
from holdfast.serving.desk import TRIPPED

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from holdfast.releases import Release
    from holdfast.retraining.policy import Policy
    from holdfast.storage import Store

#: categorical features that are looked at as slices, and values that one may have
SLICES, VALUES = 6, 12


class Bench:
    """A challenger and its champion, with the scores that were worked out so far.

    Args:
        store: whose logs are read.
        model: name of the model.
        champion, challenger: both opened.
        policy: the clauses.
    """

    def __init__(
        self,
        store: Store,
        model: str,
        champion: Release,
        challenger: Release,
        policy: Policy,
    ) -> None:
        self._store = store
        self._model = model
        self.champion = champion
        self.challenger = challenger
        self._policy = policy
        self._known: dict[tuple[str, str], float] = {}

    def trial(
        self, rows: Judged, stage: Stage, share: float | None, maturity: int, now: int
    ) -> Trial:
        """How it does at its stage.

        Args:
            rows: judged rows since the champion's training.
            stage: audited, shadow or canary.
            share: of the requests that it answers as canary.
            maturity: how old a prediction must be before its outcome counts, microseconds.
            now: microseconds since 1970 (UTC).
        """
        since = self._since(stage)
        answers, errors, p99 = self._answers(stage, since)
        verdict = self.verdict(rows, maturity, now)
        return Trial(
            stage=stage,
            since=since,
            answers=answers,
            errors=errors,
            p99=p99,
            share=share,
            compared=verdict.state,
            told=verdict.sentences,
            tripped=self._tripped(),
        )

    def verdict(self, rows: Judged, maturity: int, now: int) -> Verdict:
        """Champion and challenger on rows that neither has learned from.

        Args:
            rows: judged rows since the champion's training.
            maturity: how old a prediction must be before its outcome counts, microseconds.
            now: microseconds since 1970 (UTC).
        """
        rows, _ = rows.since(self._unseen()).matured(maturity, now)
        gates = self._policy.gates
        rows = rows.part(np.arange(len(rows.came)) < gates.decide_at)
        losses = [
            losses_of(
                self._policy.metric, rows.bad == 1.0, self.scores(release, rows.table),
                threshold=release.threshold, costs=self.champion.costs,
            )
            for release in (self.champion, self.challenger)
        ]  # fmt: skip
        return challenge(
            *losses,
            metric=self._policy.metric,
            slices=self._slices(rows),
            by=gates.by,
            confidence=gates.confidence,
            decide_at=gates.decide_at,
            slice_drop=gates.slice_drop,
            slice_support=gates.slice_support,
        )

    def scores(self, release: Release, table: pa.Table) -> NDArray[np.float64]:
        """A release's scores of logged rows: as they were logged where it answered, else now."""
        ids = table.column("id").to_pylist()
        by = table.column("release").to_pylist()
        logged = table.column("score").to_pylist()
        missing = []
        for i, (name, author) in enumerate(zip(ids, by, strict=True)):
            key = (release.id, name)
            if author == release.id and logged[i] is not None:
                self._known[key] = logged[i]
            elif key not in self._known:
                missing.append(i)
        if missing:
            new = rescored(release, table.take(missing))
            for i, score in zip(missing, new.tolist(), strict=True):
                self._known[release.id, ids[i]] = score
        return np.array([self._known[release.id, name] for name in ids], np.float64)

    def _slices(self, rows: Judged) -> dict[str, NDArray[Any]]:
        from holdfast.storage.schema import parse_features

        fields = [
            field.name
            for field in self.champion.contract.fields
            if field.role is Role.FEATURE and field.kind in (Kind.CATEGORICAL, Kind.BOOLEAN)
        ]
        sent = [parse_features(text) or {} for text in rows.table.column("features").to_pylist()]
        found: dict[str, NDArray[Any]] = {}
        for name in fields:
            values = np.array([str(row.get(name)) for row in sent], dtype=object)
            if 2 <= len(set(values.tolist())) <= VALUES:
                found[name] = values
            if len(found) == SLICES:
                break
        return found

    def _unseen(self) -> int:
        """The event time from which neither has seen rows."""
        both = (self.champion.id, self.challenger.id)
        return max(trained_until(self._store, self._model, release) for release in both)

    def _since(self, stage: Stage) -> int:
        """When it came to its stage, or its share was last changed."""
        events = self._store.control.events(self._model, [f"lifecycle.{_MOVE[stage]}"])
        mine = [e.at for e in events if e.payload["release"] == self.challenger.id]
        return mine[-1] if mine else 0

    def _answers(self, stage: Stage, since: int) -> tuple[int, int, int | None]:
        """Rows that it answered since then, how many failed, and the 99th percentile of its time.

        A shadow that no server serves is played: it answers the rows of the log, here and now. How
        long that takes says nothing of a server, so its time is not told.
        """
        import pyarrow as pa

        if stage not in (Stage.SHADOW, Stage.CANARY):
            return 0, 0, None
        if stage is Stage.SHADOW:
            served = self._store.shadows.read(model=self._model, columns=_SERVED)
            mine = served.column("release").to_numpy(zero_copy_only=False) == self.challenger.id
            mine &= served.column("received").cast(pa.int64()).to_numpy() >= since
            served = served.filter(pa.array(mine))
            if served.num_rows:
                times = served.column("micros").to_numpy()
                failed = int(served.column("failed").to_numpy(zero_copy_only=False).sum())
                return served.num_rows, failed, int(np.quantile(times, 0.99))
        begin = min(self._unseen(), since)
        columns = ["id", "at", "received", "release", "score", "marks", "features"]
        rows = self._store.predictions.read(model=self._model, since=begin, columns=columns)
        rows = rows.filter(pa.array(rows.column("received").cast(pa.int64()).to_numpy() >= since))
        if stage is Stage.CANARY:
            mine = rows.column("release").to_numpy(zero_copy_only=False) == self.challenger.id
            rows = rows.filter(pa.array(mine))
            wrong = carrying(rows.column("marks"), [f"{MODEL}:{MODEL_ERROR}"])
            return rows.num_rows, int(wrong.sum()), None
        rows = rows.slice(0, self._policy.shadow.requests)
        given = np.isfinite(rows.column("score").to_numpy().astype(np.float64))
        silent = given & ~np.isfinite(self.scores(self.challenger, rows))
        return rows.num_rows, int(silent.sum()), None

    def _tripped(self) -> str:
        events = self._store.control.events(self._model, [TRIPPED])
        mine = [e.payload for e in events if e.payload["release"] == self.challenger.id]
        return f"{mine[-1]['guard']}: {mine[-1]['why']}" if mine else ""


_SERVED = ["received", "release", "failed", "micros"]
_MOVE = {Stage.AUDITED: "audit", Stage.SHADOW: "shadow", Stage.CANARY: "canary"}
