"""Follows the prediction log of a store and keeps its incidents.

Position in the log, state and control events are written in one transaction under a lease with a
fencing token, and every event has a key that depends on the rows alone. So a crash at any point, a
restart, or two workers that both believe to be in charge neither repeat nor skip anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from holdfast.detection.base import IntArray
from holdfast.detection.budget import Budget, parse_budget
from holdfast.diagnosis.incidents import ACCEPTED, KINDS, RESOLVED, fold
from holdfast.errors import StoreError
from holdfast.monitoring.actions import ActionPolicy
from holdfast.monitoring.engine import Change, ModelMonitor, Releases
from holdfast.monitoring.record import Recorder
from holdfast.monitoring.rows import COLUMNS, Look, by_model, decode, parsed
from holdfast.records import Incident
from holdfast.storage import Cursor, Store

LEASE = "monitor"
#: a worker that is silent for this long has lost its place (microseconds)
LEASE_TTL = 15_000_000
#: rows taken from the log at a time
BATCH_ROWS = 65_536
_POSITION = "monitor"
_LOST = frozenset({"HF-E-STORE-FENCED", "HF-E-STORE-REVISION"})


class _Position(msgspec.Struct):
    """How far the worker has come, in both logs."""

    cursor: bytes | None = None
    control: int = 0


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
        self._revision = 0
        self._position = _Position()
        self._models: dict[str, ModelMonitor] = {}

    def step(self, now: int, *, max_rows: int = BATCH_ROWS) -> list[Incident]:
        """Takes what is new in the log.

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
            before = self._position.cursor
            changed.update({i.id: i for i in self.step(now)})
            if self._fence is None or self._position.cursor == before:
                return list(changed.values())

    def close(self) -> None:
        """Gives the lease back, so that another worker can go on at once."""
        self._store.catalog.release_lease(LEASE, self._holder)
        self._fence = None

    @property
    def rows(self) -> dict[str, int]:
        """Rows seen by model."""
        return {name: monitor.rows for name, monitor in self._models.items()}

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
        else:
            self._position = msgspec.msgpack.decode(found[0], type=_Position)
            self._revision = found[1]

    def _model(self, name: str) -> ModelMonitor:
        if name not in self._models:
            found = self._store.catalog.get_state(f"{_POSITION}/{name}")
            state = None if found is None else found[0]
            self._models[name] = ModelMonitor(name, self._releases, self._budget, state)
        return self._models[name]

    def _advance(self, fence: int, now: int, max_rows: int) -> list[Incident]:
        touched, control = self._decisions()
        position = self._position
        cursor = None if position.cursor is None else Cursor.decode(position.cursor)
        batches, after = self._store.predictions.tail(cursor, max_rows, columns=COLUMNS)
        changes: list[tuple[str, Change]] = []
        for batch in batches:
            for name, part in by_model(batch):
                rows = decode(part, self._look(name, part))
                changes += [(name, change) for change in self._model(name).observe(rows)]
                touched.add(name)
        if not touched and after == cursor and control == position.control:
            return []
        latest = _Position(after.encode(), control)
        store = self._store
        counted = [self._record.counted(change) for _, change in changes]
        with store.transaction():
            changed = self._record.write(counted, now)
            for name in touched:
                store.catalog.put_state(f"{_POSITION}/{name}", self._models[name].dump())
            revision = store.catalog.put_state(
                _POSITION,
                msgspec.msgpack.encode(latest),
                expected_revision=self._revision,
                fence=(LEASE, fence),
            )
        self._position, self._revision = latest, revision
        return changed

    def _decisions(self) -> tuple[set[str], int]:
        """Takes note of incidents that people closed: mended, or normal from now on."""
        last, touched = self._position.control, set()
        for event in self._store.control.events(kinds=[RESOLVED, ACCEPTED], after=last):
            monitor = self._model(event.model)
            name = str(event.payload.get("episode") or event.payload.get("id", ""))
            if event.kind == ACCEPTED:
                monitor.accept(name)
            else:
                monitor.resolve(name)
            touched.add(event.model)
            last = event.seq
        return touched, last

    def _look(self, model: str, part: pa.RecordBatch) -> Look:
        """Fetches the features of a few rows when diagnosis asks for them."""

        def look(positions: IntArray) -> Sequence[Mapping[str, Any] | None]:
            chosen = part.take(pa.array(positions))
            at = chosen.column("at").cast(pa.int64()).to_numpy(zero_copy_only=False)
            wanted = set(chosen.column("id").to_pylist())
            try:
                table = self._store.predictions.read(
                    model=model,
                    since=int(np.min(at)),
                    until=int(np.max(at)) + 1,
                    columns=["id", "features"],
                )
            except StoreError:
                return []
            ids = table.column("id").to_pylist()
            texts = table.column("features").to_pylist()
            return [parsed(t) for i, t in zip(ids, texts, strict=True) if i in wanted]

        return look


def incidents(store: Store, model: str | None = None) -> list[Incident]:
    """All incidents of a store (or of one model), oldest first."""
    return fold(store.control.events(model=model, kinds=list(KINDS)))
