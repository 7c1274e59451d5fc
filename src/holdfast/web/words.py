"""What the pages say: contract rules, actions and states in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.contracts.model import (
    CategoriesRule,
    Field,
    FieldRule,
    FormatRule,
    LengthRule,
    NullRule,
    Policy,
    RangeRule,
    SentinelRule,
    TypeRule,
)
from holdfast.reports.cells import one_line

#: what to do, by the incident's action
ACTIONS = {
    "fix_pipeline": (
        "Fix the pipeline",
        "Something upstream broke. Mend it at its source; do not retrain on these rows.",
    ),
    "fallback": (
        "Let the fallback answer",
        "Until the field is mended, a model that does without it is the better answer.",
    ),
    "recalibrate": (
        "Recalibrate, or move the threshold",
        "The base rate changed. The ranking still holds; probabilities and threshold do not.",
    ),
    "retrain": (
        "Retrain",
        "The relation between inputs and outcome changed. Build a challenger on newer rows.",
    ),
    "ignore": ("Nothing to do", "The change does not touch the decisions. It is on record."),
    "investigate": (
        "Look into it",
        "The evidence does not name one cause. What was ruled out is a place to start.",
    ),
}

_POLICIES = {
    Policy.ALLOW: "the row is answered all the same",
    Policy.IMPUTE: "the value that training used is put in its place",
    Policy.CLIP: "the value is cut to the allowed range",
    Policy.FALLBACK: "a fallback model answers without the field",
    Policy.ABSTAIN: "the row is left to a person",
    Policy.REJECT: "the row is rejected",
}


def policy(field: Field) -> str:
    """What is done about a row that breaks a rule of the field."""
    return _POLICIES[field.policy]


def limits_of(field: Field) -> tuple[float | None, float | None]:
    """The range of numbers that the contract allows; None: unbounded."""
    for rule in field.rules:
        if isinstance(rule, RangeRule):
            low, high = rule.low, rule.high
            return (
                float(low) if isinstance(low, int | float) else None,
                float(high) if isinstance(high, int | float) else None,
            )
    return None, None


def rules(field: Field, *, shown: bool) -> list[tuple[str, str]]:
    """Every rule of a field in words, and how many of the rows it was learned from broke it.

    Args:
        field: the field.
        shown: whether values of the field may be named.

    Example:
        >>> from holdfast.contracts.model import Kind
        >>> age = Field(name="Age", kind=Kind.INTEGER, rules=(RangeRule(low=18, high=70),))
        >>> rules(age, shown=True)
        [('between 18 and 70', '')]
    """
    return [(_rule(field, rule, shown=shown), _seen(rule)) for rule in field.rules]


def _rule(field: Field, rule: FieldRule, *, shown: bool) -> str:
    match rule:
        case NullRule():
            if rule.rows and not rule.max_share:
                return "never missing"
            if not rule.rows and rule.max_share >= 1.0:
                return "may be missing"
            return f"missing in at most {rule.max_share:.1%} of rows"
        case TypeRule():
            return f"of kind {field.kind.value}"
        case RangeRule():
            if not shown and field.pii == "yes":
                return "inside the range that the contract names"
            if rule.low is None or rule.high is None:
                bound, word = (
                    (rule.low, "at least") if rule.high is None else (rule.high, "at most")
                )
                return f"{word} {bound}"
            return f"between {rule.low} and {rule.high}"
        case CategoriesRule():
            if not shown:
                return f"one of {len(rule.values)} known categories"
            names = [one_line(str(v)) for v in rule.values[:12]]
            more = f" and {len(rule.values) - 12} more" if len(rule.values) > 12 else ""
            return f"one of {', '.join(names)}{more}"
        case SentinelRule():
            count = f"at most {rule.max_share:.1%} of rows" if rule.max_share else "no row"
            return f"a word for nothing (such as -999) in {count}"
        case FormatRule():
            return "in the format that the contract names"
        case LengthRule():
            high = "…" if rule.high is None else rule.high
            return f"{rule.low} to {high} characters or entries long"


def _seen(rule: FieldRule) -> str:
    evidence = rule.evidence
    if not evidence.rows:
        return ""
    return f"{evidence.marked:,} of {evidence.rows:,} rows broke it"


def commands(incident: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The commands that fit an incident as it stands, each with what it is for."""
    name = str(incident["id"])
    safe = name if name.isalnum() else "INCIDENT"
    start = "holdfast incidents"
    rows = [
        ("see the predictions it has spoiled", f"{start} rows {safe}"),
        (
            "score them again from mended inputs",
            f"{start} rescore {safe} --with MENDED.parquet --out rescored.parquet",
        ),
    ]
    if incident["status"] != "open":
        return [("open it again", f'{start} reopen {safe} --reason "…"'), *rows]
    found = [("say that you look after it", f"{start} ack {safe}")]
    if incident["state"] == "acknowledged":
        found = []
    if incident["state"] == "muted":
        found.append(("hear of it again", f"{start} unmute {safe}"))
    else:
        found.append(("silence it for a while", f'{start} mute {safe} --hours 8 --reason "…"'))
    found.append(("close it, when it is mended", f'{start} resolve {safe} --reason "…"'))
    found.append(("make it the new normal", f'{start} accept {safe} --reason "…"'))
    held = incident.get("switched_off") or []
    if held:
        found.append(("let the field count again", f'{start} fallback {safe} --on --reason "…"'))
    elif incident["features"]:
        found.append(("let the fallback answer meanwhile", f'{start} fallback {safe} --reason "…"'))
    if not incident.get("quarantined"):
        found.append(("set its rows aside", f'{start} quarantine {safe} --reason "…"'))
    return [*found, *rows]
