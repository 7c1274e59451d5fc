"""``holdfast evaluate``: what predictions were worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    pass

app = table.new()


@app.command()
def evaluate(
    source: Annotated[
        Path, typer.Argument(metavar="PREDICTIONS", help="A table with outcomes and scores.")
    ],
    target: Annotated[str, typer.Option("--target", help="Column with the outcome.")],
    score: options.Score = "score",
    positive: options.Positive = None,
    cost_fp: Annotated[
        float, typer.Option("--cost-fp", help="Cost of deciding positive about a negative.")
    ] = 1.0,
    cost_fn: Annotated[
        float, typer.Option("--cost-fn", help="Cost of deciding negative about a positive.")
    ] = 1.0,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Positive from this score on; else the costs decide."),
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Evaluate predictions in shares and money, each with its interval.

    Exits 1 when they are worse than one constant decision, or could not be told from it.
    """
    output.known_format(format)
    from holdfast import evaluation, frames
    from holdfast.errors import DataError

    rows = frames.read(source).arrow()
    absent = [name for name in (target, score) if name not in rows.column_names]
    if absent:
        raise DataError(
            "the table lacks a column that is needed",
            expected=f"columns {target!r} and {score!r}",
            got=f"columns {', '.join(rows.column_names[:12])}",
            remedy="name them with --target and --score",
        )
    labels = rows.column(target).to_pylist()
    wanted = next((v for v in labels if str(v) == positive), positive)
    found = evaluation.evaluate(
        labels,
        rows.column(score).to_pylist(),
        costs=evaluation.Costs(cost_fp, cost_fn),
        threshold=threshold,
        positive=wanted,
        seed=seed,
    )
    output.emit(found.document(source.name), format, json=json)
