"""The CV gap table on real rows: what random cross-validation claims, and what the future gives."""

from __future__ import annotations

from pathlib import Path

from holdfast import frames
from holdfast.evaluation import cv_gap


def test_random_cross_validation_of_the_rental_counts_is_not_to_be_quoted(real_data: Path):
    table = frames.read(real_data / "bike_sharing_hour.parquet")
    aside = {"cnt", "timestamp", "casual", "registered", "instant", "dteday"}
    found = cv_gap(table, target="cnt", event_time="timestamp", label_delay="1d", folds=3,
                   features=sorted(set(table.names) - aside), most_rows=4_000)  # fmt: skip
    assert found.row("random").do_not_quote
    assert found.row("forward").gap.value > 0.05
