"""What happened in the full loop: counts and timeline from the store's events, and their report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from holdfast.demo.replay import MODEL
from holdfast.releases.history import history
from holdfast.reports.document import Column, Document, Heading, KeyValues, Table
from holdfast.storage import Store
from holdfast.storage.training import Interval


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, counted from the store's own events.

    Attributes:
        retrains: retrainings that made a release.
        wrongful_retrains: those of them that learned from rows of the broken pipe.
        vetoes: retrainings that were asked for and forbidden.
        promotions, rollbacks: after the first release.
        rollback_seconds: from the rollback's commit until every answer of every client was the
            standby's.
        mixed_responses: answers whose score is not that of the release they name.
        requests: applications answered.
        timeline: event, release and why, oldest first.
    """

    retrains: int
    wrongful_retrains: int
    vetoes: int
    promotions: int
    rollbacks: int
    rollback_seconds: float
    mixed_responses: int
    requests: int
    timeline: list[dict[str, Any]]


def counted(folder: Path, broken: Interval, seconds: float, mixed: int, sent: int) -> Told:
    """What happened, counted from the store's own events.

    Args:
        folder: of the project.
        broken: event times of the rows that the broken pipe wrote.
        seconds: that the rollback took.
        mixed: answers that mix two releases.
        sent: applications answered.
    """
    with Store.open(folder / "holdfast.db", read_only=True) as store:
        events = store.control.events(MODEL)
        entries = history(events, incidents={}, newest_first=False)
        made = [e.payload["release"] for e in events if e.kind == "retrain.finished"]
        wrong = [
            name
            for name in made
            if any(piece.meets(broken) for piece in store.training.pieces(MODEL, name))
        ]
    kinds = [event.kind for event in events]
    vetoed = [
        e for e in events
        if e.kind == "loop.decided" and e.payload["decision"] == "vetoed"
        and any(c["name"] == "unless.open_incident" and c["holds"] for c in e.payload["clauses"])
    ]  # fmt: skip
    return Told(
        retrains=len(made),
        wrongful_retrains=len(wrong),
        vetoes=len(vetoed) + kinds.count("retrain.vetoed"),
        promotions=kinds.count("lifecycle.promote") - 1,
        rollbacks=kinds.count("lifecycle.rollback"),
        rollback_seconds=round(seconds, 3),
        mixed_responses=mixed,
        requests=sent,
        timeline=[
            {"event": entry.kind, "release": entry.release, "why": entry.why or entry.sentence}
            for entry in entries
            if entry.kind != "incident.updated"
        ],
    )


def document(told: Told) -> Document:
    """What happened as a report: the counts, and the timeline."""
    facts: tuple[tuple[str, str | float | None], ...] = (
        ("applications answered", f"{told.requests:,}"),
        ("retrainings", told.retrains),
        ("of them on rows of the broken pipe", told.wrongful_retrains),
        ("vetoes", told.vetoes),
        ("promotions after the first", told.promotions),
        ("rollbacks", told.rollbacks),
        ("seconds until every answer was the standby's", told.rollback_seconds),
        ("answers that mix two releases", told.mixed_responses),
    )
    sound = told.wrongful_retrains == 0 and told.mixed_responses == 0
    return Document(
        title="The closed loop, end to end",
        summary="The broken pipe vetoed retraining; the real drift led to it. "
        f"Rolled back within {told.rollback_seconds:.2f} s.",
        blocks=(
            KeyValues(items=facts),
            Heading(text="Timeline"),
            Table(
                columns=(Column(name="event"), Column(name="release"), Column(name="why")),
                rows=tuple(
                    (e["event"], (e["release"] or "")[:12], e["why"]) for e in told.timeline
                ),
            ),
        ),
        passed=sound,
        data=msgspec.to_builtins(told),
    )
