"""``holdfast predict``: a file through the same guard and log, for nightly batches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import options, output, table

app = table.new()


@app.command()
def predict(
    release: Annotated[
        str,
        typer.Argument(help="Id of a release, the beginning of one, `champion`, or its folder."),
    ],
    source: Annotated[Path, typer.Argument(metavar="TABLE", help="The rows to score.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Answers (.parquet, .csv, .ndjson); else only counts."),
    ] = None,
    store: options.Store = None,
    model: options.Model = None,
    log: Annotated[
        bool, typer.Option("--log/--no-log", help="Log predictions in the store, as a server does.")
    ] = True,
    origin: Annotated[str, typer.Option("--source", help="Where the rows come from.")] = "batch",
    id_column: Annotated[
        str | None, typer.Option("--id", help="Column that names the row; labels refer to it.")
    ] = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
    fail_on: options.FailOn = "error",
) -> None:
    """Score a file through the same guard, fallbacks and log as the server.

    Exits 1 when rows were rejected or abstained from.
    """
    output.known_format(format)
    output.known_severity(fail_on)
    from holdfast.app.batch import count_rows, predict_file

    with output.progress("scoring", total=count_rows(source)) as advance:
        done = predict_file(
            release,
            source,
            out=out,
            store=store,
            model=model,
            log=log,
            origin=origin,
            id_column=id_column,
            progress=advance,
        )
    from holdfast.cli.scored import document

    output.emit(document(done), format, json=json, fail_on=fail_on)
