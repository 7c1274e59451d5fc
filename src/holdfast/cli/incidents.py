"""``holdfast incidents``: what went wrong, what to do, and what was decided."""

from __future__ import annotations

import datetime
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    from holdfast.app.cases import Case
    from holdfast.app.home import Home

app = table.new("List, show and decide about incidents.")

Incident = Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the history.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", help="A field; may be repeated. Else the guilty ones."),
]


@app.command(name="list")
def list_(
    store: options.Store = None,
    model: options.Model = None,
    every: Annotated[bool, typer.Option("--all", help="Closed and muted ones as well.")] = False,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """List incidents, the newest first. Exits 1 while one is open that nobody muted."""
    output.known_format(format)
    from holdfast.app.basics import now_us
    from holdfast.app.home import opened
    from holdfast.cli.incident_report import listed

    with opened(store, read_only=True) as home:
        found = home.incidents(model)
    now = now_us()
    shown = [incident for incident in found if every or incident.standing(now)]
    output.emit(listed(shown, str(home.path), now), format, json=json)


@app.command()
def show(
    incident: Incident,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Show one incident: cause, evidence, impact, what was done, its history, the one action."""
    output.known_format(format)
    from holdfast.app.home import opened

    with opened(store, read_only=True) as home:
        found = home.case(incident)
    _emit(found, format, json=json)


@app.command()
def ack(
    incident: Incident,
    reason: Reason = "looking after it",
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Say that you look after it."""
    _decide(incident, "ack", reason, store, format, json=json)


@app.command()
def mute(
    incident: Incident,
    reason: Reason,
    hours: Annotated[
        float | None,
        typer.Option("--hours", help="For so long; without it, until the cause changes.", min=0.0),
    ] = None,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Silence it: no notices, no exit code 1; it stays open and goes on being watched."""
    _decide(incident, "mute", reason, store, format, json=json, hours=hours)


@app.command()
def unmute(
    incident: Incident,
    reason: Reason = "wanted again",
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Let it be heard again."""
    _decide(incident, "unmute", reason, store, format, json=json)


@app.command()
def resolve(
    incident: Incident,
    reason: Reason,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Close an incident by hand; the monitor closes most of them by itself.

    If the trouble goes on or comes back within a day, the incident is opened again.
    """
    _decide(incident, "resolve", reason, store, format, json=json)


@app.command()
def accept(
    incident: Incident,
    reason: Reason,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Close it as the new normal: the monitor measures from here on against what is now."""
    _decide(incident, "accept", reason, store, format, json=json)


@app.command()
def reopen(
    incident: Incident,
    reason: Reason,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Open a closed incident again; it then stays open until a person closes it."""
    _decide(incident, "reopen", reason, store, format, json=json)


@app.command()
def rows(
    incident: Incident,
    limit: Annotated[int, typer.Option("--limit", help="Show so many at most.", min=1)] = 100,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """List the predictions that it has spoiled, by id, the oldest first."""
    output.known_format(format)
    from holdfast.app.home import opened
    from holdfast.app.rescore import spoiled_rows
    from holdfast.cli.incident_report import spoiled

    with opened(store, read_only=True) as home:
        found = home.case(incident)
        output.emit(
            spoiled(found.incident, spoiled_rows(home.store, found.incident), limit),
            format,
            json=json,
        )


@app.command()
def rescore(
    incident: Incident,
    out: Annotated[Path, typer.Option("--out", "-o", help="A new .parquet, .csv or .ndjson file.")],
    mended: Annotated[
        Path | None,
        typer.Option("--with", help="Table of mended inputs, by prediction id.", metavar="TABLE"),
    ] = None,
    id_column: Annotated[str, typer.Option("--id", help="Its column of prediction ids.")] = "id",
    release: Annotated[
        str, typer.Option("--release", help="Which release scores them.")
    ] = "champion",
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Score the spoiled rows again, and write old and new answers side by side.

    The log stays as it is and no file is overwritten. Without --with the inputs are those that
    were logged: right when the release was mended, not the inputs.
    """
    output.known_format(format)
    from holdfast.app.home import opened
    from holdfast.app.rescore import rescore as score_again
    from holdfast.cli.incident_report import rescored

    with opened(store) as home:
        found = home.case(incident)
        done = score_again(
            home, found.incident, out, release=release, mended=mended, id_column=id_column
        )
    output.emit(rescored(done), format, json=json)


@app.command()
def quarantine(
    incident: Incident,
    reason: Reason,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Set its rows aside: they stay in the log, and training is told to leave them out."""
    from holdfast.app.basics import now_us
    from holdfast.app.cases import set_rows_aside

    def put(home: Home) -> Case:
        return set_rows_aside(
            home.store, incident, reason=reason, by=getpass.getuser(), at=now_us()
        )

    _change(put, store, format, json=json)


@app.command()
def fallback(
    incident: Incident,
    reason: Reason,
    field: Fields = None,
    on: Annotated[
        bool, typer.Option("--off/--on", help="Switch the field off, or let it count again.")
    ] = True,
    store: options.Store = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Let the fallback answer instead of the broken field, in every worker, within a second."""
    from holdfast.app.basics import now_us
    from holdfast.app.cases import switch_fields

    def put(home: Home) -> Case:
        return switch_fields(
            home.store,
            incident,
            field or (),
            off=on,
            reason=reason,
            by=getpass.getuser(),
            at=now_us(),
        )

    _change(put, store, format, json=json)


def _decide(
    incident: str,
    verb: str,
    reason: str,
    store: Path | None,
    format: str,  # noqa: A002
    *,
    json: bool,
    hours: float | None = None,
) -> None:
    from holdfast.app.basics import now_us

    span = None if hours is None else datetime.timedelta(hours=hours)
    until = None if span is None else now_us() + int(span / datetime.timedelta(microseconds=1))

    def put(home: Home) -> Case:
        return home.decide(incident, verb, reason, by=getpass.getuser(), until=until)

    _change(put, store, format, json=json)


def _change(
    put: Callable[[Home], Case],
    store: Path | None,
    format: str,  # noqa: A002
    *,
    json: bool,
) -> None:
    output.known_format(format)
    from holdfast.app.home import opened

    with opened(store) as home:
        found = put(home)
    _emit(found, format, json=json, decided=True)


def _emit(found: Case, format: str, *, json: bool, decided: bool = False) -> None:  # noqa: A002
    """Shows a case; a decision that was kept is a success, even if the incident stays open."""
    import msgspec

    from holdfast.app.basics import now_us
    from holdfast.cli.incident_report import one

    document = one(found, now_us())
    if decided:
        document = msgspec.structs.replace(document, passed=True)
    output.emit(document, format, json=json)
