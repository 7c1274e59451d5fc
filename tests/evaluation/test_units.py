"""Rows that belong together widen every interval; independent resampling would lie."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.errors import DataError
from holdfast.evaluation import Costs, evaluate
from holdfast.stats.logistic import expit


def people(seed, count=120, each=6):
    """Rows of a person share their odds and most of their outcome."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(count), each)
    odds = np.repeat(rng.normal(-1, 1.5, count), each)
    truth = np.repeat(rng.random(count), each) < expit(odds)
    return truth, expit(odds + 0.5 * rng.normal(size=len(odds))), who


def test_every_interval_is_wider_when_rows_repeat_entities():
    truth, score, who = people(0)
    alone = evaluate(truth, score, costs=Costs(1, 3))
    together = evaluate(truth, score, costs=Costs(1, 3), entity=who)
    assert together.units == "entities"
    assert together.unit_count == 120
    for name, e in together.metrics.items():
        other = alone.metrics[name]
        assert e.value == pytest.approx(other.value)
        assert e.high - e.low > 1.3 * (other.high - other.low), name


def test_intervals_by_entity_cover_where_those_by_row_do_not():
    big = people(999, count=30_000)
    names = ["recall", "roc_auc", "expected_cost"]
    truth = {n: evaluate(*big[:2], costs=Costs(1, 3), metrics=names).value(n) for n in names}
    by_row, by_entity = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for seed in range(40):
        y, s, who = people(seed)
        for counts, entity in ((by_row, None), (by_entity, who)):
            e = evaluate(y, s, costs=Costs(1, 3), metrics=names, entity=entity)
            for name in names:
                counts[name] += e.metrics[name].low <= truth[name] <= e.metrics[name].high
    for name in names:
        assert by_entity[name] >= 33, name  # 95% of 40, less three and a half standard errors
        assert by_row[name] < by_entity[name], name


def test_time_is_resampled_in_blocks():
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(100), 10)
    level = np.repeat(rng.normal(0, 1.0, 100), 10)
    truth = rng.random(1_000) < expit(level - 1)
    when = np.datetime64("2026-01-01") + day
    e = evaluate(truth, np.full(1_000, 0.3), threshold=0.2, event_time=when)
    alone = evaluate(truth, np.full(1_000, 0.3), threshold=0.2)
    assert e.units == "blocks"
    wide = e.metrics["precision"].high - e.metrics["precision"].low
    assert wide > 1.1 * (alone.metrics["precision"].high - alone.metrics["precision"].low)


def test_few_entities_are_said():
    truth, score, _ = people(2)
    e = evaluate(truth, score, entity=np.arange(len(truth)) % 5)
    assert "HF-E010" in {f.code for f in e.findings}


def test_units_of_another_length_and_missing_times_are_refused():
    with pytest.raises(DataError, match="entity does not fit"):
        evaluate([0, 1], [0.1, 0.9], entity=["a"])
    with pytest.raises(DataError, match="event times are missing"):
        evaluate([0, 1], [0.1, 0.9], event_time=np.array(["2026-01-01", "NaT"], "M8[D]"))
    with pytest.raises(DataError, match="event_time does not fit"):
        evaluate([0, 1], [0.1, 0.9], event_time=[1.0])


def test_texts_nulls_and_several_columns_can_name_a_unit():
    truth, score, who = people(3)
    names = [f"p{i}" for i in who]
    assert evaluate(truth, score, entity=names).unit_count == 120
    both = evaluate(truth, score, entity=[np.array(names), who % 2])
    assert both.unit_count == 120
    lost = [None, *names[1:]]
    assert evaluate(truth, score, entity=lost).unit_count == 121
