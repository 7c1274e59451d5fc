"""What a model's lifecycle looks like at one moment."""

from __future__ import annotations

import msgspec

from holdfast.releases.lifecycle.stage import Stage
from holdfast.storage.lifecycle import CheckRow


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Stages, freezes and checks of a model's releases after `rev` moves.

    Attributes:
        rev: number of the last move; 0 before the first.
        stages: release → stage; a release without one is a candidate.
        frozen: scopes of the freezes that hold the model, sorted.
        checks: release → name → the last outcome of that check.

    Example:
        >>> state = State(rev=1, stages={"a1": Stage.CHAMPION})
        >>> state.stage("a1").value, state.stage("b2").value, state.holder(Stage.CHAMPION)
        ('champion', 'candidate', 'a1')
    """

    rev: int = 0
    stages: dict[str, Stage] = {}
    frozen: tuple[str, ...] = ()
    checks: dict[str, dict[str, CheckRow]] = {}

    def stage(self, release: str) -> Stage:
        """Where a release stands."""
        return self.stages.get(release, Stage.CANDIDATE)

    def holder(self, stage: Stage) -> str | None:
        """The release at a stage that only one can hold; None if it is free."""
        return next((release for release, at in self.stages.items() if at is stage), None)

    def passes(self, release: str, name: str, at: int) -> bool:
        """Whether the last outcome of a check is a pass that still counts at `at`."""
        check = self.checks.get(release, {}).get(name)
        return check is not None and check.passed and (check.expires is None or at < check.expires)


def latest(checks: list[CheckRow]) -> dict[str, dict[str, CheckRow]]:
    """Release → name → the last of its checks; `checks` are in the order of their events."""
    found: dict[str, dict[str, CheckRow]] = {}
    for check in checks:
        found.setdefault(check.release, {})[check.name] = check
    return found
