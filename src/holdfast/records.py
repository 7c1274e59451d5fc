"""Plain frozen records that several floors speak: estimates, windows, incidents."""

from __future__ import annotations

import enum
from typing import Any

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its uncertainty.

    Attributes:
        value: the point estimate, in `unit`; None when it cannot be supported (see `why_not`).
        low, high: the interval at level `level`.
        level: coverage of the interval, in (0, 1).
        n: rows behind the number.
        unit: ``"share"``, ``"cost per row"``, ``"rows"`` ...
        method: literature name of the interval, for example ``"wilson"``.
        why_not: why there is no value, when there is none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int = 0
    unit: str = ""
    method: str = ""
    why_not: str = ""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A half-open stretch of event time [start, end) in microseconds since 1970 (UTC)."""

    start: int
    end: int
    rows: int = 0


class IncidentStatus(enum.StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    CLOSED = "closed"


class Action(enum.StrEnum):
    """What an incident asks for."""

    FIX_PIPELINE = "fix_pipeline"
    FALLBACK = "fallback"
    RECALIBRATE = "recalibrate"
    RETRAIN = "retrain"
    IGNORE = "ignore"
    INVESTIGATE = "investigate"


class Incident(msgspec.Struct, frozen=True, kw_only=True, rename={"class_": "class"}):
    """One thing that went wrong, from opening to closing.

    Attributes:
        id: unique identifier.
        model: name of the model concerned.
        release: id of the release that was serving.
        status: open or closed.
        class_: cause class (``class`` in JSON): ``pipeline``, ``covariate``, ``prior``,
            ``concept``, ``unknown``.
        kind: the cause itself, for example ``missing`` or ``dtype_change``.
        action: what to do.
        features: guilty features, the most guilty first.
        sentence: the incident in words: what, since when, how much, from where.
        since: estimated start of the trouble, microseconds since 1970 (UTC).
        opened_at, closed_at: when it was opened and closed, same unit.
        opened_row: number of rows the monitor had seen of this model when it opened.
        onset_row: number of rows seen when the trouble began (estimated).
        evidence: plain numbers behind the sentence.
        ruled_out: alternatives considered and why they do not hold.
        updates: sentences of later updates, oldest first.
    """

    id: str
    model: str
    release: str
    status: IncidentStatus
    class_: str
    kind: str
    action: Action
    features: tuple[str, ...]
    sentence: str
    since: int
    opened_at: int
    opened_row: int
    onset_row: int
    closed_at: int | None = None
    confidence: float | None = None
    evidence: dict[str, Any] = {}
    ruled_out: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()
