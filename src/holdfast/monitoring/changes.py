"""What goes into the monitor of a model besides rows, what comes out, and what it keeps at work."""

from __future__ import annotations

from typing import Any, NamedTuple

from holdfast.detection.base import Detector, IntArray
from holdfast.frames.values import FloatArray, ValueKind
from holdfast.monitoring.reference import FieldFacts
from holdfast.monitoring.rows import Rows
from holdfast.profiles.portrait import Portrait
from holdfast.records import Incident


class Change(NamedTuple):
    """One control event to be appended.

    Attributes:
        kind: ``incident.opened``, ``incident.updated`` or ``incident.closed``.
        incident: the incident afterwards.
        payload: of the control event.
        key: the same change always has the same key.
    """

    kind: str
    incident: Incident
    payload: dict[str, Any]
    key: str


class Labelled(NamedTuple):
    """Outcomes of earlier rows.

    Attributes:
        numbers: shape (n,), the model's row numbers of the rows they belong to.
        label: shape (n,), 0 or 1.
        rows: the rows themselves, for those that may not be kept any more; None: look them up.
    """

    numbers: IntArray
    label: FloatArray
    rows: Rows | None = None


class Live(NamedTuple):
    """Detectors of one release at work, and what is known of its reference."""

    detectors: dict[str, Detector]
    facts: dict[str, FieldFacts]
    kinds: dict[str, ValueKind]
    portrait: Portrait | None
