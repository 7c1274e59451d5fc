"""Promotions that must not succeed, a few of them."""

from __future__ import annotations

from benchmarks.lifecycle.attempts import DOORS, attempt


def test_nothing_gets_through():
    found = attempt(300, seed=0)
    assert found["attempts"] == 300
    assert found["succeeded"] == {}
    assert found["unnoticed"] == 0


def test_every_door_was_tried():
    assert set(attempt(300, seed=0)["refused"]) >= set(DOORS) - {"old key"}
