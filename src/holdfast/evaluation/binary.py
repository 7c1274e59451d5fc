"""Binary decisions: from truth and scores to the whole evaluation."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast.errors import DataError, UsageError
from holdfast.evaluation.baselines import baseline_findings, compare_baselines, constant_baseline
from holdfast.evaluation.calibration import calibration, calibration_finding
from holdfast.evaluation.capacity import Capacity, review_capacity
from holdfast.evaluation.costs import Costs, Prices
from holdfast.evaluation.curves import curves
from holdfast.evaluation.inputs import as_codes, as_positive, as_scores, as_times, plain
from holdfast.evaluation.metrics import METRICS, Sample
from holdfast.evaluation.record import Evaluation
from holdfast.evaluation.requirements import (
    as_requirements,
    check_requirements,
    requirement_findings,
)
from holdfast.evaluation.selective import selective_bounds, selective_finding
from holdfast.evaluation.threshold import best_threshold, capacity_threshold, thresholds
from holdfast.evaluation.vanity import vanity_finding
from holdfast.findings import Finding, Severity
from holdfast.stats.ranked import Ranked
from holdfast.stats.resampling import Units, blocks, clusters, independent

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: entities or blocks below which an interval by them is not to be trusted
FEW_UNITS = 20
#: every error counts as 1
UNIT = Costs(1.0, 1.0)


def evaluate_binary(
    y_true: Any,
    y_score: Any,
    *,
    costs: Costs | None = None,
    cost_columns: Mapping[str, Any] | None = None,
    capacity: float | None = None,
    capacity_period: str | None = None,
    threshold: float | None = None,
    positive: Any = None,
    metrics: Sequence[str] | None = None,
    baselines: Mapping[str, Any] | None = None,
    features: Any = None,
    champion: Any = None,
    slices: Any = None,
    show: bool | Collection[str] = False,
    contract: Any = None,
    entity: Any = None,
    event_time: Any = None,
    group: Any = None,
    accepted: Any = None,
    requirements: Any = None,
    level: float = 0.95,
    seed: int = 0,
) -> Evaluation:
    """Evaluate a binary classifier; arguments as in `holdfast.evaluate`."""
    _known_arguments(metrics, level, threshold)
    asked = as_requirements(requirements)
    labels = plain(y_true)
    n = len(labels) if labels.ndim == 1 else 0
    score = as_scores(y_score, n)
    known = _accepted(accepted, n)
    truth = as_positive(labels if known is None else labels[known], positive)
    limit = review_capacity(capacity, capacity_period, event_time, n)
    units = _units(entity, event_time, group, n)
    columns = {name: plain(values) for name, values in (cost_columns or {}).items()}
    unknown_score: Floats | None = None
    unknown_limit: Floats | float | None = None
    if known is not None:
        if not known.any():
            raise DataError("no row is accepted", expected="a known outcome in some rows")
        unknown_score = score[~known]
        if columns:
            other = {name: values[~known] for name, values in columns.items()}
            unknown_limit = Prices(
                np.zeros(len(unknown_score), bool), costs or UNIT, other
            ).threshold
        score, units = score[known], _taken(units, known)
        columns = {name: values[known] for name, values in columns.items()}
        features, slices = (_rows_of(table, known) for table in (features, slices))
        champion = None if champion is None else plain(champion)[known]
        baselines = {k: plain(v)[known] for k, v in (baselines or {}).items()}
        limit = None if limit is None else limit.taken(known)
    prices = Prices(truth, costs if costs is not None else UNIT, columns)
    used, origin, decided = _decide(truth, score, prices, threshold, limit)
    sample = Sample(
        truth, score, decided, prices, level=level, seed=seed, units=units,
        budget=None if limit is None else limit.rows,
        alerted=None if limit is None else limit.alerted(score),
    )  # fmt: skip
    found = {name: METRICS[name].estimate(sample) for name in metrics or METRICS}
    result = Evaluation(
        rows=sample.n,
        positives=sample.positives,
        threshold=used,
        threshold_from=origin,
        costs=prices.mean,
        metrics=found,
        confusion=sample.confusion,
        baseline=constant_baseline(sample),
        capacity=None if limit is None else limit.rows,
        units=units.kind,
        unit_count=units.count,
        level=level,
    )
    if metrics is None:
        result = _in_full(result, sample, threshold, limit, baselines, features, champion)
    findings = list(result.findings) + _input_findings(sample, origin)
    bounds = None
    if unknown_score is not None:
        by_row = unknown_limit if origin == "costs by row" else None
        chosen = unknown_score >= (used if by_row is None else by_row)
        bounds = selective_bounds(truth, decided, np.asarray(chosen), prices.mean)
        findings.append(selective_finding(bounds))
    for part in _parts(sample, champion, slices, show, contract):
        findings += part.findings
        result = msgspec.structs.replace(result, extra=(*result.extra, *part.blocks))
    named = dict(found) | {f"gain.{name}": rival.gain for name, rival in result.baselines.items()}
    checked = check_requirements(asked, named)
    findings = requirement_findings(checked) + findings
    return msgspec.structs.replace(
        result, findings=tuple(sorted(findings, key=lambda f: (-f.severity.rank, f.code))),
        requirements=checked, bounds=bounds,
    )  # fmt: skip


def _in_full(
    result: Evaluation,
    sample: Sample,
    threshold: float | None,
    limit: Capacity | None,
    baselines: Mapping[str, Any] | None,
    features: Any,
    champion: Any,
) -> Evaluation:
    rows = None if limit is None else limit.rows
    rivals = compare_baselines(
        sample, capacity=rows, threshold=threshold, features=features, champion=champion,
        others=baselines,
    )  # fmt: skip
    formula = float(np.median(sample.prices.threshold)) if sample.probability else None
    calibrated = calibration(sample)
    vanity = vanity_finding(sample, rivals["prior"].gain)
    miscalibrated = calibration_finding(calibrated, sample.positives / sample.n)
    return msgspec.structs.replace(
        result,
        baselines=rivals,
        thresholds=thresholds(sample, used=result.threshold, formula=formula, capacity=rows),
        calibration=calibrated,
        curves=curves(sample),
        findings=(
            *([vanity] if vanity else []),
            *baseline_findings(rivals),
            *([miscalibrated] if miscalibrated else []),
        ),
    )


def _parts(
    sample: Sample, champion: Any, slices: Any, show: bool | Collection[str], contract: Any
) -> list[Any]:
    """The paired test against the champion, and slices with a higher cost than the others."""
    if champion is None and slices is None:
        return []
    parts = importlib.import_module("holdfast.evaluation.parts")
    owners, level, seed = sample.units.of_row, sample.level, sample.seed
    made = []
    if champion is not None:
        made.append(
            parts.champion_part(
                sample.positive, as_scores(champion, sample.n, "champion's score"), sample.score,
                metric="roc_auc", entity=owners, level=level, seed=seed,
            )
        )  # fmt: skip
    if slices is not None:
        made.append(
            parts.slices_part(
                slices, sample.prices.of(sample.decided), loss_name="cost", entity=owners,
                show=show, contract=contract, level=level, seed=seed,
            )
        )  # fmt: skip
    return made


def _decide(
    truth: Bools, score: Floats, prices: Prices, threshold: float | None, limit: Capacity | None
) -> tuple[float, str, Bools]:
    """The threshold, where it comes from, and every row's decision."""
    if threshold is not None:
        return float(threshold), "given", score >= threshold
    probability = float(score.min()) >= 0.0 and float(score.max()) <= 1.0
    each: Floats | float
    if probability:
        each, origin = prices.threshold, "costs by row" if prices.by_row else "costs"
    else:
        ranked = Ranked(truth, score)
        each, origin = best_threshold(ranked, prices.if_positive, prices.if_negative), "data"
    decided = np.asarray(score >= each)
    if limit is not None and decided.sum() > limit.rows:
        within = capacity_threshold(Ranked(truth, score), limit.rows)
        return within, "capacity", decided & (score >= within)
    return float(np.median(each)), origin, decided


