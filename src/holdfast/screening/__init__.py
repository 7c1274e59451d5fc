"""Rows that are about to be learned from, looked through for stretches that a broken pipe wrote."""

from __future__ import annotations

from holdfast.screening.scan import PATIENCE, REFERENCE, Scan, Screening, screen
from holdfast.screening.stretch import Stretch

__all__ = ["PATIENCE", "REFERENCE", "Scan", "Screening", "Stretch", "screen"]
