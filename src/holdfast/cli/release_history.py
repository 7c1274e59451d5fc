"""``holdfast release history``: what happened to a model, who decided it and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.releases.history import Entry
    from holdfast.reports.document import Document


def history(
    store: options.Store = None,
    model: options.Model = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="At most so many, the newest ones.")
    ] = 50,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Show what happened to a model, the newest first: who decided it, and why.

    Releases, promotions and rollbacks, incidents, retrainings, and what the loop decided.
    """
    output.known_format(format)
    from holdfast.app.history import history_of
    from holdfast.app.home import opened

    with opened(store, read_only=True) as home:
        name = home.model(model)
        found = history_of(home.store, name)
    output.emit(_told(name, found, limit), format, json=json)


def _told(model: str, found: Sequence[Entry], limit: int) -> Document:
    from holdfast.reports.document import Column, Document, Format, Table, Tone
    from holdfast.reports.to_json import plain

    shown = found[:limit]
    left = len(found) - len(shown)
    events = f"{len(found)} event{'' if len(found) == 1 else 's'}"
    block = Table(
        columns=(
            Column(name="when", format=Format.TIME),
            Column(name="what"),
            Column(name="by"),
            Column(name="why"),
        ),
        rows=tuple(
            (entry.at, entry.sentence.replace("`", ""), entry.by, entry.why.replace("`", ""))
            for entry in shown
        ),
        tones=tuple(
            {"good": Tone.GOOD, "bad": Tone.BAD}.get(entry.tone, Tone.NEUTRAL) for entry in shown
        ),
    )
    return Document(
        title=f"History of {model}",
        summary=f"{events}, the newest first"
        + (f"; {left} older ones are not shown, see --limit." if left else ".")
        if found
        else "Nothing has happened yet.",
        blocks=(block,) if shown else (),
        data={"model": model, "events": len(found), "history": [plain(entry) for entry in shown]},
    )
