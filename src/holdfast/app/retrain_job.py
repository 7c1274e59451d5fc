"""The job that trains a project's model again, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from holdfast.app.choosing import Chosen, chosen_rows, cut, held_back, helps
from holdfast.app.home import opened
from holdfast.app.loop.rows import trained_until
from holdfast.app.policy import policy_of
from holdfast.app.project import (
    Project,
    build_release,
    read_project,
    training_function,
    training_table,
)
from holdfast.app.screened import Doubted, doubted
from holdfast.app.training import sound
from holdfast.retraining.job import Task
from holdfast.storage.training import Interval

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.app.home import Home
    from holdfast.models.base import Model
    from holdfast.releases import Release


def build(task: Task) -> dict[str, Any]:
    """The job of the child process: chooses rows, trains and builds; promotes nothing.

    Where it is told that retraining would not help, and nobody insists, nothing is built and
    ``release`` is None.
    """
    given = task.arguments
    config, data = Path(given["config"]), Path(given["data"])
    project = read_project(config)
    spoiled = msgspec.convert(given["spoiled"], tuple[Interval, ...])
    table = training_table(project, config.parent, data)
    rows, pieces = sound(table, project.data.event_time, spoiled)
    if rows.num_rows < table.num_rows:
        task.progress(f"leaving out {table.num_rows - rows.num_rows:,} rows under incidents", None)
    policy, doubt, known = policy_of(config), Doubted((), ()), None
    if policy.screening or given["choose"]:
        with opened(config.parent / project.store, config=config) as home:
            known = _champion(home, project.model)
            if known is not None and policy.screening:
                task.progress("screening the rows since the champion's training", None)
                doubt = doubted(
                    home.store, project, known.release, rows, known.seen_until, spoiled,
                    log=given["choose"],
                )  # fmt: skip
    for line in doubt.sentences:
        task.progress(line, None)
    if doubt.intervals:
        rows, pieces = sound(table, project.data.event_time, (*spoiled, *doubt.intervals))
    chosen = None
    if known is not None and given["choose"]:
        chosen = _chosen(project, config, rows, known, policy.metric, given, task)
    if chosen is not None:
        rows, pieces = chosen.rows, cut(pieces, chosen.since)
        for line in chosen.sentences:
            task.progress(line, None)
        if not helps(chosen) and not given["insist"]:
            return {
                "model": project.model, "release": None, "pieces": [], "rows": 0,
                "why": [*doubt.sentences, *chosen.sentences],
            }  # fmt: skip
    rows, pieces = held_back(rows, pieces, project.data.event_time, policy.gates.held_back)
    release, model = build_release(
        config,
        promote=False,
        progress=lambda step: task.progress(step, None),
        rows=rows,
        reason=given["reason"],
        checkpoints=task.checkpoints,
        shared=task.progress,
        again=True,
    )
    return {
        "model": model,
        "release": release.id,
        "pieces": msgspec.to_builtins(pieces),
        "rows": rows.num_rows,
        "why": [*doubt.sentences, *(chosen.sentences if chosen is not None else ())],
    }


class _Champion(NamedTuple):
    """The champion, opened, and the event time up to which it has seen rows."""

    release: Release
    seen_until: int


def _champion(home: Home, model: str) -> _Champion | None:
    pointer = home.store.catalog.champion(model)
    if pointer is None:
        return None
    release = home.registry.open(pointer.release, allow=home.settings.allow_models)
    return _Champion(release, trained_until(home.store, model, release.id))


def _chosen(
    project: Project,
    config: Path,
    rows: pa.Table,
    champion: _Champion,
    metric: str,
    given: dict[str, Any],
    task: Task,
) -> Chosen:
    """The rows chosen by what they are worth against the champion."""
    from holdfast.models import adopt

    train = training_function(
        project, config.parent, champion.release.contract.features,
        reason=given["reason"], parent=champion.release.id, progress=task.progress,
        checkpoints=task.checkpoints,
    )  # fmt: skip

    def fit(part: pa.Table, features: tuple[str, ...]) -> Model:
        return adopt(train(part, features), features=features, positive=project.data.positive)

    return chosen_rows(
        rows, project.data.event_time, given["changes"], champion.release, champion.seen_until,
        metric, fit, project.data.target, lambda step: task.progress(step, None),
    )  # fmt: skip