def _units(entity: Any, event_time: Any, group: Any, n: int) -> Units:
    together = group if group is not None else entity
    if together is not None:
        return clusters(as_codes(together, n, "group" if group is not None else "entity"))
    if event_time is not None:
        return blocks(as_times(event_time, n))
    return independent(n)


def _taken(units: Units, known: Bools) -> Units:
    if units.of_row is None:
        return independent(int(known.sum()))
    left = clusters(units.of_row[known])
    return left if left.of_row is None else Units(left.of_row, left.count, units.kind)


def _accepted(accepted: Any, n: int) -> Bools | None:
    if accepted is None:
        return None
    mask = plain(accepted)
    if mask.shape != (n,) or not set(np.unique(mask.astype(str)).tolist()) <= {
        "True", "False", "0", "1", "0.0", "1.0",
    }:  # fmt: skip
        raise DataError(
            "accepted does not say of each row whether its outcome is known",
            expected=f"{n} booleans",
            got=f"shape={mask.shape}, type={mask.dtype}",
        )
    known = mask.astype(np.float64).astype(np.bool_)
    return None if known.all() else known


def _rows_of(table: Any, known: Bools) -> Any:
    if table is None:
        return None
    from holdfast import frames

    read = frames.read(table)
    if read.num_rows != len(known):
        raise DataError("a table does not fit the rows", expected=f"{len(known)} rows",
                        got=f"rows={read.num_rows}")  # fmt: skip
    return read.take(np.flatnonzero(known))


def _input_findings(s: Sample, origin: str) -> list[Finding]:
    out = []
    if not s.probability:
        how = "; the threshold was found on these same rows" if origin == "data" else ""
        out.append(
            Finding(
                code="HF-E007",
                severity=Severity.WARNING,
                sentence="the scores are not probabilities between 0 and 1: calibration, log loss "
                f"and the formula's threshold are refused{how}",
                evidence={"lowest": float(s.score.min()), "highest": float(s.score.max())},
                remedy="calibrate the scores, or give a threshold",
            )
        )
    if not 0 < s.positives < s.n:
        which = "positive" if s.positives else "negative"
        out.append(
            Finding(
                code="HF-E009",
                severity=Severity.WARNING,
                sentence=f"all {s.n:,} rows are {which}: nothing can be said of telling the "
                "classes apart",
                evidence={"rows": s.n, "positives": s.positives},
                remedy="check the label column and the positive class",
            )
        )
    if s.units.of_row is not None and s.units.count < FEW_UNITS:
        out.append(
            Finding(
                code="HF-E010",
                severity=Severity.WARNING,
                sentence=f"only {s.units.count} {s.units.kind} stand behind the intervals, which "
                f"are too narrow below {FEW_UNITS}",
                evidence={"units": s.units.count, "kind": s.units.kind},
                remedy="evaluate rows of more entities or of a longer time",
            )
        )
    return out


def _known_arguments(metrics: Sequence[str] | None, level: float, threshold: float | None) -> None:
    unknown = [name for name in metrics or () if name not in METRICS]
    if unknown:
        raise UsageError(
            "unknown metric", expected=f"some of {sorted(METRICS)}", got=f"metrics={unknown}"
        )
    if not 0.0 < level < 1.0:
        raise UsageError("the level is no coverage", expected="0 < level < 1", got=f"level={level}")
    if threshold is not None and not np.isfinite(threshold):
        raise UsageError("the threshold is not a number", expected="finite", got=f"{threshold}")
