"""The report of an evaluation: the verdict first, then the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.evaluation.metrics import METRICS
from holdfast.evaluation.pictures import pictures
from holdfast.evaluation.requirements import requirement_blocks
from holdfast.reports.document import (
    Block,
    Callout,
    Cell,
    Column,
    Document,
    Findings,
    Format,
    Heading,
    KeyValues,
    Table,
    Text,
    Tile,
    Tiles,
    Tone,
)

if TYPE_CHECKING:
    from holdfast.evaluation.record import Evaluation
    from holdfast.evaluation.threshold import Choice
    from holdfast.records import Estimate

#: checks that are named when they found nothing
CHECKS = {
    "HF-E001": "accuracy against the majority class",
    "HF-E002": "gain over every baseline",
    "HF-E003": "worse than a baseline",
    "HF-E004": "requirements",
    "HF-E006": "calibration",
}


def document(e: Evaluation, name: str = "") -> Document:
    """The evaluation as a report; `name` says of what."""
    sentence, tone = verdict(e)
    blocks: list[Block] = [
        Callout(title=sentence, text=_constant(e), tone=tone),
        Tiles(tiles=_tiles(e)),
        Findings(findings=e.findings, passed=_silent(e)),
        *requirement_blocks(e.requirements),
        Heading(text="Against the baselines"),
        *_baselines(e),
        Heading(text="Costs and threshold"),
        *_thresholds(e),
        Heading(text="Every number"),
        metric_table(e),
        _confusion(e),
        *_bounds(e),
        *pictures(e),
        *e.extra,
    ]
    where = "accepted rows" if e.bounds else "rows"
    return Document(
        title=f"Evaluation of {name}" if name else "Evaluation",
        summary=f"{e.rows:,} {where}, {e.positives:,} positive ({e.positives / e.rows:.2%}); "
        f"threshold {e.threshold:.4g} ({e.threshold_from}).",
        blocks=tuple(blocks),
        passed=e.passed,
        data=e.to_dict(),
    )


def _silent(e: Evaluation) -> tuple[str, ...]:
    """Checks that were made and found nothing; what could not be told is none of them."""
    found = {f.code for f in e.findings}
    if not e.baselines:
        return ()
    unmade = set()
    if not e.requirements or "HF-E005" in found:
        unmade.add("HF-E004")
    if e.calibration is None or e.calibration.ece.value is None:
        unmade.add("HF-E006")
    return tuple(text for code, text in CHECKS.items() if code not in found | unmade)


def verdict(e: Evaluation) -> tuple[str, Tone]:
    """The answer in one sentence."""
    cost = e.metrics.get("expected_cost")
    prior = e.baselines.get("prior")
    gain = prior.gain if prior else None
    worth = ""
    if gain is not None and cost is not None and cost.value is not None:
        worth = (
            f" It costs {cost.value:.4g} a row and saves {_number(gain.value)} a row against one "
            f"constant decision (interval {_number(gain.low)} to {_number(gain.high)})."
        )
    if e.passed:
        return f"Better than one constant decision.{worth}", Tone.GOOD
    if e.passed is False:
        first = next((f for f in e.findings if f.severity.rank >= 2), None)
        why = f"{first.sentence[0].upper()}{first.sentence[1:]}." if first else ""
        return f"Do not rely on it. {why or 'Worse than one constant decision.'}", Tone.BAD
    unknown = next((c for c in e.requirements if c.passed is None), None)
    if unknown is not None:
        return f"Could not tell: {unknown.sentence}.", Tone.NEUTRAL
    return f"Cannot be told from one constant decision.{worth}", Tone.NEUTRAL


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value + 0.0:.4g}"


def _constant(e: Evaluation) -> str:
    base = e.baseline
    prior = e.baselines.get("prior")
    units = "" if e.units == "rows" else f" Intervals resample {e.unit_count:,} {e.units}."
    only = " Accepted rows only." if e.bounds else ""
    rival = f"Deciding {base.decision} every time would cost {base.expected_cost:.4g} a row"
    if e.capacity is not None and prior is not None:
        rival = f"{prior.meaning.capitalize()} would cost {prior.expected_cost:.4g} a row"
    right = f"answering the majority class would be right in {base.accuracy:.2%}"
    return f"{rival} and {right}.{units}{only}"


def _between(e: Estimate, *, share: bool = False) -> str:
    if e.low is None or e.high is None:
        return e.why_not
    bounds = f"{e.low:.1%} to {e.high:.1%}" if share else f"{_number(e.low)} to {_number(e.high)}"
    return f"{bounds}; n {e.n:,}, {e.positives or 0:,} positive"


def _tiles(e: Evaluation) -> tuple[Tile, ...]:
    shown = (
        ("expected_cost", "Cost a row", Format.PLAIN),
        ("recall", "Recall", Format.SHARE),
        ("precision", "Precision", Format.SHARE),
        ("roc_auc", "ROC AUC", Format.DECIMAL),
        ("pr_auc", "PR AUC", Format.DECIMAL),
    )
    out = []
    for name, label, form in shown:
        found = e.metrics.get(name)
        if found is None:
            continue
        value = found.value
        if name == "expected_cost" and value is not None:
            value = float(f"{value:.4g}")
        out.append(
            Tile(
                label=label, value=value, format=form,
                note=_between(found, share=form is Format.SHARE),
            )
        )  # fmt: skip
    return tuple(out)


def _baselines(e: Evaluation) -> tuple[Block, ...]:
    if not e.baselines:
        return (Text(text=_constant(e)),)
    tone = {"better": Tone.GOOD, "worse": Tone.BAD}
    rows: list[tuple[Cell, ...]] = [
        (
            "this model", _metric(e, "expected_cost"), None, None, None, _metric(e, "accuracy"),
            _metric(e, "roc_auc"), _metric(e, "pr_auc"), "",
        )
    ]  # fmt: skip
    for name, rival in e.baselines.items():
        label = name.replace("_", " ") + (f" ({rival.column})" if rival.column else "")
        rows.append(
            (
                label, rival.expected_cost, rival.gain.value, rival.gain.low, rival.gain.high,
                rival.accuracy, rival.roc_auc, rival.pr_auc, str(rival.verdict),
            )
        )  # fmt: skip
    names = (
        "rival", "cost a row", "model saves", "low", "high", "accuracy", "ROC AUC", "PR AUC",
        "the model is",
    )  # fmt: skip
    kinds = (
        Format.PLAIN, Format.DECIMAL, Format.DECIMAL, Format.DECIMAL, Format.DECIMAL,
        Format.SHARE, Format.DECIMAL, Format.DECIMAL, Format.PLAIN,
    )  # fmt: skip
    return (
        Table(
            columns=tuple(Column(name=n, format=k) for n, k in zip(names, kinds, strict=True)),
            rows=tuple(rows),
            tones=(
                Tone.NEUTRAL,
                *(tone.get(str(r.verdict), Tone.NEUTRAL) for r in e.baselines.values()),
            ),
            caption=f"What the model saves a row against each rival, with the paired {e.level:.0%} "
            f"interval over the same {e.rows:,} rows ({e.positives:,} positive). An interval that "
            "holds zero is no evidence of gain.",
        ),
    )


def _metric(e: Evaluation, name: str) -> float | None:
    found = e.metrics.get(name)
    return None if found is None else found.value


def _thresholds(e: Evaluation) -> tuple[Block, ...]:
    c = e.costs
    price = KeyValues(
        items=(
            ("a false positive costs", c.false_positive),
            ("a false negative costs", c.false_negative),
            ("a true positive costs", c.true_positive),
            ("a true negative costs", c.true_negative),
            *(
                (f"deciding {word} every time costs a row", float(f"{cost:.4g}"))
                for word, cost in (
                    ("positive", e.baseline.treat_all_cost),
                    ("negative", e.baseline.treat_none_cost),
                )
                if cost is not None
            ),
            *((("rows that can be reviewed", e.capacity),) if e.capacity is not None else ()),
        )
    )
    t = e.thresholds
    if t is None:
        return (price,)
    rows = [
        ("used", t.used), ("by formula", t.formula), ("by data", t.empirical),
        *([("under the capacity", t.capacity)] if t.capacity else []),
    ]  # fmt: skip
    names = (
        "threshold", "value", "low", "high", "alerts", "cost a row", "regret", "regret low",
        "regret high", "why not",
    )  # fmt: skip
    kinds = (
        Format.PLAIN, *[Format.DECIMAL] * 3, Format.COUNT, *[Format.DECIMAL] * 4, Format.PLAIN,
    )  # fmt: skip
    shown = names if any(choice.why_not for _, choice in rows) else names[:-1]
    text = (
        "The threshold by data was chosen on these same rows, so its own cost is optimistic; its "
        "interval is usually wide."
    )
    if t.regret_low is not None and t.regret_high is not None:
        text += (
            f" Using either end of that interval would cost {_number(t.regret_low.value)} or "
            f"{_number(t.regret_high.value)} a row more than its middle."
        )
    return (
        price,
        Table(
            columns=tuple(
                Column(name=n, format=k) for n, k in zip(names, kinds, strict=True) if n in shown
            ),
            rows=tuple(_choice(name, choice)[: len(shown)] for name, choice in rows),
            caption=text,
        ),
    )


def _choice(name: str, choice: Choice) -> tuple[Cell, ...]:
    regret = choice.regret
    return (
        name, choice.value, choice.low, choice.high, choice.alerts, choice.expected_cost,
        regret.value if regret else None, regret.low if regret else None,
        regret.high if regret else None, choice.why_not,
    )  # fmt: skip


def _confusion(e: Evaluation) -> Table:
    c = e.confusion
    return Table(
        columns=(
            Column(name="truth"),
            Column(name="decided positive", format=Format.COUNT),
            Column(name="decided negative", format=Format.COUNT),
        ),
        rows=(
            ("positive", c.true_positive, c.false_negative),
            ("negative", c.false_positive, c.true_negative),
        ),
    )


def _bounds(e: Evaluation) -> tuple[Block, ...]:
    if e.bounds is None:
        return ()
    names = ("metric", "accepted only", "worst case", "best case")
    return (
        Heading(text="Rows whose outcome is not known"),
        Table(
            columns=tuple(
                Column(name=n, format=Format.PLAIN if i == 0 else Format.DECIMAL)
                for i, n in enumerate(names)
            ),
            rows=tuple(
                (name.replace("_", " "), r.accepted, r.worst, r.best)
                for name, r in e.bounds.metrics.items()
            ),
            caption=f"Over all {e.bounds.accepted + e.bounds.unknown:,} rows, whatever the "
            f"outcomes of the {e.bounds.unknown:,} unknown ones are.",
        ),
    )


def metric_table(e: Evaluation) -> Table:
    """Every metric with its interval, n and positives, or why there is none."""
    rows: list[tuple[Cell, ...]] = []
    for name, found in e.metrics.items():
        meaning = METRICS[name].meaning if name in METRICS else found.unit
        refused = f"refused: {found.why_not}" if found.value is None else meaning
        rows.append(
            (
                name.replace("_", " "), found.value, found.low, found.high, found.n,
                found.positives, refused,
            )
        )  # fmt: skip
    kinds = (Format.PLAIN, *[Format.DECIMAL] * 3, *[Format.COUNT] * 2, Format.PLAIN)
    names = ("metric", "value", "low", "high", "rows", "positives", "what it is")
    return Table(
        columns=tuple(Column(name=n, format=k) for n, k in zip(names, kinds, strict=True)),
        rows=tuple(rows),
        caption=f"low and high are {e.level:.0%} intervals over independent {e.units}.",
    )
