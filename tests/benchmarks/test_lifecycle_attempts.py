"""Promotions that must not succeed, a few of them."""

from __future__ import annotations

from benchmarks.lifecycle.attempts import DOORS, attempt

#: these set a champion beside the lifecycle: they ask the gate, but no check and no freeze
BESIDE = {"compare-and-set", "UPDATE champions", "REPLACE champions"}
ASKED_OF_THE_LIFECYCLE_ALONE = {"check failed", "check expired", "check missing", "frozen"}


def test_only_a_champion_set_beside_the_lifecycle_gets_through_and_verify_notices_it():
    found = attempt(300, seed=0)
    assert found["attempts"] == 300
    assert found["unnoticed"] == 0
    through = [name.split(": ") for name in found["succeeded"]]
    assert {door for door, _ in through} <= BESIDE
    assert {condition for _, condition in through} <= ASKED_OF_THE_LIFECYCLE_ALONE


def test_every_door_was_tried():
    assert set(attempt(300, seed=0)["refused"]) >= set(DOORS) - {"old key"}
