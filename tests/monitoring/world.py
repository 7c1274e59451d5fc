"""A small world to monitor: a release with a reference, and batches of its prediction log."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import msgspec
import numpy as np
import pyarrow as pa

from holdfast.contracts.model import (
    CategoriesRule,
    ContractData,
    Field,
    Kind,
    NullRule,
    Policy,
    RangeRule,
    Role,
    TypeRule,
)

START = 1795442700_000_000  # 2026-11-23 14:05 UTC
SECOND = 1_000_000
TIME = pa.timestamp("us", tz="UTC")


def contract(job_policy=Policy.FALLBACK, pii="unknown"):
    return ContractData(
        name="loan",
        rows=4000,
        fields=(
            Field(
                name="Job", kind=Kind.CATEGORICAL, policy=job_policy, pii=pii,
                rules=(NullRule(), TypeRule(), CategoriesRule(values=("fixed", "partime"))),
            ),
            Field(
                name="Age", kind=Kind.INTEGER,
                rules=(NullRule(), TypeRule(), RangeRule(low=18, high=70)),
            ),
            Field(
                name="Income", kind=Kind.NUMERIC,
                rules=(NullRule(rows=False, max_share=0.1), TypeRule()),
            ),
            Field(name="Assets", kind=Kind.NUMERIC, rules=(NullRule(rows=False, max_share=0.62),)),
            Field(name="Status", kind=Kind.CATEGORICAL, role=Role.TARGET, rules=(NullRule(),)),
        ),
    )  # fmt: skip


def release(name="r1", *, rows=4000, marks=None, **details):
    counts = {"~Income:null": int(0.08 * rows), "~Assets:null": int(0.6 * rows)}
    return SimpleNamespace(
        id=name,
        contract=SimpleNamespace(data=contract(**details)),
        reference={"rows": rows, "marks": counts | (marks or {})},
    )


class Life:
    """Rows of the log: faults are added to quiet life, then `batch` gives the record batch."""

    def __init__(self, rows, *, seed=0, release="r1", model="loan", first=0):
        rng = np.random.default_rng(seed)
        self.rng, self.rows, self.model, self.first = rng, rows, model, first
        self.marks = defaultdict(set)
        self.release = np.array([release] * rows, dtype=object)
        self.source = np.array(["web"] * rows, dtype=object)
        self.verdict = np.array(["ok"] * rows, dtype=object)
        self.at = START + (first + np.arange(rows)) * SECOND
        self.received = self.at + 1000
        self.values = [{"Job": "fixed", "Age": 40} for _ in range(rows)]
        self.mark("~Income:null", rng.random(rows) < 0.08)
        self.mark("~Assets:null", rng.random(rows) < 0.6)

    def mark(self, mark, where, verdict=None, **values):
        where = np.asarray(where)
        places = np.flatnonzero(where) if where.dtype == bool else where
        for i in places.tolist():
            self.marks[i].add(mark)
            self.values[i] |= values
        if verdict:
            self.verdict[places] = verdict
        return self

    def batch(self, low=0, high=None):
        part = slice(low, high)
        n = len(self.at[part])
        span = range(self.rows)[part]
        return pa.record_batch(
            {
                "id": pa.array([f"p{self.model}{self.first + i}" for i in span]),
                "model": pa.array([self.model] * n),
                "release": pa.array(self.release[part].tolist(), pa.string()),
                "at": pa.array(self.at[part]).cast(TIME),
                "received": pa.array(self.received[part]).cast(TIME),
                "source": pa.array(self.source[part].tolist(), pa.string()),
                "verdict": pa.array(self.verdict[part].tolist(), pa.string()),
                "marks": pa.array([sorted(self.marks[i]) for i in span], pa.list_(pa.string())),
                "features": pa.array(
                    [msgspec.json.encode(self.values[i]).decode() for i in span], pa.string()
                ),
            }
        )
