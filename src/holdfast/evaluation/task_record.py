"""What an evaluation of one task found, the same record for every task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.evaluation.requirements import Checked, requirement_blocks
from holdfast.findings import Finding
from holdfast.records import Estimate
from holdfast.reports.document import Block
from holdfast.reports.result import Result

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.reports.document import Document, Table, Tile


#: task -> metrics that stand at the top of its report
HEADLINES = {
    "multiclass": ("expected_cost", "accuracy", "macro_f1", "roc_auc_ovr"),
    "text": ("expected_cost", "accuracy", "macro_f1", "abstain_gain"),
    "regression": ("mae", "rmse", "r2", "bias"),
    "ranking": ("ndcg", "recall", "hit_rate", "coverage"),
}


#: words of metrics that are written large
SHORT = {"ndcg", "mae", "rmse", "r2", "roc", "auc", "f1"}


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """A baseline, and what the model gains over it on the same rows.

    Attributes:
        metrics: name → the baseline's number.
        on: the metric that decides.
        gain: how much better the model is by `on` (positive is better, whatever the direction of
            the metric), by a paired interval.
        meaning: one sentence: what this baseline does and what it is built from.
        counts: whether the verdict rests on it.
    """

    metrics: dict[str, float | None]
    on: str
    gain: Estimate
    meaning: str
    counts: bool = True

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``no evidence of gain``."""
        if self.gain.low is not None and self.gain.low > 0:
            return "better"
        if self.gain.high is not None and self.gain.high < 0:
            return "worse"
        return "no evidence of gain"


