"""A shop with known truth: a reference, its portrait, and rows to break."""

from __future__ import annotations

from functools import cache

import numpy as np

from holdfast.diagnosis.diagnose import diagnose
from holdfast.diagnosis.evidence import Evidence, Movement, Sample
from holdfast.frames.values import ValueKind, read_values
from holdfast.profiles.portrait import Portrait

NOON = 1795442700_000_000  # 2026-11-23 14:05 UTC
COUNTRIES = ["DE", "FR", "UK", "IT", "ES"]
DEVICES = ["ios", "android", "web", "tablet"]
CATEGORIES = {"country", "device", "plan"}


def shop(rows: int, seed: int, weights=None) -> dict[str, np.ndarray]:
    """Rows as they are when nothing is wrong; `weights(table)` tilts which of them come."""
    rng = np.random.default_rng(seed)
    n = rows if weights is None else 6 * rows
    hour = rng.integers(0, 24, n).astype(float)
    temp = np.round(12 + 7 * np.cos(2 * np.pi * (hour - 14) / 24) + rng.normal(0, 2, n), 1)
    age = np.clip(np.round(rng.normal(41, 13, n)), 18, 95)
    income = np.round(np.exp(10.2 + 0.015 * (age - 41) + rng.normal(0, 0.3, n)), 2)
    amount = np.round(income / 200 * np.exp(rng.normal(0, 0.4, n)), 2)
    discount = np.where(rng.random(n) < 0.6, 0.0, np.round(rng.beta(2, 6, n), 2))
    device = rng.choice(4, n, p=[0.3, 0.35, 0.28, 0.07])
    device = np.where((age > 50) & (rng.random(n) < 0.7), 2, device)
    country = rng.choice(5, n, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    plan = np.where(income > 30000, rng.choice(3, n, p=[0.1, 0.3, 0.6]),
                    rng.choice(3, n, p=[0.7, 0.2, 0.1]))  # fmt: skip
    idle = rng.normal(size=n)
    odds = (
        -1.0 + 0.05 * (age - 41) + 0.9 * (plan == 2) - 0.004 * (amount - 130) + 0.08 * (temp - 12)
        + 0.7 * (device == 0) + 1.0 * (discount > 0.2)
    )  # fmt: skip
    label = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    table = {
        "hour": hour, "temp": temp, "age": age, "income": income, "amount": amount,
        "discount": discount, "idle": idle,
        "country": np.array(COUNTRIES, object)[country],
        "device": np.array(DEVICES, object)[device],
        "plan": np.array(["free", "plus", "pro"], object)[plan],
        "_odds": odds, "_label": label,
    }  # fmt: skip
    if weights is not None:
        w = weights(table)
        keep = np.flatnonzero(rng.random(n) < w / w.max())[:rows]
        table = {name: column[keep] for name, column in table.items()}
    return table


def score(table: dict[str, np.ndarray]) -> np.ndarray:
    """What a good model answers, read from the columns as they came (broken or not)."""

    def number(name, usual):
        return np.array([v if isinstance(v, float) and v == v else usual for v in table[name]])

    age, amount, temp = number("age", 41.0), number("amount", 130.0), number("temp", 12.0)
    odds = (
        -1.0 + 0.05 * (np.clip(age, 0, 120) - 41) + 0.9 * (table["plan"] == "pro")
        - 0.004 * (np.clip(amount, 0, 2000) - 130) + 0.08 * (np.clip(temp, -40, 60) - 12)
        + 0.7 * (table["device"] == "ios") + 1.0 * (number("discount", 0.0) > 0.2)
    )  # fmt: skip
    return 1 / (1 + np.exp(-odds))


def columns(table: dict[str, np.ndarray]):
    """The table as the monitor reads it."""
    return {
        name: read_values(ValueKind.CATEGORY if name in CATEGORIES else ValueKind.NUMBER, values)
        for name, values in table.items()
        if not name.startswith("_")
    }


@cache
def portrait() -> Portrait:
    """The portrait of 5,000 sound rows."""
    table = shop(5000, 1)
    return Portrait.of(columns(table), score=score(table), label=table["_label"])


def sample(table: dict[str, np.ndarray], labels: float = 0.0, **more) -> Sample:
    """Rows with scores, and labels for the first share `labels` of them."""
    n = len(table["age"])
    known = np.arange(n) < labels * n
    return Sample(
        columns=columns(table),
        score=score(table),
        label=np.where(known, table["_label"], np.nan),
        **more,
    )


def crossing(field: str = "age", code: str = "values") -> Movement:
    """Some stream that crossed."""
    return Movement(
        field=field, code=code, side="up", yes=90, rows=100, normal=0.1, edge=0.15, onset_row=0,
        nats=40.0,
    )  # fmt: skip


def told(table, *, before=None, labels=0.0, shown=True, moved=None, **more):
    """The diagnosis of some rows."""
    now = sample(table, labels, **more)
    names = frozenset(now.columns) if shown else frozenset()
    evidence = Evidence(
        moved=moved or (crossing(),), now=now, before=None if before is None else sample(before),
        portrait=portrait(), shown=names,
    )  # fmt: skip
    return diagnose(evidence, NOON)
