"""The long run of the lifecycle, short: it reaches every move, and it notices a broken rule."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.lifecycle.soak import soak

from holdfast.releases.lifecycle import Lifecycle

REACHED = {
    "add", "audit", "shadow", "canary", "check", "promote", "rollback", "quarantine", "reject",
    "retire", "freeze", "unfreeze", "same key", "reopened", "clock set", "disk full",
    "HF-E-STORE-FENCED", "HF-E-STORE-REVISION",
}  # fmt: skip


def test_a_short_run_reaches_every_kind_of_step_and_finds_no_difference():
    found = soak(2_000, seed=0)
    assert found["difference"] is None
    assert found["steps"] == 2_000
    assert set(found["seen"]) >= REACHED


def test_the_same_seed_gives_the_same_steps():
    assert soak(300, seed=3)["seen"] == soak(300, seed=3)["seen"]


def test_a_promotion_that_skips_its_checks_is_noticed(monkeypatch: pytest.MonkeyPatch):
    promote = Lifecycle.promote

    def lax(self: Lifecycle, release: str, *, waived: Any = None, **how: Any) -> Any:
        return promote(self, release, waived={"shadow": "no", "canary": "no"}, **how)

    monkeypatch.setattr(Lifecycle, "promote", lax)
    found = soak(2_000, seed=0)
    assert found["difference"] is not None
    assert "promote" in found["difference"]["what"]
