"""Single values that are far more frequent than in the reference."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnosis.look import Look
from holdfast.diagnosis.signatures.mixture import Mixture, fit
from holdfast.profiles.portrait_cells import FIRST, NULL, unpack

FloatArray = NDArray[np.float64]

#: spikes of one column that are weighed
MOST_SPIKES = 3
#: share from which a value is usual, share that counts as all rows, and the price in nats
USUAL, ALL, GROWTH = 0.01, 0.995, -10.0
#: nulls that the reference must have before their filling can be seen
LEAST_NULLS = 0.01


class Spike(NamedTuple):
    """One value that too many rows hold.

    Attributes:
        number: the value, for numbers; NaN for categories.
        name: the category; empty for numbers.
        rows: shape (n,), the rows that hold it.
        usual: its share in the reference (of all rows), never quite 0.
        found: the mixture "some rows hold this value whatever else is in the row".
    """

    number: float
    name: str
    rows: NDArray[np.bool_]
    usual: float
    found: Mixture


def spikes(look: Look) -> list[Spike]:
    """The values of a column with the most to explain, strongest first."""
    return _of_numbers(look) if look.is_number else _of_categories(look)


def _of_numbers(look: Look) -> list[Spike]:
    numbers = look.numbers[look.present]
    if len(numbers) < 2:
        return []
    values, counts = np.unique(numbers, return_counts=True)
    often = np.flatnonzero(counts >= 2)
    often = often[np.argsort(-counts[often])][:12]
    if not len(often):
        return []
    present = max(1e-9, 1.0 - look.face.null - look.face.wrong)
    usual = np.exp(look.plausible(values[often])) * present
    gain = counts[often] * np.log(np.maximum(counts[often] / look.scene.rows / usual, 1e-9))
    out = []
    for i in np.argsort(-gain)[:MOST_SPIKES]:
        if gain[i] <= 2.0:
            break
        value = float(values[often[i]])
        rows = look.present & (look.numbers == value)
        out.append(_spike(look, value, "", rows, float(usual[i])))
    return _ranked(out)


def _of_categories(look: Look) -> list[Spike]:
    places = {name: i for i, name in enumerate(look.face.names)}
    shares = unpack(look.face.name_shares) * (1.0 - look.face.null)
    heads = np.bincount(look.values.codes[look.values.codes >= 0], minlength=1)
    found = []
    for code in np.flatnonzero(heads >= 2).tolist():
        name = look.values.names[code]
        if name in places:
            usual = float(shares[places[name]])
            gain = heads[code] * math.log(heads[code] / (look.scene.rows * usual))
            if gain > 2.0:
                found.append((gain, code, name, usual))
    out = []
    for _, code, name, usual in sorted(found, reverse=True)[:MOST_SPIKES]:
        out.append(_spike(look, math.nan, name, look.values.codes == code, usual))
    return _ranked(out)


def _spike(look: Look, number: float, name: str, rows: NDArray[np.bool_], usual: float) -> Spike:
    bond = 0.0 if look.scene.hangs_on(look.name) else look.bond
    ratio = np.where(rows, -math.log(usual) - bond, -np.inf)
    return Spike(number, name, rows, usual, fit(ratio))


def spike_ratio(look: Look, number: float, name: str, usual: float) -> FloatArray:
    """Shape (n,): the log ratio of a spike on other rows than those it was found in."""
    if look.is_number:
        rows = look.present & (look.numbers == number)
    else:
        code = look.values.names.index(name) if name in look.values.names else -2
        rows = look.values.codes == code
    return np.where(rows, -math.log(usual), -np.inf)


def like_growth(spike: Spike, share: float) -> float:
    """What a usual value in some more of the rows costs: it may simply have become more frequent.

    Without other columns to ask, both explain the rows alike, and the world does it more often.

    Args:
        spike: the value.
        share: of the rows since the start that hold it.
    """
    return GROWTH if spike.usual >= USUAL and share < ALL else 0.0


def _ranked(found: list[Spike]) -> list[Spike]:
    return sorted((s for s in found if s.found.nats > 0.0), key=lambda s: -s.found.nats)


def nulls_filled(look: Look) -> Spike | None:
    """One value in place of the nulls that the reference has, everything else as before."""
    usual = float(look.shares[NULL])
    n = float(look.scene.rows)
    if usual < LEAST_NULLS or look.counts[NULL] > 0.7 * usual * n or not look.counts[FIRST:].any():
        return None
    excess = look.counts[FIRST:] - n * look.shares[FIRST:]
    top = int(np.argmax(excess))
    if excess[top] <= 0.0:
        return None
    if look.is_number:
        numbers = look.numbers[look.cells == FIRST + top]
        values, counts = np.unique(numbers, return_counts=True)
        number, name = float(values[np.argmax(counts)]), ""
        rows = look.present & (look.numbers == number)
        present = max(1e-9, 1.0 - look.face.null - look.face.wrong)
        before = float(np.exp(look.plausible(np.array([number])))[0]) * present
    else:
        number, name = math.nan, look.face.names[top]
        rows, before = look.cells == FIRST + top, float(look.shares[FIRST + top])
    ratio = np.zeros(look.scene.rows)
    ratio[rows] = math.log((before + usual) / before)
    ratio[look.cells == NULL] = -np.inf
    found = fit(ratio)
    return Spike(number, name, rows, before, found) if found.nats > 0.0 else None
