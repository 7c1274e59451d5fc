"""A function as a model, which does as the file ``mood`` of its working folder says."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


def score(rows: list[dict[str, Any]]) -> list[float]:
    mood = Path("mood").read_text() if Path("mood").exists() else ""
    if mood == "raises":
        raise ZeroDivisionError
    if mood == "slow":
        time.sleep(0.15 * len(rows))
    return [0.2 if row["job"] == "fixed" else 0.8 for row in rows]
