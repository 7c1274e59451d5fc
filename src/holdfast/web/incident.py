"""The page of one incident: the verdict first, then why, what it costs, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.diagnosis.words import CLASSES
from holdfast.web import charts, words
from holdfast.web.page import render, share

#: columns of the evidence: key, heading, whether it is a share
_COLUMNS = (
    ("feature", "feature", False), ("code", "what", False), ("affected", "rows hit", False),
    ("rows", "of rows", False), ("share", "share", True),
    ("reference_share", "in the reference", True), ("allowed", "tolerated", True),
)  # fmt: skip
#: evidence that is told elsewhere on the page
_TOLD = frozenset({"because", "streams", "origin", "answers"})


def incident_page(
    *,
    incident: Mapping[str, Any],
    impact: Sequence[tuple[str, str]],
    lines: Sequence[Mapping[str, Any]],
    now: int,
    version: str,
) -> bytes:
    """The page.

    Args:
        incident: as `GET …/incidents/{incident}` answers it.
        impact: label and text of each number; empty when nobody counted.
        lines: shares over time of its streams: feature, code, usual, buckets.
        now: microseconds since 1970 (UTC).
        version: of Holdfast.
    """
    evidence = incident["evidence"]
    streams = [s for s in evidence.get("streams", ()) if isinstance(s, Mapping)]
    end = incident["closed_at"] if incident["closed_at"] is not None else now
    span = (incident["since"], end, "")
    action = words.ACTIONS.get(incident["action"], (incident["action"].replace("_", " "), ""))
    return render(
        "incident.html",
        incident=incident,
        standing=incident["standing"],
        cause=CLASSES.get(incident["class"], incident["class"]),
        because=str(evidence.get("because", "")),
        origin=_origin(evidence.get("origin")),
        answers=_answers(evidence.get("answers")),
        more=[
            (key.replace("_", " "), _plain(value))
            for key, value in evidence.items()
            if key not in _TOLD
        ],
        columns=[heading for _, heading, _ in _COLUMNS],
        streams=[[_cell(s.get(key), as_share) for key, _, as_share in _COLUMNS] for s in streams],
        charts=[
            (
                line["feature"],
                line["code"],
                charts.over_time(
                    f"Share of rows in which {line['feature']} is marked {line['code']}",
                    line["buckets"],
                    line["usual"],
                    [span],
                    bad=incident["standing"],
                ),
            )
            for line in lines
        ],
        impact=impact,
        basis=(incident.get("impact") or {}).get("basis", ()),
        action=action,
        history=incident["history"],
        commands=words.commands(incident),
        now=now,
        version=version,
    )


def _cell(value: Any, as_share: bool) -> str:
    if as_share and isinstance(value, int | float):
        return share(float(value))
    return f"{value:,}" if isinstance(value, int) else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else str(value)


def _origin(origin: Any) -> str:
    """Where the affected rows come from, in words."""
    if not isinstance(origin, Mapping) or "dimension" not in origin:
        return ""
    dimension, value = str(origin["dimension"]), str(origin.get("value", ""))
    if not value:
        count = origin.get("values", 0)
        return f"from every {dimension} alike ({count} of them)" if count else ""
    return (
        f"{share(origin.get('of_affected'))} of the affected rows come from {dimension}={value}, "
        f"which sends {share(origin.get('of_traffic'))} of the traffic"
    )


def _answers(answers: Any) -> str:
    if not isinstance(answers, Mapping):
        return ""
    return ", ".join(f"{int(n):,} {verdict}" for verdict, n in answers.items())
