"""One incident, not one alarm per column: which crossing belongs to which open incident.

* The same feature: the same incident, whatever the code.
* Another feature, begun within 25 rows, where both left their usual values: one incident.
* The same code on another feature, begun within 25 rows: one cause upstream, one incident that
  names both features. Begun at another time: two unrelated faults, two incidents.
* A verdict, a guard failure or a rule over several fields is a consequence: it joins the incident
  whose features mark at least 80 % of its rows.
* An incident opened by such a consequence alone is taken over by the first feature that explains
  it.
* A column whose values, fit to the rest or score moved joins the incident that began at about the
  same time; and any incident made of such movements alone, for one drift is seen in many columns,
  one after the other. So do outcomes.
* What the diagnosis of a movement names as guilty is guilty in an open incident already: that one.
* The cause of an incident that was closed not long ago: the same incident, open again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from holdfast.records import Incident, IncidentStatus

#: rows within which two onsets count as one
SAME_ONSET = 25
#: share of a consequence's rows that a feature must mark to explain it
EXPLAINS = 0.8
#: a cause that comes back this soon after its incident was closed reopens it (microseconds)
RETURN_WITHIN = 86_400_000_000
#: codes of rules over several fields
CROSS_CODES = frozenset({"order", "null_together", "sum", "dependency"})


#: codes of movements that one cause shows in many columns, sooner or later
SOFT_CODES = frozenset({"values", "dependence", "score", "label", "lattice"})
#: codes of values that leave their usual place: begun together, they have one cause
VALUE_CODES = frozenset({"below", "above", "repeat", "unseen", "named", *SOFT_CODES})
#: codes of whole rows that follow from changes of columns
FOLLOWING = frozenset({"score", "label"})
#: rows within which a soft movement belongs to an incident of another kind
SOFT_ONSET = 500


class Crossing(NamedTuple):
    """A stream that crossed: its feature (or empty), code and estimated onset."""

    field: str
    code: str
    onset_row: int

    @property
    def soft(self) -> bool:
        """Whether it is a movement that spreads over columns."""
        return self.code in SOFT_CODES

    @property
    def derived(self) -> bool:
        """Whether it is a consequence rather than a cause."""
        return (
            not self.soft
            and (not self.field or self.code in CROSS_CODES)
            and (self.code != "duplicate")
        )


def home(
    crossing: Crossing,
    incidents: Mapping[str, Sequence[Crossing]],
    overlap: Mapping[str, float],
) -> str | None:
    """The open incident that a crossing joins, or None for a new one.

    Args:
        crossing: the stream that crossed.
        incidents: by incident id, the crossings it consists of; oldest incident first.
        overlap: by incident id, share of the crossing's marked rows that the incident marks too.

    Example:
        >>> open_now = {"i1": [Crossing("Job", "null", 100)]}
        >>> home(Crossing("Age", "null", 110), open_now, {}), home(
        ...     Crossing("Age", "null", 900), open_now, {}), home(
        ...     Crossing("", "rejected", 101), open_now, {"i1": 1.0})
        ('i1', None, 'i1')
    """
    for name, members in incidents.items():
        if crossing.field and any(m.field == crossing.field for m in members):
            return name
    if crossing.soft:
        return _soft_home(crossing, incidents)
    for name, members in incidents.items():
        causes = [m for m in members if not m.derived]
        if crossing.derived or not causes:
            if overlap.get(name, 0.0) >= EXPLAINS:
                return name
        elif any(
            (m.code == crossing.code or {m.code, crossing.code} <= VALUE_CODES)
            and abs(m.onset_row - crossing.onset_row) <= SAME_ONSET
            for m in causes
        ) or (
            all(m.soft for m in causes)
            and abs(crossing.onset_row - min(m.onset_row for m in causes)) <= SOFT_ONSET
        ):
            return name
    return None


def _soft_home(crossing: Crossing, incidents: Mapping[str, Sequence[Crossing]]) -> str | None:
    """The newest incident that a spreading movement can belong to."""
    for name, members in reversed(list(incidents.items())):
        onset = min(m.onset_row for m in members)
        moved = [m for m in members if m.code != "named"]  # what is named did not move by itself
        if all(m.soft for m in moved) or crossing.code in FOLLOWING:
            return name
        if abs(crossing.onset_row - onset) <= SOFT_ONSET:
            return name
    return None


def same_cause(crossing: Crossing, incident: Incident, known: Iterable[Incident]) -> str | None:
    """The open incident that already names what a new one would, or None.

    One change of one column goes on for long and shows in other columns, the fit of the row and the
    score, each at its own time. Where the diagnosis of such a movement names the column that an
    open incident names first (or the other way round), it is that incident still.

    Args:
        crossing: the stream that crossed; only values that left their usual place count.
        incident: what would be opened.
        known: open incidents, oldest first.
    """
    if crossing.code not in VALUE_CODES or not incident.features:
        return None
    for earlier in known:
        if earlier.features and (
            earlier.features[0] in incident.features or incident.features[0] in earlier.features
        ):
            return earlier.id
    return None


def returns(
    incident: Incident, known: Iterable[Incident], within: int = RETURN_WITHIN
) -> str | None:
    """The earlier incident whose cause has come back, or None.

    Same model, same class, same kind, and the guiltiest feature was guilty before. The earlier one
    was closed no more than `within` microseconds ago (by recovery or by hand), or a person opened
    it again. What a person accepted as normal does not return: whatever moves from there is new.

    Args:
        incident: a new one.
        known: the earlier ones; of several, the one closed last counts.
        within: microseconds.
    """
    found = [
        (earlier.closed_at or incident.opened_at, earlier.id)
        for earlier in known
        if earlier.id != incident.id
        and earlier.ending != "accepted"
        and (earlier.model, earlier.class_, earlier.kind)
        == (incident.model, incident.class_, incident.kind)
        and incident.evidence.get("arrivals") == earlier.evidence.get("arrivals")
        and (incident.features[:1] == earlier.features[:1] == ()
             or (incident.features and incident.features[0] in earlier.features))
        and _over(earlier, incident.opened_at, within)
    ]  # fmt: skip
    return max(found)[1] if found else None


def _over(earlier: Incident, now: int, within: int) -> bool:
    """Whether it was closed lately, or stands open only because a person says so."""
    if earlier.status is IncidentStatus.CLOSED:
        return earlier.closed_at is not None and now - earlier.closed_at <= within
    return earlier.by_hand
