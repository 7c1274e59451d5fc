"""The known leaks of real tables: what must be named, and what the honest table holds instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.leakage.tables import _read


@dataclass(frozen=True)
class Real:
    """A leak that came with a table.

    Attributes:
        train, test: as a user would have them; no test table where none is needed.
        guilty: columns that must be named, by their own names.
        codes: words, one of which the code of the finding must contain.
        honest: columns to drop for the honest score, which the audit's "without" is held against.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame | None
    options: dict[str, Any]
    guilty: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    honest: tuple[str, ...] = ()
    together: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def _halves(frame: pd.DataFrame, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    order = np.random.default_rng(seed).permutation(len(frame))
    cut = int(len(frame) * 0.7)
    return frame.iloc[order[:cut]].reset_index(drop=True), frame.iloc[order[cut:]].reset_index(
        drop=True
    )


_LEAK = ("OUTCOME", "GOOD", "NULL", "ENCOD")


def bank() -> Real:
    """`duration`: the length of the call is known when the call is over."""
    frame = _read("bank_marketing_additional")
    return Real("bank duration", frame, None, {"target": "y", "positive": "yes"},
                ("duration",), _LEAK, ("duration",))  # fmt: skip


def titanic() -> Real:
    """`boat` and `body`: known after the sinking."""
    frame = _read("titanic3")
    return Real("titanic boat, body", frame, None, {"target": "survived"},
                ("boat", "body"), _LEAK, ("boat", "body"))  # fmt: skip


def weather() -> Real:
    """`RISK_MM`: tomorrow's rain."""
    frame = _read("weather_aus")
    frame = frame[frame["RainTomorrow"].notna()].reset_index(drop=True)
    return Real("weather RISK_MM", frame, None,
                {"target": "RainTomorrow", "positive": "Yes", "event_time": "Date"},
                ("RISK_MM",), _LEAK, ("RISK_MM",))  # fmt: skip


def bike() -> Real:
    """`casual` + `registered` = target."""
    frame = _read("bike_sharing_hour")
    return Real("bike casual, registered", frame, None,
                {"target": "cnt", "event_time": "timestamp", "ids": ("instant",)},
                ("casual", "registered"), (*_LEAK, "JOINT"), ("casual", "registered"))  # fmt: skip


def cards() -> Real:
    """`TX_FRAUD_SCENARIO`: the rule that made the fraud."""
    frame = _read("fdh_card_tx")
    return Real("cards TX_FRAUD_SCENARIO", frame, None,
                {"target": "TX_FRAUD", "event_time": "TX_DATETIME", "ids": ("TRANSACTION_ID",),
                 "groups": ("CUSTOMER_ID", "TERMINAL_ID")},
                ("TX_FRAUD_SCENARIO",), _LEAK, ("TX_FRAUD_SCENARIO",))  # fmt: skip


def patients(declared: bool) -> Real:
    """Patients on both sides of a random split."""
    frame = _read("diabetes_130_hospitals")
    frame["readmitted"] = (frame["readmitted"] == "<30").astype(int)
    train, test = _halves(frame)
    more = {"entity": "patient_nbr"} if declared else {}
    word = "declared" if declared else "undeclared"
    return Real(f"diabetes patients, {word}", train, test,
                {"target": "readmitted", "ids": ("encounter_id",), **more},
                ("patient_nbr",), ("GROUP", "ENTITY"))  # fmt: skip


def spam() -> Real:
    """Messages that repeat another's text, on both sides."""
    train, test = _halves(_read("sms_spam"))
    return Real("sms duplicates", train, test,
                {"target": "label", "positive": "spam", "ids": ("row_order",)},
                (), ("DUPLICATE",))  # fmt: skip


def reuters() -> Real:
    """Stories sent twice, on both sides."""
    frame = _read("reuters21578")
    frame = frame[frame["first_topic"].notna() & frame["body"].notna()]
    common = frame["first_topic"].value_counts().index[:8]
    frame = frame[frame["first_topic"].isin(common)][["newid", "title", "body", "first_topic"]]
    train, test = _halves(frame)
    return Real("reuters duplicates", train, test, {"target": "first_topic", "ids": ("newid",)},
                (), ("DUPLICATE", "NEAR"))  # fmt: skip


def loans() -> Real:
    """Loans in the order they were given: later ones had less time to go bad."""
    frame = _read("lendingclub_2018")
    train, test = _halves(frame)
    return Real("lendingclub time", train, test,
                {"target": "loan_status", "event_time": "issue_d", "ids": ("id",)},
                (), ("TIME", "ORDER"))  # fmt: skip


def loan_order() -> Real:
    """The same, nobody having declared anything: the file's order and the id follow the time."""
    return Real("lendingclub row order", _read("lendingclub_2018"), None,
                {"target": "loan_status"}, (), ("ORDER", "TIME", "ID"))  # fmt: skip


REAL: dict[str, Callable[[], Real]] = {
    "bank": bank,
    "titanic": titanic,
    "weather": weather,
    "bike": bike,
    "cards": cards,
    "patients": lambda: patients(declared=True),
    "patients_undeclared": lambda: patients(declared=False),
    "spam": spam,
    "reuters": reuters,
    "loans": loans,
    "loan_order": loan_order,
}


def renamed(real: Real) -> Real:
    """The same tables with columns c1 … cN: names must not matter."""
    names = {c: f"c{i + 1}" for i, c in enumerate(real.train.columns)}

    def told(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(names.get(v, v) for v in value)
        return names.get(value, value) if isinstance(value, str) else value

    return Real(
        f"{real.name} (c1 … cN)",
        real.train.rename(columns=names),
        None if real.test is None else real.test.rename(columns=names),
        {k: told(v) if k != "positive" else v for k, v in real.options.items()},
        told(real.guilty), real.codes, told(real.honest), real.together,
    )  # fmt: skip
