"""Columns that follow the hour, with their times."""

from __future__ import annotations

import numpy as np
from tests.detection.columns.tables import categories, numbers

from holdfast.detection.season import DAY

MONDAY = 4 * DAY + 2600 * 7 * DAY


def tides(rows, rng, per_day=480, swing=2.0, start=MONDAY):
    """Warm and "app" by day, cold and "web" by night; `still` does not move. And event times."""
    at = start + np.arange(rows) * (DAY // per_day)
    tide = np.sin(2 * np.pi * np.arange(rows) / per_day)
    columns = {
        "warmth": numbers(swing * tide + rng.normal(0, 1, rows)),
        "source": categories((rng.random(rows) < 0.35 + 0.25 * tide).astype(int), ["web", "app"]),
        "still": numbers(rng.normal(0, 1, rows)),
    }
    return columns, at.astype(np.int64)


def weekends(rows, rng, per_day=60, start=MONDAY):
    """Four in ten fewer on Saturdays and Sundays."""
    at = start + np.arange(rows) * (DAY // per_day)
    free = (at // DAY + 3) % 7 >= 5
    return {"busy": numbers(rng.random(rows) < np.where(free, 0.2, 0.6))}, at.astype(np.int64)
