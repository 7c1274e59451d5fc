"""The whole loop through a real server: veto, repair, drift, retraining, canary, rollback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from holdfast.cli import main
from holdfast.demo import loop_story
from holdfast.errors import UsageError

pytestmark = pytest.mark.xdist_group("full-loop")


def check(told: dict) -> None:
    assert told["retrains"] >= 1
    assert told["wrongful_retrains"] == 0
    assert told["vetoes"] >= 1
    assert told["promotions"] == 1
    assert told["rollbacks"] == 1
    assert told["rollback_seconds"] < 1
    assert told["mixed_responses"] == 0
    events = [line["event"] for line in told["timeline"]]
    order = [
        "incident.opened", "retrain.vetoed", "incident.closed", "retrain.finished",
        "lifecycle.shadow", "lifecycle.canary", "lifecycle.promote", "lifecycle.rollback",
    ]  # fmt: skip
    at = 7  # after the first release
    for name in order:
        at = events.index(name, at)
    assert all(line["why"] for line in told["timeline"])


def test_a_generated_lender_goes_through_the_whole_loop(capsys):
    assert main(["demo", "loan", "--full-loop", "--json"]) == 0
    check(json.loads(capsys.readouterr().out))


def test_real_loans_go_through_the_whole_loop(capsys):
    data = os.environ.get("HOLDFAST_DATA")
    if not data:
        pytest.skip("real tables: set HOLDFAST_DATA to the folder that holds them")
    path = Path(data) / "credit_data_spain.parquet"
    assert main(["demo", "loan", "--full-loop", "--data", str(path), "--json"]) == 0
    check(json.loads(capsys.readouterr().out))


def test_a_story_that_runs_out_of_rows_says_so():
    story = loop_story.generated()
    with pytest.raises(UsageError, match="run out of applications"):
        story.later(story.replay.num_rows - 10, 50)


def test_the_change_turns_the_outcomes_of_some_around():
    import numpy as np

    story = loop_story.generated()
    table = story.later(0, 2_000)
    before = story.outcomes(table, np.random.default_rng(0), drifted=False)
    after = story.outcomes(table, np.random.default_rng(0), drifted=True)
    kinds = table.column("employment_type").to_pylist()
    moved = {k for k, a, b in zip(kinds, before, after, strict=True) if a != b}
    assert moved == {*story.risky, *story.safe}
    assert "applied_at" in story.rows(table)[0]
    assert "outcome" not in story.rows(table)[0]
