"""Traffic of one model as incidents: silence, too little, too much, twice, too late.

The detector sees arrival times only, so an incident of it has no features and no rows to set aside.
What goes wrong with one source and with the whole at about the same time is one incident.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

import msgspec
import numpy as np

from holdfast.detection import budget_shares
from holdfast.detection.base import EventKind
from holdfast.detection.budget import Budget, shares_to_nats
from holdfast.detection.season import HOUR
from holdfast.detection.volume import VolumeDetector
from holdfast.detection.volume_faults import VolumeKind
from holdfast.detection.volume_words import VolumeEvent, VolumePromise
from holdfast.diagnosis.incidents import CLOSED, OPENED, UPDATED, as_payload, differences
from holdfast.monitoring.clock import RowClock
from holdfast.monitoring.engine import Change
from holdfast.monitoring.rows import Rows
from holdfast.records import Action, Incident, IncidentStatus
from holdfast.reports.naming import names

#: kinds that one cause shows together
_FAMILY = {
    VolumeKind.NO_DATA: "less",
    VolumeKind.TRAFFIC_LOW: "less",
    VolumeKind.TRAFFIC_HIGH: "more",
    VolumeKind.DUPLICATES: "more",
    VolumeKind.LATE_DATA: "late",
}
#: of several, the kind that says more about the cause leads
_FIRST = (
    VolumeKind.NO_DATA, VolumeKind.DUPLICATES, VolumeKind.TRAFFIC_LOW, VolumeKind.TRAFFIC_HIGH,
    VolumeKind.LATE_DATA,
)  # fmt: skip
#: told again when so many times the rows were due
TOLD_AGAIN = 10.0


class _Case(msgspec.Struct, kw_only=True):
    """An open incident of traffic.

    Attributes:
        incident: the record as last published.
        legs: what it stands on, by kind and source; recovered ones stay until all are.
        healthy: keys of the legs that have recovered.
        told: rows due when it was last told.
    """

    incident: Incident
    legs: dict[str, VolumeEvent]
    healthy: list[str] = []
    told: float = 0.0


class _State(msgspec.Struct, kw_only=True):
    detector: bytes
    cases: list[_Case]
    clock: RowClock
    rows: int
    release: str


class Arrivals:
    """Watches when the rows of one model come.

    Args:
        model: its name.
        budget: the false-alarm promise of the model; traffic has its share of it.
        state: from `dump`, to go on.
    """

    def __init__(self, model: str, budget: Budget, state: bytes | None = None) -> None:
        self.model = model
        if state is None:
            nats = shares_to_nats(budget.rows(), budget_shares())["volume"]
            self._detector = VolumeDetector.fit(None, nats)
            self._cases: list[_Case] = []
            self.clock = RowClock()
            self.rows = 0
            self._release = ""
        else:
            kept = msgspec.msgpack.decode(state, type=_State)
            self._detector = VolumeDetector.load(kept.detector)
            self._cases, self.clock, self.rows = kept.cases, kept.clock, kept.rows
            self._release = kept.release

    @property
    def open(self) -> list[Incident]:
        """Open incidents, oldest first."""
        return [case.incident for case in self._cases]

    @property
    def promises(self) -> tuple[VolumePromise, ...]:
        """What is watched, and how soon what would be noticed."""
        return self._detector.promises()

    def dump(self) -> bytes:
        """Everything, as bytes."""
        return msgspec.msgpack.encode(
            _State(
                detector=self._detector.dump(), cases=self._cases, clock=self.clock,
                rows=self.rows, release=self._release,
            )
        )  # fmt: skip

    def observe(self, rows: Rows) -> list[Change]:
        """Takes rows in the order of the log and says what changed."""
        if not len(rows):
            return []
        self.clock.take(self.rows, rows.received)
        self.rows += len(rows)
        last = int(rows.release.codes[-1])
        self._release = rows.release.names[last] if last >= 0 else self._release
        keys = np.fromiter(
            (zlib.crc32(str(i).encode()) for i in rows.ids.to_pylist()), np.int64, len(rows)
        )
        table = np.array([*rows.source.names, None], object)
        sources: Sequence[str | None] = table[rows.source.codes].tolist()
        return self._take(self._detector.observe(rows.received, rows.at, keys, sources))

    def tick(self, now: int) -> list[Change]:
        """Says that every row received before `now` was given."""
        return self._take(self._detector.tick(now)) if self.rows else []

    def resolve(self, incident: str, *, accept: bool = False) -> bool:
        """Forgets an incident that a person closed; with `accept` its level is normal now."""
        found = [case for case in self._cases if case.incident.id == incident]
        for case in found:
            for key in [k for k in case.legs if k not in case.healthy]:
                event = case.legs[key]
                self._detector.dismiss(event.kind, event.source, accept=accept)
        self._cases = [case for case in self._cases if case.incident.id != incident]
        return bool(found)

    def _take(self, events: Sequence[VolumeEvent]) -> list[Change]:
        changes: list[Change] = []
        for event in events:
            crossed = event.state is EventKind.CROSSED
            changes += self._crossed(event) if crossed else self._recovered(event)
        if self._cases:
            changes += self._grown()
        return changes

    def _crossed(self, event: VolumeEvent) -> list[Change]:
        key = _key(event)
        for case in self._cases:
            if key in case.legs or (
                any(_FAMILY[x.kind] == _FAMILY[event.kind] for x in case.legs.values())
                and any(abs(x.onset - event.onset) <= HOUR for x in case.legs.values())
            ):
                case.legs[key] = event
                case.healthy = [k for k in case.healthy if k != key]
                return self._update(case, f"{key}/{event.onset}")
        name = json_hash(self.model, "arrivals", key, event.onset)
        row = self.clock.row_at(event.at)
        case = _Case(
            incident=Incident(
                id=name,
                model=self.model,
                release=self._release,
                status=IncidentStatus.OPEN,
                class_="pipeline",
                kind=event.kind.value,
                action=Action.INVESTIGATE,
                features=(),
                sentence="",
                since=event.onset,
                opened_at=event.at,
                opened_row=max(row, self.clock.row_at(event.onset)) + 1,
                onset_row=self.clock.row_at(event.onset),
            ),
            legs={key: event},
            told=max(event.expected, 1.0),
        )
        case.incident = _described(case)
        self._cases.append(case)
        return [Change(OPENED, case.incident, as_payload(case.incident), f"{name}/opened")]

    def _recovered(self, event: VolumeEvent) -> list[Change]:
        key = _key(event)
        case = next((c for c in self._cases if key in c.legs and key not in c.healthy), None)
        if case is None:
            return []
        case.healthy.append(key)
        if len(case.healthy) < len(case.legs):
            return []
        return [self._close(case, event.sentence, event.at)]

    def _grown(self) -> list[Change]:
        """Counts brought up to date; told again at every tenfold."""
        changes: list[Change] = []
        running = {_key(event): event for event in self._detector.faults()}
        for case in list(self._cases):
            for key in [k for k in case.legs if k not in case.healthy]:
                if key in running:
                    case.legs[key] = running[key]
                else:  # another fault of the same source took its place
                    case.healthy.append(key)
            if len(case.healthy) == len(case.legs):
                at = max(event.at for event in case.legs.values())
                changes.append(self._close(case, "it passed into another fault of traffic", at))
                continue
            due = max(event.expected for event in case.legs.values())
            if due >= TOLD_AGAIN * case.told:
                while due >= TOLD_AGAIN * case.told:
                    case.told *= TOLD_AGAIN
                changes += self._update(case, f"due/{case.told:.0f}")
        return changes

    def _update(self, case: _Case, what: str) -> list[Change]:
        before, after = case.incident, _described(case)
        if before.sentence == after.sentence:
            return []
        text = after.sentence
        updates = tuple(dict.fromkeys((*before.updates, text)))
        case.incident = msgspec.structs.replace(after, updates=updates)
        payload = {"id": after.id, "update": text, "changes": differences(before, after)}
        return [Change(UPDATED, case.incident, payload, f"{after.id}/{what}")]

    def _close(self, case: _Case, reason: str, at: int) -> Change:
        self._cases = [c for c in self._cases if c is not case]
        closed = msgspec.structs.replace(
            case.incident,
            status=IncidentStatus.CLOSED,
            closed_at=at,
            updates=(*case.incident.updates, reason),
        )
        payload = {"id": closed.id, "closed_at": at, "reason": reason, "changes": {}}
        return Change(CLOSED, closed, payload, f"{closed.id}/closed")


def json_hash(*parts: object) -> str:
    """Sixteen hex digits that stand for some plain values."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]


