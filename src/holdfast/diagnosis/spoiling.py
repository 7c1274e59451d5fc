"""Which incidents spoil rows for training, and from when to when.

A row that a broken pipeline wrote, or whose outcome is wrong, teaches a model the fault. The
verdict sticks to rows: where more of them make an incident look like something else, those until
then stay spoiled until a person accepts them, and those that come after are not.
"""

from __future__ import annotations

from holdfast.detection.volume_faults import VolumeKind
from holdfast.records import Incident, IncidentStatus

#: classes of incidents whose rows teach a fault
SPOILING = frozenset({"pipeline", "label"})
#: rows that did not come, or late or many, are sound in themselves; rows that came twice are not
_SOUND = frozenset(
    {
        VolumeKind.NO_DATA.value,
        VolumeKind.TRAFFIC_LOW.value,
        VolumeKind.TRAFFIC_HIGH.value,
        VolumeKind.LATE_DATA.value,
    }
)
#: how many rows before the estimated onset are in doubt: as many as the finding took, within these
FEWEST, MOST = 200, 2_000


def spoils(incident: Incident) -> bool:
    """Whether rows of this incident are not to be learned from."""
    return incident.class_ in SPOILING and incident.kind not in _SOUND


def rows_in_doubt(incident: Incident) -> int:
    """How many rows before the estimated onset are in doubt.

    The onset is an estimate, late by up to a few hundred rows in most of our replays. So as many
    rows are doubted as it took to find the trouble, at least `FEWEST` and at most `MOST`.

    Example:
        >>> from holdfast.records import Action
        >>> incident = Incident(
        ...     id="i1", model="loan", release="a1", status=IncidentStatus.OPEN, class_="pipeline",
        ...     kind="missing", action=Action.FIX_PIPELINE, features=("Job",), sentence="",
        ...     since=1_000_000, opened_at=1_040_000, opened_row=1_400, onset_row=1_000)
        >>> spoils(incident), rows_in_doubt(incident)
        (True, 400)
    """
    return min(max(incident.opened_row - incident.onset_row, FEWEST), MOST)


def spoiled_until(incident: Incident) -> int | None:
    """The event time before which rows are in doubt; None while the incident is open."""
    if incident.status is IncidentStatus.OPEN or incident.closed_at is None:
        return None
    return max(incident.closed_at, incident.since + 1)
