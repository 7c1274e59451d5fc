"""The clean tables: real ones without their leaks, and those that come with scikit-learn.

Each is a `Clean`: a frame, its target, and the roles its own documentation gives. Rows are sampled
to at most `MOST` with a seed, so that every seed is another variant.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

MOST = 12_000


@dataclass(frozen=True)
class Clean:
    """A table without known leaks."""

    name: str
    frame: pd.DataFrame
    target: str
    positive: object = None
    event_time: str | None = None
    entity: str | None = None
    ids: tuple[str, ...] = ()
    half: str = "tuned"
    options: dict = field(default_factory=dict)

    @property
    def features(self) -> list[str]:
        """Names of the columns that are neither target nor roles."""
        roles = {self.target, self.event_time, self.entity, *self.ids}
        return [name for name in self.frame.columns if name not in roles]


def folder() -> Path:
    """Where the real tables are."""
    return Path(os.environ["HOLDFAST_DATA"])


def _read(name: str, columns: list[str] | None = None) -> pd.DataFrame:
    return pd.read_parquet(folder() / f"{name}.parquet", columns=columns)


def _sample(frame: pd.DataFrame, rng: np.random.Generator, ordered: bool = False) -> pd.DataFrame:
    if len(frame) <= MOST:
        picked = np.sort(rng.choice(len(frame), int(len(frame) * 0.9), replace=False))
    elif ordered:  # a stretch of the stream, so that its order means something
        start = int(rng.integers(0, len(frame) - MOST + 1))
        picked = np.arange(start, start + MOST)
    else:
        picked = np.sort(rng.choice(len(frame), MOST, replace=False))
    return frame.iloc[picked].reset_index(drop=True)


def _adult() -> dict:
    frame = _read("adult_census").drop_duplicates()
    return {"frame": frame, "target": "income", "positive": ">50K"}


def _german() -> dict:
    frame = _read("german_credit")
    target = "class" if "class" in frame else frame.columns[-1]
    return {"frame": frame, "target": target}


def _spain() -> dict:
    return {"frame": _read("credit_data_spain"), "target": "Status", "positive": "bad"}


def _telco() -> dict:
    frame = _read("telco_churn")
    target = next(c for c in frame.columns if c.lower() == "churn")
    ids = tuple(c for c in frame.columns if "customerid" in c.lower())
    return {"frame": frame, "target": target, "ids": ids}


def _vehicle() -> dict:
    frame = _read("vehicle_claim_fraud")
    target = next(c for c in frame.columns if "fraud" in c.lower())
    ids = tuple(c for c in frame.columns if c.lower() == "policynumber")
    return {"frame": frame, "target": target, "ids": ids}


def _acs() -> dict:
    frame = _read("acs_employment_ma").drop(
        columns=["prediction", "predicted_probability", "partition", "year"]
    )
    return {"frame": frame.drop_duplicates(frame.columns.difference(["id"]).tolist()),
                "target": "employed", "ids": ("id",)}  # fmt: skip


def _bank() -> dict:
    frame = _read("bank_marketing_additional")
    drop = ["duration", "call_month", "row_order"]  # no time is declared, so none is shown
    frame = frame.drop(columns=[c for c in drop if c in frame])
    macro = [c for c in frame if c.startswith(("emp", "cons", "euribor", "nr"))]
    frame = frame.drop(columns=macro).drop_duplicates()
    target = "y" if "y" in frame else frame.columns[-1]
    return {"frame": frame, "target": target}


def _car() -> dict:
    frame = _read("synthetic_car_loan").drop(columns=["y_pred", "y_pred_proba", "partition"])
    return {
        "frame": frame,
        "target": "repaid",
        "event_time": "timestamp",
        "ids": ("id",),
        "ordered": True,
    }


def _elec() -> dict:
    frame = _read("elec2").drop(columns=["date", "nswprice"])
    return {
        "frame": frame,
        "target": "class",
        "positive": "UP",
        "event_time": "timestamp",
        "ordered": True,
    }


def _weather() -> dict:
    frame = _read("weather_aus").drop(columns=["RISK_MM"])
    frame = frame[frame["RainTomorrow"].notna()]
    return {"frame": frame, "target": "RainTomorrow", "positive": "Yes", "event_time": "Date",
                "ordered": True}  # fmt: skip


def _titanic() -> dict:
    frame = _read("titanic3")
    drop = [c for c in ("boat", "body", "name", "ticket", "home.dest", "cabin") if c in frame]
    return {"frame": frame.drop(columns=drop).drop_duplicates(), "target": "survived"}


def _bike() -> dict:
    frame = _read("bike_sharing_hour").drop(columns=["casual", "registered", "dteday", "yr"])
    return {
        "frame": frame,
        "target": "cnt",
        "event_time": "timestamp",
        "ids": ("instant",),
        "ordered": True,
    }


def _bundled(loader: str) -> Callable[[], dict]:
    def load() -> dict:
        from sklearn import datasets

        bunch = getattr(datasets, loader)(as_frame=True)
        return {"frame": bunch.frame.drop_duplicates(), "target": "target"}

    return load


#: name -> (loader, half). Detectors were tuned on one half only; results are told apart by it
TABLES: dict[str, tuple[Callable[[], dict], str]] = {
    "adult_census": (_adult, "tuned"),
    "acs_employment_ma": (_acs, "tuned"),
    "bank_marketing_additional": (_bank, "tuned"),
    "bike_sharing_hour": (_bike, "tuned"),
    "credit_data_spain": (_spain, "tuned"),
    "breast_cancer": (_bundled("load_breast_cancer"), "tuned"),
    "digits": (_bundled("load_digits"), "tuned"),
    "wine": (_bundled("load_wine"), "tuned"),
    "diabetes": (_bundled("load_diabetes"), "tuned"),
    "elec2": (_elec, "sealed"),
    "german_credit": (_german, "sealed"),
    "synthetic_car_loan": (_car, "sealed"),
    "telco_churn": (_telco, "sealed"),
    "titanic3": (_titanic, "sealed"),
    "vehicle_claim_fraud": (_vehicle, "sealed"),
    "weather_aus": (_weather, "sealed"),
}


def clean(name: str, seed: int) -> Clean:
    """One variant of a clean table."""
    loader, half = TABLES[name]
    spec = loader()
    ordered = spec.pop("ordered", False)
    rng = np.random.default_rng([seed, sum(map(ord, name))])
    frame = _sample(spec.pop("frame").reset_index(drop=True), rng, ordered)
    return Clean(name=name, frame=frame, half=half, **spec)