def _key(event: VolumeEvent) -> str:
    return f"{event.kind.value}/{event.source}"


def _described(case: _Case) -> Incident:
    """The incident as its legs tell it: the whole before sources, the cause before its echo."""
    legs = [e for k, e in case.legs.items() if k not in case.healthy] or list(case.legs.values())
    lead = min(legs, key=lambda e: (_FIRST.index(e.kind), e.source != "", -e.nats, e.source))
    others = sorted({e.source for e in legs if e.source} - {lead.source})
    text = f"broken pipeline: {lead.sentence}"
    if lead.kind is VolumeKind.TRAFFIC_HIGH:
        text = lead.sentence
    if others:
        text += (
            f"; among its sources {names(others)}"
            if not lead.source
            else (f"; also from {names(others)}")
        )
    surge = lead.kind is VolumeKind.TRAFFIC_HIGH
    return msgspec.structs.replace(
        case.incident,
        kind=lead.kind.value,
        action=Action.INVESTIGATE if surge else Action.FIX_PIPELINE,
        sentence=text,
        since=min(e.onset for e in legs),
        evidence={
            "arrivals": lead.source or "all traffic",
            "expected_rows": round(lead.expected, 1),
            "rows": lead.seen,
            "nats": round(lead.nats, 2),
            "sources": others,
        },
    )
