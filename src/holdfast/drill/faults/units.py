"""Numbers that mean something else: units, signs, roundings, caps, outliers."""

from __future__ import annotations

import math

import numpy as np

from holdfast.drill.faults.base import (
    Fault,
    Injected,
    Skipped,
    edited,
    is_whole,
    put_numbers,
)
from holdfast.drill.scene import Scene

#: factors between units, two or three for each severity
FACTORS = ((1.609344, 0.621371, 2.54), (10.0, 0.1, 3.28084), (1000.0, 0.001, 100.0))
#: another zero, in standard deviations
OFFSETS = (0.5, 1.5, 4.0)
FLIPPED = (0.1, 0.4, 1.0)
STEPS = (0.15, 0.6, 2.0)
CAPS = (0.9, 0.75, 0.5)
OUTLIERS = (0.01, 0.05, 0.2)
_NO_NUMBER = Skipped("it takes a number of many different values")


def unit_scale(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number arrives in another unit."""
    names = [n for n in scene.continuous() if np.median(np.abs(scene.known(n))) > 0.0]
    picked = scene.pick(names, rng)
    if not picked:
        return _NO_NUMBER
    [name] = picked
    which = int(rng.integers(3))
    factor = FACTORS[severity - 1][which]
    if is_whole(scene, name) and factor < 1.0:  # rounding would leave nothing of it
        factor = FACTORS[severity - 1][0]
    x = scene.number(name)
    column = put_numbers(scene, name, scene.rows(rng, 1.0), x * factor)
    return edited(scene, {name: column}, f"times {factor:g}", abs(math.log(factor)))


def unit_affine(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number arrives on a scale with another zero (Celsius as Kelvin, another base year)."""
    picked = scene.pick(scene.continuous(), rng)
    if not picked:
        return _NO_NUMBER
    [name] = picked
    offset = OFFSETS[severity - 1]
    x = scene.number(name) + offset * scene.spread(name)
    column = put_numbers(scene, name, scene.rows(rng, 1.0), x)
    return edited(scene, {name: column}, f"plus {offset:g} standard deviations", offset)


def sign_flip(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number arrives with the opposite sign."""
    names = [
        n for n in scene.continuous(2) if abs(scene.known(n).mean()) > 0.3 * scene.spread(n)
    ]  # fmt: skip
    picked = scene.pick(names, rng)
    if not picked:
        return Skipped("it takes a number that is mostly on one side of zero")
    [name] = picked
    share = FLIPPED[severity - 1]
    column = put_numbers(scene, name, scene.rows(rng, share), -scene.number(name))
    return edited(scene, {name: column}, f"negated in {share:.0%} of the rows", share)


def precision_loss(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number loses its last digits."""
    names = []
    for name in scene.continuous(30):
        x = scene.known(name)
        if np.mean(x != np.rint(x)) > 0.3 or x.std() > 40.0:
            names.append(name)
    picked = scene.pick(names, rng)
    if not picked:
        return Skipped("it takes a number with digits to lose")
    [name] = picked
    step = _round_step(scene.spread(name) * STEPS[severity - 1])
    if is_whole(scene, name):
        step = max(step, 2.0 * severity)
    x = scene.number(name)
    column = put_numbers(scene, name, scene.rows(rng, 1.0), np.trunc(x / step) * step)
    return edited(scene, {name: column}, f"cut to steps of {step:g}", STEPS[severity - 1])


def _round_step(size: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is at most `size`.

    >>> [_round_step(x) for x in (0.7, 3.0, 60.0)]
    [0.5, 2.0, 50.0]
    """
    power = math.floor(math.log10(size))
    lead = size / 10.0**power
    return float(f"{5 if lead >= 5 else 2 if lead >= 2 else 1}e{power}")


def clipped(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """A number is capped upstream."""
    picked = scene.pick(scene.continuous(30), rng)
    if not picked:
        return _NO_NUMBER
    [name] = picked
    level = CAPS[severity - 1]
    cap = float(np.quantile(scene.known(name), level))
    column = put_numbers(scene, name, scene.rows(rng, 1.0), np.minimum(scene.number(name), cap))
    return edited(scene, {name: column}, f"capped at its {level:.0%} quantile", 1.0 - level)


def outliers(scene: Scene, rng: np.random.Generator, severity: int) -> Injected | Skipped:
    """Some values are far beyond anything known."""
    numbers = [n for n in scene.numbers if len(scene.known(n))]
    picked = scene.pick(scene.continuous(5) or numbers, rng)
    if not picked:
        return Skipped("it takes a number")
    [name] = picked
    share = OUTLIERS[severity - 1]
    rows = scene.rows(rng, share)
    far = float(scene.known(name).max())
    x = far + (scene.spread(name) + 1e-3) * rng.uniform(5.0, 50.0, len(scene))
    if is_whole(scene, name):
        x = np.maximum(x, far + 1.0)
    column = put_numbers(scene, name, rows, x)
    return edited(scene, {name: column}, f"far out in {share:.0%} of the rows", share)


_RANGE = "a tighter range for the column in the contract, or watching its values too"

FAULTS = (
    Fault(
        name="unit_scale", kind="unit_scale", inject=unit_scale,
        says="a number arrives in another unit", visible=_RANGE,
    ),
    Fault(
        name="unit_affine", kind="unit_scale", inject=unit_affine,
        says="a number arrives on a scale with another zero", visible=_RANGE,
    ),
    Fault(
        name="sign_flip", kind="unit_scale", inject=sign_flip,
        says="a number arrives with the opposite sign",
        visible="a lower bound of zero for the column in the contract",
    ),
    Fault(
        name="precision_loss", kind="precision_loss", inject=precision_loss,
        says="a number loses its last digits",
        visible="watching the share of round values of the column",
    ),
    Fault(
        name="clipped", kind="clipped", inject=clipped,
        says="a number is capped upstream",
        visible="watching the upper quantiles of the column's values",
    ),
    Fault(
        name="outliers", kind="outliers", inject=outliers,
        says="some values are far beyond anything known",
        visible="a range for the column in the contract",
    ),
)  # fmt: skip
