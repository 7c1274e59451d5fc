"""Two schedulers over one store, with few causes: each is retrained once."""

from __future__ import annotations

import pytest
from benchmarks.lifecycle.triggers import claims, project, windows

pytestmark = pytest.mark.xdist_group("triggers")


def test_two_schedulers_that_steal_the_lease_retrain_each_cause_once(tmp_path):
    found = claims(project(tmp_path), 10, seed=0)
    assert (found["retrained_once"], found["retrained_more_often"]) == (10, 0)
    assert (found["never_retrained"], found["rejected"], found["broken"]) == (0, 0, [])
    assert found["answers"]["made"] == 10


def test_two_commands_at_once_train_a_window_once(tmp_path):
    found = windows(project(tmp_path), 1)
    assert (found["retrained_once"], found["retrained_more_often"]) == (1, 0)
    assert found["answers"]["made"] == 1
