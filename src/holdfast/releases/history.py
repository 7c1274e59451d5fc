"""The history of a model as a fold over control events: one entry for each thing that happened.

What was decided, by whom and why is all in the events; here it becomes sentences. Nothing is read
from tables, so a history can be told of any log, old ones included. Events of kinds that are not
known here, and those whose payload names nothing, are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from holdfast.releases.history_causes import CAUSES, names_of
from holdfast.releases.history_moves import MOVES
from holdfast.releases.history_words import Teller, Told, text

#: what an entry is about → kinds of events; a page filters by these
TOPICS: Mapping[str, tuple[str, ...]] = {
    "promotions": ("lifecycle.promote", "release.promoted", "lifecycle.adopt", "release.live"),
    "rollbacks": ("lifecycle.rollback", "release.rolled_back"),
    "releases": (
        "release.added", "lifecycle.add", "release.trained", "gate.decided", "audit.answered",
        "lifecycle.audit", "lifecycle.shadow", "lifecycle.canary", "canary.tripped",
        "lifecycle.check", "lifecycle.reject", "lifecycle.quarantine", "lifecycle.retire",
    ),
    "incidents": (
        "incident.opened", "incident.updated", "incident.closed", "incident.reopened",
        "incident.acknowledged", "incident.muted", "incident.unmuted", "incident.resolved",
        "incident.accepted",
    ),
    "retrains": (
        "retrain.finished", "retrain.rejected", "retrain.vetoed", "rows.spoiled", "rows.cleared",
    ),
    "decisions": ("loop.decided", "lifecycle.freeze", "lifecycle.unfreeze"),
}  # fmt: skip
#: every kind that is told
KINDS: tuple[str, ...] = tuple(kind for kinds in TOPICS.values() for kind in kinds)
_TOPIC_OF = {kind: topic for topic, kinds in TOPICS.items() for kind in kinds}
TELLERS: Mapping[str, Teller] = {**MOVES, **CAUSES}
#: a move of the lifecycle → the event that is written for other readers of the same move
_TWINS = {
    "lifecycle.add": "release.added",
    "lifecycle.promote": "release.promoted",
    "lifecycle.rollback": "release.rolled_back",
}


class EventLike(Protocol):
    """A control event, as far as the fold needs it."""

    @property
    def kind(self) -> str:
        """What happened."""
        ...

    @property
    def at(self) -> int:
        """When, microseconds since 1970 (UTC)."""
        ...

    @property
    def payload(self) -> Mapping[str, Any]:
        """Plain data."""
        ...


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a model's history.

    Attributes:
        at: when, microseconds since 1970 (UTC).
        kind: kind of the control event, one of `KINDS`.
        release: id of the release concerned, or None.
        incident: id of the incident concerned, or None.
        by: who; empty where the event does not say.
        why: the reason given; empty where none was.
        sentence: what happened, ids shortened and in backticks.
        tone: ``"good"``, ``"bad"`` or ``""`` for neither.
    """

    at: int
    kind: str
    release: str | None = None
    incident: str | None = None
    by: str = ""
    why: str = ""
    sentence: str
    tone: str = ""

    @property
    def topic(self) -> str:
        """What it is about, one of `TOPICS`.

        >>> Entry(at=0, kind="canary.tripped", sentence="").topic
        'releases'
        """
        return _TOPIC_OF[self.kind]


def history(
    events: Iterable[EventLike],
    *,
    incidents: Mapping[str, str] | None = None,
    newest_first: bool = True,
    topics: Sequence[str] = (),
) -> tuple[Entry, ...]:
    """The history that some control events of one model tell.

    A promotion writes ``lifecycle.promote`` and, for other readers, ``release.promoted``: the
    two are one entry, likewise a rollback and an addition.

    Args:
        events: control events of one model in the order of the log.
        incidents: id → what the incident is called, for those whose opening is not among the
            events.
        newest_first: the order; events of the same microsecond keep the order of the log, so that
            one order is the other one reversed.
        topics: only these of `TOPICS`; empty for all. One that does not exist has no entry.

    Example:
        >>> from holdfast.storage import ControlEvent
        >>> told = [
        ...     ControlEvent(seq=seq, at=0, kind=kind, model="loan", key=None, payload=payload,
        ...         hash="")
        ...     for seq, kind, payload in [
        ...         (1, "lifecycle.promote", {"release": "a1", "by": "ada", "reason": "first"}),
        ...         (2, "release.promoted", {"release": "a1", "reason": "first"}),
        ...     ]
        ... ]
        >>> [(entry.sentence, entry.by, entry.why) for entry in history(told)]
        [('`a1` became champion.', 'ada', 'first')]
    """
    known = list(events)
    moved = Counter((_TWINS[event.kind], *_move(event)) for event in known if event.kind in _TWINS)
    called: dict[str, str] = dict(incidents or {})
    found = []
    for event in known:
        teller = TELLERS.get(event.kind)
        if teller is None:
            continue
        twin = (event.kind, *_move(event))
        if moved[twin] > 0:
            moved[twin] -= 1
            continue
        names_of(event.kind, event.payload, called)
        told = teller(event.payload, called)
        if told is not None and (not topics or _TOPIC_OF[event.kind] in topics):
            found.append(_entry(event, told))
    found.sort(key=lambda entry: entry.at)
    return tuple(reversed(found)) if newest_first else tuple(found)


def _move(event: EventLike) -> tuple[str, int]:
    """What the two events of one move have in common; a release is added only once."""
    once = event.kind in ("lifecycle.add", "release.added")
    return text(event.payload, "release"), 0 if once else event.at


def _entry(event: EventLike, told: Told) -> Entry:
    return Entry(
        at=event.at,
        kind=event.kind,
        release=told.release,
        incident=told.incident,
        by=text(event.payload, "by"),
        why=told.why,
        sentence=told.sentence,
        tone=told.tone,
    )
