"""From what the monitor found to control events: returns, impact, actions and notices added.

The monitor of a model knows rows, not people. Here its changes meet the history of the store: a
new incident may be an old one come back, the policy may ask for more than an alert, and a storm is
told once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdfast.diagnosis.grouping import returns
from holdfast.diagnosis.incidents import OPENED, REOPENED
from holdfast.diagnosis.notices import due
from holdfast.diagnosis.spoiling import rows_in_doubt, spoiled_until, spoils
from holdfast.errors import StoreError
from holdfast.monitoring import impact
from holdfast.monitoring.actions import (
    ARRIVALS,
    KINDS,
    ActionPolicy,
    Deeds,
    Step,
    alert,
    automatic,
    ending,
)
from holdfast.monitoring.engine import Change, Releases
from holdfast.records import Automatic, Impact, Incident, IncidentStatus
from holdfast.storage import Store
from holdfast.storage.training import Interval

#: releases kept at hand
MOST_RELEASES = 8
#: how far the log is read back for rows in doubt, microseconds; 64 times as far each time
FIRST_SPAN, MOST_SPANS = 60_000_000, 5
#: an incident of more rows than this is not counted anew while it runs
MOST_ROWS = 500_000


class Written(NamedTuple):
    """A control event as it is folded."""

    seq: int
    at: int
    kind: str
    model: str
    payload: dict[str, Any]


class Recorder:
    """Writes changes of incidents, and what follows from them.

    Args:
        store: the store, open for writing.
        releases: gives a release by model name and release id, or None.
        policy: what is done without asking.
    """

    def __init__(self, store: Store, releases: Releases, policy: ActionPolicy) -> None:
        self._store = store
        self._open = releases
        self._policy = policy
        self._releases: dict[tuple[str, str], Any] = {}
        self._bounds: dict[tuple[str, str], int] = {}

    def counted(self, change: Change) -> Change:
        """The change with the incident's impact in it; reads the log, so not in a transaction."""
        self._look_back(change.incident)
        if change.incident.kind in ARRIVALS:
            return change  # rows that did not come, or came twice: there is nothing to count
        found = self._impact(change.incident)
        if found is None:
            return change
        incident = msgspec.structs.replace(change.incident, impact=found)
        plain = msgspec.to_builtins(found)
        if change.kind == OPENED:
            payload = change.payload | {"incident": change.payload["incident"] | {"impact": plain}}
        else:
            changes = change.payload.get("changes", {}) | {"impact": plain}
            payload = change.payload | {"changes": changes}
        return change._replace(incident=incident, payload=payload)

    def write(self, changes: Sequence[Change], now: int) -> list[Incident]:
        """Appends everything that the changes lead to; call it inside a transaction.

        Returns:
            The incidents concerned, as they are now.
        """
        if not changes:
            return []
        deeds = Deeds(self._store.control.events(kinds=list(KINDS)))
        touched: dict[str, None] = {}
        for change in changes:
            self._append(self._step(change, deeds), now, deeds)
            incident = deeds.ledger.get(change.incident.id)
            if incident is None:
                continue
            touched[incident.id] = None
            self._spoil(incident, now)
            for step in automatic(incident, self._policy, deeds, self._covered(incident)):
                self._append(step, now, deeds)
            for step in ending(incident, deeds):
                self._append(step, now, deeds)
        loud = [
            i
            for i in deeds.ledger.incidents
            if Automatic.ALERT in self._policy.of(i.kind, i.class_)
        ]
        for notice, told in due(loud, deeds.sent, now):
            self._append(alert(notice, told), now, deeds)
        found = (deeds.ledger.get(name) for name in touched)
        return [incident for incident in found if incident is not None]

    def _look_back(self, incident: Incident) -> None:
        """Reads from the log what `_spoil` will ask of it: where rows in doubt begin, or end."""
        name = (incident.model, incident.episode or incident.id)
        known = self._known(incident)
        if spoils(incident) and not known:
            self._bounds[name] = self._doubtful_since(incident)
        elif known and known[0].until is None and not spoils(incident):
            self._bounds[name] = self._latest(incident)

    def _known(self, incident: Incident) -> list[Interval]:
        """What is kept of an incident: the standing interval of its episode, if there is one."""
        return [
            row.interval
            for row in self._store.training.spoiled(incident.model)
            if (row.incident, row.episode) == (incident.id, incident.episode) and row.standing
        ]

    def _spoil(self, incident: Incident, now: int) -> None:
        """Keeps which rows nothing may learn from; what was spoiled once stays so.

        Where the diagnosis turns to something else, the interval ends at the time of its last row
        that was seen; where it turns back, the interval goes on as if it had not.
        """
        known, bad = self._known(incident), spoils(incident)
        if not (known or bad) or (not bad and known[0].until is not None):
            return
        bound = self._bounds.pop((incident.model, incident.episode or incident.id), incident.since)
        since = min(known[0].since if known else bound, incident.since)
        until = spoiled_until(incident)
        if not bad and until is None:
            until = max(bound, since + 1)
        self._store.training.spoil(
            incident.model,
            incident.id,
            Interval(since, until),
            at=now,
            episode=incident.episode,
            text=incident.sentence,
        )

    def _latest(self, incident: Incident) -> int:
        """The event time of the latest row since the incident was opened, and one more."""
        try:
            rows = self._store.predictions.read(
                model=incident.model, since=incident.opened_at, columns=["at"]
            )
        except StoreError:
            return incident.opened_at
        times = rows.column("at").cast(pa.int64()).to_numpy()
        return int(times.max()) + 1 if len(times) else incident.opened_at

    def _doubtful_since(self, incident: Incident) -> int:
        """The event time of the first row in doubt; the onset's where the log cannot be read."""
        wanted, span = rows_in_doubt(incident), FIRST_SPAN
        times: NDArray[np.int64] = np.empty(0, np.int64)
        for _ in range(MOST_SPANS):
            try:
                rows = self._store.predictions.read(
                    model=incident.model,
                    since=incident.since - span,
                    until=incident.since,
                    columns=["at"],
                )
            except StoreError:
                break
            times = np.sort(rows.column("at").cast(pa.int64()).to_numpy())
            if len(times) >= wanted:
                break
            span *= 64
        return int(times[-wanted:][0]) if len(times) else incident.since

    def _step(self, change: Change, deeds: Deeds) -> Step:
        """The change as an event: an opening may be a return."""
        incident = change.incident
        earlier = returns(incident, deeds.ledger.incidents) if change.kind == OPENED else None
        if earlier is None:
            return Step(change.kind, incident.model, change.payload, change.key)
        payload = {
            "id": earlier,
            "episode": incident.id,
            "incident": change.payload["incident"],
        }
        return Step(REOPENED, incident.model, payload, f"{incident.id}/reopened")

    def _append(self, step: Step, now: int, deeds: Deeds) -> None:
        seq = self._store.control.append(step.kind, step.model, step.payload, at=now, key=step.key)
        deeds.apply(Written(seq, now, step.kind, step.model, step.payload))

    def release(self, model: str, name: str) -> Any:
        """A release, kept at hand once it was opened; None when it is not known."""
        key = (model, name)
        if key not in self._releases:
            while len(self._releases) >= MOST_RELEASES:
                self._releases.pop(next(iter(self._releases)))
            self._releases[key] = self._open(model, name)
        return self._releases[key]

    def _covered(self, incident: Incident) -> bool | None:
        """Whether a fallback answers without the guilty fields; None when not known."""
        wanted = self._policy.of(incident.kind, incident.class_)
        if Automatic.FALLBACK not in wanted or incident.status is not IncidentStatus.OPEN:
            return None
        release = self.release(incident.model, incident.release)
        covers = getattr(release, "fallback_for", None)
        return None if covers is None else covers(incident.features) is not None

    def _impact(self, incident: Incident) -> Impact | None:
        """What the incident did so far; None where the log cannot be read or is too long."""
        seen = max((int(s.get("rows", 0)) for s in incident.evidence.get("streams", ())), default=0)
        if seen > MOST_ROWS and incident.status is IncidentStatus.OPEN:
            return None
        try:
            rows = self._store.predictions.read(
                model=incident.model,
                since=incident.since,
                until=incident.closed_at,
                columns=impact.COLUMNS,
            )
        except StoreError:
            return None
        release = self.release(incident.model, incident.release)
        decisions = getattr(release, "decisions", None)
        counts = impact.count(incident, rows, None if decisions is None else decisions[0])
        return impact.impact(incident, counts, release)
