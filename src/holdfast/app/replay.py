"""A table played through a release of a store, or against a table of normal rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.app.home import opened

if TYPE_CHECKING:
    from holdfast.monitoring.replay_report import ReplayReport


def replay_table(
    table: Path,
    *,
    release: str | None = None,
    reference: Path | None = None,
    store: Path | None = None,
    model: str | None = None,
    budget: str | None = None,
    ignore: tuple[str, ...] = (),
    entity: str | None = None,
    shuffled: bool = False,
    **asked: Any,
) -> ReplayReport:
    """Plays a table as if its rows came in live.

    Args:
        table: the rows.
        release: id, beginning of one, ``champion``, ``latest``, or the folder of a release.
        reference: a table of normal rows to learn from instead; its scores and outcomes have the
            same names as those of `table`.
        store: the store; None takes the settings'.
        model: name of the model; None takes the only one.
        budget: the false-alarm promise; None takes the settings'.
        ignore: columns of the reference that are not watched.
        entity: column of the reference that says whose row it is; rows of one count once.
        shuffled: the rows of the reference stand in no order of their own: the first rows played
            teach how much they move from period to period.
        asked: everything else that `holdfast.monitoring.replaying.replay` takes.
    """
    from holdfast import frames
    from holdfast.app.settings import load_settings
    from holdfast.monitoring.replaying import replay

    words = budget or load_settings().budget
    if reference is not None:
        from holdfast.monitoring.table_reference import TableReference

        normal = frames.read(reference)
        clock = asked.get("event_time")
        learned = TableReference.learn(
            normal,
            score=asked.get("score"),
            target=asked.get("target"),
            positive=asked.get("positive"),
            ignore=ignore,
            event_time=clock if clock in normal else None,
            ordered=not shuffled,
            entity=entity,
        )
        return replay(table, learned, model=model or "model", budget=words, **asked)
    asked["score"] = None  # the release scores
    if release is not None and Path(release).is_dir():
        from holdfast.releases import Release

        found = Release.open(Path(release))
        return replay(table, found, model=found.name, budget=words, **asked)
    with opened(store, read_only=True) as home:
        name, found = home.release(model, release or "champion")
        return replay(table, found, model=name, budget=words, **asked)
