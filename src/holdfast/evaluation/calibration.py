"""Whether scores are the probabilities they say, and by how much not."""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec

from holdfast.evaluation.metrics.sample import Sample
from holdfast.findings import Finding, Severity
from holdfast.records import Estimate
from holdfast.stats.calibration import Reliability, slope_and_intercept
from holdfast.stats.intervals import wilson_bounds

#: chance of a finding about a calibrated model
ALARM = 0.02
#: rows and rows of each class without which calibration is refused
LEAST_ROWS, LEAST_CLASS = 100, 10


class Bin(msgspec.Struct, frozen=True, array_like=True):
    """One bin of the reliability diagram.

    Attributes:
        forecast: mean score.
        observed: share of positives, with its interval low to high.
        rows: size.
        band_low, band_high: where a calibrated model would be seen.
    """

    forecast: float
    observed: float
    low: float
    high: float
    rows: int
    band_low: float
    band_high: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How far scores are from probabilities.

    Attributes:
        ece: debiased expected calibration error over bins of equal mass.
        slope: 1 is calibrated; below 1 the scores are too extreme.
        intercept: calibration in the large, log odds; above 0 the scores are too low.
        reliability, resolution, uncertainty, within: parts of the Brier score, which is
            reliability - resolution + uncertainty + within.
        p: chance of such a departure from a calibrated model.
        bins: the reliability diagram, highest scores first.
        why_not: why calibration was refused.
    """

    ece: Estimate
    slope: Estimate
    intercept: Estimate
    reliability: float | None = None
    resolution: float | None = None
    uncertainty: float | None = None
    within: float | None = None
    p: float | None = None
    bins: tuple[Bin, ...] = ()
    why_not: str = ""


def calibration(s: Sample) -> Calibration:
    """The calibration of a sample, or a refusal with what would be needed."""
    why = _why_not(s)
    if why:
        none = Estimate(value=None, level=s.level, n=s.n, why_not=why, positives=s.positives)
        return Calibration(ece=none, slope=none, intercept=none, why_not=why)
    rel = Reliability(s.positive, s.score, s.ranked, s.units)
    low, high = rel.error_interval(*(s.merged[0], s.weights), s.level)
    value = rel.error()
    p, band = rel.null(s.level, s.seed)
    z = NormalDist().inv_cdf(0.5 + s.level / 2)
    slope, intercept = slope_and_intercept(s.positive, s.score, s.ranked)
    by = "" if s.units.of_row is None else f" by {s.units.kind}"
    bins = []
    for i in range(len(rel.rows)):
        bottom, top = wilson_bounds(float(rel.observed[i]), float(rel.rows[i]) / rel.effect, z)
        bins.append(
            Bin(
                float(rel.forecast[i]), float(rel.observed[i]), bottom, top, int(rel.rows[i]),
                float(band[i, 0]), float(band[i, 1]),
            )
        )  # fmt: skip
    reliability, resolution, uncertainty, within = rel.decomposition()
    return Calibration(
        ece=Estimate(
            value=value, low=min(low, value), high=max(high, value), level=s.level, n=s.n,
            unit="share", method=f"debiased, bootstrap{by}", positives=s.positives,
        ),
        slope=_normal(s, slope, rel.effect, z, "slope"),
        intercept=_normal(s, intercept, rel.effect, z, "log odds"),
        reliability=reliability, resolution=resolution, uncertainty=uncertainty, within=within,
        p=p, bins=tuple(bins),
    )  # fmt: skip


def _why_not(s: Sample) -> str:
    if not s.probability:
        return "the scores are not probabilities between 0 and 1"
    smaller = min(s.positives, s.n - s.positives)
    if smaller == 0:
        return "only one class is present"
    need = max(LEAST_ROWS, math.ceil(LEAST_CLASS * s.n / smaller))
    if s.n < LEAST_ROWS or smaller < LEAST_CLASS:
        return (
            f"{s.n:,} rows with {smaller:,} of the smaller class cannot support it: about "
            f"{need:,} rows are needed"
        )
    return ""


def _normal(s: Sample, found: tuple[float, float], effect: float, z: float, unit: str) -> Estimate:
    value, error = found
    if not (math.isfinite(value) and math.isfinite(error)):
        return Estimate(
            value=None, level=s.level, n=s.n, unit=unit, positives=s.positives,
            why_not="every score is the same",
        )  # fmt: skip
    half = z * error * math.sqrt(effect)
    return Estimate(
        value=value, low=value - half, high=value + half, level=s.level, n=s.n, unit=unit,
        method="logistic regression", positives=s.positives,
    )  # fmt: skip


def calibration_finding(found: Calibration, share: float) -> Finding | None:
    """A finding when scores depart from probabilities beyond chance and enough to matter.

    Enough is a debiased error of one point, or of a tenth of the smaller class where that is
    less.
    """
    if found.p is None or found.ece.value is None:
        return None
    floor = min(0.01, 0.1 * min(share, 1 - share))
    if found.p >= ALARM or found.ece.value < floor:
        return None
    slope, shift = found.slope.value, found.intercept.value
    words = []
    if slope is not None and found.slope.high is not None and found.slope.high < 1:
        words.append(f"too extreme (slope {slope:.2f})")
    elif slope is not None and found.slope.low is not None and found.slope.low > 1:
        words.append(f"too timid (slope {slope:.2f})")
    if shift is not None and found.intercept.low is not None and found.intercept.low > 0:
        words.append("too low on the whole")
    elif shift is not None and found.intercept.high is not None and found.intercept.high < 0:
        words.append("too high on the whole")
    how = " and ".join(words) or "off in some bins"
    ece = found.ece
    return Finding(
        code="HF-E006",
        severity=Severity.WARNING,
        sentence=f"the scores are not the probabilities they say, {how}: error {ece.value:.3g}, "
        f"interval {ece.low:.3g} to {ece.high:.3g}",
        evidence={"p": found.p, "ece": ece.value, "slope": slope, "intercept": shift},
        remedy="recalibrate on held-out rows, or take the threshold found by data",
    )
