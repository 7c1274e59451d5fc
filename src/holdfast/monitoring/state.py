"""State of the monitor of one model: plain data, saved together with the reader's position."""

from __future__ import annotations

import msgspec

from holdfast.detection.base import Event, Side
from holdfast.diagnosis.evidence import Movement, Values
from holdfast.diagnosis.grouping import Crossing
from holdfast.monitoring.reference import FieldFacts
from holdfast.records import Incident

#: streams that tell diagnosis the same thing
_ALIASES = {"recent": "repeat", "adjacent": "duplicate"}


class Leg(msgspec.Struct, kw_only=True):
    """One stream of one release that an open incident stands on.

    Attributes:
        release: the release whose rows showed it.
        detector: name of the detector.
        event: the crossing, refreshed while the fault goes on; for a healthy leg the recovery.
        healthy: whether it has recovered.
    """

    release: str
    detector: str
    event: Event
    healthy: bool = False

    @property
    def key(self) -> tuple[str, str, str, Side]:
        """What the leg watches."""
        stream = self.event.stream
        return self.release, self.detector, stream.key, stream.side

    @property
    def code(self) -> str:
        """What moved, in the words of diagnosis."""
        code = self.event.stream.code
        return _ALIASES.get(code, code)

    @property
    def crossing(self) -> Crossing:
        """The leg as grouping sees it."""
        return Crossing(self.event.stream.field, self.code, self.event.onset_row)

    @property
    def movement(self) -> Movement:
        """The leg as evidence."""
        e = self.event
        return Movement(
            field=e.stream.field,
            code=self.code,
            side=e.stream.side.value,
            yes=e.yes,
            rows=e.rows,
            normal=e.stream.share,
            edge=e.stream.edge,
            onset_row=e.onset_row,
            nats=e.nats,
        )


class OpenIncident(msgspec.Struct, kw_only=True):
    """An open incident with what it stands on.

    Attributes:
        incident: the record as last published.
        legs: streams that crossed.
        milestone: affected rows at which the next update is due.
        looks: how often it was looked at again since it opened.
        values: what marked values looked like, by feature.
    """

    incident: Incident
    legs: list[Leg]
    milestone: int
    looks: int = 0
    values: dict[str, Values] = {}


class Watch(msgspec.Struct, kw_only=True):
    """What is watched of one release.

    Attributes:
        detectors: their states by name.
        facts: facts of its fields.
        last_row: the model's row number of its last row.
        budget_rows: rows between two false incidents that its thresholds stand for.
    """

    detectors: dict[str, bytes]
    facts: dict[str, FieldFacts]
    last_row: int
    budget_rows: float


class AcceptedChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a person took as normal.

    Attributes:
        incident: the incident's name.
        release: whose reference tolerates it from now on.
        row: the model's newest row then.
        features: columns whose streams were accepted; empty for whole rows, scores, outcomes.
        rows: rows of evidence; 0: none was kept any more, so that streams only started afresh.
    """

    incident: str
    release: str
    row: int
    features: tuple[str, ...]
    rows: int


class ModelState(msgspec.Struct, kw_only=True):
    """Everything the monitor knows of a model.

    Attributes:
        rows: rows seen, over all releases.
        first_received, last_received: when the first and the last of them came.
        watches: by release id.
        open: open incidents, oldest first.
        recent: the ring of last rows.
        last_release: release of the newest row.
        accepted: what people took as normal, oldest first.
    """

    version: int = 1
    rows: int = 0
    first_received: int = 0
    last_received: int = 0
    watches: dict[str, Watch] = {}
    open: list[OpenIncident] = []
    recent: bytes = b""
    last_release: str = ""
    accepted: list[AcceptedChange] = []


def over(case: OpenIncident) -> bool:
    """Whether an incident has ended: every leg of it has, or every leg of the guilty columns.

    Movements of other columns that only follow (values, fit to the rest, score, outcomes) need not
    be waited for where something harder than such movements ended.
    """
    left = [leg for leg in case.legs if not leg.healthy]
    guilty = set(case.incident.features)
    mine = [leg for leg in case.legs if leg.healthy and leg.event.stream.field in guilty]
    return all(leg.crossing.soft and leg.event.stream.field not in guilty for leg in left) and (
        not left or any(not leg.crossing.soft for leg in mine)
    )


def answer_of(incident: Incident) -> tuple[str, str, str, tuple[str, ...]]:
    """What an incident says is wrong."""
    return incident.class_, incident.kind, incident.action.value, incident.features[:3]
