"""The loan story: does it collapse without Holdfast, and does it hold with it?

Ten seeds of the real story and the generated story are replayed through release, guard, scorer,
store and monitor without HTTP (the same objects that the server wires together); once each, both
generated stories run over HTTP, servers and all. 100,000 fault-free rows say how often the monitor
cries wolf: new ones of the generator with their values watched; of the real loans there are not
that many, so they are drawn with replacement: duplicates, therefore only marks are watched.
The real rows are of ``credit_data_spain.parquet`` in HOLDFAST_DATA.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.loan_stories import Filled, Outcome, build, measured, monitored, resampled
from holdfast.demo import loans, story, train
from holdfast.demo import run as demo
from holdfast.demo.replay import UNHURRIED

FILE = "credit_data_spain.parquet"
SEEDS = 10
#: 97.5% quantile of Student's t with 9 degrees of freedom
T9 = 2.2622


def row(
    what: str, value: Any, unit: str, target: str, reached: bool | None, how: str
) -> dict[str, Any]:
    names = ("what", "value", "unit", "target", "reached", "how")
    return dict(zip(names, (what, value, unit, target, reached, how), strict=True))


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and its 95% interval (Student's t over seeds)."""
    mean = statistics.fmean(values)
    half = (
        T9 * statistics.stdev(values) / len(values) ** 0.5 if len(values) == SEEDS else float("nan")
    )
    return mean, mean - half, mean + half


def run(quick: bool) -> list[dict[str, Any]]:
    """Every row of the numbers table that speaks of the story."""
    rows = [*_generated(quick), *_over_http(quick), *_filled_over_http()]
    data = Path(os.environ.get("HOLDFAST_DATA", "")) / FILE
    if os.environ.get("HOLDFAST_DATA") and data.is_file():
        rows += _real(data, quick)
    else:
        rows.append(
            row("real story", "not run", "", "10 seeds", None, f"HOLDFAST_DATA has no {FILE}")
        )
    return rows


def _generated(quick: bool) -> list[dict[str, Any]]:
    how = "seed 0, 10,000 held-out applications, without HTTP"
    with tempfile.TemporaryDirectory() as folder:
        told = story.generated(0)
        found = measured(told, Path(folder))
        cv = train.cv_accuracy(told)
        quiet = _quiet(told, Path(folder), quick)
    naive, kept = found.naive.accuracy, found.kept.accuracy
    share = found.cost_share
    return [
        row("generated: cross-validated accuracy", cv, "", ">= 0.94", cv >= 0.94, "5 folds"),
        row("generated: naive accuracy during", naive, "", "<= 0.60", naive <= 0.60, how),
        row("generated: Holdfast accuracy during", kept, "", ">= 0.88", kept >= 0.88, how),
        row("generated: cost recovered", share, "", "reported", None, how),
        _within("generated: first NULL flagged", found.flagged, 1, how),
        _within("generated: requests until incident", found.incident, 20, how),
        *_of_filled("generated", [found.filled], how),
        quiet,
    ]


def _within(what: str, value: int | None, most: int, how: str) -> dict[str, Any]:
    shown = "never" if value is None else value
    return row(what, shown, "requests", f"<= {most}", value is not None and value <= most, how)


def _of_filled(name: str, found: list[Filled | None], how: str) -> list[dict[str, Any]]:
    """Rows until the incident in the worst seed, and what the incidents say."""
    worst = None if None in found else max(f.rows for f in found if f is not None)
    first = sum(f is not None and f.culprit in ("employment_type", "Job") for f in found)
    kinds = Counter("none" if f is None else f.kind for f in found)
    told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    prefix = f"{name}, prefilled"
    return [
        _within(f"{prefix}: requests until incident, worst seed", worst, 300, how),
        row(f"{prefix}: culprit first", f"{first} of {len(found)}", "", "all",
            first == len(found), how),
        row(f"{prefix}: kind", told, "incidents", "default_filled" if name == "generated" else
            "reported", kinds["default_filled"] == len(found) if name == "generated" else None,
            how if name == "generated" else f"{how}; one value for all, neither the commonest nor "
            "a word for nothing: a feed that stands still looks the same"),
    ]  # fmt: skip


def _quiet(told: story.Story, folder: Path, quick: bool) -> dict[str, Any]:
    count = 10_000 if quick else 100_000
    release = build(told, folder / "quiet")
    if told.generated:
        rows = loans.generate(told.seed + 1, count).table.drop_columns(told.target)
        how = "new applications, values watched; scorer, store and monitor"
    else:
        rows = resampled(told.replay.drop_columns(told.target), count, told.seed)
        how = "held-out rows drawn with replacement, marks watched; scorer, store and monitor"
    found = monitored(release, [rows], folder / "quiet.db", values=told.generated)
    name = "generated" if told.generated else "real"
    return row(
        f"{name}: incidents in {count:,} fault-free requests", len(found), "incidents", "0",
        not found, how,
    )  # fmt: skip


