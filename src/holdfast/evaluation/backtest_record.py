"""A rolling-origin backtest as a record that can show itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Block, Cell, Document

#: a loss of score over the time watched that matters (share of the loss for losses)
MATTERS = 0.02


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """One origin: a model trained on what was known then, scored on the part that follows.

    Attributes:
        at, until: first and last event time of the part, microseconds since 1970 or plain numbers.
        trained: rows it learned from.
        tested, positives: rows it was scored on, and how many of them are positive.
        score: with its interval, or why there is none.
    """

    at: float
    until: float
    trained: int
    tested: int
    positives: int | None
    score: Estimate


class Backtest(Result, msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `backtest`.

    Attributes:
        target, task, metric: what was scored and by what.
        higher_is_better: direction of the metric.
        event_time, dated: the column that says when, and whether it holds times.
        label_delay: the gap before each origin.
        rows, left_out: rows with and without a target.
        origins: in order of time.
        overall: mean score of freshly trained models over the origins.
        ageing: change of the score per 30 days (or unit) of a model's age, on the same rows.
        trend: change of freshly trained models' scores per 30 days (or unit) from origin to origin.
        oldest: age of the oldest model that was scored, in 30 days (or units).
    """

    target: str
    task: str
    metric: str
    higher_is_better: bool
    event_time: str
    dated: bool
    label_delay: str
    rows: int
    left_out: int
    origins: tuple[Origin, ...]
    overall: Estimate
    ageing: Estimate
    trend: Estimate
    oldest: float

    @property
    def passed(self) -> bool | None:
        """False when the score falls with age or in time, None when it could not be told."""
        if any(f.code in {"HF-E311", "HF-E312"} for f in self.findings):
            return False
        if self.overall.value is None or self.ageing.value is None:
            return None
        return True

    @property
    def findings(self) -> tuple[Finding, ...]:
        """That models age, that fresh ones get worse too, and origins that were not scored."""
        found: list[Finding] = []
        if self._falls(self.ageing):
            found.append(
                Finding(
                    code="HF-E311",
                    severity=Severity.WARNING,
                    sentence=f"Models age: {self._word} changes by {_told(self.ageing)} per "
                    f"{self._unit} of age against younger models on the same rows.",
                    columns=(self.event_time,),
                    evidence=_evidence(self.ageing),
                    remedy="Retrain before the loss costs more than the retraining; watch for "
                    "concept drift in between.",
                )
            )
        if self._falls(self.trend):
            found.append(
                Finding(
                    code="HF-E312",
                    severity=Severity.WARNING,
                    sentence=f"Freshly trained models get worse: {self._word} changes by "
                    f"{_told(self.trend)} per {self._unit} from origin to origin.",
                    columns=(self.event_time,),
                    evidence=_evidence(self.trend),
                    remedy="Retraining alone does not help: look at inputs that lost their meaning "
                    "or their values, and at how outcomes are recorded.",
                )
            )
        silent = [o for o in self.origins if o.score.value is None]
        if silent:
            found.append(
                Finding(
                    code="HF-E313",
                    severity=Severity.NOTE,
                    sentence=f"{len(silent)} of {len(self.origins)} origins could not be scored: "
                    f"{silent[0].score.why_not}.",
                    columns=(self.event_time,),
                    remedy="Give more rows, fewer origins or a shorter label delay.",
                )
            )
        return tuple(found)

    @property
    def _word(self) -> str:
        return self.metric.replace("_", " ")

    @property
    def _known(self) -> str:
        late = self.label_delay.strip()
        return "at once" if late in {"", "0"} else f"{late} after the event"

    @property
    def _unit(self) -> str:
        return "30 days" if self.dated else "unit of time"

    def _falls(self, slope: Estimate) -> bool:
        """Whether a slope is worse beyond its interval and over the time watched matters."""
        if slope.value is None or slope.low is None or slope.high is None:
            return False
        worse = slope.high < 0 if self.higher_is_better else slope.low > 0
        scale = 1.0 if self.higher_is_better else abs(self.overall.value or 0.0)
        return worse and abs(slope.value) * max(self.oldest, 0.0) > MATTERS * scale

    def blocks(self) -> tuple[Block, ...]:
        """Heading, verdict, findings, chart and table, for a larger report."""
        from holdfast.reports.document import (
            Callout,
            Column,
            Findings,
            Format,
            Heading,
            Table,
            Tone,
        )

        tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.NEUTRAL}[self.passed]
        lines = [f"Ageing: {_told(self.ageing)} per {self._unit} of a model's age."]
        lines.append(f"Trend: {_told(self.trend)} per {self._unit} for freshly trained models.")
        blocks: list[Block] = [
            Heading(text="Backtest with a rolling origin"),
            Callout(
                title=f"Retrained at each origin, {self._word} is {_told(self.overall, plain=True)}"
                ".",
                text=" ".join(lines), tone=tone,
            ),
        ]  # fmt: skip
        if self.findings:
            blocks.append(Findings(findings=self.findings))
        chart = self._chart()
        if chart is not None:
            blocks.append(chart)
        when = Format.TIME if self.dated else Format.DECIMAL
        heads = [("origin", when), ("until", when), ("learned from", Format.COUNT)]
        heads += [("rows", Format.COUNT), ("positives", Format.COUNT)]
        heads += [(name, Format.DECIMAL) for name in ("score", "low", "high")]
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (
                int(o.at) if self.dated else o.at, int(o.until) if self.dated else o.until,
                o.trained, o.tested, o.positives, o.score.value, o.score.low, o.score.high,
                o.score.why_not,
            )
            for o in self.origins
        )  # fmt: skip
        blocks.append(
            Table(
                columns=(*(Column(name=n, format=f) for n, f in heads), Column(name="note")),
                rows=rows,
                caption=f"{self._word}; low and high are {self.overall.level:.0%} intervals. "
                f"Outcomes are known {self._known}.",
            )
        )
        return tuple(blocks)

    def _chart(self) -> Block | None:
        from holdfast.reports.document import Band, Format, LineChart, Series

        told = [o for o in self.origins if o.score.value is not None]
        if len(told) < 2:
            return None
        return LineChart(
            title=f"{self._word} by origin",
            series=(Series(name=self._word, points=tuple((o.at, o.score.value) for o in told)),),
            bands=(Band(points=tuple((o.at, o.score.low, o.score.high) for o in told)),),
            x_label=self.event_time,
            x_format=Format.TIME if self.dated else Format.DECIMAL,
            y_format=Format.DECIMAL,
        )

    def document(self, name: str = "") -> Document:
        """The backtest as a report; `name` says of what."""
        from holdfast.reports.document import Document

        return Document(
            title=f"Backtest of {name}" if name else "Backtest",
            summary=f"{self.rows:,} rows, target {self.target}, {len(self.origins)} origins.",
            blocks=self.blocks(),
            passed=self.passed,
            data=self.to_dict(),
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data, with `passed` and the findings."""
        return {
            "passed": self.passed,
            **msgspec.to_builtins(self),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def to_frame(self) -> pa.Table:
        """One row an origin: at, until, trained, tested, positives, value, low, high, why_not."""
        import pyarrow as pa

        moments = pa.timestamp("us") if self.dated else pa.float64()

        def when(values: list[float]) -> pa.Array:
            return pa.array([int(v) for v in values] if self.dated else values).cast(moments)

        return pa.table(
            {
                "at": when([o.at for o in self.origins]),
                "until": when([o.until for o in self.origins]),
                "trained": [o.trained for o in self.origins],
                "tested": [o.tested for o in self.origins],
                "positives": pa.array([o.positives for o in self.origins], pa.int64()),
                **{
                    name: pa.array([getattr(o.score, name) for o in self.origins], pa.float64())
                    for name in ("value", "low", "high")
                },
                "why_not": [o.score.why_not for o in self.origins],
            }
        )


def _told(e: Estimate, *, plain: bool = False) -> str:
    if e.value is None or e.low is None or e.high is None:
        return f"not told ({e.why_not})"
    if plain:
        return f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f})"
    return f"{e.value:+.4f} ({e.low:+.4f} to {e.high:+.4f})"


def _evidence(e: Estimate) -> dict[str, Any]:
    return {"slope": e.value, "low": e.low, "high": e.high, "unit": e.unit}
