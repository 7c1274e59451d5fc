"""``holdfast incidents``: what went wrong, and what to do."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    from holdfast.records import Incident
    from holdfast.reports.document import Block, Document

app = table.new("List, show and resolve incidents.")


@app.command(name="list")
def list_(
    store: options.Store = None,
    model: options.Model = None,
    every: Annotated[bool, typer.Option("--all", help="Closed ones as well.")] = False,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """List incidents, the newest first. Exits 1 while one is open."""
    output.known_format(format)
    from holdfast.app.home import opened

    with opened(store, read_only=True) as home:
        found = home.incidents(model)
    shown = [incident for incident in found if every or incident.status.value == "open"]
    output.emit(listed(shown, str(home.path)), format, json=json)


@app.command()
def show(
    incident: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Show one incident: cause, evidence, what was ruled out, and the one action."""
    output.known_format(format)
    from holdfast.app.home import opened

    with opened(store, read_only=True) as home:
        found = home.incident(incident)
    output.emit(_one(found), format, json=json)


@app.command()
def resolve(
    incident: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the history.")],
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Close an incident by hand, with the reason; the monitor closes most of them by itself.

    If the trouble goes on, the monitor opens a new one.
    """
    output.known_format(format)
    from holdfast.app.home import opened

    with opened(store) as home:
        found = home.resolve(incident, reason, by=getpass.getuser())
    output.emit(_one(found), format, json=json)


def listed(found: list[Incident], path: str) -> Document:
    """The incidents as a table, and whether one is open."""
    from holdfast.reports.document import Column, Document, Format, Table, Tone
    from holdfast.reports.to_json import plain

    standing = [i for i in found if i.status.value == "open"]
    names = ("id", "model", "status", "opened", "what", "action")
    block = Table(
        columns=tuple(
            Column(name=n, format=Format.TIME if n == "opened" else Format.PLAIN) for n in names
        ),
        rows=tuple(
            (i.id[:12], i.model, i.status.value, i.opened_at, i.sentence, i.action.value)
            for i in found
        ),
        tones=tuple(Tone.BAD if i.status.value == "open" else Tone.NEUTRAL for i in found),
    )
    return Document(
        title="Incidents",
        summary=f"{len(standing)} open, {len(found) - len(standing)} closed, in {path}.",
        blocks=(block,) if found else (),
        passed=not standing,
        data={"incidents": [plain(i) for i in found]},
    )


def _one(incident: Incident) -> Document:
    from holdfast.reports.cells import moment
    from holdfast.reports.document import Callout, Document, Heading, KeyValues, Text, Tone
    from holdfast.reports.to_json import plain

    standing = incident.status.value == "open"
    blocks: list[Block] = [
        Callout(
            title=incident.sentence,
            text=f"Action: {incident.action.value.replace('_', ' ')}.",
            tone=Tone.BAD if standing else Tone.NEUTRAL,
        ),
        KeyValues(
            items=(
                ("id", incident.id),
                ("model", incident.model),
                ("release", incident.release[:12]),
                ("class", incident.class_),
                ("kind", incident.kind),
                ("features", ", ".join(incident.features)),
                ("since", moment(incident.since)),
                ("opened", moment(incident.opened_at)),
                ("closed", moment(incident.closed_at) if incident.closed_at else None),
                ("rows until opened", incident.opened_row - incident.onset_row),
            )
        ),
    ]
    if incident.evidence:
        blocks += [
            Heading(text="Evidence"),
            KeyValues(items=tuple((k, _cell(v)) for k, v in incident.evidence.items())),
        ]
    if incident.ruled_out:
        blocks += [Heading(text="Ruled out"), *(Text(text=t) for t in incident.ruled_out)]
    if incident.updates:
        blocks += [Heading(text="Since then"), *(Text(text=t) for t in incident.updates)]
    return Document(
        title=f"Incident {incident.id[:12]}",
        summary=f"{incident.status.value.capitalize()}.",
        blocks=tuple(blocks),
        passed=not standing,
        data=plain(incident),
    )


def _cell(value: object) -> str | int | float | bool | None:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
