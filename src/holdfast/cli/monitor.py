"""``holdfast monitor``: the worker that reads the logs, a replay, and what is promised."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.app.folder import Taken
    from holdfast.reports.document import Document

app = table.new("Run the monitor over the store, play a table as if live, show what is promised.")

Budget = Annotated[str | None, typer.Option("--budget", help="False incidents that it may raise.")]
RowsPerDay = Annotated[
    float | None, typer.Option("--rows-per-day", help="Traffic, for a budget per time.")
]


@app.callback()
def monitor() -> None:
    """Run the monitor over the store, play a table as if live, show what is promised."""


@app.command()
def run(
    store: options.Store = None,
    once: Annotated[
        bool, typer.Option("--once", help="Read what is there, say what was found, stop.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Also score tables dropped in here.", metavar="DIR"),
    ] = None,
    pattern: Annotated[
        str, typer.Option("--pattern", help="Only files of the folder named like this.")
    ] = "*",
    model: options.Model = None,
    target: options.Target = None,
    event_time: options.EventTime = None,
    budget: Budget = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Read the logs, keep the detectors' state in the store, open and close incidents.

    `holdfast serve` runs it too; this is for teams that only score files. Stopping and starting
    continues exactly where it was. With --folder, Parquet, CSV, NDJSON and Arrow files are scored
    by the champion and logged, each once and whole, in the order of their names; outcomes in the
    contract's target column are logged as well. A file that cannot be read is told and does not
    stop the others.
    """
    output.known_format(format)
    from holdfast.app.monitor import Folder, monitor_forever, monitor_once

    where = None if folder is None else Folder(folder, pattern, model, target, event_time)
    if not once:
        raise typer.Exit(monitor_forever(store=store, budget=budget, folder=where, say=typer.echo))
    from holdfast.app.basics import now_us
    from holdfast.cli.incident_report import listed

    with output.progress("reading the log"):
        found, files = monitor_once(store=store, budget=budget, folder=where)
    document = listed(found, "what was read now", now_us())
    if where is not None:
        document = _with_files(document, files)
    output.emit(document, format, json=json)


@app.command()
def replay(
    rows: Annotated[Path, typer.Argument(help="The table to play.", metavar="TABLE")],
    release: Annotated[
        str | None,
        typer.Option(
            "--release", help="Id, beginning of one, `champion`, `latest`, or a release's folder."
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference", help="Normal rows to learn from instead of a release.", metavar="TABLE"
        ),
    ] = None,
    model: options.Model = None,
    store: options.Store = None,
    target: options.Target = None,
    positive: options.Positive = None,
    score: Annotated[
        str | None, typer.Option("--score", help="Column of scores, with --reference.")
    ] = None,
    event_time: options.EventTime = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", help="Column not to watch, with --reference; may be repeated."),
    ] = None,
    entity: Annotated[
        str | None,
        typer.Option("--entity", help="Column that says whose row it is, with --reference."),
    ] = None,
    shuffled: Annotated[
        bool,
        typer.Option("--shuffled", help="The reference is in no order: the first rows teach."),
    ] = False,
    label_delay: Annotated[
        str, typer.Option("--label-delay", help='How long outcomes take: "7 days", "500 rows".')
    ] = "0 rows",
    rows_per_day: RowsPerDay = None,
    budget: Budget = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
    fail_on: options.FailOn = "error",
) -> None:
    """Play a table as if its rows came in live, and tell what would have been found, and when.

    Rows come in the order of their times, outcomes after the delay, through the champion or another
    release, or against a table of normal rows. Exits 1 while an incident that asks for something
    stands open at the end.
    """
    output.known_format(format)
    output.known_severity(fail_on)
    from holdfast.app.replay import replay_table

    with output.progress("playing"):
        report = replay_table(
            rows,
            release=release,
            reference=reference,
            store=store,
            model=model,
            budget=budget,
            ignore=tuple(ignore or ()),
            entity=entity,
            shuffled=shuffled,
            score=score,
            target=target,
            positive=positive,
            event_time=event_time,
            label_delay=label_delay,
            rows_per_day=rows_per_day,
        )
    output.emit(report.document(rows.name), format, json=json, fail_on=fail_on)


@app.command()
def promise(
    release: Annotated[
        str, typer.Option("--release", help="Id, beginning of one, `champion` or `latest`.")
    ] = "champion",
    model: options.Model = None,
    store: options.Store = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference", help="The training table: what do its times say?", metavar="TABLE"
        ),
    ] = None,
    rows_per_day: RowsPerDay = None,
    budget: Budget = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Show what is watched, and after how many rows what would be noticed.

    Also what is muted or widened and why, and how traffic itself is watched. Exits 1 when the
    release holds no reference of values, so that nothing can be said of them.
    """
    output.known_format(format)
    from holdfast.app.promise import monitor_promise

    report = monitor_promise(
        release=release,
        store=store,
        model=model,
        budget=budget,
        rows_per_day=rows_per_day,
        reference=reference,
    )
    output.emit(report.document(), format, json=json)


def _with_files(document: Document, files: Sequence[Taken]) -> Document:
    """The incidents with what became of the files; a file that was not read is a finding."""
    import msgspec

    from holdfast.findings import Finding, Severity
    from holdfast.reports.document import Column, Findings, Format, Heading, Table
    from holdfast.reports.to_json import plain

    broken = [f for f in files if f.error]
    table_ = Table(
        columns=(
            Column(name="file"),
            Column(name="rows", format=Format.COUNT),
            Column(name="outcomes", format=Format.COUNT),
            Column(name="trouble"),
        ),
        rows=tuple((f.name, f.rows, f.outcomes, f.error) for f in files),
    )
    findings = tuple(
        Finding(
            code="HF-MON-FILE",
            severity=Severity.ERROR,
            sentence=f"{f.name} was not read: {f.error}",
            evidence={"file": f.name, "error": f.code},
            remedy="mend it and drop it again, under this name or another",
        )
        for f in broken
    )
    return msgspec.structs.replace(
        document,
        summary=f"{len(files) - len(broken)} files read, {len(broken)} not. {document.summary}",
        blocks=(
            *document.blocks,
            *((Heading(text="Files"), table_) if files else ()),
            *((Findings(findings=findings),) if findings else ()),
        ),
        passed=bool(document.passed) and not broken,
        data={**document.data, "files": [plain(f) for f in files]},
    )
