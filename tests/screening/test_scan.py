"""Rows that a broken pipeline wrote are found between sound ones, in a world that drifts."""

from __future__ import annotations

import numpy as np
import pytest
from tests.screening.streams import BEGIN, END, FAULTS, ROWS, TRUSTED, table, wandering

from holdfast.screening import Scan, screen


def broken(fault, seed: int = 0):
    columns = wandering(seed)
    fault(columns, np.arange(BEGIN, END))
    return table(columns)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_no_row_of_a_fault_stays_among_the_sound_ones(fault):
    found = screen(broken(fault), TRUSTED, patience=0)
    assert not found.sound()[BEGIN:END].any(), found.stretches
    assert found.sound()[:BEGIN].mean() > 0.9
    assert found.sound()[: BEGIN - 2_000].all()


@pytest.mark.parametrize("fault", FAULTS[:5], ids=lambda f: f.__name__)
def test_what_heals_is_sound_again(fault):
    found = screen(broken(fault), TRUSTED, patience=0)
    assert found.sound()[END + 1_500 :].mean() > 0.8, found.stretches


def test_a_drift_alone_costs_few_rows():
    """Five streams of 9,000 rows that all columns drift in; a stretch a stream would be 0.05."""
    shares = [1 - screen(table(wandering(s)), TRUSTED, patience=0).sound().mean() for s in range(5)]
    assert np.mean(shares) < 0.05, shares


def test_a_screening_names_kind_and_column():
    found = screen(broken(FAULTS[0]), TRUSTED, patience=0)
    assert any((s.kind, s.features) == ("unit_scale", ("income",)) for s in found.stretches)


def test_trouble_at_the_end_of_the_rows_has_no_end():
    columns = wandering(0)
    FAULTS[1](columns, np.arange(ROWS - 600, ROWS))
    found = screen(table(columns), TRUSTED)
    assert [s.end for s in found.stretches][-1] is None
    assert not found.sound()[ROWS - 600 :].any()


def test_what_stays_is_taken_as_normal_after_five_thousand_rows_and_the_time_asked_for():
    columns = wandering(0)
    columns["age"][6_000:] = np.nan
    found = screen(table(columns), TRUSTED, patience=0)
    [settled] = [s for s in found.stretches if s.settled and s.features == ("age",)]
    assert 5_000 <= settled.end - settled.begin <= 5_500
    assert found.sound()[settled.end + 500 :].mean() > 0.8
    assert "taken as normal" in settled.sentence()
    patient = screen(table(columns), TRUSTED, patience=20_000 * 1_000_000)
    assert not patient.sound()[6_000:].any()


def test_rows_that_are_trusted_are_never_in_doubt():
    columns = wandering(0)
    FAULTS[0](columns, np.arange(3_000, 3_500))
    assert screen(table(columns), TRUSTED).sound()[:TRUSTED].all()


def test_with_too_few_trusted_rows_nothing_is_told():
    found = screen(broken(FAULTS[0]), 400)
    assert (found.told, found.stretches) == (False, ())


def test_a_screening_in_steps_is_the_same_as_one_at_once():
    rows = broken(FAULTS[3])
    scan = Scan(rows, TRUSTED, patience=0)
    for upto in (7_000, 9_000, ROWS):
        scan.take(upto)
    assert scan.found() == screen(rows, TRUSTED, patience=0)


def test_a_fork_goes_its_own_way():
    scan = Scan(table(wandering(0)), TRUSTED, patience=0)
    scan.take(8_000)
    other = scan.fork(broken(FAULTS[0]))
    other.take(ROWS)
    scan.take(ROWS)
    assert not other.found().sound()[BEGIN:END].any()
    assert scan.found() == screen(table(wandering(0)), TRUSTED, patience=0)


def test_the_same_rows_give_the_same_screening():
    rows = broken(FAULTS[5])
    assert screen(rows, TRUSTED, seed=3) == screen(rows, TRUSTED, seed=3)
