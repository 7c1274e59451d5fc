"""The value detector: CPU per event with all bets on, delays against what is printed, silence.

The fault benchmark on real tables stands apart, in `benchmarks/detection`.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import learn_reference
from holdfast.detection.columns.trickle import Trickle
from holdfast.frames.values import FloatArray, ValueKind, Values, read_values

ROWS = 6_000
#: one false incident in 10,000 windows of 200 rows
NATS = math.log(2_000_000)
NUMBERS, CATEGORIES = 22, (3, 5, 8, 20, 40, 4, 10, 60)

Batch = tuple[dict[str, Values], FloatArray, FloatArray]


def rows_of(count: int, rng: np.random.Generator) -> Batch:
    """30 features: 22 numbers, some rounded, some with 3 % nulls, some related; 8 categories."""
    common = rng.normal(size=count)
    columns: dict[str, Values] = {}
    for i in range(NUMBERS):
        x = rng.normal(size=count) * 10 + (common * 5 if i < 6 else 0)
        x = np.round(x) if i % 4 == 0 else x
        if i % 7 == 0:
            x[rng.random(count) < 0.03] = np.nan
        columns[f"n{i}"] = read_values(ValueKind.NUMBER, x)
    for i, many in enumerate(CATEGORIES):
        codes = rng.integers(0, many, count)
        columns[f"c{i}"] = Values(
            ValueKind.CATEGORY, np.zeros(count, np.uint8), codes=codes,
            names=[f"v{j}" for j in range(many)],
        )  # fmt: skip
    score = 1 / (1 + np.exp(-common))
    return columns, score, (rng.random(count) < score).astype(float)


def as_rows(columns: Mapping[str, Values], count: int) -> list[dict[str, Any]]:
    """The same as dicts, as single events come."""
    plain = {name: v.raw(np.arange(count)) for name, v in columns.items()}
    return [{name: values[i] for name, values in plain.items()} for i in range(count)]


def run(quick: bool = False) -> list[dict[str, Any]]:
    """The rows of this benchmark."""
    rng = np.random.default_rng(0)
    columns, score, label = rows_of(ROWS, rng)
    fit = learn_reference(columns, score=score, label=label)
    out = _cpu(fit, rng, 1 if quick else 5)
    out += _delays(fit, rng, 5 if quick else 40)
    out += _rare(1 if quick else 7)
    out += _quiet(fit, rng, 200 if quick else 2_000)
    out += _restart(fit, rng)
    return out


def _row(what: str, value: Any, unit: str, target: str, reached: bool | None, how: str) -> Any:
    return {
        "what": what, "value": value, "unit": unit, "target": target, "reached": reached,
        "how": how,
    }  # fmt: skip


def _cpu(fit: Any, rng: np.random.Generator, rounds: int) -> list[Any]:
    batches, single = [rows_of(200, rng) for _ in range(20)], rows_of(2_000, rng)
    events, scores = as_rows(single[0], 2_000), single[1].tolist()
    inputs, labels, one = [], [], []
    for _ in range(rounds):
        detector = ValueDetector(fit, NATS)
        start = time.thread_time()
        for columns, score, _y in batches:
            detector.observe(columns, 200, score)
        middle = time.thread_time()
        for columns, score, y in batches:
            detector.observe_labels(detector.read(columns, 200), score, y)
        end = time.thread_time()
        inputs.append((middle - start) / 4_000 * 1e6)
        labels.append((end - middle) / 4_000 * 1e6)
        trickle: Trickle[Any] = Trickle(fit, detector.observe)
        start = time.thread_time()
        for event, s in zip(events, scores, strict=True):
            trickle.add(event, s)
        one.append((time.thread_time() - start) / 2_000 * 1e6)
    bets = sum(len(c.bets) for c in fit.columns)
    how = f"30 features, {bets:,} table bets, thread CPU, median"
    both = [a + b for a, b in zip(inputs, labels, strict=True)]
    named = (
        ("CPU per event, micro-batches of 200, inputs and scores", inputs, 12, ""),
        ("the same with outcomes", both, 12, ", an outcome for every row"),
        ("CPU per single event", one, 40, ", held up to 20 rows"),
    )
    out = []
    for what, values, most, more in named:
        value = round(statistics.median(values), 1)
        out.append(_row(what, value, "us", f"<= {most}", value <= most, how + more))
    return out


def _delays(fit: Any, rng: np.random.Generator, runs: int) -> list[Any]:
    found = []
    for _ in range(runs):
        detector = ValueDetector(fit, NATS)
        columns, score, _y = rows_of(400, rng)
        columns["n1"].numbers[200:] = np.nan
        columns["n1"].state[200:] = 1
        signals = detector.observe(columns, 400, score)
        hit = [s for s in signals if s.field == "n1" and s.code == "null"]
        found.append(hit[0].row - 200 + 1 if hit else 10**9)
    median = statistics.median(found)
    worst = max(found)
    how = f"{runs} runs, 30 features"
    return [_row("a column goes NULL: rows until noticed, longest", worst, "rows", "<= 6",
                 worst <= 6, f"{how}, median {median:g}")]  # fmt: skip


def _rare(runs: int) -> list[Any]:
    out = []
    for before, after, most in ((0.01, 0.03, 3_500), (0.002, 0.006, 25_000)):
        delays = []
        for seed in range(runs):
            rng = np.random.default_rng(100 + seed)
            flags = {"flag": read_values(ValueKind.NUMBER, (rng.random(100_000) < before) * 1.0)}
            flags |= {
                f"n{i}": read_values(ValueKind.NUMBER, rng.normal(size=100_000)) for i in range(9)
            }
            detector = ValueDetector(learn_reference(flags), NATS)
            life = {"flag": read_values(ValueKind.NUMBER, (rng.random(60_000) < after) * 1.0)}
            life |= {
                f"n{i}": read_values(ValueKind.NUMBER, rng.normal(size=60_000)) for i in range(9)
            }
            hit = [s.row for s in detector.observe(life, 60_000) if s.field == "flag"]
            delays.append(hit[0] + 1 if hit else 10**9)
        median = statistics.median(delays)
        out.append(
            _row(f"rare flag {before:.1%} to {after:.1%}: rows until noticed, median", median,
                 "rows", f"<= {most:,}", median <= most, f"reference of 100,000 rows, {runs} seeds")
        )  # fmt: skip
    return out


def _quiet(fit: Any, rng: np.random.Generator, windows: int) -> list[Any]:
    detector, alarms = ValueDetector(fit, NATS), 0
    for _ in range(windows // 20):
        columns, score, label = rows_of(4_000, rng)
        alarms += len(detector.observe(columns, 4_000, score))
        alarms += len(detector.observe_labels(detector.read(columns, 4_000), score, label))
    return [_row("alarms in fault-free windows of 200 rows", alarms, "alarms", "0", alarms == 0,
                 f"{windows:,} windows in one life, outcomes included")]  # fmt: skip


def _restart(fit: Any, rng: np.random.Generator) -> list[Any]:
    columns, score, _y = rows_of(4_000, rng)
    columns["n3"].numbers[1_500:2_500] += 12.0
    through = ValueDetector(fit, NATS)
    whole = through.observe(columns, 4_000, score)
    pieces, detector = [], ValueDetector(fit, NATS)
    for low in range(0, 4_000, 137):
        at = np.arange(low, min(low + 137, 4_000))
        part = {n: v.take(at) for n, v in columns.items()}
        pieces += detector.observe(part, len(at), score[at])
        state = detector.dump()
        detector = ValueDetector(fit, NATS)
        detector.load(state)
    differing = sum(a != b for a, b in zip(whole, pieces, strict=False)) + abs(
        len(whole) - len(pieces)
    )
    same = detector.dump() == through.dump()
    how = f"{len(whole)} alarms; state equal to the bit: {same}"
    what = "restarted after every 137 rows: differing alarms"
    return [_row(what, differing, "alarms", "0", differing == 0 and same, how)]
