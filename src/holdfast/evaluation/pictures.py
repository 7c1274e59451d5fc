"""The charts of an evaluation, each with its numbers in words for who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.reports.document import (
    Band,
    BarChart,
    Bars,
    Block,
    Format,
    Heading,
    LineChart,
    Mark,
    Series,
    Text,
    Tone,
)

if TYPE_CHECKING:
    from holdfast.evaluation.curves import Curves
    from holdfast.evaluation.record import Evaluation
    from holdfast.records import Estimate


def pictures(e: Evaluation) -> tuple[Block, ...]:
    """Every chart that these rows can draw."""
    out: list[Block] = [*_calibration(e)]
    if e.curves is not None:
        out += [*_discrimination(e, e.curves), *_worth(e, e.curves), *_scores(e.curves)]
    return tuple(out)


def _said(name: str, e: Estimate) -> str:
    if e.value is None or e.low is None or e.high is None:
        return f"{name} was refused: {e.why_not}"
    positives = "" if e.positives is None else f", {e.positives:,} positive"
    return f"{name} {e.value:.3g} ({e.low:.3g} to {e.high:.3g}; n {e.n:,}{positives})"


def _calibration(e: Evaluation) -> tuple[Block, ...]:
    c = e.calibration
    if c is None:
        return ()
    head = Heading(text="Calibration")
    if c.why_not:
        return (head, Text(text=f"Refused: {c.why_not}."))
    bins = tuple(reversed(c.bins))
    outside = sum(1 for b in bins if not b.band_low <= b.observed <= b.band_high)
    words = (
        f"{_said('Debiased calibration error', c.ece)}; {_said('slope', c.slope)}, 1 is "
        f"calibrated; {_said('intercept', c.intercept)}, 0 is calibrated. Of {len(bins)} bins "
        f"{outside} lie outside the band. Chance of such a departure from a calibrated model: "
        f"{c.p:.2g}. Brier score = reliability {c.reliability:.4g} - resolution "
        f"{c.resolution:.4g} + uncertainty {c.uncertainty:.4g} + within bins {c.within:.2g}."
    )
    diagonal = tuple((b.forecast, b.forecast) for b in bins)
    return (
        head,
        LineChart(
            title="Reliability: share of positives at each mean score; the band is where a "
            "calibrated model would be seen",
            series=(
                Series(name="observed", points=tuple((b.forecast, b.observed) for b in bins)),
                Series(name="calibrated", points=diagonal, tone=Tone.GOOD),
            ),
            bands=(
                Band(
                    points=tuple((b.forecast, b.band_low, b.band_high) for b in bins),
                    tone=Tone.GOOD,
                ),
            ),
            x_label="mean score of the bin",
            x_format=Format.DECIMAL,
            y_format=Format.DECIMAL,
            low=0.0,
        ),
        Text(text=words),
    )


def _discrimination(e: Evaluation, c: Curves) -> tuple[Block, ...]:
    if not c.roc:
        return ()
    share = e.positives / e.rows
    return (
        Heading(text="Telling the classes apart"),
        LineChart(
            title="ROC curve: positives found against negatives alarmed",
            series=(
                Series(name="model", points=c.roc),
                Series(name="chance", points=((0.0, 0.0), (1.0, 1.0)), tone=Tone.BAD),
            ),
            x_label="false positive rate",
            x_format=Format.SHARE,
            y_format=Format.SHARE,
            low=0.0,
            high=1.0,
        ),
        Text(text=f"{_said('ROC AUC', e.metrics['roc_auc'])}; 0.5 is chance."),
        LineChart(
            title="Precision against recall",
            series=(
                Series(name="model", points=c.precision_recall),
                Series(name="chance", points=((0.0, share), (1.0, share)), tone=Tone.BAD),
            ),
            x_label="recall",
            x_format=Format.SHARE,
            y_format=Format.SHARE,
            low=0.0,
            high=1.0,
        ),
        Text(text=f"{_said('PR AUC', e.metrics['pr_auc'])}; chance is {share:.3g}."),
    )


def _worth(e: Evaluation, c: Curves) -> tuple[Block, ...]:
    out: list[Block] = [Heading(text="What decisions are worth")]
    if c.net_benefit:
        implied = e.costs.threshold
        benefit = e.baseline.treat_all_benefit
        everyone = "unknown" if benefit is None else f"{benefit:.4g}"
        shown = implied <= c.net_benefit[-1][0]
        out += [
            LineChart(
                title="Decision curve: net benefit by threshold probability",
                series=(
                    Series(name="model", points=c.net_benefit),
                    Series(name="treat all", points=c.treat_all, tone=Tone.BAD),
                    Series(
                        name="treat none",
                        points=((0.0, 0.0), (c.net_benefit[-1][0], 0.0)),
                        tone=Tone.GOOD,
                    ),
                ),
                marks=(Mark(x=implied, label="these costs"),) if shown else (),
                x_label="threshold probability",
                x_format=Format.DECIMAL,
                y_format=Format.DECIMAL,
            ),
            Text(text=f"{_said('Net benefit', e.metrics['net_benefit'])} at the odds the costs "
                 f"imply (threshold {implied:.3g}); treating none has 0, treating all {everyone}."),
        ]  # fmt: skip
    best = max(c.profit, key=lambda point: point[1])
    decided = e.confusion.true_positive + e.confusion.false_positive
    out += [
        LineChart(
            title="Profit curve: saved a row when the highest scores are decided positive",
            series=(Series(name="saved", points=c.profit),),
            marks=(Mark(x=decided / e.rows, label="used"),),
            x_label="share of rows decided positive",
            x_format=Format.SHARE,
            y_format=Format.DECIMAL,
        ),
        Text(
            text=f"Most is saved, {best[1]:.4g} a row against deciding negative every time, when "
            f"{best[0]:.1%} of the rows are decided positive; {decided / e.rows:.1%} are."
        ),
    ]
    return tuple(out)


def _scores(c: Curves) -> tuple[Block, ...]:
    shown = [i for i in range(len(c.negatives)) if c.negatives[i] or c.positives[i]]
    if not shown:
        return ()
    last = shown[-1] + 1
    labels = tuple(f"{c.edges[i]:.3g} to {c.edges[i + 1]:.3g}" for i in range(shown[0], last))
    return (
        Heading(text="Distribution of scores"),
        BarChart(
            title="Share of each class in every range of scores",
            categories=labels,
            series=(
                Bars(name="negative", values=c.negatives[shown[0] : last]),
                Bars(name="positive", values=c.positives[shown[0] : last], tone=Tone.BAD),
            ),
            format=Format.SHARE,
        ),
    )
