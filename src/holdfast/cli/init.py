"""``holdfast init``: a project for the user's own table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli import options, output, table

app = table.new()

SETTINGS = """\
model = {model}
store = "holdfast.db"
[data]
train = {train}
target = {target}
positive = {positive}
{more}[costs]          # what each mistake costs: refusing a good one, accepting a bad one
false_positive = 1
false_negative = 3
"""

TRAIN = '''\
"""How the model is trained; called once more without each field that a fallback does without."""

from holdfast.models.recipes import boosted_trees


def train(table, features, target, positive):
    return boosted_trees(table, features, target, positive=positive)
'''


@app.command()
def init(
    source: Annotated[Path, typer.Argument(metavar="TABLE", help="Your training table.")],
    target: Annotated[str, typer.Option("--target", help="Column to predict.")],
    positive: options.Positive = None,
    event_time: options.EventTime = None,
    ids: options.Ids = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Name of the model; the table's by default.")
    ] = None,
    directory: Annotated[
        Path, typer.Option("--dir", help="Where to put the project.", metavar="DIR")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Start a project: holdfast.toml and train.py with one function.

    Then `holdfast release build`, `holdfast release promote latest` and `holdfast serve`.
    """
    output.known_format(format)
    from holdfast.app.project import as_toml, choose_positive
    from holdfast.errors import UsageError
    from holdfast.reports.document import Code, Document, Text

    chosen = choose_positive(source, target, positive)
    directory.mkdir(parents=True, exist_ok=True)
    files = {"holdfast.toml": "", "train.py": TRAIN}
    there = [name for name in files if (directory / name).exists()]
    if there and not force:
        raise UsageError(
            "there is a project here already",
            expected="a directory without holdfast.toml and train.py",
            got=", ".join(there),
            remedy="choose another --dir, or overwrite with --force",
        )
    more = ""
    if event_time is not None:
        more += f"event_time = {as_toml(event_time)}\n"
    if ids:
        more += f"ids = [{', '.join(as_toml(name) for name in ids)}]\n"
    files["holdfast.toml"] = SETTINGS.format(
        model=as_toml(model or source.stem),
        train=as_toml(str(source.resolve())),
        target=as_toml(target),
        positive=as_toml(chosen),
        more=more,
    )
    for name, text in files.items():
        (directory / name).write_text(text, "utf-8")
    steps = "holdfast release build --promote\nholdfast serve"
    if directory != Path():
        steps = f"cd {directory}\n{steps}"
    document = Document(
        title=f"Project for {source.name}",
        summary=f"Wrote {' and '.join(str(directory / name) for name in files)}.",
        blocks=(
            Text(text=f"The model scores how likely `{target}` is {chosen!r}. Next:"),
            Code(text=steps),
        ),
        data={"files": [str(directory / name) for name in files], "positive": chosen},
    )
    output.emit(document, format, json=json)
