"""``holdfast mirror``: what the store says, written to a registry that others look at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import options, output, table
from holdfast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.integrations.mlflow import Mirrored
    from holdfast.reports.document import Document, Table

app = table.new("Write stages and metrics to an MLflow registry; the store says what is true.")


@app.callback()
def mirror() -> None:
    """Write stages and metrics to an MLflow registry; the store says what is true."""


@app.command()
def mlflow(
    url: Annotated[
        str, typer.Option("--url", help="The MLflow server, such as http://127.0.0.1:5000.")
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="Only this model; else every one of the store.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; say whether both agree.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; say what would be written.")
    ] = False,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Make an MLflow server say what the store says: releases, metrics, stages.

    A model becomes a registered model, a release a run and a version, champion, standby, canary
    and shadow become aliases. What agrees is not written again; what was changed over there is set
    back and told. A token is read from MLFLOW_TRACKING_TOKEN. Exits 0 when both agree (or, with
    --dry-run, when it was told), 1 when a release of the store cannot be read, 3 when --check
    finds that they differ.
    """
    output.known_format(format)
    if check and dry_run:
        raise UsageError("check, or a dry run?", expected="--check or --dry-run, not both")
    from holdfast.app.home import opened
    from holdfast.integrations.mlflow import Mlflow
    from holdfast.integrations.mlflow import mirror as run

    client = Mlflow(url, token=os.environ.get("MLFLOW_TRACKING_TOKEN"))
    write = not (check or dry_run)
    with opened(store, read_only=True) as home:
        models = None if model is None else [home.model(model)]
        where = home.path
    with opened(where, read_only=not write) as home, output.steps("MLflow") as step:
        found = run(home.store, client, models, write=write, progress=step)
    output.emit(document(url, found, wrote=write, check=check), format, json=json)
    if check and any(one.changes for one in found):
        raise typer.Exit(3)


def document(url: str, found: Sequence[Mirrored], *, wrote: bool, check: bool = False) -> Document:
    """What came of a mirroring, as a report.

    Args:
        url: the server.
        found: what came of each model.
        wrote: the differences were mended.
        check: it was asked whether both agree: differences are the answer, even where a release
            of the store cannot be read.
    """
    from holdfast.reports.document import Block, Document, Heading, Text
    from holdfast.reports.to_json import plain

    changes = sum(len(one.changes) for one in found)
    unknown = [why for one in found for why in one.unknown]
    foreign = [(one, change) for one in found for change in one.changes if change.foreign]
    blocks: list[Block] = [
        Text(
            text=f"Alias {change.name} of {one.registered} was changed over there "
            f"({change.there or 'removed'}); here it is {change.here or 'free'}."
        )
        for one, change in foreign
    ]
    blocks += [Text(text=f"Metrics and lineage could not be told. {why}") for why in unknown]
    for one in found:
        if one.changes:
            blocks += [Heading(text=f"Model {one.model}"), _table(one, wrote=wrote)]
    left = 0 if wrote else changes
    data: dict[str, Any] = {
        "url": url,
        "agree": False if left else None if unknown else True,
        "written": changes if wrote else 0,
        "models": [plain(one) for one in found],
    }
    return Document(
        title="Mirror in MLflow",
        summary=_summary(len(found), changes, wrote=wrote),
        blocks=tuple(blocks),
        passed=None if unknown and not (check and changes) else True,
        data=data,
    )


def _summary(models: int, changes: int, *, wrote: bool) -> str:
    named = f"{models} model{'' if models == 1 else 's'}"
    if not changes:
        return f"{named}: MLflow and the store agree; nothing was written."
    things = f"{changes} thing{'' if changes == 1 else 's'}"
    if wrote:
        return f"{named}: {things} written; MLflow and the store agree now."
    return f"{named}: {things} differ{'s' if changes == 1 else ''}; nothing was written."


def _table(one: Mirrored, *, wrote: bool) -> Table:
    from holdfast.reports.document import Column, Table

    return Table(
        columns=(
            Column(name="what"),
            Column(name="name"),
            Column(name="release"),
            Column(name="here"),
            Column(name="was there" if wrote else "there"),
        ),
        rows=tuple(
            (
                change.what,
                change.name,
                (change.release or "")[:12],
                _short(change.here),
                _short(change.there),
            )
            for change in one.changes
        ),
    )


def _short(value: str | float | None) -> str | float:
    """A hash by its beginning, nothing as a dash.

    >>> _short(None), _short(0.5), _short("a" * 64)
    ('-', 0.5, 'aaaaaaaaaaaa…')
    """
    if isinstance(value, str) and len(value) == 64 and " " not in value:
        return f"{value[:12]}…"
    return "-" if value is None else value
