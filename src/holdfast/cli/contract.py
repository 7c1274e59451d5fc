"""``holdfast contract``: learn, check and compare contracts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    from holdfast.contracts import Contract
    from holdfast.reports.document import Document, Table

app = table.new("Learn, check and compare contracts.")


@app.command()
def learn(
    source: Annotated[Path, typer.Argument(metavar="TABLE", help="A table known to be good.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where to write it (.yaml or .json).")
    ] = Path("contract.yaml"),
    target: options.Target = None,
    event_time: options.EventTime = None,
    ids: options.Ids = None,
    entities: options.Entities = None,
    groups: options.Groups = None,
    post_outcome: Annotated[
        list[str] | None,
        typer.Option("--post-outcome", help="Column known only after the outcome."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of the contract.")] = "",
    seed: options.Seed = 0,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Learn a contract from a table that is known to be good, and write it for review.

    Comments in a YAML file that is there already are kept.
    """
    output.known_format(format)
    from holdfast.contracts import Contract

    with output.progress("learning"):
        contract = Contract.learn(
            source,
            target=target,
            event_time=event_time,
            ids=ids or (),
            entities=entities or (),
            groups=groups or (),
            post_outcome=post_outcome or (),
            name=name or source.stem,
            seed=seed,
        )
    saved = contract.save(out)
    output.emit(_learned(contract, saved), format, json=json)


@app.command()
def check(
    contract: Annotated[Path, typer.Argument(help="The contract (.yaml or .json).")],
    source: Annotated[Path, typer.Argument(metavar="TABLE", help="The table to check.")],
    view: Annotated[
        str, typer.Option("--view", help="training, or serving: without the target.")
    ] = "training",
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
    fail_on: options.FailOn = "error",
) -> None:
    """Check a table against a contract; a batch complains only beyond chance."""
    output.known_format(format)
    output.known_severity(fail_on)
    from holdfast.contracts import Contract

    with output.progress("checking"):
        report = Contract.load(contract).check(source, view=view)
    output.emit(report.document(source.name), format, json=json, fail_on=fail_on)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The contract before.")],
    new: Annotated[Path, typer.Argument(help="The contract after.")],
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Say in words what changed between two contracts."""
    output.known_format(format)
    from holdfast.contracts import Contract
    from holdfast.reports.document import Document, Text
    from holdfast.reports.to_json import plain

    changes = Contract.load(old).diff(Contract.load(new))
    sentences = [getattr(change, "sentence", str(change)) for change in changes]
    summary = f"{len(changes)} changes." if changes else "Nothing changed."
    document = Document(
        title=f"From {old.name} to {new.name}",
        summary=summary,
        blocks=tuple(Text(text=sentence) for sentence in sentences),
        data={"changes": [plain(change) for change in changes]},
    )
    output.emit(document, format, json=json)


def _learned(contract: Contract, saved: Path) -> Document:
    from holdfast.reports.document import Code, Document

    count = len(contract.fields)
    return Document(
        title=f"Contract {contract.data.name}",
        summary=f"Learned {count} fields from {contract.data.rows:,} rows; written to {saved}.",
        blocks=(fields_table(contract), Code(text=f"holdfast contract check {saved} TABLE")),
        data={
            "contract": contract.id,
            "path": str(saved),
            "rows": contract.data.rows,
            "fields": [
                {"name": f.name, "kind": f.kind.value, "role": f.role.value}
                for f in contract.fields
            ],
        },
    )


def fields_table(contract: Contract) -> Table:
    """The fields of a contract, one a row."""
    from holdfast.reports.document import Column, Format, Table

    rows = []
    for field in contract.fields:
        null = next((rule for rule in field.rules if type(rule).__name__ == "NullRule"), None)
        seen = null.evidence if null is not None else None
        share = seen.marked / seen.rows if seen is not None and seen.rows else None
        rules = ", ".join(
            type(rule).__name__.removesuffix("Rule").lower()
            for rule in field.rules
            if type(rule).__name__ not in ("NullRule", "TypeRule")
        )
        rows.append(
            (field.name, field.kind.value, field.role.value, share, rules, field.policy.value)
        )
    names = ("field", "kind", "role", "null", "rules", "policy")
    return Table(
        columns=tuple(
            Column(name=name, format=Format.SHARE if name == "null" else Format.PLAIN)
            for name in names
        ),
        rows=tuple(rows),
    )
