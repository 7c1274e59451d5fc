"""Flags that are the same on every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Same as --format json.")]
Format = Annotated[
    str, typer.Option("--format", help="text, json, md, html, junit or sarif.", show_default=True)
]
FailOn = Annotated[
    str,
    typer.Option("--fail-on", help="Exit 1 from this severity on: note, warning, error, critical."),
]
Store = Annotated[
    Path | None,
    typer.Option("--store", help="The store; holdfast.toml's, else holdfast.db.", metavar="PATH"),
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Name of the model; holdfast.toml's, else the only one."),
]
Target = Annotated[str | None, typer.Option("--target", help="Column to predict.")]
Positive = Annotated[str | None, typer.Option("--positive", help="Label of the class scored.")]
Score = Annotated[str, typer.Option("--score", help="Column that holds the scores.")]
EventTime = Annotated[str | None, typer.Option("--event-time", help="Column that says when.")]
Ids = Annotated[
    list[str] | None, typer.Option("--id", help="Column that names the row; may be repeated.")
]
Entities = Annotated[
    list[str] | None, typer.Option("--entity", help="Column that names the row's owner.")
]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="Column that names the row's group.")
]
ContractFile = Annotated[
    Path | None, typer.Option("--contract", help="Contract file (.yaml or .json).", metavar="PATH")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
