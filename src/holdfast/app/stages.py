"""Where the releases of a model stand, and which servers answer with its champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.diagnosis.words import moment
from holdfast.releases.lifecycle import Lifecycle

if TYPE_CHECKING:
    from holdfast.storage import Store


def stages_of(store: Store, model: str) -> dict[str, Any]:
    """Plain data: releases with their stages, checks, freezes, the canary's share, who is live.

    Args:
        store: an open store.
        model: name of the model.
    """
    lifecycle = Lifecycle(store, model)
    state = lifecycle.state()
    return {
        "model": model,
        "rev": state.rev,
        "frozen": list(state.frozen),
        "share": lifecycle.share(),
        "live": live(store, model),
        "tainted": {release: list(ids) for release, ids in store.training.tainted(model).items()},
        "releases": [
            {
                "id": row.id,
                "stage": state.stage(row.id).value,
                "added": moment(row.added_at),
            }
            for row in store.catalog.releases(model)
        ],
        "checks": [
            {
                "release": release,
                "name": name,
                "passed": check.passed,
                "expires": None if check.expires is None else moment(check.expires),
            }
            for release, checks in state.checks.items()
            for name, check in checks.items()
        ],
    }


def live(store: Store, model: str) -> list[str]:
    """The servers that said they answer with the champion, at its revision; sorted.

    A promotion is live once one of them says so; until then it is only promoted.
    """
    champion = store.catalog.champion(model)
    if champion is None:
        return []
    told = store.control.events(model, ["serving.acknowledged"])
    return sorted(
        {
            str(event.payload["worker"])
            for event in told
            if event.payload["revision"] == champion.revision
            and event.payload["release"] == champion.release
        }
    )
