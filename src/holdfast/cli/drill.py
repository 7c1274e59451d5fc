"""``holdfast drill``: which faults would be caught in your own rows, and which would be missed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import options, output, table

app = table.new()

CONFIG = Path("holdfast.toml")


@app.command()
def drill(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="TABLE",
            help="Rows like those of production; the project's validation or training table.",
        ),
    ] = None,
    release: Annotated[
        str,
        typer.Option("--release", help="Its id, the beginning of one, `champion` or `latest`."),
    ] = "champion",
    model: options.Model = None,
    store: options.Store = None,
    target: options.Target = None,
    faults: Annotated[
        str | None, typer.Option("--faults", help="Names with commas between; all of them if not.")
    ] = None,
    severities: Annotated[
        str, typer.Option("--severities", help="1 mild, 2 medium, 3 gross.")
    ] = "1,2,3",
    rows: Annotated[
        int, typer.Option("--rows", help="Rows of the table that are used, at most.")
    ] = 4000,
    budget: Annotated[
        str | None, typer.Option("--budget", help="False incidents that the monitor may raise.")
    ] = None,
    rows_per_day: Annotated[
        float | None, typer.Option("--rows-per-day", help="Expected traffic.")
    ] = None,
    seed: options.Seed = 0,
    fail_on_missed: Annotated[
        bool, typer.Option("--fail-on-missed", help="Exit 1 when any fault would be missed.")
    ] = False,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Inject known faults into your own rows and see what your monitoring makes of them.

    The rows go through the release's guard, model and monitor, in memory; nothing is logged.
    Exits 1 when a gross broken pipeline would be missed, or nothing could be injected.
    """
    output.known_format(format)
    levels = _levels(severities)
    import msgspec

    from holdfast.app.home import opened
    from holdfast.drill import drill as run

    with opened(store, read_only=True) as home:
        _, found = home.release(model, release)
        where = source if source is not None else _table()
        with output.steps("drilling") as step:
            report = run(
                found,
                where,
                faults=None if faults is None else [f.strip() for f in faults.split(",")],
                severities=levels,
                target=target,
                seed=seed,
                budget=budget or home.settings.budget,
                rows=rows,
                rows_per_day=rows_per_day,
                progress=step,
            )
    document = report.document(where.name)
    if fail_on_missed and report.missed:
        document = msgspec.structs.replace(document, passed=False)
    output.emit(document, format, json=json)


def _table() -> Path:
    """The project's rows: those the model did not see, where it has some."""
    from holdfast.app.project import read_project

    data = read_project(CONFIG).data
    return CONFIG.resolve().parent / (data.validation or data.train)


def _levels(text: str) -> list[int]:
    from holdfast.errors import UsageError

    parts = [part.strip() for part in text.split(",")]
    if not all(part in ("1", "2", "3") for part in parts):
        raise UsageError(
            "there is no such severity",
            expected="some of 1 (mild), 2 and 3 (gross), with commas between",
            got=f"severities={text!r}",
        )
    return [int(part) for part in parts]
