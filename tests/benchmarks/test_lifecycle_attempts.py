"""Promotions that must not succeed, a few of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.lifecycle.attempts import attempt, together
from benchmarks.lifecycle.doors import DOORS, SHUT_BY
from benchmarks.lifecycle.forbidden import answers, bundles, opened, prepared
from benchmarks.lifecycle.served import MAY_MOVE, served

from holdfast.storage import Store

pytestmark = pytest.mark.xdist_group("attempts")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as found:
        prepared(found, frozen=False)
        yield found


def test_nothing_gets_through():
    found = attempt(150, seed=0)
    assert found["attempts"] == 150
    assert found["succeeded"] == {}
    assert found["unnoticed"] == 0


@pytest.mark.parametrize("door", DOORS)
def test_every_door_is_shut_for_what_may_not_be_promoted(store: Store, door: str):
    before, found = answers(store), DOORS[door]
    release = bundles().ids[found.conditions[0]]
    if door == "old key":  # gives the answer of then, and does nothing
        release = bundles().ids["quarantined"]
        found.attempt(store, release, False)
    else:
        with pytest.raises(SHUT_BY):
            found.attempt(store, release, False)
    assert answers(store) == before


@pytest.mark.parametrize("door", ["Registry.promote", "holdfast release promote"])
def test_a_door_that_is_tried_is_open_for_a_good_release(store: Store, door: str):
    release = bundles().ids["frozen"]
    DOORS[door].attempt(store, release, True)
    assert answers(store)[0] == release


def test_a_forged_promotion_that_waives_its_checks_is_as_good_as_one_by_hand(store: Store):
    release = bundles().ids["check failed"]
    DOORS["forged promotion"].attempt(store, release, True)
    assert answers(store)[0] == release


def test_a_server_lets_nobody_promote_what_may_not_be():
    found = served(40, seed=0)
    assert found["attempts"] == 40
    assert found["succeeded"] == {}
    assert any(door.endswith(MAY_MOVE) for door in found["refused"])


def test_results_of_several_runs_are_added():
    one = {"attempts": 2, "seed": 3, "unnoticed": 0, "refused": {"a": 1}, "succeeded": {}}
    assert together([one, one])["refused"] == {"a": 2}