def _over_http(quick: bool) -> list[dict[str, Any]]:
    told = story.generated(0)
    with tempfile.TemporaryDirectory() as folder:
        document = demo.tell(
            told,
            out=Path(folder) / "report.html",
            requests=400 if quick else told.requests,
            drilled=False,
        )
    v = document.data
    how = f"{sum(m.requests for m in v.naive.values()):,} applications to two server processes"
    naive, kept = v.naive["during"].accuracy, v.holdfast["during"].accuracy
    return [
        row("over HTTP: naive accuracy during", naive, "", "<= 0.60", naive <= 0.60, how),
        row("over HTTP: Holdfast accuracy during", kept, "", ">= 0.88", kept >= 0.88, how),
        _within("over HTTP: first NULL flagged", v.requests_until_flagged, 1, how),
        _within("over HTTP: requests until incident", v.requests_until_incident, 20, how),
        row("over HTTP: false incidents", v.false_incidents, "incidents", "0",
            v.false_incidents == 0, how),
    ]  # fmt: skip


def _filled_over_http() -> list[dict[str, Any]]:
    told = story.generated(0, "prefilled")
    with tempfile.TemporaryDirectory() as folder:
        document = demo.tell(told, out=Path(folder) / "report.html", drilled=False)
    v = document.data
    how = (
        f"{sum(m.requests for m in v.naive.values()):,} applications to two server processes, at "
        f"most {UNHURRIED:.0f} a second while answers lag behind"
    )
    naive = v.naive["during"].accuracy
    held = v.on_fallback["holdfast"].accuracy if v.on_fallback else 0.0
    name = "over HTTP, prefilled"
    return [
        row(f"{name}: naive accuracy during", naive, "", "<= 0.60", naive <= 0.60, how),
        row(f"{name}: Holdfast accuracy during", v.holdfast["during"].accuracy, "", "reported",
            None, how),
        row(f"{name}: Holdfast accuracy since the switch", held, "", ">= 0.88", held >= 0.88, how),
        _within(f"{name}: requests until incident", v.requests_until_incident, 300, how),
        _within(f"{name}: requests until the fallback answers", v.requests_until_fallback, 300,
                how),
        row(f"{name}: requests until the field counts again", v.requests_until_back, "requests",
            "reported", None, how),
        row(f"{name}: kind and culprit", f"{v.kind}, {v.culprit}", "",
            f"default_filled, {told.field}",
            (v.kind, v.culprit) == ("default_filled", told.field), how),
        row(f"{name}: false incidents", v.false_incidents, "incidents", "0",
            v.false_incidents == 0, how),
    ]  # fmt: skip


def _real(data: Path, quick: bool) -> list[dict[str, Any]]:
    found: list[Outcome] = []
    for seed in range(3 if quick else SEEDS):
        with tempfile.TemporaryDirectory() as folder:
            found.append(measured(story.real(data, seed), Path(folder)))
    how = f"mean of {len(found)} seeds, 2,227 held-out loans each"

    def mean(get: Any) -> float:
        return statistics.fmean(get(o) for o in found)

    approvals = mean(lambda o: o.naive.approval_rate / o.healthy.approval_rate)
    points = mean(lambda o: 100 * (o.healthy.accuracy - o.naive.accuracy))
    cost, low, high = interval([o.cost_share for o in found])
    right, right_low, right_high = interval([o.accuracy_share for o in found])
    gap = mean(lambda o: 100 * abs(o.kept.approval_rate - o.healthy.approval_rate))
    worse, worse_low, worse_high = interval(
        [o.kept.expected_cost - o.refit.expected_cost for o in found]
    )
    flagged = max((o.flagged or 10**9 for o in found), default=10**9)
    incident = max((o.incident or 10**9 for o in found), default=10**9)
    with tempfile.TemporaryDirectory() as folder:
        quiet = _quiet(story.real(data, 0), Path(folder), quick)
    return [
        row("real: naive approvals", approvals, "x healthy", "<= 0.6", approvals <= 0.6, how),
        row("real: naive accuracy lost", points, "points", ">= 15", points >= 15, how),
        row("real: cost recovered", cost, "", ">= 0.75", cost >= 0.75,
            f"{how}; 95% {low:.3f} to {high:.3f}"),
        row("real: accuracy recovered", right, "", ">= 0.85", right >= 0.85,
            f"{how}; 95% {right_low:.3f} to {right_high:.3f}"),
        row("real: fallback minus plain refit, expected cost", worse, "a row",
            "not worse: interval not above 0", worse_low <= 0,
            f"paired by seed; 95% {worse_low:.4f} to {worse_high:.4f}"),
        row("real: approval rate against healthy", gap, "points", "<= 4", gap <= 4, how),
        _within("real: first NULL flagged, worst seed", flagged, 1, how),
        _within("real: requests until incident, worst seed", incident, 20, how),
        *_of_filled("real", [o.filled for o in found], how),
        quiet,
    ]  # fmt: skip
