"""``holdfast monitor``: the worker that reads the log and opens incidents."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.cli import options, output, table

app = table.new("Run the monitor over the store.")


@app.callback()
def monitor() -> None:
    """Run the monitor over the store."""


@app.command()
def run(
    store: options.Store = None,
    once: Annotated[
        bool, typer.Option("--once", help="Read what is there, say what was found, stop.")
    ] = False,
    budget: Annotated[
        str | None, typer.Option("--budget", help="False incidents that it may raise.")
    ] = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Read the log, keep the detectors' state in the store, open and close incidents.

    `holdfast serve` runs it too; this is for teams that only score files. Stopping and starting
    continues exactly where it was.
    """
    output.known_format(format)
    from holdfast.app.monitor import monitor_forever, monitor_once

    if not once:
        raise typer.Exit(monitor_forever(store=store, budget=budget, say=typer.echo))
    from holdfast.app.basics import now_us
    from holdfast.cli.incident_report import listed

    with output.progress("reading the log"):
        found = monitor_once(store=store, budget=budget)
    output.emit(listed(found, "what was read now", now_us()), format, json=json)
