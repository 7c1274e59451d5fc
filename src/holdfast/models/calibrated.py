"""A binary model with its scores moved along the log odds: new calibration, same ranking."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from holdfast.errors import ModelError
from holdfast.models.base import Model, ModelMeta, Row, Scores, write_meta
from holdfast.stats.logistic import expit

#: scores are kept this far from 0 and 1 before their log odds are taken
EDGE = 1e-12


class CalibratedModel:
    """``expit(intercept + slope * logit(score))`` of another model's score.

    Args:
        model: a binary model.
        slope: above 0, so that the ranking stays.
        intercept: moves every score up (above 0) or down.

    Raises:
        ModelError: the model is not binary, or the slope is not above 0.
    """

    kind: ClassVar[str] = "calibrated"

    def __init__(self, model: Model, slope: float, intercept: float) -> None:
        if model.task != "binary" or not (slope > 0 and math.isfinite(slope + intercept)):
            raise ModelError(
                "this calibration cannot be used",
                expected="a binary model, a slope above 0 and a finite intercept",
                got=f"task={model.task}, slope={slope}, intercept={intercept}",
            )
        self._model = model
        self.slope = slope
        self.intercept = intercept
        self.features = model.features
        self.task = model.task
        self.positive = model.positive

    def predict(self, rows: Sequence[Row]) -> Scores:
        """Score rows given as dicts."""
        return self._moved(self._model.predict(rows))

    def predict_one(self, row: Row) -> float:
        """Score one row."""
        return float(self._moved(np.array([self._model.predict_one(row)]))[0])

    def predict_table(self, table: pa.Table) -> Scores:
        """Score an Arrow table."""
        return self._moved(self._model.predict_table(table))

    def _moved(self, score: Scores) -> Scores:
        kept = np.clip(score, EDGE, 1 - EDGE)
        odds = self.intercept + self.slope * np.log(kept / (1 - kept))
        return expit(odds)

    def save(self, directory: Path) -> list[str]:
        """Write the other model into the folder ``model``."""
        folder = directory / "model"
        folder.mkdir()
        names = tuple(f"model/{name}" for name in self._model.save(folder))
        settings = {"slope": self.slope, "intercept": self.intercept}
        return write_meta(directory, self, files=names, settings=settings)

    @classmethod
    def load(
        cls,
        directory: Path,
        meta: ModelMeta,
        *,
        main: Model | None = None,
        allow: Collection[str] = (),
    ) -> CalibratedModel:
        """Read the other model and the two numbers."""
        from holdfast.models import load

        inner = load(directory / "model", main=main, allow=allow)
        settings = meta.settings
        return cls(inner, float(settings["slope"]), float(settings["intercept"]))
