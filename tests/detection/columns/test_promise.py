"""The false-alarm promise of the detector of values, held against simulation.

At a small budget, one false alarm in 2,000 rows, enough rows are simulated that the count of
alarms says something: with `k` alarms in rows that promise `m` at most, the 99.9 % upper limit of
the mean of a Poisson count (or of the share of a binomial one) must not exceed the promise.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.detection.columns.tables import exchangeable, numbers, sticky
from tests.detection.test_promise import upper_bound

from holdfast.detection.columns.blocks import BlockBank, Group
from holdfast.detection.columns.detector import ValueDetector
from holdfast.detection.columns.fit import learn_reference

ROWS_PER_ALARM = 2000.0


def poisson_upper(count, level=0.999):
    """Upper limit for the mean of a Poisson count, by bisection.

    >>> round(poisson_upper(0), 2)
    6.91
    """
    low, high = 0.0, 20.0 + 4.0 * count
    for _ in range(60):
        mean = (low + high) / 2
        below = sum(math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1))
                    for k in range(count + 1))  # fmt: skip
        low, high = (mean, high) if below > 1 - level else (low, mean)
    return high


def alarms(found):
    return [x for x in found if not x.over]


def test_exchangeable_rows_raise_no_more_alarms_than_promised():
    rows, count, seen = 20_000, 0, 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        columns, score, label = exchangeable(4000, rng)
        detector = ValueDetector(
            learn_reference(columns, score=score, label=label), math.log(ROWS_PER_ALARM)
        )
        columns, score, label = exchangeable(rows, rng)
        count += len(alarms(detector.observe(columns, rows, score)))
        count += len(alarms(detector.observe_labels(detector.read(columns, rows), score, label)))
        seen += rows
    # promised: 80,000 rows / 2,000 = 40
    assert poisson_upper(count) <= seen / ROWS_PER_ALARM


def at_the_edge(paths, rows, nats, seed):
    """Share of `paths` that alarm within `rows` when a yes comes at the very end of the interval.

    Every path is a column of one bank with the whole budget of its own: the bets of one side of
    the question "is it 1?", as fitted on a reference.
    """
    rng = np.random.default_rng(seed)
    fit = learn_reference({"flag": numbers(rng.random(20_000) < 0.2)})
    [column] = fit.columns
    chosen = [j for j, b in enumerate(column.bets) if b.key == "= 1" and b.side == "up"]
    bets = [column.bets[j] for j in chosen]
    table = column.table._replace(steps=column.table.steps[:, chosen], bets=bets)
    groups = [Group(column=c, field="flag", code="values", weight=1.0) for c in range(paths)]
    bank = BlockBank([table] * paths, groups, [column.cells.size] * paths, nats)
    cell = [column.cells.atoms[0.0], column.cells.atoms[1.0]]
    yes = rng.random((rows, paths)) < bets[0].edge
    found = bank.observe(np.where(yes, cell[1], cell[0]), np.zeros((rows, paths, 0), np.bool_))
    return len({x.group for x in found if not x.over})


@pytest.mark.parametrize("seed", [0, 1])
def test_at_the_very_edge_false_alarms_stay_within_the_promise(seed):
    paths, rows = 400, 400
    hit = at_the_edge(paths, rows, math.log(ROWS_PER_ALARM), seed)
    assert upper_bound(hit, paths) <= rows / ROWS_PER_ALARM


def test_what_is_promised_of_bets_that_start_every_twenty_rows_is_used():
    """The promise is no idle one: at the edge a fifth of it and more is spent."""
    paths, rows = 600, 400
    hit = at_the_edge(paths, rows, math.log(ROWS_PER_ALARM), 5)
    assert hit > 0.2 * paths * rows / ROWS_PER_ALARM


@pytest.mark.parametrize("stay", [0.8, 0.97])
def test_a_reference_that_shows_how_rows_stick_together_keeps_the_promise(stay):
    rows, count, seen = 15_000, 0, 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        fit = learn_reference(sticky(8000, rng, stay))
        detector = ValueDetector(fit, math.log(ROWS_PER_ALARM))
        count += len(alarms(detector.observe(sticky(rows, rng, stay), rows)))
        seen += rows
    # promised: 45,000 rows / 2,000 = 22.5
    assert poisson_upper(count) <= seen / ROWS_PER_ALARM


def test_stickiness_that_the_reference_does_not_show_voids_the_promise():
    rng, rows = np.random.default_rng(0), 10_000
    detector = ValueDetector(learn_reference(sticky(8000, rng, 0.0)), math.log(ROWS_PER_ALARM))
    count = len(alarms(detector.observe(sticky(rows, rng, 0.8), rows)))
    assert count > 3 * rows / ROWS_PER_ALARM


def test_all_bets_together_spend_the_budget_at_most_once():
    columns, score, label = exchangeable(2000, np.random.default_rng(0))
    fit = learn_reference(columns, score=score, label=label)
    assert 0.5 < ValueDetector(fit, 15.0).spent() <= 1.0 + 1e-9
    alone = learn_reference({"empty": columns["empty"], "constant": columns["constant"]})
    assert ValueDetector(alone, 15.0).spent() <= 1.0 + 1e-9
