"""What the differing pairs of one column have in common: a factor, an offset, an earlier value ...

Each test asks for at least five differing pairs, three different values on the training side, and
that nine in ten of the pairs fit. The first that fits names the cause; none is an answer too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.frames.equality import BoolArray, Compared, FloatArray, IntArray

MIN_PAIRS, MIN_VALUES, FITS = 5, 3, 0.9
#: an earlier value must explain more than the value of somebody else does, by this share
BEYOND_CHANCE = 0.3
#: factors equal to this relative precision are one factor
SAME_FACTOR = 1e-3
QUARTER_HOUR, HOUR = 900_000_000, 3_600_000_000
#: factors with a name
FACTORS = (
    (1000.0, "thousands"), (100.0, "per cent, or cents"), (60.0, "minutes and hours"),
    (3600.0, "seconds and hours"), (24.0, "hours and days"), (7.0, "days and weeks"),
    (12.0, "months and years"), (1.609344, "kilometres and miles"),
    (2.54, "centimetres and inches"), (2.2046226, "pounds and kilograms"),
    (3.2808399, "feet and metres"), (1024.0, "binary units"),
    (1.8, "Fahrenheit and Celsius degrees"), (10.0, "a shifted decimal point"),
    (10_000.0, "four decimal places"), (1e6, "millions"),
)  # fmt: skip


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """What the differing pairs of a column have in common.

    Attributes:
        code: the finding's code, ``HF-SKEW-VALUE`` where they have nothing in common.
        says: the end of a sentence, without values of rows.
        share: share of the differing pairs that fit.
        evidence: numbers behind it.
        values: values of rows behind it, for fields that may be shown.
    """

    code: str
    says: str
    share: float = 1.0
    evidence: dict[str, Any] = {}
    values: dict[str, Any] = {}


NOTHING = Pattern(code="HF-SKEW-VALUE", says="the differences have no common pattern")
FEW_VALUES = Pattern(
    code="HF-SKEW-VALUE", says="too few different values to tell what the differences share"
)


def pattern(
    pairs: Compared,
    earlier: Sequence[Compared] = (),
    others: Sequence[Compared] = (),
    close: Callable[[FloatArray, FloatArray], BoolArray] | None = None,
) -> Pattern:
    """What the differing pairs have in common.

    Args:
        pairs: the differing pairs of a column, both sides with a value.
        earlier: the logged values against one, two ... earlier training values of the same entity
            (state 0 where they are the same).
        others: the same against the earlier values of other entities, for chance.
        close: tolerance for numbers.
    """
    if len(pairs.state) < MIN_PAIRS:
        return Pattern(code="HF-SKEW-VALUE", says="too few differences to look for a pattern")
    found = _stale(earlier, others)
    if found is None and pairs.kind == "time":
        found = _time_zone(pairs.logged, pairs.training)
    if found is None and pairs.kind in {"number", "time"}:
        both = np.isfinite(pairs.logged) & np.isfinite(pairs.training)
        if both.mean() >= FITS:
            if len(np.unique(pairs.training[both])) < MIN_VALUES:
                return FEW_VALUES
            found = _numbers(pairs.logged[both], pairs.training[both], close)
    if found is None and pairs.kind == "text":
        found = _texts(pairs)
    return found or NOTHING


def _stale(earlier: Sequence[Compared], others: Sequence[Compared]) -> Pattern | None:
    """The step back (or all up to it) whose value explains most beyond chance."""
    best, found = 0.0, (0.0, 0.0, 0)
    seen = [np.logical_not(one.state) for one in earlier]
    chance = [np.logical_not(one.state) for one in others]
    for back in range(len(earlier)):
        for first in {0, back}:
            share, luck = (
                float(np.logical_or.reduce(hits[first : back + 1]).mean())
                for hits in (seen, chance)
            )
            if share - luck > best + 0.01 and share >= 0.5:
                best, found = share - luck, (share, luck, back + 1)
    share, luck, steps = found
    if best < BEYOND_CHANCE:
        return None
    return Pattern(
        code="HF-SKEW-STALE",
        says="the logged value is an earlier value of the same entity: it was not yet refreshed",
        share=share,
        evidence={"steps_back": steps, "share": round(share, 4), "by_chance": round(luck, 4)},
    )


def _time_zone(logged: FloatArray, training: FloatArray) -> Pattern | None:
    away = logged - training
    away = away[np.isfinite(away)]
    if not len(away):
        return None
    quarters = np.round(away / QUARTER_HOUR) * QUARTER_HOUR
    fits = (np.abs(away - quarters) < 1_000_000) & (np.abs(quarters) <= 14 * HOUR) & (quarters != 0)
    offsets, counts = np.unique(quarters[fits], return_counts=True)
    order = np.argsort(-counts)[:2]
    if not len(order) or counts[order].sum() < FITS * len(away):
        return None
    kept = sorted(float(offsets[i]) / HOUR for i in order if counts[i] >= 0.01 * len(away))
    if len(kept) == 2 and abs(kept[1] - kept[0]) != 1.0:
        return None
    said = " or ".join(f"{hours:+g} h" for hours in kept)
    summer = " (summer and winter time)" if len(kept) == 2 else ""
    return Pattern(
        code="HF-SKEW-TIMEZONE",
        says=f"the logged times are {said} away{summer}: a time zone was lost or applied twice",
        share=float(counts[order].sum() / len(away)),
        evidence={"hours": kept},
    )


def _numbers(
    a: FloatArray, b: FloatArray, close: Callable[[FloatArray, FloatArray], BoolArray] | None
) -> Pattern | None:
    return _constant(a) or _factor(a, b) or _rounded(a, b) or _offset(a, b, close) or _line(a, b)


def _constant(a: FloatArray) -> Pattern | None:
    values, counts = np.unique(a, return_counts=True)
    top = int(np.argmax(counts))
    share = float(counts[top] / len(a))
    if share < FITS:
        return None
    return Pattern(
        code="HF-SKEW-CONSTANT",
        says=_constantly(share),
        share=share,
        values={"value": float(values[top])},
    )


def _factor(a: FloatArray, b: FloatArray) -> Pattern | None:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = a / b
    usable = np.isfinite(ratio) & (ratio != 0)
    if usable.mean() < FITS:
        return None
    factor = float(np.median(ratio[usable]))
    share = float(np.mean(np.abs(ratio / factor - 1.0) <= SAME_FACTOR))
    if share < FITS or abs(factor - 1.0) <= SAME_FACTOR or len(np.unique(a)) < MIN_VALUES:
        return None
    exact = float(np.median(ratio[np.abs(ratio / factor - 1.0) <= SAME_FACTOR]))
    name = "" if factor > 0 else "the sign is turned"
    for known, meaning in FACTORS:
        if math.isclose(abs(exact), known, rel_tol=SAME_FACTOR) or math.isclose(
            abs(exact), 1.0 / known, rel_tol=SAME_FACTOR
        ):
            name = f"{name}, {meaning}".removeprefix(", ")
            break
    return Pattern(
        code="HF-SKEW-UNIT",
        says=f"logged = {exact:.6g} x training in {_most(share)}" + (f" ({name})" if name else ""),
        share=share,
        evidence={"factor": exact},
    )


def _rounded(a: FloatArray, b: FloatArray) -> Pattern | None:
    for digits in range(8, -5, -1):
        scale = 10.0**digits
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.abs(a - b) <= 1.0 / scale
            fits = near & _on_grid(a * scale) & ~_on_grid(b * scale)
        if fits.mean() >= FITS and len(np.unique(a)) >= 2:
            what = f"{digits} decimal places" if digits > 0 else f"multiples of {10**-digits}"
            return Pattern(
                code="HF-SKEW-ROUNDED",
                says=f"the logged value is the training value cut or rounded to {what}",
                share=float(fits.mean()),
                evidence={"digits": digits},
            )
    return None


def _most(share: float) -> str:
    """How many of the differing pairs, in words.

    >>> _most(1.0), _most(0.953)
    ('all of them', '95% of them')
    """
    return "all of them" if share >= 1.0 else f"{min(share, 0.99):.0%} of them"


def _constantly(share: float) -> str:
    return f"the logged value is one and the same in {_most(share)}: a default or a stuck value"


def _on_grid(x: FloatArray) -> BoolArray:
    return np.asarray(np.abs(x - np.round(x)) <= 1e-6 * np.maximum(np.abs(x), 1.0))


def _offset(
    a: FloatArray, b: FloatArray, close: Callable[[FloatArray, FloatArray], BoolArray] | None
) -> Pattern | None:
    offset = float(np.median(a - b))
    fits = np.isclose(a, b + offset, rtol=1e-6) if close is None else close(a, b + offset)
    if fits.mean() < FITS:
        return None
    return Pattern(
        code="HF-SKEW-UNIT",
        says=f"logged = training {'+' if offset > 0 else '-'} {abs(offset):.6g} "
        f"in {_most(float(fits.mean()))}",
        share=float(fits.mean()),
        evidence={"offset": offset},
    )


def _line(a: FloatArray, b: FloatArray) -> Pattern | None:
    """``logged = slope * training + offset``, as between two scales of temperature."""
    if len(np.unique(b)) < 4:
        return None
    low, high = int(np.argmin(b)), int(np.argmax(b))
    slope = float((a[high] - a[low]) / (b[high] - b[low]))
    offset = float(a[low] - slope * b[low])
    fits = np.abs(a - (slope * b + offset)) <= 1e-4 * max(float(np.ptp(a)), 1e-300)
    if fits.mean() < FITS or abs(slope) < 1e-9:
        return None
    sign = "+" if offset >= 0 else "-"
    return Pattern(
        code="HF-SKEW-UNIT",
        says=f"logged = {slope:.6g} x training {sign} {abs(offset):.6g} "
        f"in {_most(float(fits.mean()))}",
        share=float(fits.mean()),
        evidence={"factor": slope, "offset": offset},
    )


def _texts(pairs: Compared) -> Pattern | None:
    """Another spelling of the same, one constant, or one name for another."""
    names = pairs.names
    left, right = pairs.logged_codes, pairs.training_codes
    plain = np.array([bare_name(name) for name in names])
    alike = float(np.mean(plain[left] == plain[right]))
    if alike >= FITS:
        return Pattern(
            code="HF-SKEW-CATEGORY",
            says="only capitals, spaces or signs differ: another spelling of the same",
            share=alike,
        )
    values, counts = np.unique(left, return_counts=True)
    share = float(counts.max() / len(left))
    if share >= FITS and len(np.unique(right)) >= 2:
        return Pattern(
            code="HF-SKEW-CONSTANT",
            says=_constantly(share),
            share=share,
            values={"value": names[int(values[np.argmax(counts)])]},
        )
    return _renamed(left, right, names)


def bare_name(name: str) -> str:
    """A text without capitals, spaces and signs.

    >>> bare_name("Part-Time ") == bare_name("parttime")
    True
    """
    return "".join(c for c in name.casefold() if c.isalnum()) or name


def _renamed(left: IntArray, right: IntArray, names: tuple[str, ...]) -> Pattern | None:
    mapping: dict[int, int] = {}
    explained = 0
    for code in np.unique(right).tolist():
        values, counts = np.unique(left[right == code], return_counts=True)
        mapping[code] = int(values[np.argmax(counts)])
        explained += int(counts.max())
    share = explained / len(left)
    one_to_one = len(set(mapping.values())) == len(mapping)
    if share < FITS or not one_to_one or len(mapping) > max(1, len(left) // 3):
        return None
    if len(mapping) == 1:
        said = "one category is always logged as another"
    else:
        said = f"every category has another name in the log, one for one ({len(mapping)} of them)"
    return Pattern(
        code="HF-SKEW-CATEGORY",
        says=said,
        share=share,
        evidence={"categories": len(mapping)},
        values={"names": {names[r]: names[c] for r, c in list(mapping.items())[:20]}},
    )
