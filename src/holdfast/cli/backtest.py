"""``holdfast backtest``: the CV gap table and the rolling-origin backtest of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import options, output, table

app = table.new()

#: fits of the CV gap table: random, group, forward, forward + group
_FITS = {False: 10, True: 30}


@app.command()
def backtest(
    source: Annotated[
        Path, typer.Argument(metavar="TABLE", help="A table with the target and a time column.")
    ],
    target: Annotated[str, typer.Option("--target", help="Column to predict.")],
    event_time: Annotated[str, typer.Option("--event-time", help="Column that says when.")],
    entity: options.Entities = None,
    group: options.Groups = None,
    label_delay: Annotated[
        str, typer.Option("--label-delay", help='How long outcomes take, for example "30d".')
    ] = "0",
    task: Annotated[
        str | None,
        typer.Option("--task", help="binary, multiclass or regression; else read off the target."),
    ] = None,
    positive: options.Positive = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Else roc_auc, accuracy or r2, by task.")
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option("--feature", help="Input; may be repeated. Else all other columns."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", help="Column that is no input, such as an id; may be repeated."),
    ] = None,
    origins: Annotated[int, typer.Option("--origins", help="How many origins.")] = 8,
    window: Annotated[
        str | None,
        typer.Option("--window", help='Learn from the last stretch only, for example "180d".'),
    ] = None,
    most_rows: Annotated[
        int, typer.Option("--most-rows", help="Rows that one fit learns from at most.")
    ] = 20_000,
    seed: options.Seed = 0,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
    fail_on: options.FailOn = "error",
) -> None:
    """Train again and again as time went by, and score what came after.

    Prints the CV gap table (random, group, forward, forward + group, on the same rows) and the
    backtest with a rolling origin, of boosted trees. Exits 1 when random cross-validation flatters,
    when models age or get worse in time, or when it could not be told.
    """
    output.known_format(format)
    output.known_severity(fail_on)
    from holdfast import frames
    from holdfast.errors import UsageError
    from holdfast.evaluation.backtesting import backtest as tested
    from holdfast.evaluation.cross_validation import cv_gap
    from holdfast.evaluation.time_report import both

    rows = frames.read(source)
    owners = [*(entity or ()), *(group or ())]
    named = [target, event_time, *owners, *(features or ()), *(drop or ())]
    absent = [name for name in named if name not in rows]
    if absent:
        raise UsageError(
            "the table lacks a column that was named",
            expected=f"some of {', '.join(rows.names[:12])}",
            got=", ".join(repr(name) for name in absent),
        )
    aside = {target, event_time, *owners, *(drop or ())}
    inputs = features or [name for name in rows.names if name not in aside]
    total = _FITS[bool(owners)] + origins
    with output.progress("training", total) as done:
        gap = cv_gap(
            rows, target=target, event_time=event_time, group=owners or None, features=inputs,
            label_delay=label_delay, metric=metric, task=task, positive=positive,
            most_rows=most_rows, seed=seed, progress=done,
        )  # fmt: skip
        found = tested(
            rows, target=target, event_time=event_time, group=owners or None, features=inputs,
            label_delay=label_delay, metric=metric, task=task, positive=positive,
            origins=origins, window=window, most_rows=most_rows, seed=seed, progress=done,
        )  # fmt: skip
    output.emit(both(gap, found, source.name), format, json=json, fail_on=fail_on)
