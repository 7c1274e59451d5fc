"""The job of a retraining that is only claimed: see `triggers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from holdfast.retraining.job import Task


def build(task: Task) -> dict[str, Any]:
    """Notes in the project's folder that it ran, and gives a release that was built before."""
    with Path("runs.txt").open("a") as file:
        file.write(f"{task.arguments['reason']}\n")
    known: dict[str, Any] = json.loads(Path("built.json").read_text("utf-8"))
    return known
