"""Detecting trouble in the prediction log under one false-alarm promise.

`DETECTORS` lists the members; `base.py` says what a member is and how the next ones plug in.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.detection.base import Detector

#: name -> (module, class, share of the false-alarm budget); shares count relative to each other
DETECTORS: dict[str, tuple[str, str, float]] = {
    "marks": ("holdfast.detection.marks", "MarkDetector", 0.1425),
    "values": ("holdfast.detection.values", "ValuesDetector", 0.8075),
}
#: share of `holdfast.detection.volume`, which watches arrivals and not values: one a model
VOLUME_SHARE = 0.05


def detector_class(name: str) -> type[Detector]:
    """The class of a member, loaded when first asked for."""
    module, attribute, _ = DETECTORS[name]
    found: type[Detector] = getattr(importlib.import_module(module), attribute)
    return found


def budget_shares() -> dict[str, float]:
    """Share of the false-alarm budget of each member, as listed, and of ``volume``."""
    return {name: share for name, (_, _, share) in DETECTORS.items()} | {"volume": VOLUME_SHARE}
