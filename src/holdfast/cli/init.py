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
# [policy]             # when to train again; `holdfast policy show` prints every clause
# automatic = true     # do it, and do not only tell it
# [policy.when]
# loss_increase = {{ min = 0.05, for = "3d" }}
# [policy.unless]
# matured_labels = 2000
# cooldown = "7d"
"""

TRAIN = '''\
"""How the model is trained; called once more without each field that a fallback does without."""

from holdfast.models.recipes import boosted_trees


def train(table, features, target, positive):
    return boosted_trees(table, features, target, positive=positive)
'''


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="NAME", help="New folder; names the model.")],
    data: Annotated[Path, typer.Option("--data", help="Your training table.", metavar="TABLE")],
    target: Annotated[str, typer.Option("--target", help="Column to predict.")],
    positive: options.Positive = None,
    event_time: options.EventTime = None,
    ids: options.Ids = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Start a project: a folder with holdfast.toml and train.py, which has one function.

    Then, in the folder: `holdfast release build` and `holdfast serve`.
    """
    output.known_format(format)
    from holdfast.app.project import as_toml, choose_positive
    from holdfast.errors import UsageError
    from holdfast.reports.document import Code, Document, Text

    chosen = choose_positive(data, target, positive)
    files = {"holdfast.toml": "", "train.py": TRAIN}
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        raise UsageError(
            "there is a project here already",
            expected="a folder without holdfast.toml and train.py",
            got=", ".join(there),
            remedy="choose another folder, or overwrite with --force",
        )
    more = ""
    if event_time is not None:
        more += f"event_time = {as_toml(event_time)}\n"
    if ids:
        more += f"ids = [{', '.join(as_toml(name) for name in ids)}]\n"
    files["holdfast.toml"] = SETTINGS.format(
        model=as_toml(folder.resolve().name),
        train=as_toml(str(data.resolve())),
        target=as_toml(target),
        positive=as_toml(chosen),
        more=more,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    document = Document(
        title=f"Project {folder.resolve().name}",
        summary=f"Wrote {' and '.join(str(folder / name) for name in files)}.",
        blocks=(
            Text(text=f"The model scores how likely it is that `{target}` is `{chosen}`. Next:"),
            Code(text=f"cd {folder}\nholdfast release build\nholdfast serve"),
        ),
        data={"files": [str(folder / name) for name in files], "positive": chosen},
    )
    output.emit(document, format, json=json)
