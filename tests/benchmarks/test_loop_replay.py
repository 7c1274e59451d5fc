"""The replay of retraining plans, on a small generated stream."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.loop.faults import FAULTS, broken
from benchmarks.loop.replay import FIRST, WINDOWS, Design, World, plans, play, psi
from benchmarks.loop.streams import Stream

ROWS = 8_400


def stream(turn: int | None) -> Stream:
    """Two numbers and a word tell the outcome; from a row on the other way round."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, ROWS))
    word = rng.choice(["x", "y", "z"], ROWS).astype(object)
    odds = 2 * a - b + (word == "x")
    if turn is not None:
        odds = np.where(np.arange(ROWS) >= turn, -odds, odds)
    bad = (rng.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(float)
    return Stream("generated", {"a": a, "b": 20 + 5 * b}, {"word": word}, bad, (1, 1))


def world(found: Stream) -> World:
    edge = ROWS * FIRST // WINDOWS
    return World(found, Design(found, np.arange(edge)), 0)


def test_where_the_world_turns_around_learning_again_pays_and_few_trainings_do():
    found = play(world(stream(4_000)))
    assert found["never"].cost > 1.5 * found["holdfast"].cost
    assert found["holdfast"].retrains <= found["always"].retrains / 2
    assert found["holdfast"].promotions >= 1


def test_where_nothing_changes_nothing_is_lost():
    found = play(world(stream(None)))
    assert found["holdfast"].cost < 1.02 * min(p.cost for p in found.values())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_begins_later_teaches_training_always_and_not_the_policy(fault):
    sound, rows = world(stream(None)), np.arange(ROWS * 14 // 28, ROWS * 16 // 28)
    playing = plans(sound, ("always", "holdfast"))
    for number in range(FIRST, WINDOWS):
        if number == 14:
            other = broken(sound.stream, fault, ("a", "b"), rows, 0)
            sound.breaks(other, range(rows[0], rows[-1] + 1))
            playing["holdfast"].watcher.breaks()
        for one in playing.values():
            one.step(number)
    assert playing["always"].played().wrongful > 5
    assert playing["holdfast"].played().wrongful == 0


def test_a_fault_that_hardly_changes_its_column_is_none():
    sound = stream(None)
    still = sound._replace(numbers={**sound.numbers, "a": np.round(sound.numbers["a"] * 0.01)})
    assert broken(still, "stuck_value", ("a", "b"), np.arange(4_000, 4_600), 0) is None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_its_rows_and_no_other(fault):
    sound = stream(None)
    rows = np.arange(4_000, 4_600)
    other = broken(sound, fault, ("a", "b"), rows, 0)
    outside = np.ones(ROWS, bool)
    outside[rows] = False
    changed = False
    for name in ("a", "b"):
        same = np.isclose(sound.numbers[name], other.numbers[name], equal_nan=True)
        assert same[outside].all()
        changed |= not same.all()
    same = sound.words["word"] == other.words["word"]
    assert same[outside].all()
    assert changed or not same.all()


def test_equal_counts_have_no_psi():
    assert psi(np.array([5, 5]), np.array([5, 5])) == 0
