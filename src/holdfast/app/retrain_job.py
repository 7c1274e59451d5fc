"""The job that trains a project's model again, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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

    from holdfast.models.base import Model


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
    doubt = _doubted(project, config, rows, spoiled, given, task)
    rows, pieces = sound(table, project.data.event_time, (*spoiled, *doubt.intervals))
    chosen = _chosen(project, config, rows, given, task)
    if chosen is not None:
        rows, pieces = chosen.rows, cut(pieces, chosen.since)
        for line in chosen.sentences:
            task.progress(line, None)
        if not helps(chosen) and not given["insist"]:
            return {
                "model": project.model, "release": None, "pieces": [], "rows": 0,
                "why": [*doubt.sentences, *chosen.sentences],
            }  # fmt: skip
    rows, pieces = held_back(
        rows, pieces, project.data.event_time, policy_of(config).gates.held_back
    )
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


def _doubted(
    project: Project,
    config: Path,
    rows: pa.Table,
    spoiled: tuple[Interval, ...],
    given: dict[str, Any],
    task: Task,
) -> Doubted:
    """The rows that look broken; none where there is no champion whose rows are known as sound."""
    nothing = Doubted((), ())
    if not policy_of(config).screening:
        return nothing
    with opened(config.parent / project.store, config=config) as home:
        pointer = home.store.catalog.champion(project.model)
        if pointer is None:
            return nothing
        task.progress("screening the rows since the champion's training", None)
        champion = home.registry.open(pointer.release, allow=home.settings.allow_models)
        seen_until = trained_until(home.store, project.model, champion.id)
        found = doubted(
            home.store, project, champion, rows, seen_until, spoiled, log=given["choose"]
        )
    for line in found.sentences:
        task.progress(line, None)
    return found


def _chosen(
    project: Project, config: Path, rows: pa.Table, given: dict[str, Any], task: Task
) -> Chosen | None:
    """The rows chosen; None where they are a person's choice, or there is no champion to beat."""
    from holdfast.models import adopt

    if not given["choose"]:
        return None
    with opened(config.parent / project.store, config=config) as home:
        pointer = home.store.catalog.champion(project.model)
        if pointer is None:
            return None
        champion = home.registry.open(pointer.release, allow=home.settings.allow_models)
        seen_until = trained_until(home.store, project.model, champion.id)
    train = training_function(
        project, config.parent, champion.contract.features,
        reason=given["reason"], parent=champion.id, progress=task.progress,
        checkpoints=task.checkpoints,
    )  # fmt: skip

    def fit(part: pa.Table, features: tuple[str, ...]) -> Model:
        return adopt(train(part, features), features=features, positive=project.data.positive)

    return chosen_rows(
        rows, project.data.event_time, given["changes"], champion, seen_until,
        policy_of(config).metric, fit, project.data.target,
        lambda step: task.progress(step, None),
    )  # fmt: skip
