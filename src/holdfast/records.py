"""Plain frozen records that several floors speak: estimates, windows, incidents, impact."""

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
        positives: positive rows in the whole sample, where the number rests on them.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    n: int = 0
    unit: str = ""
    method: str = ""
    why_not: str = ""
    positives: int | None = None


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A half-open stretch of event time [start, end) in microseconds since 1970 (UTC)."""

    start: int
    end: int
    rows: int = 0


class IncidentStatus(enum.StrEnum):
    """Whether the trouble goes on, as the monitor (or the person who closed it) sees it."""

    OPEN = "open"
    CLOSED = "closed"


class IncidentState(enum.StrEnum):
    """Where an incident stands for the people who deal with it."""

    OPEN = "open"
    REOPENED = "reopened"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    CLOSED = "closed"
    ACCEPTED = "accepted"


class Action(enum.StrEnum):
    """What an incident asks for."""

    FIX_PIPELINE = "fix_pipeline"
    FALLBACK = "fallback"
    RECALIBRATE = "recalibrate"
    RETRAIN = "retrain"
    IGNORE = "ignore"
    INVESTIGATE = "investigate"


class Automatic(enum.StrEnum):
    """What may be done about an incident without asking a person."""

    ALERT = "alert"
    QUARANTINE = "quarantine"
    FALLBACK = "fallback"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Who did something, when (microseconds since 1970, UTC) and why."""

    by: str
    at: int
    reason: str = ""


class Mute(Note, frozen=True, kw_only=True):
    """A mute: until a time, or (`until` None) until the incident's cause changes."""

    until: int | None = None


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident did to decisions, and what that costs.

    Attributes:
        rows: rows affected so far.
        answers: verdict → affected rows that got it.
        decisions_changed: decisions that came out otherwise than they would have, in rows.
        cost_per_row: extra cost of an affected row that was decided.
        cost_so_far: the same over all of them.
        basis: one sentence for each number: what it rests on, what it leaves out.
    """

    rows: int
    answers: dict[str, int] = {}
    decisions_changed: Estimate
    cost_per_row: Estimate
    cost_so_far: Estimate
    basis: tuple[str, ...] = ()


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
        impact: what it did to decisions and costs, as last counted; None where nobody counted.
        acknowledged: who looks after it, or None.
        muted: who silenced it, why and until when, or None.
        ending: how it was closed: ``recovery``, ``resolved`` or ``accepted``; empty while open.
        reopened: when the same cause came back, microseconds since 1970 (UTC).
        episode: the monitor's own name of the latest return; empty before the first.
        by_hand: a person opened it again; the monitor itself sees nothing of it now.
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
    impact: Impact | None = None
    acknowledged: Note | None = None
    muted: Mute | None = None
    ending: str = ""
    reopened: tuple[int, ...] = ()
    episode: str = ""
    by_hand: bool = False

    def silent(self, now: int) -> bool:
        """Whether a person muted it and the mute still holds at `now` (microseconds)."""
        return self.muted is not None and (self.muted.until is None or now < self.muted.until)

    def standing(self, now: int) -> bool:
        """Whether it wants attention at `now`: open and not muted."""
        return self.status is IncidentStatus.OPEN and not self.silent(now)

    def state(self, now: int) -> IncidentState:
        """Where it stands at `now` (microseconds since 1970, UTC)."""
        if self.status is IncidentStatus.CLOSED:
            accepted = self.ending == "accepted"
            return IncidentState.ACCEPTED if accepted else IncidentState.CLOSED
        if self.silent(now):
            return IncidentState.MUTED
        if self.acknowledged is not None:
            return IncidentState.ACKNOWLEDGED
        return IncidentState.REOPENED if self.reopened else IncidentState.OPEN
