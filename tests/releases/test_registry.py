"""The registry moves whole bundles, one champion per model."""

from __future__ import annotations

import pytest

from holdfast.errors import ReleaseError
from holdfast.releases import Registry


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


def test_rollback_goes_back_one_promotion_at_a_time(registry, release, second_release):
    for one in (release, second_release):
        registry.add("loan", one)
        registry.promote("loan", one.id[:12])
    assert registry.champion("loan").id == second_release.id
    assert registry.rollback("loan", reason="worse") == release.id
    assert registry.champion("loan").id == release.id
    with pytest.raises(ReleaseError, match="no earlier release"):
        registry.rollback("loan")


def test_two_who_promote_at_once_cannot_both_win(registry, release, second_release, monkeypatch):
    for one in (release, second_release):
        registry.add("loan", one)
    registry.promote("loan", release.id)
    monkeypatch.setattr(registry._store.catalog, "compare_and_set", lambda *_, **__: None)
    with pytest.raises(ReleaseError, match="somebody else"):
        registry.promote("loan", second_release.id)
    assert registry.champion("loan").id == release.id


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
