"""The job that fits calibrator and threshold anew: the champion's model, and nothing else of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from holdfast.app.home import opened
from holdfast.app.project import read_project, release_of, training_function, training_table
from holdfast.app.retrain_rows import with_log
from holdfast.app.training import sound, times
from holdfast.errors import ReleaseError
from holdfast.retraining.job import Task
from holdfast.retraining.recalibrating import recalibrate
from holdfast.storage.training import Interval

if TYPE_CHECKING:
    import pyarrow as pa

#: share of the judged rows, the oldest, that the calibration is fitted on; the rest measures it
FITTED = 0.6


def build(task: Task) -> dict[str, Any]:
    """The job of the child process: builds a candidate, promotes nothing.

    The oldest `FITTED` of the logged rows with an outcome fit the calibration, the rest measures
    the release. Fallbacks are trained on the project's table and calibrated by the same numbers.

    Raises:
        ReleaseError: there is no champion.
        DataError: too few rows have their outcome.
    """
    from holdfast.models.calibrated import CalibratedModel

    given = task.arguments
    config = Path(given["config"])
    project, folder = read_project(config), config.parent
    spoiled = msgspec.convert(given["spoiled"], tuple[Interval, ...])
    data, target = project.data, project.data.target
    with opened(folder / project.store, config=config) as home:
        pointer = home.store.catalog.champion(project.model)
        if pointer is None:
            raise ReleaseError("there is nothing to calibrate anew", expected="a champion")
        champion = home.registry.open(pointer.release, allow=home.settings.allow_models)
        table, _ = sound(training_table(project, folder), data.event_time, spoiled)
        logged, pieces = sound(
            with_log(table.slice(0, 0), home.store, project.model, data, home.settings.labels),
            data.event_time, spoiled,
        )  # fmt: skip
        logged = _in_order(logged, data.event_time)
        first = round(FITTED * logged.num_rows)
        task.progress(f"calibrating on {first:,} judged rows", 0.1)
        score = champion.model.predict_table(logged.slice(0, first))
        positive = np.array(
            [value == champion.positive for value in logged.column(target).to_pylist()[:first]]
        )
        found = recalibrate(score, positive, seed=project.seed)
        task.progress("; ".join(found.sentences), 0.3)
        fit = training_function(
            project, folder, champion.contract.features,
            reason=given["reason"], parent=champion.id, progress=task.progress,
            checkpoints=task.checkpoints,
        )  # fmt: skip

        def calibrated(rows: pa.Table, features: tuple[str, ...]) -> CalibratedModel:
            from holdfast.models import adopt

            inner = adopt(fit(rows, features), features=features, positive=data.positive)
            return CalibratedModel(inner, found.slope, found.intercept)

        release = release_of(
            project, folder, CalibratedModel(champion.model, found.slope, found.intercept),
            train=table, validation=logged.slice(first), contract=champion.contract,
            fit=calibrated, parent=champion.id,
            progress=lambda step: task.progress(step, None),
        )  # fmt: skip
        home.registry.add(project.model, release)
        home.registry.carry_answers(project.model, champion.id, release.id)
        before = home.store.training.pieces(project.model, champion.id)
    return {
        "model": project.model,
        "release": release.id,
        "pieces": msgspec.to_builtins(_joined([*before, *pieces])),
        "rows": table.num_rows + logged.num_rows,
        "why": list(found.sentences),
    }


def _in_order(table: pa.Table, event_time: str | None) -> pa.Table:
    """The rows in the order of their times; as they are where they have none."""
    import pyarrow.compute as pc

    moments = times(table, event_time)
    return table if moments is None else table.take(pc.array_sort_indices(moments))


def _joined(pieces: list[Interval]) -> tuple[Interval, ...]:
    """Intervals as a union, in order.

    A piece of the champion's own training that turned out to be spoiled stays in: the release
    learned from it, and the store will refuse it.

    >>> _joined([Interval(5, 9), Interval(0, 3), Interval(2, 4)])
    (Interval(since=0, until=4), Interval(since=5, until=9))
    """
    found: list[Interval] = []
    for piece in sorted(pieces, key=lambda p: p.since):
        if found and piece.since <= (found[-1].until or 0):
            until = max(found[-1].until or 0, piece.until or 0)
            found[-1] = Interval(found[-1].since, until)
        else:
            found.append(piece)
    return tuple(found)
