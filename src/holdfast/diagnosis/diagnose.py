"""Evidence in, diagnosis out: the first rule that matches, and what the others do not explain."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.diagnosis.evidence import Diagnosis, Evidence
from holdfast.diagnosis.rules import RULES
from holdfast.diagnosis.words import names, sentence


def diagnose(evidence: Evidence, since: int) -> Diagnosis:
    """The most specific cause that the evidence supports, ``unknown`` included.

    Args:
        evidence: what moved, what did not, and where; at least one movement.
        since: onset in microseconds since 1970 (UTC).

    Example:
        >>> from holdfast.diagnosis.evidence import Movement
        >>> null = Movement(field="Job", code="null", side="up", yes=212, rows=212, normal=0.0,
        ...                 edge=0.003, onset_row=900, nats=1100.0)
        >>> diagnose(Evidence(moved=(null,)), 1795442700_000_000).sentence
        'broken pipeline: `Job` missing since 2026-11-23 14:05 UTC, 100% of 212 requests'
    """
    for rule in RULES:
        cause = rule.match(evidence)
        if cause is not None:
            break
    else:  # the last rule always answers
        raise AssertionError("no rule answered")
    return Diagnosis(
        cause=cause,
        sentence=sentence(cause, evidence, since),
        ruled_out=_ruled_out(cause.kind, cause.features, evidence),
        facts=_facts(evidence, cause.because),
    )


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
