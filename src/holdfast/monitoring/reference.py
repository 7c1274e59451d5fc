"""What a monitor needs to know of a release: its normal life, and what its fields may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from holdfast.contracts.model import (
    SERVING_ROLES,
    CategoriesRule,
    ConstantSumRule,
    ContractData,
    CrossRule,
    DependencyRule,
    Field,
    FormatRule,
    LengthRule,
    NullRule,
    NullTogetherRule,
    OrderRule,
    Policy,
    RangeRule,
    SentinelRule,
    TypeRule,
)
from holdfast.detection.base import Reference
from holdfast.detection.columns.fit import ReferenceFit
from holdfast.detection.mark_streams import ABSTAINED, REJECTED
from holdfast.frames.values import ValueKind
from holdfast.profiles.portrait import Portrait

_CODES: dict[type, str] = {
    NullRule: "null",
    TypeRule: "type",
    RangeRule: "range",
    CategoriesRule: "unseen",
    SentinelRule: "sentinel",
    FormatRule: "format",
    LengthRule: "length",
    OrderRule: "order",
    NullTogetherRule: "null_together",
    ConstantSumRule: "sum",
    DependencyRule: "dependency",
}
#: no release is taken to reject or abstain from more than this in normal life
_MOST_REFUSED = 0.5


class _HasData(Protocol):
    @property
    def data(self) -> ContractData: ...


class MonitoredRelease(Protocol):
    """A release, as far as monitoring needs it."""

    @property
    def id(self) -> str:
        """Its identifier."""
        ...

    @property
    def contract(self) -> _HasData:
        """Its contract."""
        ...

    @property
    def reference(self) -> Any:
        """Marks counted on its reference rows, as a record or a mapping.

        ``rows`` and ``marks`` (``{"Job:null": k}``) are needed; ``outcomes`` (rows by verdict) and
        ``periods`` (a list of the same by stretch of time) are used where they are there.
        """
        ...


class FieldFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What diagnosis may know of a field: bounds of numbers, and whether values may be shown."""

    low: float | None = None
    high: float | None = None
    shown: bool = False


def reference_of(release: MonitoredRelease) -> Reference:
    """The reference of a release: counted marks, every mark its contract can set, and allowances.

    Where the reference does not count verdicts, the share of rejected and abstained rows that is
    normal follows from the marks whose policy rejects or abstains.
    """
    data = release.contract.data
    counts = release.reference
    if not isinstance(counts, Mapping):
        counts = msgspec.to_builtins(counts)
    rows = int(counts.get("rows", 0))
    marks = {str(k): int(v) for k, v in counts.get("marks", {}).items()}
    if counts.get("outcomes"):
        for counted in (REJECTED, ABSTAINED):
            marks.setdefault(counted, int(counts["outcomes"].get(counted[1:], 0)))
    watched: list[str] = []
    allowed: dict[str, float] = {}
    refused: dict[str, float] = defaultdict(float)
    for mark, rule, policy in _rules(data):
        watched.append(mark)
        allowed[mark] = max(allowed.get(mark, 0.0), rule.max_share)
        verdict = {Policy.REJECT: REJECTED, Policy.ABSTAIN: ABSTAINED}.get(policy)
        if verdict is not None and rule.rows and rows:
            refused[verdict] += max(marks.get(mark, 0) / rows, rule.max_share)
    for verdict, share in refused.items():
        if verdict not in marks:
            allowed[verdict] = min(share, _MOST_REFUSED)
    return Reference(
        rows=rows,
        marks=marks,
        watched=tuple(dict.fromkeys(watched)),
        allowed={k: v for k, v in allowed.items() if v > 0.0},
        values=getattr(release, "values", None),
        periods=tuple(
            Reference(rows=int(p["rows"]), marks={str(k): int(v) for k, v in p["marks"].items()})
            for p in counts.get("periods", ())
        ),
    )


def facts_of(release: MonitoredRelease) -> dict[str, FieldFacts]:
    """Facts of every serving field."""
    out = {}
    for field in _serving(release.contract.data):
        bounds = next((r for r in field.rules if isinstance(r, RangeRule)), RangeRule())
        out[field.name] = FieldFacts(
            _number(bounds.low), _number(bounds.high), shown=field.pii == "no"
        )
    return out


def kinds_of(release: MonitoredRelease | None) -> dict[str, ValueKind]:
    """How the columns of a release are read; empty where its reference knows no values."""
    fit: ReferenceFit | None = getattr(release, "values", None)
    return {} if fit is None else fit.kinds


def portrait_of(release: MonitoredRelease | None) -> Portrait | None:
    """What the reference of a release looked like, where it knows."""
    found: Portrait | None = getattr(release, "portrait", None)
    return found


def _serving(data: ContractData) -> list[Field]:
    return [f for f in data.fields if f.role in SERVING_ROLES]


def _rules(data: ContractData) -> Iterator[tuple[str, Any, Policy]]:
    """Every mark that the contract can set, with its rule and what is done about it."""
    serving = _serving(data)
    for field in serving:
        for rule in field.rules:
            yield f"{field.name}:{_CODES[type(rule)]}", rule, rule.policy or field.policy
    present = {f.name for f in serving}
    for cross in data.cross:
        fields = _cross_fields(cross)
        if present.issuperset(fields):
            yield f"{fields[0]}:{_CODES[type(cross)]}", cross, cross.policy or data.cross_policy


def _cross_fields(rule: CrossRule) -> Sequence[str]:
    if isinstance(rule, OrderRule):
        return rule.left, rule.right
    if isinstance(rule, DependencyRule):
        return rule.dependent, rule.determinant
    return rule.fields


def _number(bound: float | str | None) -> float | None:
    return float(bound) if isinstance(bound, (int, float)) else None
