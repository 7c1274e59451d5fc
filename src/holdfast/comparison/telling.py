"""The verdict in words: what changed, whether it matters, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.comparison.judging import MATERIAL
from holdfast.comparison.record import (
    ColumnComparison,
    Comparison,
    Consequence,
    Difference,
    Parting,
    Status,
)
from holdfast.diagnosis.words import percent
from holdfast.findings import Finding, Severity
from holdfast.reports.naming import clean, names

#: difference -> (code of its finding, what to do)
TOLD = {
    "missing": ("HF-COMPARE-MISSING", "find where the values are lost or filled in upstream"),
    "type": ("HF-COMPARE-TYPE", "mend the producer's type"),
    "unseen": ("HF-COMPARE-UNSEEN", "map renamed values back; real new ones need training rows"),
    "below": ("HF-COMPARE-RANGE", "look for a changed unit, a shifted point, a broken source"),
    "above": ("HF-COMPARE-RANGE", "look for a changed unit, a shifted point, a broken source"),
    "infinite": ("HF-COMPARE-RANGE", "look for a division by zero upstream"),
    "sentinel": ("HF-COMPARE-SENTINEL", "send nothing as null, not as a number"),
    "shift": ("HF-COMPARE-SHIFT", "look at the cause below; retrain only when no pipe is broken"),
    "spread": ("HF-COMPARE-SHIFT", "look at the cause below; retrain only when no pipe is broken"),
    "shape": ("HF-COMPARE-SHIFT", "look at the cause below; retrain only when no pipe is broken"),
    "direction": ("HF-COMPARE-SHIFT", "check the version of the model that makes the embeddings"),
    "mix": ("HF-COMPARE-MIX", "find out which source sends more or less"),
    "category": ("HF-COMPARE-MIX", "find out which source sends more or less"),
    "length": ("HF-COMPARE-LENGTH", "look for truncation, padding or another encoding"),
}
_ORDER = {
    Status.VANISHED: 0, Status.CHANGED: 1, Status.APPEARED: 2, Status.UNCLEAR: 3,
    Status.NEGLIGIBLE: 4, Status.SAME: 5, Status.SKIPPED: 6,
}  # fmt: skip


def order_of(column: ColumnComparison) -> tuple[int, float, str]:
    """Changed columns first, those the model feels most and that moved most before the others."""
    main = column.main
    weight = 1.0 if column.importance is None else 0.05 + column.importance
    size = 0.0 if main is None else main.size * weight
    return _ORDER[column.status], -size, column.name


def tell(
    columns: Sequence[ColumnComparison],
    effects: Sequence[Consequence],
    parted: Sequence[Parting],
    *,
    rows: tuple[int, int],
    resolution: float | None,
    error: float,
    floor: float,
    untold: Sequence[str],
) -> Comparison:
    """The whole answer from its parts."""
    findings = [found for column in columns if (found := _column(column)) is not None]
    findings += [found for effect in effects if (found := _effect(effect)) is not None]
    findings += [_parting(pair) for pair in parted]
    if min(rows) == 0 or resolution is None or resolution > MATERIAL:
        findings.append(_thin(rows, resolution))
    else:
        findings += _unclear(columns)
    findings.sort(key=lambda f: -f.severity.rank)
    failed = any(f.severity.rank >= Severity.ERROR.rank for f in findings)
    unsure = any(f.code == "HF-COMPARE-THIN" for f in findings)
    passed = False if failed else None if unsure else True
    return Comparison(
        passed=passed,
        verdict=_verdict(columns, effects, parted, passed, resolution, rows),
        reference_rows=rows[0],
        current_rows=rows[1],
        columns=tuple(columns),
        consequences=tuple(effects),
        partings=tuple(parted),
        findings=tuple(findings),
        resolution=resolution,
        error=error,
        floor=floor,
        untold=tuple(untold),
    )


def _verdict(
    columns: Sequence[ColumnComparison],
    effects: Sequence[Consequence],
    parted: Sequence[Parting],
    passed: bool | None,
    resolution: float | None,
    rows: tuple[int, int],
) -> str:
    changed = [c.name for c in columns if c.status in {Status.CHANGED, Status.VANISHED}]
    news = [c.name for c in columns if c.status is Status.APPEARED]
    compared = sum(c.status not in {Status.SKIPPED, Status.APPEARED} for c in columns)
    parts = []
    if changed:
        verb = "column changed" if len(changed) == 1 else "columns changed"
        parts.append(f"Of {compared} compared, {len(changed)} {verb}: {names(changed)}.")
    elif min(rows) == 0:
        return "Could not tell: one side has no rows."
    elif passed is None and resolution is not None and resolution > MATERIAL:
        parts.append(
            f"Could not tell: with {min(rows):,} rows only a shift of {resolution:.2g} standard "
            "deviations would have been found."
        )
    else:
        found = f" (a shift of {resolution:.2g} sd would have been)" if resolution else ""
        parts.append(f"No change that matters was found in {compared} columns{found}.")
    if news:
        parts.append(f"New: {names(news)}.")
    if parted:
        parts.append(f"{names(parted[0].columns)} no longer move together.")
    by_name = {effect.what: effect for effect in effects}
    for what, words in (("decisions", "positive decisions"), ("score", "the mean score")):
        effect = by_name.get(what)
        if effect is None:
            continue
        if effect.moved:
            parts.append(f"It matters: {words} went from {_number(effect)}.")
        elif effect.moved is False and changed:
            parts.append(f"It hardly matters: {words} stayed at {_number(effect)}.")
        elif changed:
            parts.append(f"Whether it matters could not be told from {words}.")
        break
    return " ".join(parts)


def _number(effect: Consequence) -> str:
    if effect.what in {"decisions", "outcome"}:
        before, now = percent(effect.reference), percent(effect.current)
    else:
        before, now = f"{effect.reference:.4g}", f"{effect.current:.4g}"
    return before if before == now else f"{before} to {now}"


def _column(column: ColumnComparison) -> Finding | None:
    name = f"`{clean(column.name)}`"
    if column.status is Status.VANISHED:
        return Finding(
            code="HF-COMPARE-VANISHED",
            severity=Severity.WARNING if column.matters is False else Severity.ERROR,
            sentence=f"{name} is not in the current rows",
            columns=(column.name,),
            evidence=_evidence(column),
            remedy="send the column again, or train without it",
        )
    if column.status is Status.APPEARED:
        return Finding(
            code="HF-COMPARE-APPEARED",
            severity=Severity.NOTE,
            sentence=f"{name} is new: the reference does not have it",
            columns=(column.name,),
            remedy="nothing, unless it takes the place of a column that vanished",
        )
    main = column.main
    if column.status is not Status.CHANGED or main is None:
        return None
    code, remedy = TOLD[main.what]
    empty = column.missing.current == 1.0 and column.missing.reference != 1.0
    if empty:
        code = "HF-COMPARE-EMPTY"
    elif column.cause is not None and column.cause.kind == "stuck":
        code, remedy = "HF-COMPARE-CONSTANT", "find out why the source sends one value"
    sentence = f"{name} " + ("is empty now" if empty else _said(column, main))
    if column.cause is not None and not empty:
        sentence += f": {column.cause.sentence}"
    if column.matters is False:
        sentence += "; the model hardly feels it"
    broken = column.cause is not None and column.cause.class_ == "pipeline"
    mild = column.matters is False and not broken
    return Finding(
        code=code,
        severity=Severity.WARNING if mild else Severity.ERROR,
        sentence=sentence,
        columns=(column.name,),
        evidence=_evidence(column),
        remedy=remedy,
    )


def _said(column: ColumnComparison, main: Difference) -> str:
    """What the main difference is, with its size and interval."""
    effect = main.effect
    value, low, high = effect.value or 0.0, effect.low or 0.0, effect.high or 0.0
    if main.what == "missing":
        before, now = column.missing.reference or 0.0, column.missing.current or 0.0
        return f"has {percent(now)} missing values, {percent(before)} before"
    if effect.unit == "share":
        points = f"{100 * value:+.3g} points ({100 * low:+.3g} to {100 * high:+.3g})"
        what = {
            "type": "values of another type",
            "unseen": "values the reference does not hold",
            "below": "values below the reference's range",
            "above": "values above the reference's range",
            "infinite": "infinite values",
            "sentinel": "values that stand for nothing",
            "category": "one category",
            "length": "lists of another length",
        }[main.what]
        return f"changed in {what}, {points}"
    size = f"{abs(value):.2g} sd ({abs(low):.2g} to {abs(high):.2g})"
    if value < 0:
        size = f"{abs(value):.2g} sd ({abs(high):.2g} to {abs(low):.2g})"
    words = {
        "shift": "moved up by" if value > 0 else "moved down by",
        "spread": "spreads wider by" if value > 0 else "spreads less by",
        "shape": "changed its distribution by",
        "mix": "changed its mix of categories by",
        "length": "has longer texts by" if value > 0 else "has shorter texts by",
        "direction": "points elsewhere by",
    }
    return f"{words[main.what]} {size}"


def _evidence(column: ColumnComparison) -> dict[str, object]:
    main = column.main
    found: dict[str, object] = {"status": column.status.value}
    if main is not None:
        found |= {
            "difference": main.what,
            "effect": main.effect.value,
            "low": main.effect.low,
            "high": main.effect.high,
            "unit": main.effect.unit,
            "p": main.adjusted,
        }
    if column.cause is not None:
        found |= {"cause": column.cause.kind, "confidence": column.cause.confidence}
    extra = {"importance": column.importance, "score_effect": column.score_effect}
    return found | {key: value for key, value in extra.items() if value is not None}


_CODES = {
    "score": ("HF-COMPARE-SCORE", "the mean score"),
    "decisions": ("HF-COMPARE-DECISIONS", "the share of positive decisions"),
    "money": ("HF-COMPARE-MONEY", "the expected cost a row"),
    "outcome": ("HF-COMPARE-OUTCOME", "the share of the positive outcome"),
}


def _effect(effect: Consequence) -> Finding | None:
    if not effect.moved:
        return None
    code, words = _CODES[effect.what]
    change = effect.change
    scale, unit = (100.0, " points") if effect.what in {"decisions", "outcome"} else (1.0, "")
    low, high = change.low or 0.0, change.high or 0.0
    return Finding(
        code=code,
        severity=Severity.ERROR,
        sentence=f"{words} went from {_number(effect)}, a change of "
        f"{scale * (change.value or 0.0):+.3g}{unit} ({scale * low:+.3g} to {scale * high:+.3g})",
        evidence={
            "reference": effect.reference,
            "current": effect.current,
            "low": low,
            "high": high,
        },
        remedy="see which columns moved; recalibrate only when the inputs are sound",
    )


def _parting(pair: Parting) -> Finding:
    return Finding(
        code="HF-COMPARE-DEPENDENCE",
        severity=Severity.ERROR,
        sentence=f"{names(pair.columns)} no longer move together (correlation "
        f"{pair.reference:.2f}, now {pair.current:.2f}), though each looks as before",
        columns=pair.columns,
        evidence={"reference": pair.reference, "current": pair.current, "p": pair.adjusted},
        remedy="look for a join on the wrong key, a stale source, swapped or shifted rows",
    )


def _thin(rows: tuple[int, int], resolution: float | None) -> Finding:
    seen = "nothing" if resolution is None else f"only shifts of {resolution:.2g} sd or more"
    return Finding(
        code="HF-COMPARE-THIN",
        severity=Severity.NOTE,
        sentence=f"{rows[0]:,} and {rows[1]:,} rows are too few: {seen} would have been found",
        evidence={"reference_rows": rows[0], "current_rows": rows[1], "resolution": resolution},
        remedy="wait for more rows, or compare fewer columns",
    )


def _unclear(columns: Sequence[ColumnComparison]) -> list[Finding]:
    thin = tuple(c.name for c in columns if c.status is Status.UNCLEAR)
    if not thin:
        return []
    return [
        Finding(
            code="HF-COMPARE-THIN",
            severity=Severity.NOTE,
            sentence=f"{names(thin)}: too few values to tell",
            columns=thin,
            remedy="wait for more rows, or leave the columns out",
        )
    ]
