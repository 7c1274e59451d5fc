"""Which change of unit takes the reference's numbers to these: factors, offsets, both."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.signatures.mixture import gains
from holdfast.profiles.portrait_cells import unpack

FloatArray = NDArray[np.float64]

#: all candidates are compared on a few rows, the best on more, and three fitted to all
SCANS = ((48, 16), (240, 3))
#: a change that promises less than this share of what drift explains is not looked at further
WORTH = 0.5
#: when the share of negative numbers changed by more, turned signs are always looked at
TURNED = 0.01
#: factors between units in use; both directions are tried
FACTORS = {
    10.0: "", 100.0: "", 1000.0: "", 1e4: "", 1e5: "", 1e6: "", 1e9: "",
    2.0: "", 4.0: "", 5.0: "", 1.1: "", 1.19: "", 1.2: "", 1.25: "",
    1.609344: "miles and kilometres", 0.621371: "miles and kilometres",
    2.54: "inches and centimetres", 0.393701: "inches and centimetres",
    25.4: "inches and millimetres", 0.0254: "inches and metres",
    0.3048: "feet and metres", 3.28084: "feet and metres", 0.9144: "yards and metres",
    0.45359237: "pounds and kilograms", 2.20462: "pounds and kilograms",
    28.349523125: "ounces and grams", 3.785411784: "gallons and litres",
    60.0: "minutes and hours", 3600.0: "seconds and hours", 86400.0: "seconds and days",
    1440.0: "minutes and days", 24.0: "hours and days", 7.0: "days and weeks",
    30.0: "days and months", 365.25: "days and years", 52.0: "weeks and years",
    12.0: "months and years", 1024.0: "bytes and kibibytes", 1048576.0: "bytes and mebibytes",
    8.0: "bits and bytes", 1.8: "degrees of temperature", 3.6: "metres a second and km/h",
    1.852: "knots and km/h", 0.514444: "knots and metres a second",
    4.184: "calories and joules", 57.29577951308232: "radians and degrees",
    6.894757: "psi and kilopascals", 33.8638: "inches of mercury and hectopascals",
}  # fmt: skip
#: estimates are tried beside themselves too, in standard errors
NUDGES = (0.0, -1.0, -0.5, 0.5, 1.0)
#: (a, b) of x -> a x + b
AFFINE = {
    (1.8, 32.0): "Celsius and Fahrenheit",
    (5.0 / 9.0, -160.0 / 9.0): "Fahrenheit and Celsius",
    (1.0, 273.15): "Celsius and Kelvin",
    (1.0, -273.15): "Kelvin and Celsius",
    (-1.0, 100.0): "percent left and percent used",
    (-1.0, 1.0): "a share and its complement",
}
#: log-probabilities before looking: a known factor, one found in the data, a sign, an offset
KNOWN, FOUND, SIGN, OFFSET, BOTH = -4.5, -8.0, -2.5, -7.5, -11.0


class Transform(NamedTuple):
    """x became a x + b; how likely before looking, and what it is known as."""

    a: float
    b: float
    prior: float
    known: str


def candidates(look: Look) -> list[Transform]:
    """Known changes of unit, and those that the quantiles or the new grid suggest."""
    out = [Transform(-1.0, 0.0, SIGN, "")]
    for factor, name in FACTORS.items():
        ten = abs(math.log10(factor) - round(math.log10(factor))) < 1e-12
        prior = KNOWN + (1.5 if ten else 0.0)
        out += [Transform(factor, 0.0, prior, name), Transform(1.0 / factor, 0.0, prior, name)]
    out += [Transform(a, b, KNOWN, name) for (a, b), name in AFFINE.items()]
    return out + _suggested(look)


def _suggested(look: Look) -> list[Transform]:
    x = look.numbers[look.present]
    quantiles = unpack(look.face.quantiles)
    if len(x) < 8 or not len(quantiles):
        return []
    late = x[len(x) // 4 :]  # the first rows may still be clean
    at = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    now, then = np.quantile(late, at), np.quantile(quantiles, at)
    out: list[Transform] = []
    step = look.face.step
    shift = float(np.median(now - then))
    widths = now[3] - now[1], then[3] - then[1]
    if then[2] != 0.0 and now[2] / then[2] > 0.0:
        usable = (then != 0.0) & (now / np.where(then == 0.0, 1.0, then) > 0.0)
        factor = float(np.median(now[usable] / then[usable]))
        spread = 0.7 / math.sqrt(len(late))
        factors = [factor * math.exp(nudge * spread) for nudge in NUDGES]
        out += [Transform(f, 0.0, FOUND, "") for f in factors]
        if (grid := _grid(x, step)) is not None:
            out.append(Transform(grid, 0.0, FOUND, ""))
    noise = look.face.spread / math.sqrt(len(late))
    out += [Transform(1.0, shift + nudge * noise, OFFSET, "") for nudge in NUDGES]
    if step:
        phase = float(np.median(np.mod(late - late[0] + 0.5 * step, step))) - 0.5 * step + late[0]
        base = phase - step * round((phase - shift) / step)
        # the shift is known up to a whole step: the neighbours too
        reach = int(np.clip(math.ceil(noise / step), 1, 6))
        out += [Transform(1.0, base + k * step, OFFSET, "") for k in range(-reach, reach + 1)]
    if widths[1] > 0.0 and widths[0] > 0.0 and len(late) >= 20:
        a = float(widths[0] / widths[1])
        out.append(Transform(a, float(now[2] - a * then[2]), BOTH, ""))
        out.append(Transform(-a, float(now[2] + a * then[2]), BOTH, ""))
    out = [Transform(float(t.a), float(t.b), t.prior, t.known) for t in out]
    return [t for t in out if t.a != 0.0 and not (abs(t.a - 1.0) < 1e-12 and t.b == 0.0)]


def _grid(x: FloatArray, step: float) -> float | None:
    """The factor by which the grid of the values is coarser or finer than the reference's."""
    if not step:
        return None
    values = np.unique(x)
    gaps = np.diff(values)
    gaps = gaps[gaps > 1e-9 * np.abs(values[-1])]
    if len(gaps) < 5:
        return None
    gap = float(gaps.min())
    scaled = values / gap
    if np.mean(np.abs(scaled - np.round(scaled)) < 1e-5 * np.maximum(1, np.abs(scaled))) < 0.95:
        return None
    top = float(np.round(scaled[-1])) or 1.0
    return float(values[-1]) / top / step


