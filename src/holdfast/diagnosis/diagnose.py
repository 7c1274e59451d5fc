"""Evidence in, diagnosis out: on rows the suspect that explains most, on marks the first rule."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from holdfast.diagnosis.attribution import segment
from holdfast.diagnosis.evidence import Cause, Diagnosis, Evidence, Spot
from holdfast.diagnosis.rules import RULES
from holdfast.diagnosis.scene import Scene
from holdfast.diagnosis.verdict import Verdict, judge
from holdfast.diagnosis.words import row_sentence, sentence
from holdfast.reports.naming import names

#: stands for a value of a column whose values may not be shown
HIDDEN = "(one of its values)"


def diagnose(evidence: Evidence, since: int) -> Diagnosis:
    """The most specific cause that the evidence supports, ``unknown`` included.

    Args:
        evidence: what moved, what did not, and where; at least one movement, or rows and a
            portrait.
        since: onset in microseconds since 1970 (UTC).

    Example:
        >>> from holdfast.diagnosis.evidence import Movement
        >>> null = Movement(field="Job", code="null", side="up", yes=212, rows=212, normal=0.0,
        ...                 edge=0.003, onset_row=900, nats=1100.0)
        >>> diagnose(Evidence(moved=(null,)), 1795442700_000_000).sentence
        'broken pipeline: `Job` missing since 2026-11-23 14:05 UTC, 100% of 212 requests'
    """
    if evidence.now is not None and evidence.portrait is not None and evidence.now.rows:
        with np.errstate(all="ignore"):  # what overflows loses by itself
            verdict = judge(Scene(evidence, evidence.now, evidence.portrait))
            if verdict is not None:
                return _from_rows(verdict, since)
    return _from_marks(evidence, since)


def _from_marks(evidence: Evidence, since: int) -> Diagnosis:
    cause = next(c for rule in RULES if (c := rule.match(evidence)) is not None)
    return Diagnosis(
        cause=cause,
        sentence=sentence(cause, evidence, since),
        ruled_out=_ruled_out(cause.kind, cause.features, evidence),
        facts=_facts(evidence, cause.because),
    )


def _from_rows(verdict: Verdict, since: int) -> Diagnosis:
    cause, scene = verdict.winner.cause, verdict.scene
    evidence = scene.evidence
    start, share = _affected(verdict)
    at = scene.now.at
    began = int(at[start]) if at is not None and start > 0 and len(at) > start else None
    spot = segment(scene.now, verdict.winner.weight, start, cause.features)
    if (spot is None or not spot.value) and evidence.spot is not None and evidence.spot.value:
        spot = evidence.spot  # the marks of the rows tell where the rows themselves cannot
    hidden = scene.now.columns.keys() - evidence.shown
    if spot is not None and spot.value and spot.dimension in hidden:
        spot = msgspec.structs.replace(spot, value=HIDDEN)
    facts = _facts(evidence, cause.because) | {
        "rows": scene.whole.rows,
        "first_row": start,
        "affected_share": round(share, 4),
        "nats": round(verdict.winner.nats, 1),
        "details": dict(verdict.winner.details),
        "suspects": [
            {"kind": s.cause.kind, "features": list(s.cause.features), "value": round(s.value, 1)}
            for s in (verdict.winner, *verdict.others[:5])
        ],
    }
    if spot is not None:
        facts["segment"] = msgspec.to_builtins(spot)
    return Diagnosis(
        cause=cause,
        sentence=row_sentence(cause, began or since, share, scene.whole.rows - start, spot),
        ruled_out=_beaten(verdict, cause, spot),
        facts=facts,
        since=began,
    )


def _affected(verdict: Verdict) -> tuple[int, float]:
    weight = verdict.winner.weight
    if weight is None or not len(weight) or not weight.any():
        return 0, 1.0
    start = int(np.argmax(weight > 0.5)) if (weight > 0.5).any() else int(np.argmax(weight > 0))
    return start, float(weight[start:].mean())


def _beaten(verdict: Verdict, cause: Cause, spot: Spot | None) -> tuple[str, ...]:
    out = []
    for other in verdict.others[:6]:
        gap = verdict.winner.value - other.value
        named = f" of {names(other.cause.features[:1])}" if other.cause.features else ""
        out.append(
            f"{other.cause.kind}{named}: explains the rows less well by {gap:.0f} nats "
            f"({other.nats:.0f} against {verdict.winner.nats:.0f})"
        )
    if spot is not None and not spot.value and spot.values > 1:
        out.append(
            f"one {spot.dimension} alone: the affected rows spread over {spot.values} of them"
        )
    return tuple(out)


def _ruled_out(kind: str, features: tuple[str, ...], evidence: Evidence) -> tuple[str, ...]:
    """Kinds whose own streams are watched for the guilty features and did not move."""
    out = []
    for rule in RULES:
        if rule.kind == kind or not rule.codes:
            continue
        watched = [f for f, code in evidence.quiet if code in rule.codes and f in features]
        moved = {m.field for m in evidence.moved if m.code in rule.codes}
        quiet = [f for f in dict.fromkeys(watched) if f not in moved]
        if quiet and len(quiet) == len(features):
            marks = " or ".join(rule.codes)
            out.append(f"{rule.kind}: {marks} marks of {names(quiet)} are as in the reference")
    spot = evidence.spot
    if spot is not None and not spot.value and spot.values > 1:
        out.append(
            f"one {spot.dimension} alone: the affected rows spread over {spot.values} of them"
        )
    return tuple(out)


def _facts(evidence: Evidence, because: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "because": because,
        "streams": [
            {
                "feature": m.field,
                "code": m.code,
                "side": m.side,
                "affected": m.yes,
                "rows": m.rows,
                "share": round(m.share, 6),
                "reference_share": round(m.normal, 6),
                "allowed": round(m.edge, 6),
                "evidence_nats": round(m.nats, 2),
            }
            for m in evidence.moved
        ],
    }
    if evidence.spot is not None:
        facts["origin"] = msgspec.to_builtins(evidence.spot)
    if evidence.answers:
        facts["answers"] = dict(evidence.answers)
    return facts
