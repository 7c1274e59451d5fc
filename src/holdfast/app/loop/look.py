"""One look at a model: its champion, the rows it is judged on, its loss, and all that decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from holdfast.app.loop.facts import facts
from holdfast.app.loop.rows import Judged, judged, trained_until
from holdfast.app.loop.state import LoopState, load
from holdfast.app.loop.watching import watched

if TYPE_CHECKING:
    from holdfast.releases import Release
    from holdfast.retraining.facts import Facts
    from holdfast.retraining.policy import Policy
    from holdfast.storage import Store
    from holdfast.storage.labels import DuplicatePolicy


class Look(NamedTuple):
    """What is seen.

    Attributes:
        facts: all that decides.
        state: of the loop after this look; not saved yet.
        before: as it is saved.
        rows: what the champion and any challenger of it are judged on.
    """

    facts: Facts
    state: LoopState
    before: LoopState
    rows: Judged


def look(
    store: Store, release: Release, model: str, policy: Policy, labels: DuplicatePolicy, now: int
) -> Look:
    """Looks at a model; changes nothing.

    Args:
        store: an open store.
        release: the model's champion, opened.
        model: name of the model.
        policy: the clauses.
        labels: which of several labels of one prediction counts.
        now: microseconds since 1970 (UTC).
    """
    rows = judged(
        store, model, trained_until(store, model, release.id),
        positive=release.positive, policy=labels,
    )  # fmt: skip
    spoiled = store.training.standing(model)
    before = load(store, model)
    found = watched(rows, release, before, policy, spoiled, now)
    known = facts(store, model, now, matured=len(rows.came), loss=found.loss)
    return Look(known, found.state, before, rows)
