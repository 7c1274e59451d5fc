"""The monitor of one model: rows in, incidents opened, updated and closed.

Knows no store and no clock. Everything it decides depends on the rows and their order alone, not on
how they were cut into batches, so two workers or a worker after a crash decide the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from holdfast.detection import DETECTORS, budget_shares, detector_class
from holdfast.detection.base import Block, Detector, Event, EventKind, IntArray, Reference
from holdfast.detection.budget import Budget, shares_to_nats
from holdfast.diagnosis.grouping import Crossing, home, same_cause
from holdfast.diagnosis.incidents import CLOSED, OPENED, UPDATED, as_payload, differences
from holdfast.diagnosis.words import moment
from holdfast.frames.values import FloatArray
from holdfast.monitoring.accepting import accepted
from holdfast.monitoring.casework import Casework
from holdfast.monitoring.changes import Change, Labelled, Live
from holdfast.monitoring.recent import Recent
from holdfast.monitoring.reference import (
    MonitoredRelease,
    facts_of,
    kinds_of,
    portrait_of,
    reference_of,
)
from holdfast.monitoring.ring import Ring
from holdfast.monitoring.rows import Rows, by_release, one_row
from holdfast.monitoring.state import (
    AcceptedChange,
    Leg,
    ModelState,
    OpenIncident,
    Watch,
    answer_of,
    over,
)
from holdfast.records import Incident, IncidentStatus

#: a leg of a silent release is given up once another release has stood in for so many rows ...
REPLACED_ROWS = 100
#: ... or when its release gave no row for so many of the model's rows
RETIRED_ROWS = 2000
#: updates when so many rows are affected, then at every tenfold
FIRST_MILESTONE = 25
#: looked at again when so many rows have come since the onset, told only where the answer changed
LOOKS = (40, 80, 140, 220, 400, 600, 800, 1200, 1800, 2600, 4000, 8000)
#: code that stands for "named by the diagnosis" where crossings are grouped
NAMED = "named"
#: movements of an incident from which on one more is not looked at by itself
MANY_LEGS = 4
#: traffic is measured from this long a life on
DAY = 86_400_000_000

__all__ = ["Change", "Labelled", "ModelMonitor"]

Releases = Callable[[str, str], MonitoredRelease | None]


class ModelMonitor:
    """Watches the rows of one model.

    Args:
        model: its name.
        releases: gives a release by model and id, or None when it is not known (yet).
        budget: the false-alarm promise, over everything that is watched of this model.
        state: from `dump`, to go on.
    """

    def __init__(
        self, model: str, releases: Releases, budget: Budget, state: bytes | None = None
    ) -> None:
        self.model = model
        self._releases = releases
        self._budget = budget
        self._state = (
            ModelState() if state is None else msgspec.msgpack.decode(state, type=ModelState)
        )
        self._recent = Recent.load(self._state.recent) if self._state.recent else Recent()
        self._ring = Ring()
        self._aged = Ring()  # rows that were read back because their outcomes came late
        self._newest: tuple[Rows, int] | None = None
        self._live = {
            release: self._resumed(release, watch) for release, watch in self._state.watches.items()
        }

    def _resumed(self, release: str, watch: Watch) -> Live:
        """The detectors of a release as they were dumped."""
        found = self._releases(self.model, release)
        nats = shares_to_nats(watch.budget_rows, budget_shares())
        reference = Reference(rows=0) if found is None else reference_of(found)
        detectors = {
            name: detector_class(name).load(data, reference, nats.get(name, 0.0))
            for name, data in watch.detectors.items()
        }
        self._set_aside(found)
        return Live(detectors, watch.facts, kinds_of(found), portrait_of(found))

    def _set_aside(self, release: MonitoredRelease | None) -> None:
        """Whose row it is says which rows count, and nothing about what is wrong with them."""
        fit = getattr(release, "values", None)
        if fit is not None and fit.entity and fit.entity not in fit.names:
            for ring in (self._ring, self._aged):
                ring.aside.add(fit.entity)

    @property
    def rows(self) -> int:
        """Rows seen so far."""
        return self._state.rows

    @property
    def last_release(self) -> str:
        """Release of the newest row; empty before the first."""
        return self._state.last_release

    @property
    def reads_outcomes(self) -> bool:
        """Whether the release that serves now bets on outcomes."""
        live = self._live.get(self._state.last_release)
        return live is not None and bool(live.kinds)

    @property
    def open(self) -> list[Incident]:
        """Open incidents, oldest first."""
        return [case.incident for case in self._state.open]

    def detectors(self, release: str) -> dict[str, Detector]:
        """The detectors at work for a release."""
        return dict(self._live[release].detectors) if release in self._live else {}

    def dump(self) -> bytes:
        """Everything, as bytes."""
        state = self._state
        state.recent = self._recent.dump()
        for release, live in self._live.items():
            state.watches[release].detectors = {n: d.dump() for n, d in live.detectors.items()}
        return msgspec.msgpack.encode(state)

    def fork(self) -> ModelMonitor:
        """A monitor in the same state, by way of `dump`, that has the last rows at hand too."""
        twin = ModelMonitor(self.model, self._releases, self._budget, self.dump())
        twin._ring, twin._newest = self._ring.copy(), self._newest
        return twin

    def observe(self, rows: Rows) -> list[Change]:
        """Takes rows in the order of the log and says what changed."""
        if not len(rows):
            return []
        state = self._state
        numbers = np.arange(state.rows, state.rows + len(rows), dtype=np.int64)
        if not state.rows:
            state.first_received = int(rows.received[0])
        self._recent.append(numbers, rows)
        self._newest = rows, int(numbers[0])
        changes: list[Change] = []
        positions = by_release(rows)
        first = {r: 0 if at is None else int(at[0]) for r, at in positions.items()}
        # a release that is new here starts when its first row comes, after all that came before
        cuts = sorted({at for r, at in first.items() if at and r not in self._live})
        for low, high in zip([0, *cuts], [*cuts, len(rows)], strict=True):
            for release in [r for r, at in first.items() if at == low]:
                self._begin(release, int(numbers[low]))
            changes += self._stretch(rows, numbers, positions, low, high)
        state.rows += len(rows)
        state.last_received = max(state.last_received, int(rows.received.max()))
        changes += self._retire(rows)
        changes += self._milestones(rows, numbers)
        changes += self._look_again(rows, numbers)
        self._recent.trim()
        return changes

    def observe_labels(self, known: Labelled) -> list[Change]:
        """Takes outcomes of earlier rows, in the order in which they came.

        Rows that are still kept are judged by their kept values; for older ones the caller gives
        the rows again (`Labelled.rows`), else they are left out.
        """
        if known.rows is None:
            self._ring.label(known.numbers, known.label)
        changes: list[Change] = []
        newest = self._state.rows - 1
        for release, block, label in self._labelled(known):
            for name, detector in self._live[release].detectors.items():
                for event in detector.observe_labels(
                    block, label, newest, self._state.last_received
                ):
                    rows, first = self._newest or (
                        one_row(newest, self._state.last_received),
                        newest,
                    )
                    work = self._casework(release, rows, first, [event])
                    decide = self._crossed if event.kind is EventKind.CROSSED else self._recovered
                    changes += decide(release, name, event, newest - first, work)
        return changes

    def _labelled(self, known: Labelled) -> Iterator[tuple[str, Block, FloatArray]]:
        if known.rows is not None:
            for release, at in by_release(known.rows).items():
                live = self._live.get(release)
                if live is None:
                    continue
                block = known.rows.block(known.numbers, at, live.kinds)
                label = known.label if at is None else known.label[at]
                if block.columns is not None:
                    source = known.rows.source if at is None else known.rows.source.take(at)
                    self._aged.append(
                        block.numbers, block.at, block.columns, block.score, source, label
                    )
                yield release, block, label
            return
        release = self._state.last_release
        found = self._ring.rows(known.numbers)
        if found is not None and release in self._live:
            places, part = found
            block = Block(part.numbers, part.at, {}, part.columns, part.score)
            yield release, block, known.label[places]

    def refill(self, rows: Rows) -> None:
        """Gives the last rows seen back after a restart, so that diagnosis has them to look at."""
        rows_seen = self._state.rows
        first = rows_seen - len(rows)
        if not len(rows) or first < 0:
            return
        numbers = np.arange(first, rows_seen, dtype=np.int64)
        self._newest = rows, first
        for release, at in by_release(rows).items():
            live = self._live.get(release)
            if live is None:
                continue
            block = rows.block(numbers, at, live.kinds)
            if block.columns is not None:
                source = rows.source if at is None else rows.source.take(at)
                self._ring.append(block.numbers, block.at, block.columns, block.score, source)

    def relabel(self, numbers: IntArray, label: FloatArray) -> None:
        """Gives outcomes back after a restart; they were judged before."""
        self._ring.label(numbers, label)

    def start(self, release: str) -> None:
        """Begins to watch a release before its first row."""
        self._begin(release, self._state.rows)

    def resolve(self, incident: str) -> None:
        """Forgets an incident that a person closed; what is still broken will be found again."""
        for case in self._state.open:
            if case.incident.id == incident:
                for leg in case.legs:
                    self._dismiss(leg)
        self._state.open = [c for c in self._state.open if c.incident.id != incident]

    def accept(self, incident: str) -> None:
        """Takes an incident as normal from now on.

        Its streams tolerate from now on what the rows since its onset show (the newest ones that
        are still kept), and what the reference called normal besides. A change beyond that counts
        as before. `take_back` undoes it.
        """
        for case in self._state.open:
            if case.incident.id == incident:
                self._refresh()
                detectors = {release: live.detectors for release, live in self._live.items()}
                self._state.accepted += accepted(
                    case, detectors, self._state.rows - 1, self._ring_of
                )
        self._state.open = [c for c in self._state.open if c.incident.id != incident]

    @property
    def accepted(self) -> list[AcceptedChange]:
        """What people took as normal and did not take back, oldest first."""
        return list(self._state.accepted)

    def take_back(self, incident: str) -> bool:
        """What was accepted with this incident is not normal after all; False: nothing was.

        The reference is as it was; if the change still stands, it is found again.
        """
        known = [a for a in self._state.accepted if a.incident == incident]
        for live in (self._live[a.release] for a in known if a.release in self._live):
            for detector in live.detectors.values():
                detector.take_back(incident)
        self._state.accepted = [a for a in self._state.accepted if a.incident != incident]
        return bool(known)

    # -- rows to events -----------------------------------------------------------------------

    def _begin(self, release: str, row: int) -> None:
        """Begins to watch a release; open incidents of the model carry over to it."""
        if release in self._live or not release:
            return
        found = self._releases(self.model, release)
        if found is None:
            return
        state = self._state
        span = state.last_received - state.first_received
        per_day = state.rows * DAY / span if span >= DAY else None
        budget = self._budget.rows(per_day)
        nats = shares_to_nats(budget, budget_shares())
        reference = reference_of(found)
        live = Live(
            {name: detector_class(name).fit(reference, nats[name]) for name in DETECTORS},
            facts_of(found),
            kinds_of(found),
            portrait_of(found),
        )
        self._set_aside(found)
        self._live[release] = live
        state.watches[release] = Watch(
            detectors={}, facts=live.facts, last_row=row, budget_rows=budget
        )
        self._refresh()
        for case in state.open:
            for leg in [leg for leg in case.legs if not leg.healthy]:
                detector = live.detectors.get(leg.detector)
                if detector is None or any(
                    known.release == release and known.key[1:] == leg.key[1:] for known in case.legs
                ):
                    continue
                if detector.adopt(leg.event):
                    stream = leg.event.stream
                    mine = next(
                        e for e in detector.faults()
                        if (e.stream.key, e.stream.side) == (stream.key, stream.side)
                    )  # fmt: skip
                    case.legs.append(Leg(release=release, detector=leg.detector, event=mine))

    def _stretch(
        self,
        rows: Rows,
        numbers: IntArray,
        positions: dict[str, IntArray | None],
        low: int,
        high: int,
    ) -> list[Change]:
        """Rows low to high, all of releases that are known by now."""
        found: list[tuple[int, int, str, str, Event]] = []
        for release, at in positions.items():
            live = self._live.get(release)
            part: IntArray | None = at
            if (low, high) != (0, len(rows)):
                every = np.arange(len(rows), dtype=np.int64) if at is None else at
                part = every[(every >= low) & (every < high)]
            if live is None or (part is not None and not len(part)):
                continue
            block = rows.block(numbers, part, live.kinds)
            self._state.watches[release].last_row = int(block.numbers[-1])
            self._state.last_release = release
            if block.columns is not None:
                source = rows.source if part is None else rows.source.take(part)
                self._ring.append(block.numbers, block.at, block.columns, block.score, source)
            for name, detector in live.detectors.items():
                # within one row, causes come before their consequences
                found += [
                    (e.row, int(not e.stream.field), release, name, e)
                    for e in detector.observe(block)
                ]
        found.sort(key=lambda item: item[:4])
        changes: list[Change] = []
        for _, _, release, name, event in found:
            place = int(event.row - numbers[0])
            case = self._casework(release, rows, int(numbers[0]))
            if event.kind is EventKind.CROSSED:
                changes += self._crossed(release, name, event, place, case)
            else:
                changes += self._recovered(release, name, event, place, case)
        return changes

    def _casework(
        self, release: str, rows: Rows, first: int, events: Sequence[Event] = ()
    ) -> Casework:
        live = self._live[release]
        ring = self._ring_of(events)
        return Casework(self._recent, rows, first, live.facts, ring, live.portrait)

    def _ring_of(self, events: Sequence[Event]) -> Ring:
        return self._aged if self._are_aged(events) else self._ring

    def _are_aged(self, events: Sequence[Event]) -> bool:
        """Whether all of it is about outcomes of rows that are no longer among the last ones."""
        if not events or any(e.stream.code != "label" for e in events):
            return False
        return not self._ring.outcomes_since(min(e.onset_row for e in events))

    # -- events to incidents ------------------------------------------------------------------

    def _crossed(
        self, release: str, name: str, event: Event, place: int, work: Casework
    ) -> list[Change]:
        leg = Leg(release=release, detector=name, event=event)
        case = self._case_of(leg)
        if case is not None:  # broke again while the incident was open for other streams
            case.legs = [leg if known.key == leg.key else known for known in case.legs]
            return []
        crossings = {
            c.incident.id: [
                *(x.crossing for x in c.legs),
                # what an incident says is guilty belongs to it, whatever showed it
                *(Crossing(f, NAMED, c.incident.onset_row) for f in c.incident.features),
            ]
            for c in self._state.open
        }
        overlap = {
            c.incident.id: self._recent.overlap(
                event.stream.key, _keys(c.legs), event.onset_row, event.row
            )
            for c in self._state.open
        }
        target = home(leg.crossing, crossings, overlap)
        quiet = self._quiet(release)
        if target is not None:
            case = next(c for c in self._state.open if c.incident.id == target)
            return self._join(case, leg, work, quiet)
        case = OpenIncident(
            incident=work.draft(
                self.model, release, event, place, _identity(self.model, leg, work)
            ),
            legs=[leg],
            milestone=FIRST_MILESTONE,
        )
        work.look_at(case, event)
        case.incident = work.renew(case, event.row, quiet)
        known = same_cause(leg.crossing, case.incident, self.open)
        if known is not None:
            case = next(c for c in self._state.open if c.incident.id == known)
            return self._join(case, leg, work, quiet)
        self._state.open.append(case)
        incident = case.incident
        return [Change(OPENED, incident, as_payload(incident), f"{incident.id}/opened")]

    def _join(
        self,
        case: OpenIncident,
        leg: Leg,
        work: Casework,
        quiet: tuple[tuple[str, str], ...],
    ) -> list[Change]:
        """One more stream of an open incident."""
        case.legs.append(leg)
        if leg.crossing.soft and len(case.legs) > MANY_LEGS:
            return []  # one more column of a movement that is known: looked at in its turn
        work.look_at(case, leg.event)
        after = work.renew(case, leg.event.row, quiet)
        return [self._update(case, after, after.sentence, "/".join(map(str, leg.key)))]

    def _recovered(
        self, release: str, name: str, event: Event, place: int, work: Casework
    ) -> list[Change]:
        leg = Leg(release=release, detector=name, event=event, healthy=True)
        case = self._case_of(leg)
        if case is None:
            return []
        case.legs = [leg if known.key == leg.key else known for known in case.legs]
        if not over(case):
            return []
        for rest in [known for known in case.legs if not known.healthy]:
            self._dismiss(rest)  # consequences start afresh; what goes on will cross again
        last = max((x.event for x in case.legs if x.event.last_row >= 0), key=lambda e: e.last_row)
        after = work.renew(case, last.last_row, self._quiet(release))
        reason = f"mended after {moment(last.last_at)}: {event.clean:,} clean requests since"
        return [self._close(case, after, reason, int(work.rows.received[place]))]

    def _retire(self, rows: Rows) -> list[Change]:
        """Gives up legs of releases that no longer serve."""
        state, changes = self._state, []
        for case in list(state.open):
            for leg in [leg for leg in case.legs if not leg.healthy]:
                silent = state.rows - state.watches[leg.release].last_row
                stood_in = any(
                    other.release != leg.release and other.key[1:] == leg.key[1:]
                    for other in case.legs
                )
                if silent > (REPLACED_ROWS if stood_in else RETIRED_ROWS):
                    self._dismiss(leg)
                    case.legs.remove(leg)
            if all(leg.healthy for leg in case.legs):
                mended = bool(case.legs)
                reason = (
                    "mended under the release that serves now"
                    if mended
                    else "the release concerned no longer serves, and its successor does not "
                    "watch this"
                )
                at = int(rows.received[-1])
                changes.append(self._close(case, case.incident, reason, at))
        return changes

    def _milestones(self, rows: Rows, numbers: IntArray) -> list[Change]:
        """Updates the sentences of incidents that have grown."""
        self._refresh()
        changes = []
        for case in self._state.open:
            leg = max(case.legs, key=lambda leg: leg.event.yes)
            count = leg.event.yes
            if leg.healthy or count < case.milestone:
                continue
            while case.milestone <= count:
                reached = case.milestone
                case.milestone = 100 if reached == FIRST_MILESTONE else reached * 10
            if self._are_aged([x.event for x in case.legs]):
                continue  # new rows say nothing about it, new outcomes would
            work = self._casework(leg.release, rows, int(numbers[0]))
            work.look_at(case, leg.event)
            after = work.renew(case, int(numbers[-1]), self._quiet(leg.release))
            changes.append(self._update(case, after, after.sentence, f"rows/{reached}"))
        return changes

    def _look_again(self, rows: Rows, numbers: IntArray) -> list[Change]:
        """Diagnoses young incidents anew as rows come in; tells it where the answer is another."""
        changes = []
        newest = int(numbers[-1])
        for case in self._state.open:
            legs = [leg for leg in case.legs if not leg.healthy]
            if not legs or case.looks >= len(LOOKS):
                continue
            age = newest - case.incident.opened_row + 1
            if age < LOOKS[case.looks] or self._live[legs[0].release].portrait is None:
                continue
            while case.looks < len(LOOKS) and age >= LOOKS[case.looks]:
                case.looks += 1
            if self._are_aged([x.event for x in case.legs]):
                continue
            work = self._casework(legs[0].release, rows, int(numbers[0]))
            after = work.renew(case, newest, self._quiet(legs[0].release))
            if answer_of(after) != answer_of(case.incident):
                changes.append(self._update(case, after, after.sentence, f"look/{case.looks}"))
        return changes

    # -- helpers ------------------------------------------------------------------------------

    def _update(self, case: OpenIncident, after: Incident, text: str, what: str) -> Change:
        changes = differences(case.incident, after)
        case.incident = msgspec.structs.replace(
            after, updates=tuple(dict.fromkeys((*case.incident.updates, text)))
        )
        payload = {"id": after.id, "update": text, "changes": changes}
        return Change(UPDATED, case.incident, payload, f"{after.id}/{what}")

    def _close(self, case: OpenIncident, after: Incident, reason: str, at: int) -> Change:
        changes = differences(case.incident, after)
        self._state.open = [c for c in self._state.open if c is not case]
        closed = msgspec.structs.replace(
            after,
            status=IncidentStatus.CLOSED,
            closed_at=at,
            updates=(*case.incident.updates, reason),
        )
        payload = {"id": after.id, "closed_at": at, "reason": reason, "changes": changes}
        return Change(CLOSED, closed, payload, f"{after.id}/closed")

    def _case_of(self, leg: Leg) -> OpenIncident | None:
        for case in self._state.open:
            if any(known.key == leg.key for known in case.legs):
                return case
        return None

    def _refresh(self) -> None:
        """Brings the counts of running faults up to date."""
        running = {
            (release, name, e.stream.key, e.stream.side): e
            for release, live in self._live.items()
            for name, detector in live.detectors.items()
            for e in detector.faults()
        }
        for case in self._state.open:
            for leg in case.legs:
                leg.event = leg.event if leg.healthy else running.get(leg.key, leg.event)

    def _dismiss(self, leg: Leg) -> None:
        live = self._live.get(leg.release)
        if live is not None:
            live.detectors[leg.detector].dismiss(leg.event.stream.key, leg.event.stream.side)

    def _quiet(self, release: str) -> tuple[tuple[str, str], ...]:
        return tuple(
            dict.fromkeys(
                (s.field, s.code)
                for detector in self._live[release].detectors.values()
                for s in detector.streams
                if s.field and not s.muted
            )
        )


def _keys(legs: list[Leg]) -> set[str]:
    return {leg.event.stream.key for leg in legs}


def _identity(model: str, leg: Leg, work: Casework) -> str:
    """The same incident has the same identifier, whoever finds it, however often."""
    parts = (model, *leg.key, work.prediction_id(leg.event.row))
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
