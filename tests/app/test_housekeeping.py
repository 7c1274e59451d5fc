"""Housekeeping archives what is sealed and lets go of what is old."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from holdfast.app import housekeeping
from holdfast.app.settings import Settings, load_settings
from holdfast.errors import ConfigError
from holdfast.storage import Store

DAY = 86_400_000_000


def _fill(path: Path, rows: int, received: int) -> None:
    with Store.open(path, writer="w") as store:
        store.predictions.append_columns(
            {
                "id": [str(i) for i in range(rows)],
                "model": ["loan"] * rows,
                "at": [received] * rows,
                "received": [received] * rows,
            }
        )


def _rows(path: Path) -> int:
    with Store.open(path, read_only=True) as store:
        return store.predictions.read(model="loan").num_rows


def test_a_turn_archives_sealed_rows_and_loses_none(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(housekeeping, "ARCHIVE_ROWS", 1)
    path = tmp_path / "holdfast.db"
    _fill(path, 10, DAY)
    housekeeping.tidy(Settings(store=str(path)), DAY)
    assert list((tmp_path / "holdfast.files").rglob("*.parquet"))
    assert _rows(path) == 10


def test_rows_older_than_retain_days_go_and_without_it_they_stay(tmp_path: Path):
    path = tmp_path / "holdfast.db"
    _fill(path, 10, DAY)
    housekeeping.tidy(Settings(store=str(path)), 100 * DAY)
    assert _rows(path) == 10
    housekeeping.tidy(Settings(store=str(path), retain_days=30), 100 * DAY)
    assert _rows(path) == 0


def test_a_refusal_is_told_and_tried_again(tmp_path: Path, capfd):
    stop = threading.Event()
    settings = Settings(store=str(tmp_path / "nowhere" / "holdfast.db"), tidy_every=0.01)
    thread = housekeeping.keep_tidy(settings, stop)
    deadline = time.monotonic() + 10
    told = ""
    while told.count("housekeeping:") < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
        told += capfd.readouterr().err
    stop.set()
    thread.join(10)
    assert told.count("housekeeping:") >= 2


def test_housekeeping_must_have_a_pace():
    with pytest.raises(ConfigError, match="out of range"):
        load_settings({"retain_days": -1})
