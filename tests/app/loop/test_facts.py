"""Which models a storm holds: those that alarm, and those that get rows from its source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.app.loop.facts import fed_by
from holdfast.diagnosis.storms import Storm
from holdfast.storage import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "holdfast.db") as found:
        sources = ["bureau", "branch", None]
        found.predictions.append_columns(
            {"id": ["a", "b", "c"], "model": ["loan"] * 3, "at": [10, 20, 30],
             "received": [10, 20, 30], "source": sources}
        )  # fmt: skip
        yield found


@pytest.mark.parametrize(
    ("source", "since", "held"),
    [
        ("source=bureau", 10, True),
        ("source=bureau", 11, False),  # nothing came from there since
        ("source=branch", 11, True),
        ("source=web", 0, False),
        ("region=bureau", 0, False),
        ("", 0, False),
    ],
)
def test_a_storm_holds_a_model_that_gets_rows_from_its_source(
    store: Store, source: str, since: int, held: bool
):
    storm = Storm(
        id="s", since=since, latest=since, incidents=(), models=("card",), source=source,
        sentence="",
    )  # fmt: skip
    assert fed_by(store, "loan", storm) is held
    assert not fed_by(store, "other", storm)
