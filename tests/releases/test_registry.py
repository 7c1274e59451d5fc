"""The registry moves whole bundles, one champion per model."""

from __future__ import annotations

import pytest

from holdfast.errors import ReleaseError, StoreError
from holdfast.releases import Registry
from holdfast.releases.lifecycle import Stage


@pytest.fixture
def registry(tmp_path):
    ticks = iter(range(1, 100))
    with Registry(tmp_path / "holdfast.db", now=lambda: next(ticks)) as opened:
        yield opened


def test_a_promoted_release_is_the_champion_and_answers(registry, release):
    registry.add("loan", release)
    assert registry.promote("loan", release.id, reason="first") == 1
    champion = registry.champion("loan")
    assert champion.id == release.id
    assert champion.directory.parent == registry.directory
    assert [r["champion"] for r in registry.list("loan")] == [True]


def test_adding_twice_changes_nothing(registry, release):
    assert registry.add("loan", release) == registry.add("loan", release)
    assert len(registry.list("loan")) == 1


def test_rollback_goes_back_to_the_champion_before_and_sets_this_one_aside(
    registry, release, second_release
):
    for one in (release, second_release):
        registry.add("loan", one)
        registry.promote("loan", one.id[:12], reason="better", by="ada")
    assert registry.champion("loan").id == second_release.id
    assert registry.rollback("loan", reason="worse", by="ada") == release.id
    assert registry.champion("loan").id == release.id
    state = registry.lifecycle("loan").state()
    assert state.stage(second_release.id) is Stage.QUARANTINED
    with pytest.raises(ReleaseError, match="no earlier release"):
        registry.rollback("loan")
    with pytest.raises(ReleaseError, match="cannot be promoted"):
        registry.promote("loan", second_release.id)


def test_the_champion_promoted_again_stays_what_it_is(registry, release):
    registry.add("loan", release)
    assert registry.promote("loan", release.id) == registry.promote("loan", release.id) == 1


def test_a_person_waives_shadow_and_canary_and_the_event_says_why(
    registry, release, second_release
):
    for one in (release, second_release):
        registry.add("loan", one)
        registry.promote("loan", one.id, reason=f"it is {one.id[:4]}", by="ada")
    event = registry._store.control.events("loan", ["lifecycle.promote"])[-1]
    told = f"it is {second_release.id[:4]}"
    assert event.payload["waived"] == {"shadow": told, "canary": told}
    assert (event.payload["by"], event.payload["reason"]) == ("ada", told)


def test_two_who_promote_at_once_cannot_both_win(registry, release, second_release):
    for one in (release, second_release):
        registry.add("loan", one)
    seen = registry.lifecycle("loan").state().rev
    registry.promote("loan", release.id, expected=seen)
    with pytest.raises(StoreError, match="moved meanwhile"):
        registry.promote("loan", second_release.id, expected=seen)
    assert registry.champion("loan").id == release.id


def test_a_freeze_stops_a_promotion_and_not_a_rollback(registry, release, second_release):
    for one in (release, second_release):
        registry.add("loan", one)
        registry.promote("loan", one.id)
    registry.lifecycle("loan").freeze(at=50, by="ada", reason="audit week")
    with pytest.raises(ReleaseError, match="frozen"):
        registry.promote("loan", release.id)
    assert registry.rollback("loan") == release.id


def test_a_champion_of_an_older_store_is_adopted(registry, release, second_release):
    for one in (release, second_release):
        registry.add("loan", one)
    registry._store.catalog.compare_and_set("loan", 0, release.id, at=1)
    assert registry.promote("loan", second_release.id) == 2
    assert registry.rollback("loan") == release.id


def test_a_damaged_release_is_not_promoted(registry, release):
    registry.add("loan", release)
    (registry.directory / release.id / "golden.json").write_text("{}")
    with pytest.raises(ReleaseError, match="damaged"):
        registry.promote("loan", release.id)
    with pytest.raises(ReleaseError, match="no release that answers"):
        registry.champion("loan")


def test_an_unknown_release_or_a_path_is_refused(registry, release):
    registry.add("loan", release)
    for asked in ("0" * 64, "../../etc/passwd", release.id[:4], ""):
        with pytest.raises(ReleaseError):
            registry.promote("loan", asked)
        with pytest.raises(ReleaseError):
            registry.open(asked)