class TaskEvaluation(Result, msgspec.Struct, frozen=True, kw_only=True):
    """What a model was worth on one set of rows.

    Attributes:
        task: ``multiclass``, ``regression``, ``ranking`` or ``text``.
        rows: rows evaluated (interactions in ranking).
        units: what the intervals take as independent, and how many: ``rows``, ``entities``,
            ``users``.
        unit: the word for them.
        metrics: name → estimate with its interval and n.
        parts: name of a part (a class, a quantile) → its metrics.
        threshold: what an abstaining model would do; empty where there is nothing to choose.
        baselines: name → rival with its paired gain.
        findings: what a person should know.
        requirements: what was required, and whether it holds.
        facts: further numbers of the sample.
        pictures: charts and tables of the report.
    """

    task: str
    rows: int
    units: int
    unit: str = "rows"
    metrics: dict[str, Estimate]
    parts: dict[str, dict[str, Estimate]] = {}
    threshold: dict[str, Any] = {}
    baselines: dict[str, Rival] = {}
    findings: tuple[Finding, ...] = ()
    requirements: tuple[Checked, ...] = ()
    facts: dict[str, Any] = {}
    pictures: tuple[Block, ...] = ()

    def value(self, metric: str) -> float:
        """The point estimate of a metric; NaN when it could not be supported."""
        value = self.metrics[metric].value
        return float("nan") if value is None else value

    @property
    def passed(self) -> bool | None:
        """True: better than every baseline by a paired interval; False: worse than one; else None.

        Vanity accuracy is False. Any other finding of severity error (a test set that cannot be
        trusted) is never True.
        """
        if any(f.code == "HF-E001" and f.severity.rank >= 2 for f in self.findings):
            return False
        if any(c.passed is False for c in self.requirements):
            return False
        verdicts = {rival.verdict for rival in self.baselines.values() if rival.counts}
        if "worse" in verdicts:
            return False
        if any(c.passed is None for c in self.requirements):
            return None
        if verdicts != {"better"} or any(f.severity.rank >= 2 for f in self.findings):
            return None
        return True

    def to_dict(self) -> dict[str, Any]:
        """The evaluation as plain data: passed, metrics, threshold, baselines, findings ..."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        del plain["pictures"]
        plain["findings"] = [finding.to_dict() for finding in self.findings]
        for name, rival in self.baselines.items():
            plain["baselines"][name]["verdict"] = rival.verdict
        return {"passed": self.passed, **plain}

    def to_frame(self) -> pa.Table:
        """One row for each metric and part: part, metric, value, low, high, level, n, ..."""
        import pyarrow as pa

        names = ("value", "low", "high", "level", "n", "positives", "unit", "method", "why_not")
        listed = [("", name, e) for name, e in self.metrics.items()]
        listed += [(part, name, e) for part, f in self.parts.items() for name, e in f.items()]
        return pa.table(
            {
                "part": [part for part, _, _ in listed],
                "metric": [name for _, name, _ in listed],
                **{name: [getattr(e, name) for _, _, e in listed] for name in names},
            }
        )

    def document(self, name: str = "") -> Document:
        """The evaluation as a report; `name` says of what."""
        from holdfast.reports.document import Callout, Document, Findings, Heading, Tiles, Tone

        words = {
            True: ("Better than every baseline.", Tone.GOOD),
            False: (self._bad(), Tone.BAD),
            None: (self._unclear(), Tone.NEUTRAL),
        }
        sentence, tone = words[self.passed]
        gains = [
            f"{label.replace('_', ' ')}: {rival.verdict}"
            f"{'' if rival.counts else ', for information'} ({_said(rival)})"
            for label, rival in self.baselines.items()
        ]
        blocks: list[Block] = [
            Callout(title=sentence, text="; ".join(gains) or "", tone=tone),
            Tiles(tiles=tuple(self._tile(key) for key in self._headline())),
        ]
        if self.findings:
            blocks.append(Findings(findings=self.findings))
        blocks += requirement_blocks(self.requirements)
        if self.baselines:
            blocks += [Heading(text="Against the baselines"), self._rivals()]
        blocks += [Heading(text="Every number"), self.table()]
        return Document(
            title=f"Evaluation of {name}" if name else f"Evaluation: {self.task}",
            summary=f"{self.rows:,} rows, {self.units:,} independent {self.unit}.",
            blocks=(*blocks, *self.pictures),
            passed=self.passed,
            data=self.to_dict(),
        )

    def _headline(self) -> list[str]:
        """The metrics shown first: those of the task, the number at the end of a name aside."""
        wanted = HEADLINES.get(self.task, ())
        listed = {name.partition("@")[0]: name for name in reversed(self.metrics)}
        return [listed[name] for name in wanted if name in listed]

    def _tile(self, name: str) -> Tile:
        from holdfast.reports.document import Tile

        e = self.metrics[name]
        known = e.low is not None and e.high is not None
        note = f"{e.low:.4g} to {e.high:.4g}; n {e.n:,}" if known else e.why_not
        words = name.replace("_", " ").split(" ")
        label = " ".join(w.upper() if w.partition("@")[0] in SHORT else w for w in words)
        value = None if e.value is None else float(f"{e.value:.4g}")
        return Tile(label=f"{label[0].upper()}{label[1:]}", value=value, note=note)

    def _bad(self) -> str:
        """What failed, in one sentence."""
        if any(r.verdict == "worse" and r.counts for r in self.baselines.values()):
            return "Worse than a baseline."
        if any(c.passed is False for c in self.requirements):
            return "A requirement failed."
        return "The accuracy is vanity: the model saves nothing against the majority class."

    def _unclear(self) -> str:
        """Why there is no verdict, in one sentence."""
        decisive = {rival.verdict for rival in self.baselines.values() if rival.counts}
        if not decisive:
            return "Could not tell: there is no baseline to hold it against."
        if any(c.passed is None for c in self.requirements):
            return "Could not tell whether a requirement holds."
        if decisive == {"better"}:
            return "Could not tell: the numbers beat every baseline, but cannot be trusted."
        return "Could not tell: no evidence of gain over every baseline."

    def table(self) -> Table:
        """Every metric with its interval and n, or why there is none, for a report."""
        from holdfast.reports.document import Column, Format, Table

        some = next(iter(self.metrics.values()), None)
        return Table(
            columns=tuple(
                Column(name=n, format=f)
                for n, f in (
                    ("metric", Format.PLAIN), ("value", Format.DECIMAL), ("low", Format.DECIMAL),
                    ("high", Format.DECIMAL), ("n", Format.COUNT),
                    *(((self._rare, Format.COUNT),) if self._rare else ()),
                    ("unit", Format.PLAIN),
                )
            ),
            rows=tuple(
                (
                    name.replace("_", " "), e.value, e.low, e.high, e.n,
                    *((e.positives,) if self._rare else ()), e.why_not or e.unit,
                )
                for name, e in self.metrics.items()
            ),
            caption=f"low and high are {(some.level if some else 0.95):.0%} intervals over "
            f"{self.units:,} {self.unit}.",
        )  # fmt: skip

    @property
    def _rare(self) -> str:
        """What `Estimate.positives` counts in this task; empty where nothing is positive."""
        words = {"ranking": "relevant", "multiclass": "rarest class", "text": "rarest class"}
        return words.get(self.task, "")

    def _rivals(self) -> Table:
        from holdfast.reports.document import Column, Format, Table

        return Table(
            columns=tuple(
                Column(name=n, format=f)
                for n, f in (
                    ("baseline", Format.PLAIN), ("metric", Format.PLAIN),
                    ("baseline reaches", Format.DECIMAL), ("gain", Format.DECIMAL),
                    ("low", Format.DECIMAL), ("high", Format.DECIMAL), ("verdict", Format.PLAIN),
                )
            ),
            rows=tuple(
                (
                    name.replace("_", " "), r.on.replace("_", " "), r.metrics.get(r.on),
                    r.gain.value, r.gain.low, r.gain.high, r.verdict,
                )
                for name, r in self.baselines.items()
            ),
            caption="Gain is positive where the model is better; rows are paired. "
            + " ".join(f"{n.replace('_', ' ')}: {r.meaning}." for n, r in self.baselines.items()),
        )  # fmt: skip


def _said(rival: Rival) -> str:
    gain, on = rival.gain, rival.on.replace("_", " ")
    if gain.value is None:
        return gain.why_not
    if gain.low is None or gain.high is None:
        return f"gain {gain.value:.4g} in {on}, no interval"
    return f"gain {gain.value:.4g} in {on}, {gain.low:.4g} to {gain.high:.4g}"


def refused(why: str, *, n: int, level: float, unit: str) -> Estimate:
    """An estimate that cannot be given, and why."""
    return Estimate(value=None, level=level, n=n, unit=unit, why_not=why)
