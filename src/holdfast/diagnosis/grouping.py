"""One incident, not one alarm per column: which crossing belongs to which open incident.

* The same feature: the same incident, whatever the code.
* The same code on another feature, begun within 25 rows: one cause upstream, one incident that
  names both features. Begun at another time: two unrelated faults, two incidents.
* A verdict, a guard failure or a rule over several fields is a consequence: it joins the incident
  whose features mark at least 80 % of its rows.
* An incident opened by such a consequence alone is taken over by the first feature that explains
  it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

#: rows within which two onsets count as one
SAME_ONSET = 25
#: share of a consequence's rows that a feature must mark to explain it
EXPLAINS = 0.8
#: codes of rules over several fields
CROSS_CODES = frozenset({"order", "null_together", "sum", "dependency"})


class Crossing(NamedTuple):
    """A stream that crossed: its feature (or empty), code and estimated onset."""

    field: str
    code: str
    onset_row: int

    @property
    def derived(self) -> bool:
        """Whether it is a consequence rather than a cause."""
        return not self.field or self.code in CROSS_CODES


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
    for name, members in incidents.items():
        causes = [m for m in members if not m.derived]
        if crossing.derived or not causes:
            if overlap.get(name, 0.0) >= EXPLAINS:
                return name
        elif any(
            m.code == crossing.code and abs(m.onset_row - crossing.onset_row) <= SAME_ONSET
            for m in causes
        ):
            return name
    return None
