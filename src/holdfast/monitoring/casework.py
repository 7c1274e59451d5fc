"""Evidence of one incident put together: counts, origin, answers, values; then the diagnosis."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from holdfast.detection.base import Event, Side
from holdfast.diagnosis.diagnose import diagnose
from holdfast.diagnosis.evidence import Evidence
from holdfast.monitoring.recent import WINDOW, Recent
from holdfast.monitoring.reference import FieldFacts
from holdfast.monitoring.ring import Ring
from holdfast.monitoring.rows import Rows
from holdfast.monitoring.state import OpenIncident
from holdfast.monitoring.values import LOOKED_AT, describe
from holdfast.profiles.portrait import Portrait
from holdfast.records import Action, Incident, IncidentStatus

#: codes whose marked values say more than their count
_LOOK_CODES = frozenset({"type", "range", "unseen", "sentinel"})


class Casework:
    """What can be known of an incident while some rows are at hand.

    Args:
        recent: the last rows, those at hand included.
        rows: the rows at hand.
        first: the model's row number of the first of them.
        facts: facts of the release's fields.
        ring: the values of the last rows, or None.
        portrait: what the reference looked like, or None.
    """

    def __init__(
        self,
        recent: Recent,
        rows: Rows,
        first: int,
        facts: Mapping[str, FieldFacts],
        ring: Ring | None = None,
        portrait: Portrait | None = None,
    ) -> None:
        self.ring = ring
        self.portrait = portrait
        self.recent = recent
        self.rows = rows
        self.first = first
        self.facts = facts

    def prediction_id(self, row: int) -> str:
        """The prediction id of a row at hand; its number where it has none."""
        value = self.rows.ids[row - self.first].as_py()
        return str(value) if value is not None else str(row)

    def draft(self, model: str, release: str, event: Event, place: int, name: str) -> Incident:
        """A new incident without its diagnosis."""
        received = int(self.rows.received[place])
        return Incident(
            id=name,
            model=model,
            release=release,
            status=IncidentStatus.OPEN,
            class_="unknown",
            kind="unknown",
            action=Action.INVESTIGATE,
            features=(),
            sentence="",
            since=self.recent.since(event.onset_row, received, event.onset_at),
            opened_at=received,
            opened_row=event.row + 1,
            onset_row=event.onset_row,
        )

    def look_at(self, case: OpenIncident, event: Event) -> None:
        """Looks at the marked values among the rows at hand, and keeps what they look like."""
        stream = event.stream
        if self.rows.look is None or stream.code not in _LOOK_CODES:
            return
        at = self.rows.marks.get(f"{stream.key}", self.rows.marks.get(f"~{stream.key}"))
        if at is None:
            return
        numbers = at + self.first
        chosen = at[(numbers >= event.onset_row) & (numbers <= event.row)][-LOOKED_AT:]
        if not len(chosen):
            return
        facts = self.facts.get(stream.field, FieldFacts())
        seen = describe(stream.field, self.rows.look(chosen), facts)
        known = case.values.get(stream.field)
        if seen is not None and (known is None or seen.rows >= known.rows):
            case.values[stream.field] = seen

    def renew(self, case: OpenIncident, until: int, quiet: tuple[tuple[str, str], ...]) -> Incident:
        """The incident as the evidence through row `until` tells it.

        Args:
            case: the incident with its legs.
            until: last row that counts.
            quiet: (field, code) of every stream that is watched.
        """
        legs = sorted(case.legs, key=lambda leg: (leg.crossing.derived, -leg.event.nats))
        moved = tuple(leg.movement for leg in legs)
        # one movement per stream: where two releases show it, the stronger
        moved = tuple({(m.field, m.code, m.side): m for m in reversed(moved)}.values())[::-1]
        onset = min(leg.event.onset_row for leg in legs)
        causes = [leg for leg in legs if not leg.crossing.derived] or legs
        keys = {leg.event.stream.key for leg in causes}
        falling = all(leg.event.stream.side is Side.DOWN for leg in causes)
        spot, answers = None, {}
        if not falling and len(self.recent.numbers):
            begin = max(onset, until - WINDOW + 1)
            affected = self.recent.affected(keys, begin, until)
            if affected.any():
                spot = self.recent.spot(affected, begin, until)
                answers = self.recent.answers(affected)
        crossed = {(m.field, m.code) for m in moved}
        fields = {m.field for m in moved}
        now = before = None
        if self.ring is not None and self.portrait is not None:
            now, before = self.ring.sample(onset, until), self.ring.before(onset)
            if now is None and case.incident.sentence:
                return case.incident  # the rows are gone: what they showed stands
        evidence = Evidence(
            moved=moved,
            quiet=tuple(q for q in quiet if q[0] in fields and q not in crossed),
            spot=spot,
            values=case.values,
            answers=answers,
            now=now,
            before=before,
            portrait=self.portrait,
            shown=frozenset(name for name, facts in self.facts.items() if facts.shown),
        )
        diagnosis = diagnose(evidence, case.incident.since)
        cause = diagnosis.cause
        return msgspec.structs.replace(
            case.incident,
            class_=cause.class_,
            kind=cause.kind,
            action=cause.action,
            features=cause.features,
            sentence=diagnosis.sentence,
            confidence=cause.confidence,
            evidence=msgspec.to_builtins(diagnosis.facts, enc_hook=_plain_number),
            ruled_out=diagnosis.ruled_out,
        )


def _plain_number(value: object) -> object:
    """A number of numpy as one of Python."""
    return getattr(value, "item", lambda: str(value))()
