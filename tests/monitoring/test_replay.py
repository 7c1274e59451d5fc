from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from tests.monitoring.scored import World
from tests.monitoring.world import START, TIME

from holdfast.errors import DataError, UsageError
from holdfast.monitoring.replaying import parse_delay, replay
from holdfast.monitoring.table_reference import TableReference
from holdfast.reports import render


def table(world, **changed):
    columns = {
        "size": pa.array(world.size),
        "age": pa.array(world.age),
        "kind": pa.array(world.kind.tolist()),
        "score": pa.array(world.score),
        "bad": pa.array(world.label),
        "when": pa.array(world.at).cast(TIME),
    }
    return pa.table(columns | changed)


NORMAL = TableReference.learn(
    table(World(6000, seed=1)), score="score", target="bad", ignore=("when",)
)
NAMED = {"score": "score", "target": "bad", "event_time": "when"}


def test_a_quiet_table_is_one_quiet_stretch():
    report = replay(table(World(4000, seed=2)), NORMAL, **NAMED)
    assert (report.told, report.quiet, report.passed) == ((), ((0, 4000),), True)
    assert report.outcomes == 4000


def test_a_fault_is_told_with_the_rows_until_it_was_noticed_and_closed_after_it():
    world = World(6000, seed=3)
    size = world.size.copy()
    size[2000:2600] = np.nan
    report = replay(table(world, size=pa.array(size, from_pandas=True)), NORMAL, **NAMED)
    [told] = report.told
    assert told.incident.kind == "missing"
    assert told.incident.onset_row == pytest.approx(2000, abs=25)
    assert told.rows_until_noticed <= 10
    assert 2600 <= told.closed_row <= 3600
    assert report.passed
    assert report.quiet[0][1] == told.incident.opened_row - 1
    assert report.quiet[1] == (told.closed_row, 6000)


def test_a_fault_that_stands_at_the_end_does_not_pass():
    world = World(3000, seed=4)
    size = world.size.copy()
    size[2000:] = np.nan
    report = replay(table(world, size=pa.array(size, from_pandas=True)), NORMAL, **NAMED)
    assert not report.passed
    assert [f.severity.value for f in report.findings] == ["error"]
    for form in ("text", "json", "md", "html", "junit", "sarif"):
        assert "size" in render(report.document("t.parquet"), form)
    assert report.to_frame().num_rows == 1


@pytest.mark.parametrize(("words", "late"), [("0 rows", 0), ("1000 rows", 1000)])
def test_outcomes_come_late_and_so_does_what_they_show(words, late):
    world = World(8000, seed=5, flip_from=3000)
    report = replay(table(world), NORMAL, label_delay=words, **NAMED)
    [told] = report.told
    assert told.incident.class_ == "concept"
    assert told.incident.opened_row >= 3000 + late


def test_outcomes_later_than_what_is_kept_still_count():
    world = World(16_000, seed=6, flip_from=1000)
    report = replay(table(world), NORMAL, label_delay="14000 rows", **NAMED)
    [told] = report.told
    assert told.incident.class_ == "concept"
    assert told.incident.opened_row > 14_000


def test_rows_are_played_in_the_order_of_their_times():
    world = World(3000, seed=7)
    size = world.size.copy()
    size[2000:] = np.nan
    made = table(world, size=pa.array(size, from_pandas=True))
    mixed = made.take(np.random.default_rng(0).permutation(3000))
    one, two = (replay(t, NORMAL, **NAMED) for t in (made, mixed))
    assert one.told == two.told
    assert one.since == START


def test_a_table_without_times_is_played_as_it_stands():
    report = replay(
        table(World(2000, seed=8)).drop_columns(["when"]), NORMAL, score="score", target="bad",
        rows_per_day=1000,
    )  # fmt: skip
    assert not report.timed
    assert report.until - report.since == pytest.approx(2 * 86_400e6, rel=0.01)


def test_a_delay_is_read_or_refused():
    assert parse_delay("7 days").time == 7 * 86_400_000_000
    assert parse_delay("90 minutes").time == 5_400_000_000
    assert parse_delay("500 rows").rows == 500
    for words in ("soon", "-3 days", "7", "", "7 moons"):
        with pytest.raises(UsageError):
            parse_delay(words)


def test_a_column_that_is_not_there_and_times_that_are_none_are_refused():
    made = table(World(500, seed=9))
    with pytest.raises(DataError, match="lacks"):
        replay(made, NORMAL, score="points")
    with pytest.raises(DataError, match="times"):
        replay(made, NORMAL, event_time="kind")
    with pytest.raises(DataError, match="nothing to play"):
        replay(made.slice(0, 0), NORMAL)
