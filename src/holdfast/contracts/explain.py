"""Findings of a check, in words. Values of fields that may hold personal data never appear."""

from __future__ import annotations

from holdfast.contracts.model import (
    CategoriesRule,
    ConstantSumRule,
    CrossRule,
    DependencyRule,
    Field,
    FieldRule,
    FormatRule,
    LengthRule,
    NullTogetherRule,
    OrderRule,
    RangeRule,
    Role,
)
from holdfast.contracts.report import RuleResult
from holdfast.findings import Finding, Severity

_CODES = {
    "null": "HF-C-NULL",
    "type": "HF-C-TYPE",
    "range": "HF-C-RANGE",
    "unseen": "HF-C-UNSEEN",
    "sentinel": "HF-C-SENTINEL",
    "format": "HF-C-FORMAT",
    "length": "HF-C-LENGTH",
    "order": "HF-C-ORDER",
    "null_together": "HF-C-NULL-TOGETHER",
    "sum": "HF-C-SUM",
    "dependency": "HF-C-DEPENDENCY",
}
_REMEDY = {
    "null": "find out which source stopped sending the field; do not fill it with a default",
    "type": "send the field in the type the contract names",
    "range": "check the unit and the source of the field",
    "unseen": "check whether a category was renamed; add it to the contract if it is meant",
    "sentinel": "check why the source sends its word for 'nothing' more often",
    "format": "check the source's formatting",
    "length": "check whether texts are cut or joined",
}


def percent(share: float) -> str:
    """A share as text with two significant digits.

    >>> percent(1.0), percent(0.0123), percent(0.0)
    ('100%', '1.2%', '0%')
    """
    value = share * 100
    return f"{value:.0f}%" if value >= 10 or value == 0 else f"{value:.2g}%"


def finding(result: RuleResult, field: Field, rule: FieldRule | CrossRule) -> Finding:
    """The finding of a rule that complains."""
    share = result.share or 0.0
    wholly = share >= 0.5 and result.code in {"null", "type"}
    return Finding(
        code=_CODES[result.code],
        severity=Severity.CRITICAL if wholly else Severity.ERROR,
        sentence=(
            f"{_what(field, rule, result)} in {percent(share)} of {result.rows} rows; "
            f"the contract allows {percent(result.allowed)}"
        ),
        columns=result.fields,
        evidence={
            "rows": result.rows,
            "marked": result.marked,
            "share": share,
            "allowed": result.allowed,
            "tail": result.tail,
        },
        remedy=_REMEDY.get(result.code, "find out which of the fields changed, and where"),
    )


def _what(field: Field, rule: FieldRule | CrossRule, result: RuleResult) -> str:
    names = [f"`{name}`" for name in result.fields]
    match rule:
        case RangeRule():
            return f"`{field.name}` is outside [{_bound(rule.low)}, {_bound(rule.high)}]"
        case CategoriesRule():
            return f"`{field.name}` is none of its {len(rule.values)} known categories"
        case LengthRule():
            return f"`{field.name}` is shorter than {rule.low} or longer than {_bound(rule.high)}"
        case FormatRule():
            return f"`{field.name}` does not look like {rule.pattern or rule.time_format}"
        case OrderRule():
            return f"`{rule.left}` is not {'<' if rule.strict else '<='} `{rule.right}`"
        case NullTogetherRule():
            return f"{', '.join(names)} are not null together"
        case ConstantSumRule():
            return f"{' + '.join(names)} is not {rule.total:g}"
        case DependencyRule():
            return f"`{rule.dependent}` is not what `{rule.determinant}` implies"
    words = {
        "null": "is null",
        "type": f"is not of kind {field.kind.value}",
        "sentinel": "holds a value that stands for nothing",
    }
    return f"`{field.name}` {words[result.code]}"


def _bound(value: object) -> str:
    return "…" if value is None else f"{value}"


def absent(field: Field, rows: int) -> Finding:
    """The finding of a column the table lacks."""
    label = field.role in {Role.TARGET, Role.POST_OUTCOME}
    return Finding(
        code="HF-C-ABSENT",
        severity=Severity.CRITICAL,
        sentence=f"`{field.name}` is absent from the table",
        columns=(field.name,),
        evidence={"rows": rows},
        remedy="check the serving view when the outcome is not known yet"
        if label
        else "find out which source stopped sending the column, or whether it was renamed",
    )


def unknown(name: str) -> Finding:
    """The finding of a column the contract does not know, where it refuses such columns."""
    return Finding(
        code="HF-C-UNKNOWN-FIELD",
        severity=Severity.ERROR,
        sentence=f"`{name}` is not in the contract",
        columns=(name,),
        remedy="drop the column, or add it to the contract",
    )