def log_ratio(look: Look, changes: list[Transform], rows: NDArray[np.int64]) -> FloatArray:
    """Shape (h, r): how much likelier each change makes the numbers of some rows."""
    x = look.numbers[rows]
    a = np.array([t.a for t in changes])[:, None]
    b = np.array([t.b for t in changes])[:, None]
    y = (x[None, :] - b) / a
    out = look.plausible.rescaled(y, x, a)
    return out - look.log_p[rows][None, :]


def with_row(
    look: Look, change: Transform, ratio: FloatArray, rows: NDArray[np.int64]
) -> FloatArray:
    """A ratio that also asks whether the value before the change suits the rest of its row."""
    if not look.ratios.size:
        return ratio
    y = (look.numbers[rows] - change.b) / change.a
    levels = look.face.levels_of(y)
    table = look.ratios[levels, look.predicted[rows]]
    return ratio + table - look.bond[rows]


def best_changes(look: Look) -> list[tuple[Transform, FloatArray]]:
    """The changes with the largest gain on some of the rows, with their log ratios on all."""
    rows = np.flatnonzero(look.present)
    if len(rows) < 3:
        return []
    changes = candidates(look)
    for size, most in SCANS:
        scan = rows[np.unique(np.linspace(0, len(rows) - 1, size).astype(np.int64))]
        gain = gains(log_ratio(look, changes, scan)) * (len(rows) / len(scan))
        value = gain + np.array([t.prior for t in changes])
        order = np.argsort(-value)[:most]
        changes, value = [changes[i] for i in order], value[order]
    negative = float((unpack(look.face.quantiles) < 0.0).mean())
    turned = abs(float((look.numbers[rows] < 0.0).mean()) - negative) > TURNED
    if turned and not any(c.a == -1.0 and c.b == 0.0 for c in changes):
        # few turned signs are easily missed by a scan
        changes = [Transform(-1.0, 0.0, SIGN, ""), *changes]
        value = np.concatenate(([np.inf], value))
    worth = max(0.0, WORTH * look.drifted - 10.0)
    chosen = [c for c, v in zip(changes, value, strict=True) if v > worth]
    return [(change, whole_ratio(look, change)) for change in chosen]


def whole_ratio(look: Look, change: Transform) -> FloatArray:
    """Shape (n,): the log ratio of a change for all rows, -inf where there is no number."""
    rows = np.flatnonzero(look.present)
    out = np.full(look.scene.rows, -np.inf)
    out[rows] = with_row(look, change, log_ratio(look, [change], rows)[0], rows)
    return out


def misfit(look: Look, change: Transform, share: float) -> float:
    """What the same explanation would gain on as many clean rows: the densities' own error, nats.

    Computed on the quantiles of the reference; 0 where the densities are right, since there a wrong
    explanation loses.
    """
    x = unpack(look.face.quantiles)
    if not len(x) or share <= 0.0:
        return 0.0
    x = x[:: max(1, len(x) // 500)]
    y = (x - change.b) / change.a
    clean = look.plausible.own(x)
    ratio = look.plausible.rescaled(y[None, :], x, np.array([[change.a]]))[0] - clean
    gain = np.log(1.0 - share + share * np.exp(np.clip(ratio, -40.0, 25.0)) + 1e-12)
    return max(0.0, float(gain.mean())) * float(look.present.sum())
