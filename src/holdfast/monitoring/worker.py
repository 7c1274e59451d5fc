"""Follows the logs of a store, predictions and labels, and keeps its incidents.

Positions in the logs, state and control events are written in one transaction under a lease with a
fencing token, and every event has a key that depends on the rows alone. So a crash at any point, a
restart, or two workers that both believe to be in charge neither repeat nor skip anything.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from holdfast.detection.budget import Budget, parse_budget
from holdfast.diagnosis.incidents import ACCEPTED, KINDS, REOPENED, RESOLVED, fold
from holdfast.errors import StoreError
from holdfast.monitoring.actions import ActionPolicy
from holdfast.monitoring.arrivals import Arrivals
from holdfast.monitoring.engine import Change, ModelMonitor, Releases
from holdfast.monitoring.feed import Feed, Place, mark, steps
from holdfast.monitoring.outcomes import Outcomes, read_values
from holdfast.monitoring.record import Recorder
from holdfast.monitoring.ring import KEPT
from holdfast.monitoring.rows import COLUMNS, Rows, decode
from holdfast.records import Incident
from holdfast.storage import Store

LEASE = "monitor"
#: a worker that is silent for this long has lost its place (microseconds)
LEASE_TTL = 15_000_000
#: rows taken from the log at a time
BATCH_ROWS = 65_536
#: pause between two readings of labels whose predictions are no longer kept (microseconds):
#: looking for many at once costs as much as looking for one
LABEL_PAUSE = 10_000_000
_POSITION = "monitor"
_LOST = frozenset({"HF-E-STORE-FENCED", "HF-E-STORE-REVISION"})


class _Position(msgspec.Struct, kw_only=True):
    """How far the worker has come.

    Attributes:
        cursor: in the prediction log; None before its first row.
        control: number of the last control event that was looked at.
        rows: rows read of the prediction log.
        behind: earlier places in it, from which the last rows are read again after a restart.
        labels: the same for the label log.
        models: every model that was met.
    """

    cursor: bytes | None = None
    control: int = 0
    rows: int = 0
    behind: list[Place] = []
    labels: bytes | None = None
    label_rows: int = 0
    labels_behind: list[Place] = []
    models: list[str] = []


class _Watching(NamedTuple):
    """Everything kept of one model."""

    values: ModelMonitor
    arrivals: Arrivals
    outcomes: Outcomes


class MonitorWorker:
    """Turns the prediction log of a store into incidents.

    Args:
        store: the store, open for writing.
        releases: gives a release by model name and release id, or None when it is not known.
        budget: the false-alarm promise for each model.
        holder: name of this worker, different from that of any other one.
        rows_per_day: expected traffic, for a budget per time; measured when None.
        policy: what is done about an incident without asking.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Store.open(pathlib.Path(folder, "holdfast.db")) as store:
        ...         MonitorWorker(store, lambda model, release: None).step(now=0)
        []
    """

    def __init__(
        self,
        store: Store,
        releases: Releases,
        budget: str | Budget = "1 false incident per month",
        *,
        holder: str = "worker",
        rows_per_day: float | None = None,
        policy: ActionPolicy | None = None,
    ) -> None:
        self._store = store
        self._record = Recorder(store, releases, policy or ActionPolicy())
        self._releases = releases
        self._budget = parse_budget(budget, rows_per_day=rows_per_day)
        self._holder = holder
        self._fence: int | None = None
        self._renewed = 0
        self._looked = -LABEL_PAUSE
        self._revision = 0
        self._position = _Position()
        self._models: dict[str, _Watching] = {}

    def step(self, now: int, *, max_rows: int = BATCH_ROWS) -> list[Incident]:
        """Takes what is new in the logs.

        Args:
            now: microseconds since 1970 (UTC).
            max_rows: rows to take at most.

        Returns:
            Incidents opened, updated or closed, as they are now. Empty when nothing changed or
            when another worker is in charge.
        """
        fence = self._lead(now)
        if fence is None:
            return []
        try:
            return self._advance(fence, now, max_rows)
        except StoreError as error:
            self._fence = None  # what is in memory may be ahead of the store: read it again
            if error.code in _LOST:
                return []
            raise
        except BaseException:
            self._fence = None
            raise

    def run_once(self, now: int) -> list[Incident]:
        """Steps until the log is read to its end."""
        changed: dict[str, Incident] = {}
        while True:
            before = self._position.cursor, self._position.labels
            changed.update({i.id: i for i in self.step(now)})
            if self._fence is None or before == (self._position.cursor, self._position.labels):
                return list(changed.values())

    def close(self) -> None:
        """Gives the lease back, so that another worker can go on at once."""
        self._store.catalog.release_lease(LEASE, self._holder)
        self._fence = None

    @property
    def fence(self) -> tuple[str, int] | None:
        """Lease and fencing token while this worker is in charge; None while another one is."""
        return None if self._fence is None else (LEASE, self._fence)

    @property
    def rows(self) -> dict[str, int]:
        """Rows seen by model."""
        return {name: watching.values.rows for name, watching in self._models.items()}

    @property
    def labels(self) -> dict[str, dict[str, int]]:
        """By model: labels joined, repeated, without a prediction, and not to be read."""
        return {name: watching.outcomes.facts for name, watching in self._models.items()}

    def _lead(self, now: int) -> int | None:
        """The fencing token if this worker is in charge; the lease is renewed in good time."""
        fresh = 0 <= now - self._renewed < LEASE_TTL // 3
        if self._fence is not None and fresh:
            return self._fence
        fence = self._store.catalog.acquire(LEASE, self._holder, LEASE_TTL, now)
        if fence is not None and fence != self._fence:
            self._load()
        self._fence, self._renewed = fence, now
        return fence

    def _load(self) -> None:
        catalog = self._store.catalog
        self._models = {}
        found = catalog.get_state(_POSITION)
        if found is None:
            self._position, self._revision = _Position(), 0
            return
        self._position = msgspec.msgpack.decode(found[0], type=_Position)
        self._revision = found[1]
        for name in self._position.models:
            self._model(name)
        self._refill()

    def _model(self, name: str) -> _Watching:
        if name not in self._models:
            catalog = self._store.catalog
            found = [catalog.get_state(key) for key in _keys(name)]
            values, arrivals, outcomes = (None if f is None else f[0] for f in found)
            self._models[name] = _Watching(
                ModelMonitor(name, self._releases, self._budget, values),
                Arrivals(name, self._budget, arrivals),
                Outcomes(name, self._store, outcomes),
            )
        return self._models[name]

    def _refill(self) -> None:
        """Reads the last rows and labels again, so that diagnosis has them after a restart."""
        position = self._position
        if position.behind:
            begin, before = position.behind[0]
            again = Feed.read(self._store.predictions, begin, position.rows - before, COLUMNS)
            for name, batch in again.by_model().items():
                if name not in self._models:
                    continue
                values, _, outcomes = self._models[name]
                rows = decode(batch.slice(max(batch.num_rows - KEPT, 0)))
                values.refill(rows)
                outcomes.note(rows, values.rows - len(rows), again=True)
        if position.labels_behind:
            begin, before = position.labels_behind[0]
            again = Feed.read(self._store.labels, begin, position.label_rows - before)
            for name, batch in again.by_model().items():
                if name not in self._models:
                    continue
                values, _, outcomes = self._models[name]
                value, _ = read_values(batch.column("value").to_pylist(), self._positive(values))
                numbers = outcomes.places(batch.column("id").to_pylist())
                known = numbers >= 0
                values.relabel(numbers[known], value[known])

    def _positive(self, monitor: ModelMonitor) -> Any:
        """The label that is scored, as the release that serves now says."""
        release = self._record.release(monitor.model, monitor.last_release)
        return getattr(release, "positive", None)

    def _advance(self, fence: int, now: int, max_rows: int) -> list[Incident]:
        touched, control = self._decisions()
        position, store = self._position, self._store
        # labels first: whatever comes between the two looks, no label is ahead of its prediction
        waits = 0 <= now - self._looked < LABEL_PAUSE
        labels = Feed.read(store.labels, position.labels, 0 if waits else max_rows)
        rows = Feed.read(store.predictions, position.cursor, max_rows, COLUMNS)
        ended = rows.size < max_rows
        if not ended:  # a label is never looked at before the predictions made until it came
            labels = labels.until(store.labels, position.labels, rows.latest)
        looked = sum(watching.outcomes.looked for watching in self._models.values())
        changes: list[tuple[str, Change]] = []
        predicted, labelled = rows.by_model(), labels.by_model()
        for name in dict.fromkeys((*predicted, *labelled)):
            found = self._follow(name, predicted.get(name), labelled.get(name))
            changes += [(name, change) for change in found]
            touched.add(name)
        if ended:
            for name, watching in self._models.items():
                found = watching.arrivals.tick(now)
                if found:
                    changes += [(name, change) for change in found]
                    touched.add(name)
        moved = rows.after != position.cursor or labels.after != position.labels
        if not touched and not moved and control == position.control:
            return []
        latest = _Position(
            cursor=rows.after,
            control=control,
            rows=position.rows + rows.size,
            behind=mark(position.behind, position.cursor, position.rows, rows.size),
            labels=labels.after,
            label_rows=position.label_rows + labels.size,
            labels_behind=mark(
                position.labels_behind, position.labels, position.label_rows, labels.size
            ),
            models=list(dict.fromkeys((*position.models, *touched))),
        )
        counted = [self._record.counted(change) for _, change in changes]
        with store.transaction():
            changed = self._record.write(counted, now)
            for name in sorted(touched):
                values, arrivals, outcomes = self._models[name]
                dumps = values.dump(), arrivals.dump(), outcomes.dump()
                for key, state in zip(_keys(name), dumps, strict=True):
                    store.catalog.put_state(key, state)
            revision = store.catalog.put_state(
                _POSITION,
                msgspec.msgpack.encode(latest),
                expected_revision=self._revision,
                fence=(LEASE, fence),
            )
        self._position, self._revision = latest, revision
        if labels.size < max_rows and looked < sum(
            watching.outcomes.looked for watching in self._models.values()
        ):
            self._looked = now
        return changed

    def _follow(
        self, name: str, predicted: pa.RecordBatch | None, labelled: pa.RecordBatch | None
    ) -> list[Change]:
        """New rows and labels of one model, in the order in which they came."""
        watching = self._model(name)
        changes: list[Change] = []
        for rows, labels in steps(predicted, labelled, watching.values.rows):
            if rows is not None:
                changes += self._observe(watching, decode(rows))
            if labels is not None:
                changes += watching.outcomes.take(
                    watching.values, watching.arrivals.clock, labels,
                    self._positive(watching.values),
                )  # fmt: skip
        return changes

    @staticmethod
    def _observe(watching: _Watching, rows: Rows) -> list[Change]:
        watching.outcomes.note(rows, watching.values.rows)
        return [*watching.values.observe(rows), *watching.arrivals.observe(rows)]

    def _decisions(self) -> tuple[set[str], int]:
        """Takes note of what people decided: mended, normal from now on, or not after all."""
        last, touched = self._position.control, set()
        decided = [RESOLVED, ACCEPTED, REOPENED]
        for event in self._store.control.events(kinds=decided, after=last):
            if event.kind == REOPENED:
                if "episode" not in event.payload:  # by a person
                    watching = self._model(event.model)
                    name = str(event.payload.get("last") or event.payload.get("id", ""))
                    watching.values.take_back(name)
                    touched.add(event.model)
                last = event.seq
                continue
            watching = self._model(event.model)
            name = str(event.payload.get("episode") or event.payload.get("id", ""))
            if event.kind == ACCEPTED:
                watching.values.accept(name)
            else:
                watching.values.resolve(name)
            watching.arrivals.resolve(name, accept=event.kind == ACCEPTED)
            touched.add(event.model)
            last = event.seq
        return touched, last


def _keys(model: str) -> tuple[str, str, str]:
    """Under which names the parts of `_Watching` are kept."""
    return f"{_POSITION}/{model}", f"{_POSITION}-arrivals/{model}", f"{_POSITION}-labels/{model}"


def incidents(store: Store, model: str | None = None) -> list[Incident]:
    """All incidents of a store (or of one model), oldest first."""
    return fold(store.control.events(model=model, kinds=list(KINDS)))
