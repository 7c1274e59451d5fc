"""The page of one release: where it stands, what speaks for and against it, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from holdfast.releases.history import Entry
from holdfast.releases.lifecycle import Stage
from holdfast.web.history import days
from holdfast.web.page import render

#: what a stage means for the requests
STAGES: Mapping[Stage, str] = {
    Stage.CANDIDATE: "It was built and answers nothing yet.",
    Stage.AUDITED: "Its gate is open; it answers nothing yet.",
    Stage.SHADOW: "It answers beside the champion, and nobody acts on its answers.",
    Stage.CANARY: "It answers a share of the requests.",
    Stage.CHAMPION: "It answers the requests.",
    Stage.STANDBY: "It was champion before and is kept ready: a rollback lets it answer again.",
    Stage.RETIRED: "It was champion before and will not answer again.",
    Stage.REJECTED: "It was turned down and will not answer.",
    Stage.QUARANTINED: "It was set aside and will not answer again.",
}
#: what the gate says, in words
GATES: Mapping[str | None, str] = {
    "passed": "The gate is open: nothing that was tested speaks against it.",
    "waiting": "The gate waits for an answer.",
    "failed": "The gate is shut: this release cannot be promoted.",
    None: "The gate has not been asked.",
}
_OUT = (Stage.RETIRED, Stage.REJECTED, Stage.QUARANTINED)
#: longest reason, in characters
LONGEST_REASON = 500
#: entries of the timeline on this page
_LATEST = 12


def release_page(
    *,
    model: str,
    release: Mapping[str, Any],
    entries: Sequence[Entry],
    releases: Collection[str],
    incidents: Collection[str],
    refused: Mapping[str, Any] | None = None,
    reason: str = "",
    now: int,
    version: str,
) -> bytes:
    """The page.

    Args:
        model: name of the model.
        release: id, stage, added_at, gate, reasons, questions (key, sentence, answer), checks
            (name, passed, at, expires, counts), lineage (label, text), environment
            (package → version), parent, standby, champion, rev, may_promote, may_roll_back,
            hindrance.
        entries: what happened to it, the newest first.
        releases: ids that have a page.
        incidents: ids that have a page.
        refused: move, message, expected, got and remedy of what was refused just now.
        reason: what was given as its reason.
        now: microseconds since 1970 (UTC).
        version: of Holdfast.
    """
    stage = Stage(release["stage"])
    return render(
        "release.html",
        model=model,
        release=release,
        means=STAGES[stage],
        tone="good" if stage is Stage.CHAMPION else "bad" if stage in _OUT else "",
        gate=GATES[release["gate"]],
        parent=release["parent"] if release["parent"] in releases else None,
        days=days(entries[:_LATEST], model, [r for r in releases if r != release["id"]], incidents),
        older=len(entries) > _LATEST,
        refused=refused,
        reason=reason,
        longest=LONGEST_REASON,
        now=now,
        version=version,
    )
