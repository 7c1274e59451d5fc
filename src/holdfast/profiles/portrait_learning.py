"""Learning a portrait: facts by column first, then what columns say of each other and the score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.frames.values import VALUE, ValueKind, Values
from holdfast.profiles import portrait_cells as cell
from holdfast.profiles import portrait_column as base
from holdfast.profiles import portrait_dependence as dependence
from holdfast.profiles.portrait_cells import pack, unpack

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: bins of the score, and knots of its calibration
SCORE_CELLS, KNOTS = 20, 20
#: calibrated probabilities stay inside
LEAST_RATE = 0.004
#: rows from which dependence is learned
DEPENDENCE_ROWS = 8000
#: rows back in which an equal row counts as a repetition
REPEAT_WITHIN = 300


def learn(
    columns: Mapping[str, Values],
    score: FloatArray | None,
    label: FloatArray | None,
    importance: Mapping[str, float] | None,
    seed: int,
) -> dict[str, Any]:
    """The fields of a `Portrait` but its threshold."""
    rows = len(next(iter(columns.values())))
    faces = {name: _facts(name, values) for name, values in columns.items()}
    cells = {name: face.cells_of(columns[name]) for name, face in faces.items()}
    out: dict[str, Any] = {"rows": rows}
    rate: FloatArray | None = None
    face_of_score = None
    if score is not None and np.isfinite(score).any():
        face_of_score = _Score(score, label)
        out |= face_of_score.facts
        rate = face_of_score.rate
    one = label if label is not None and np.isfinite(label).any() else rate
    if one is not None:
        out["base_rate"] = float(np.nanmean(one))
    for name, face in faces.items():
        faces[name] = msgspec.structs.replace(
            face, **_cell_facts(face, cells[name], one, face_of_score)
        )
    faces, extra = _dependence(faces, columns, cells, face_of_score, label, seed)
    if importance is not None:
        faces = {
            name: msgspec.structs.replace(face, importance=float(importance.get(name, 0.0)))
            for name, face in faces.items()
        }
    repeated, adjacent = repetition(columns)
    return out | extra | {"columns": faces, "repeated": repeated, "adjacent": adjacent}


def _facts(name: str, values: Values) -> base.ColumnPortrait:
    null, wrong = base.state_shares(values)
    number = values.kind is ValueKind.NUMBER
    facts = base.number_facts(values) if number else base.category_facts(values)
    sticky, spell = base.stickiness(values)
    facts |= {"sticky": sticky, "spell": spell}
    return base.ColumnPortrait(
        name=name, kind=values.kind, rows=len(values), null=null, wrong=wrong, **facts
    )


class _Score:
    """The score's own facts: cells, calibration, base rate."""

    def __init__(self, score: FloatArray, label: FloatArray | None) -> None:
        known = np.isfinite(score)
        values = score[known]
        self.probability = bool(values.min() >= 0.0 and values.max() <= 1.0)
        edges = dependence.cuts(values, SCORE_CELLS)
        places = np.searchsorted(edges, values, side="right")
        shares = np.bincount(places, minlength=len(edges) + 1) / len(values)
        clipped = np.clip(values, 1e-6, 1.0 - 1e-6)
        self.log_odds = np.full(len(score), np.nan)
        self.log_odds[known] = np.log(clipped / (1.0 - clipped)) if self.probability else values
        self.facts: dict[str, Any] = {
            "probability": self.probability,
            "score_edges": pack(edges),
            "score_cells": pack(shares),
        }
        self.rate: FloatArray | None = None
        both = known & np.isfinite(label) if label is not None else np.zeros(len(score), bool)
        if label is not None and both.sum() >= 50 and 0.0 < float(label[both].mean()) < 1.0:
            at, rates = calibration(score[both], label[both])
        elif self.probability:
            at, rates = np.array([0.0, 1.0]), np.array([0.0, 1.0])
        else:
            return
        self.facts |= {
            "score_knots": pack(at),
            "rate_knots": pack(np.clip(rates, LEAST_RATE, 1.0 - LEAST_RATE)),
        }
        self.rate = np.interp(score, at, rates)


