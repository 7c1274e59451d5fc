"""A scored world: rows with values, scores and outcomes, as a store's logs hold them."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import numpy as np
import pyarrow as pa
from tests.monitoring.world import SECOND, START, TIME, contract

from holdfast.frames.values import ValueKind, read_values
from holdfast.monitoring.table_reference import TableReference

DAY = 86_400 * SECOND


class World:
    """`rows` rows: two numbers, one category, a calibrated score, an outcome."""

    def __init__(self, rows, *, seed=0, first=0, flip_from=None, apart=SECOND):
        rng = np.random.default_rng(seed)
        self.rows, self.first = rows, first
        self.size = rng.normal(50, 10, rows).round(3)
        self.kind = np.array(["a", "b", "c"], object)[rng.integers(0, 3, rows)]
        self.age = rng.gamma(4.0, 10.0, rows).round(2)
        chance = 1 / (1 + np.exp(-(self.size - 50) / 10))
        self.score = chance
        shown = chance.copy()
        if flip_from is not None:
            shown[flip_from:] = 1 - chance[flip_from:]
        self.label = (rng.random(rows) < shown).astype(float)
        self.at = START + (first + np.arange(rows)) * apart

    @property
    def columns(self):
        return {
            "size": read_values(ValueKind.NUMBER, self.size),
            "age": read_values(ValueKind.NUMBER, self.age),
            "kind": read_values(ValueKind.CATEGORY, self.kind.tolist()),
        }

    def release(self, name="r1", positive="bad"):
        """A release that learned from these rows."""
        found = TableReference.of(self.columns, score=self.score, label=self.label)
        return SimpleNamespace(
            id=name,
            contract=SimpleNamespace(data=contract()),
            reference={"rows": self.rows, "marks": {}},
            values=found.values,
            portrait=found.portrait,
            positive=positive,
        )

    def predictions(self, low=0, high=None, release="r1", model="loan"):
        high = self.rows if high is None else high
        n = high - low
        text = [
            msgspec.json.encode(
                {"size": float(self.size[i]), "age": float(self.age[i]), "kind": self.kind[i]}
            ).decode()
            for i in range(low, high)
        ]
        return pa.record_batch(
            {
                "id": pa.array([f"p{self.first + i}" for i in range(low, high)]),
                "model": pa.array([model] * n),
                "release": pa.array([release] * n),
                "at": pa.array(self.at[low:high]).cast(TIME),
                "received": pa.array(self.at[low:high]).cast(TIME),
                "source": pa.array(["web"] * n),
                "score": pa.array(self.score[low:high]),
                "verdict": pa.array(["ok"] * n),
                "marks": pa.array([[]] * n, pa.list_(pa.string())),
                "features": pa.array(text),
            }
        )

    def labels(self, low=0, high=None, *, delay=DAY, model="loan"):
        high = self.rows if high is None else high
        when = pa.array(self.at[low:high] + delay).cast(TIME)
        words = ['"bad"' if y else '"good"' for y in self.label[low:high]]
        return pa.record_batch(
            {
                "id": pa.array([f"p{self.first + i}" for i in range(low, high)]),
                "model": pa.array([model] * (high - low)),
                "value": pa.array(words),
                "known_at": when,
                "received": when,
            }
        )
