"""Rows that an incident has spoiled: which they are, and which of them are set aside.

Quarantined rows stay in the log. They are named, so that training leaves them out until they were
scored again from mended inputs.

====================  ==========================================================================
``rows.quarantined``  ``{"incident", "episode", "from", "to", "source", "marks", "text"}``; ``to``
                      is null while the trouble goes on; said again when it ends
``rows.released``     ``{"incident", "text", "by", "reason"}``: these rows are normal after all
====================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdfast.diagnosis.storms import origin_of
from holdfast.diagnosis.words import moment
from holdfast.records import Incident, IncidentStatus

QUARANTINED = "rows.quarantined"
RELEASED = "rows.released"
KINDS = (QUARANTINED, RELEASED)

#: kinds whose marks name every spoiled row: nothing else in the range is spoiled
_EXACT = frozenset({"missing", "dtype_change"})
#: columns of the prediction log that `Range.holds` looks at
COLUMNS = ("at", "source", "marks")


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one model that one incident has spoiled.

    Attributes:
        model, incident: of which model, by which incident.
        since: event time from which on, microseconds since 1970 (UTC).
        until: event time before which, or None while the trouble goes on.
        source: the one source they come from; None: any.
        marks: ``field:code`` marks of which a spoiled row carries one; empty: every row is.
    """

    model: str
    incident: str
    since: int
    until: int | None = None
    source: str | None = None
    marks: tuple[str, ...] = ()

    def holds(self, rows: pa.Table) -> NDArray[np.bool_]:
        """Which rows of the prediction log are in it.

        Args:
            rows: of this model, with the columns ``at``, ``source`` and ``marks``.

        Returns:
            Shape (n,).
        """
        at = rows.column("at").cast(pa.int64()).to_numpy()
        found: NDArray[np.bool_] = at >= self.since
        if self.until is not None:
            found &= at < self.until
        if self.source is not None:
            same = pc.fill_null(pc.equal(rows.column("source"), self.source), False)
            found &= same.to_numpy().astype(bool)
        if self.marks:
            found &= carrying(rows.column("marks"), self.marks)
        return found


def carrying(column: pa.ChunkedArray, marks: Iterable[str]) -> NDArray[np.bool_]:
    """Rows that carry one of some marks, as violation or as note.

    >>> carrying(pa.chunked_array([[["~Job:null"], None, ["Age:range"]]]), ["Job:null"]).tolist()
    [True, False, False]
    """
    wanted = pa.array([spelled for m in marks for spelled in (m, f"~{m}")], pa.string())
    out = np.zeros(len(column), bool)
    lists = pa.chunked_array(column.chunks, pa.list_(pa.string())).combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        return out
    hit = pc.fill_null(pc.is_in(pc.list_flatten(lists), value_set=wanted), False)
    parents = pc.list_parent_indices(lists)
    out[parents.to_numpy()[hit.to_numpy(zero_copy_only=False).astype(bool)]] = True
    return out


def range_of(incident: Incident) -> Range:
    """The rows that an incident has spoiled, as far as its evidence tells them apart.

    Where its marks name every spoiled row (a null is a null), only rows with these marks; else all
    rows of the time, from the one source where there is one: some values of a wrong unit look
    right.
    """
    streams = [s for s in incident.evidence.get("streams", ()) if isinstance(s, dict)]
    marks: tuple[str, ...] = ()
    if incident.kind in _EXACT:
        marks = tuple(
            dict.fromkeys(
                f"{s.get('feature')}:{s.get('code')}"
                for s in streams
                if s.get("side") == "up" and s.get("feature") in incident.features
            )
        )
    origin = origin_of(incident)
    dimension, _, value = origin.partition("=")
    closed = incident.status is IncidentStatus.CLOSED
    return Range(
        model=incident.model,
        incident=incident.id,
        since=incident.since,
        until=incident.closed_at if closed else None,
        source=value if dimension == "source" else None,
        marks=marks,
    )


def set_aside(incident: Incident) -> dict[str, Any]:
    """Payload of ``rows.quarantined`` for an incident as it is now."""
    found = range_of(incident)
    what = "rows"
    if found.marks:
        what += f" marked {' or '.join(found.marks)}"
    if found.source is not None:
        what += f" from source={found.source}"
    until = "on" if found.until is None else f"until {moment(found.until)}"
    return {
        "incident": incident.id,
        "episode": incident.episode,
        "from": found.since,
        "to": found.until,
        "source": found.source,
        "marks": list(found.marks),
        "text": f"set aside: {what} since {moment(found.since)} {until}",
    }


def quarantined(events: Iterable[Any]) -> dict[str, list[Range]]:
    """The rows set aside, by model, oldest range first.

    Args:
        events: control events (`kind`, `model`, `payload`) in their order; others are ignored.
            What is said again about an episode of an incident replaces what was said before.
    """
    found: dict[tuple[str, str], Range] = {}
    for event in events:
        payload = event.payload
        incident = str(payload.get("incident", ""))
        if event.kind == RELEASED:
            found = {key: r for key, r in found.items() if key[0] != incident}
        elif event.kind == QUARANTINED:
            found[incident, str(payload.get("episode", ""))] = Range(
                model=event.model,
                incident=incident,
                since=int(payload["from"]),
                until=payload.get("to"),
                source=payload.get("source"),
                marks=tuple(payload.get("marks", ())),
            )
    out: dict[str, list[Range]] = {}
    for entry in found.values():
        out.setdefault(entry.model, []).append(entry)
    return out


def spoiled(ranges: Sequence[Range], rows: pa.Table) -> NDArray[np.bool_]:
    """Rows of one model that any of some ranges holds, shape (n,)."""
    out = np.zeros(rows.num_rows, bool)
    for entry in ranges:
        out |= entry.holds(rows)
    return out