def calibration(score: FloatArray, label: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Knots of the rate of 1 over the score: bin means made monotone (pool adjacent violators).

    >>> at, rate = calibration(np.repeat([0.1, 0.9], 50), np.repeat([0.0, 1.0], 50))
    >>> at.round(2).tolist(), rate.round(2).tolist()
    ([0.1, 0.9], [0.04, 0.96])
    """
    order = np.argsort(score, kind="stable")
    groups = [g for g in np.array_split(order, max(2, min(KNOTS, len(order) // 25))) if len(g)]
    overall = float(label.mean())
    levels = [[float(label[g].sum()) + 2.0 * overall, len(g) + 2.0] for g in groups]
    sizes = [1] * len(levels)
    i = 0
    while i + 1 < len(levels):
        if levels[i][0] / levels[i][1] <= levels[i + 1][0] / levels[i + 1][1]:
            i += 1
            continue
        levels[i] = [levels[i][0] + levels[i + 1][0], levels[i][1] + levels[i + 1][1]]
        sizes[i] += sizes[i + 1]
        del levels[i + 1], sizes[i + 1]
        i = max(0, i - 1)
    rates = np.repeat([a / b for a, b in levels], sizes)
    at = np.array([float(score[g].mean()) for g in groups])
    keep = np.concatenate(([True], np.diff(at) > 0))
    return at[keep], rates[keep]


def _cell_facts(
    face: base.ColumnPortrait, cells: IntArray, one: FloatArray | None, score: _Score | None
) -> dict[str, Any]:
    size = cell.FIRST + (
        len(unpack(face.frequent)) + len(unpack(face.edges)) - 1
        if face.kind is ValueKind.NUMBER
        else face.own
    )
    n = len(cells)
    counts = np.bincount(cells, minlength=size).astype(np.float64)
    facts: dict[str, Any] = {"cells": pack(counts / n)}
    if one is not None:
        known = np.isfinite(one)
        if known.any() and 0.0 < float(np.nanmean(one)) < 1.0:
            for key, weight in (("cells_if_1", one[known]), ("cells_if_0", 1.0 - one[known])):
                got = np.bincount(cells[known], weights=weight, minlength=size)
                facts[key] = pack((got + 20.0 * counts / n) / (float(weight.sum()) + 20.0))
    if score is not None:
        known = np.isfinite(score.log_odds)
        mean = float(score.log_odds[known].mean())
        sums = np.bincount(cells[known], weights=score.log_odds[known], minlength=size)
        heads = np.bincount(cells[known], minlength=size)
        facts["log_odds"] = pack((sums + 20.0 * mean) / (heads + 20.0))
    return facts


def _dependence(
    faces: dict[str, base.ColumnPortrait],
    columns: Mapping[str, Values],
    cells: Mapping[str, IntArray],
    score: _Score | None,
    label: FloatArray | None,
    seed: int,
) -> tuple[dict[str, base.ColumnPortrait], dict[str, Any]]:
    rows = len(next(iter(columns.values())))
    rng = np.random.default_rng(seed)
    chosen = np.arange(rows)
    if rows > DEPENDENCE_ROWS:
        chosen = np.sort(rng.choice(rows, DEPENDENCE_ROWS, replace=False))
    if len(chosen) < 60:
        return faces, {}
    taken = {name: columns[name].take(chosen) for name in faces}
    places = {name: cells[name][chosen] for name in faces}
    parts = [face.features_of(taken[name], places[name]) for name, face in faces.items()]
    ends = np.cumsum([p.shape[1] for p in parts])
    blocks = [slice(int(e - p.shape[1]), int(e)) for p, e in zip(parts, ends, strict=True)]
    features = np.hstack(parts)
    folds = rng.permutation(len(chosen)) % 2
    levels, numbers = [], {}
    for (name, face), block in zip(faces.items(), blocks, strict=True):
        if face.few:
            codes = face.level_bins(taken[name], places[name])
            kinds = len(unpack(face.known))
            numbers[name] = dependence.category_levels(
                np.where(folds == 0, codes, -1), kinds, features, block
            )
            levels.append(np.where(codes >= 0, numbers[name][codes], np.nan))
        elif face.kind is ValueKind.NUMBER:
            present = taken[name].state == VALUE
            ranks = face.ranks(np.where(present, taken[name].numbers, 0.0))
            levels.append(np.where(present, 2.0 * ranks - 1.0, np.nan))
        else:
            codes = _level_codes(face, places[name])
            kinds = min(face.own, 16) + 1
            numbers[name] = dependence.category_levels(
                np.where(folds == 0, codes, -1), kinds, features, block
            )
            levels.append(np.where(codes >= 0, np.append(numbers[name], np.nan)[codes], np.nan))
    extra: dict[str, Any] = {}
    if score is not None:
        blocks.append(slice(0, 0))
        levels.append(score.log_odds[chosen])
    learned = [name in numbers for name in faces] + [False] * (score is not None)
    fits = dependence.solve_all(features, blocks, levels, folds, learned)
    if score is not None:
        fit = fits.pop()
        blocks.pop()
        errors = (score.log_odds[chosen] - fit.held_out)[np.isfinite(score.log_odds[chosen])]
        extra = {
            "score_weights": pack(fit.weights, "<f4"),
            "score_intercept": fit.intercept,
            "score_r2": fit.r2,
            "score_errors": pack(np.quantile(errors, np.linspace(0.0, 1.0, 33))),
        }
        if label is not None and score.rate is not None:
            rate = np.clip(score.rate[chosen], LEAST_RATE, 1.0 - LEAST_RATE)
            extra["label_weights"] = pack(
                dependence.correction(features, rate, label[chosen]), "<f4"
            )
        faces = _importance(faces, features, blocks, fit.weights)
    out = {}
    for (name, face), fit, level in zip(faces.items(), fits, levels, strict=False):
        facts = _table(face, fit, level, taken[name], places[name], numbers.get(name))
        centred = np.where(np.isnan(level), 0.0, level - fit.intercept)
        known = max(1, int(np.isfinite(level).sum()))
        facts["profile"] = pack(centred @ features / known, "<f4")
        out[name] = msgspec.structs.replace(face, **facts)
    return out, extra


def _level_codes(face: base.ColumnPortrait, cells: IntArray) -> IntArray:
    last = min(face.own, 16)
    codes = np.where(cells == cell.RARE, last, np.minimum(cells - cell.FIRST, last))
    return np.where((cells == cell.NULL) | (cells == cell.UNSEEN), -1, codes)


def _table(
    face: base.ColumnPortrait,
    fit: dependence.Fit,
    level: FloatArray,
    values: Values,
    cells: IntArray,
    numbers: FloatArray | None,
) -> dict[str, Any]:
    known = np.isfinite(level) & np.isfinite(fit.held_out)
    facts: dict[str, Any] = {
        "weights": pack(fit.weights, "<f4"),
        "intercept": fit.intercept,
        "r2": fit.r2,
        "prediction_cuts": pack(dependence.cuts(fit.held_out[known], dependence.LEVELS)),
    }
    if numbers is None:
        present = level[known] / 2.0 + 0.5
        facts["level_cuts"] = pack(dependence.cuts(present, dependence.LEVELS))
        size = len(unpack(facts["level_cuts"])) + 1
    else:
        facts["levels"] = pack(numbers)
        size = len(numbers)
    bins = msgspec.structs.replace(face, **facts).level_bins(values, cells)
    cuts = unpack(facts["prediction_cuts"])
    predicted = np.searchsorted(cuts, fit.held_out, side="right")
    use = known & (bins >= 0)
    table = dependence.ratio_table(bins[use], predicted[use], (size, len(cuts) + 1))
    facts["ratios"] = pack(table.ravel(), "<f4")
    return facts


def _importance(
    faces: dict[str, base.ColumnPortrait],
    features: FloatArray,
    blocks: list[slice],
    weights: FloatArray,
) -> dict[str, base.ColumnPortrait]:
    parts = [float((features[:, b] @ weights[b]).var()) for b in blocks]
    total = sum(parts) or 1.0
    return {
        name: msgspec.structs.replace(face, importance=part / total)
        for (name, face), part in zip(faces.items(), parts, strict=True)
    }


def row_keys(columns: Mapping[str, Values]) -> NDArray[np.uint64]:
    """Shape (n,): a 64-bit hash of each row's values, equal for equal rows.

    Categories count by their spelling, numbers by their bits, nulls and wrong types as such.
    """
    rows = len(next(iter(columns.values())))
    key = np.zeros(rows, np.uint64)
    for values in columns.values():
        if values.kind is ValueKind.NUMBER:
            part = np.where(values.state == VALUE, values.numbers + 0.0, 0.0).view(np.uint64)
            part = part + values.state.astype(np.uint64)
        else:
            spelled = [_spelling_hash(name) for name in values.names]
            part = np.array([*spelled, 7], np.uint64)[values.codes]
        key = _mix(key * np.uint64(0x9E3779B97F4A7C15) + _mix(part))
    return key


def _mix(key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    key = (key ^ (key >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return key ^ (key >> np.uint64(29))


def _spelling_hash(text: str) -> int:
    """FNV-1a of a spelling, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in text.encode("utf-8", "surrogatepass"):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def repetition(columns: Mapping[str, Values]) -> tuple[float, float]:
    """Share of rows that equal one of the 300 rows before them, and the very row before."""
    back = steps_back(row_keys(columns))
    return float((back <= REPEAT_WITHIN).mean()), float((back == 1).mean())


def steps_back(keys: NDArray[np.uint64]) -> IntArray:
    """How many rows before each row the same key was last seen; a very large number if never.

    >>> steps_back(np.array([5, 6, 5, 5], np.uint64))[2:].tolist()
    [2, 1]
    """
    order = np.argsort(keys, kind="stable")
    out = np.full(len(keys), np.iinfo(np.int64).max)
    same = keys[order][1:] == keys[order][:-1]
    out[order[1:][same]] = (order[1:] - order[:-1])[same]
    return out
