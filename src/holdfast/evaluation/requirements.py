"""Requirements of a release: a metric, a comparison and a number, checked against an evaluation."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.errors import UsageError
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate

if TYPE_CHECKING:
    from holdfast.reports.document import Block

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TEXT = re.compile(r"\s*([A-Za-z_][\w.@ -]*?)\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")
_BOUNDS = {".low": "low", ".high": "high"}


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold before a release may be promoted.

    Attributes:
        metric: name of a metric; ``recall.low`` and ``recall.high`` are the bounds of its
            interval; ``gain.champion`` is the saving per row against that baseline.
        op: ``>=``, ``<=``, ``>`` or ``<``.
        value: the number to reach.

    Example:
        >>> Requirement.parse("recall>=0.5")
        Requirement(metric='recall', op='>=', value=0.5)
    """

    metric: str
    op: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """A requirement from its text.

        Raises:
            UsageError: the text is not ``<metric><op><number>``.
        """
        found = _TEXT.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            return cls(metric=found[1], op=found[2], value=float(found[3]))
        except ValueError:
            raise UsageError(
                "cannot read the requirement",
                expected="a metric, one of >= <= > <, and a number, for example recall>=0.5",
                got=f"require={text!r}",
            ) from None

    def __str__(self) -> str:
        return f"{self.metric}{self.op}{self.value:g}"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A requirement and whether it holds.

    Attributes:
        requirement: what was asked.
        passed: True, False, or None where the number could not be supported.
        value: what was found.
        sentence: the same in words.
    """

    requirement: Requirement
    passed: bool | None
    value: float | None
    sentence: str


def as_requirements(asked: Any) -> tuple[Requirement, ...]:
    """Requirements from records, texts, mappings, or ``{metric: text or number}``.

    >>> as_requirements(["recall>=0.5", {"metric": "brier", "op": "<=", "value": 0.1}])[1].op
    '<='
    """
    if asked is None:
        return ()
    if isinstance(asked, str | Requirement):
        asked = [asked]
    out = []
    for entry in asked:
        if isinstance(entry, str):
            out.append(Requirement.parse(entry))
        elif isinstance(entry, Requirement):
            out.append(entry)
        elif isinstance(entry, Mapping):
            try:
                out.append(msgspec.convert(dict(entry), Requirement))
            except msgspec.ValidationError as error:
                raise UsageError(
                    "cannot read the requirement",
                    expected="metric, op and value",
                    got=f"{error}",
                ) from None
        else:
            raise UsageError(
                "cannot read the requirement",
                expected="a text such as recall>=0.5",
                got=f"type={type(entry).__name__}",
            )
    for requirement in out:
        if requirement.op not in OPERATORS:
            raise UsageError(
                "unknown comparison",
                expected=f"one of {' '.join(OPERATORS)}",
                got=f"op={requirement.op!r}",
            )
    return tuple(out)


def check_requirements(
    asked: Iterable[Requirement], metrics: Mapping[str, Estimate]
) -> tuple[Checked, ...]:
    """Every requirement against the metrics.

    Args:
        asked: the requirements.
        metrics: name → estimate; `gain.<baseline>` among them where baselines were compared.

    Raises:
        UsageError: a requirement names a metric that is not there.

    >>> e = Estimate(value=0.4, low=0.3, high=0.5, n=100)
    >>> check_requirements([Requirement.parse("recall>=0.5")], {"recall": e})[0].passed
    False
    """
    return tuple(_check(requirement, metrics) for requirement in asked)


def _check(requirement: Requirement, metrics: Mapping[str, Estimate]) -> Checked:
    name, field = requirement.metric, "value"
    if name not in metrics:
        for suffix, bound in _BOUNDS.items():
            if name.endswith(suffix):
                name, field = name.removesuffix(suffix), bound
    if name not in metrics:
        raise UsageError(
            "a requirement names an unknown metric",
            expected=f"one of {', '.join(sorted(metrics))}",
            got=f"require={requirement}",
        )
    estimate = metrics[name]
    value: float | None = getattr(estimate, field)
    words = requirement.metric.replace("_", " ")
    if value is None:
        why = estimate.why_not or "it has no interval"
        return Checked(
            requirement=requirement,
            passed=None,
            value=None,
            sentence=f"required {requirement}: could not tell, {why}",
        )
    holds = OPERATORS[requirement.op](value, requirement.value)
    between = (
        f" (95% interval {estimate.low:.4g} to {estimate.high:.4g}, n={estimate.n:,})"
        if estimate.level == 0.95 and estimate.low is not None and estimate.high is not None
        else ""
    )
    return Checked(
        requirement=requirement,
        passed=holds,
        value=value,
        sentence=f"required {requirement}: {words} is {value:.4g}{between}",
    )


def requirement_findings(checked: Iterable[Checked]) -> list[Finding]:
    """A finding for each requirement that failed or could not be told."""
    out = []
    for entry in checked:
        if entry.passed:
            continue
        failed = entry.passed is False
        out.append(
            Finding(
                code="HF-E004" if failed else "HF-E005",
                severity=Severity.ERROR if failed else Severity.WARNING,
                sentence=entry.sentence,
                evidence={
                    "metric": entry.requirement.metric,
                    "op": entry.requirement.op,
                    "required": entry.requirement.value,
                    "found": entry.value,
                },
                remedy="do not promote this model" if failed else "evaluate more labelled rows",
            )
        )
    return out


def requirement_blocks(checked: Sequence[Checked]) -> tuple[Block, ...]:
    """Heading and table of what was required, for a report; nothing where nothing was."""
    from holdfast.reports.document import Column, Heading, Table, Tone

    if not checked:
        return ()
    word = {True: "met", False: "failed", None: "could not tell"}
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.NEUTRAL}
    return (
        Heading(text="Requirements"),
        Table(
            columns=tuple(Column(name=n) for n in ("required", "result", "found")),
            rows=tuple((str(c.requirement), word[c.passed], c.sentence) for c in checked),
            tones=tuple(tone[c.passed] for c in checked),
        ),
    )
