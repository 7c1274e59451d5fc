"""``holdfast why``: which release answered, what it came from, and what was known then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.app.why import Why
    from holdfast.reports.document import Document

app = table.new()


@app.command()
def why(
    prediction: Annotated[str, typer.Argument(help="Its whole id.", metavar="ID")],
    store: options.Store = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Only of this model; else of every model.")
    ] = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Tell why a prediction came out as it did.

    Which release answered and what it was made from, what the guard did with the row, the label
    if it has come, and which incidents were open then or were found later.
    """
    output.known_format(format)
    from holdfast.app.home import opened
    from holdfast.app.why import why as tell

    with opened(store, read_only=True) as home:
        found = tell(home, prediction, model)
    output.emit(document(prediction, found), format, json=json)


def document(prediction: str, found: Sequence[Why]) -> Document:
    """The answer as a report.

    Args:
        prediction: the id asked for.
        found: every prediction of that id; at least one.
    """
    from holdfast.reports.document import Column, Document, Format, Heading, KeyValues, Table
    from holdfast.reports.to_json import plain

    blocks: list[Heading | KeyValues | Table] = []
    for number, one in enumerate(found, 1):
        if len(found) > 1:
            blocks.append(Heading(text=f"{number} of {len(found)}: model {one.model}"))
        blocks.append(KeyValues(items=_facts(one)))
        if one.incidents:
            blocks.append(
                Table(
                    columns=(
                        Column(name="incident"),
                        Column(name="known"),
                        Column(name="opened", format=Format.TIME),
                        Column(name="spoiled the row"),
                        Column(name="what"),
                    ),
                    rows=tuple(
                        (i.id[:12], i.known.value, i.opened_at, i.spoiled, i.sentence)
                        for i in one.incidents
                    ),
                )
            )
    several = f"{len(found)} predictions have this id; all are told. " if len(found) > 1 else ""
    return Document(
        title=f"Why {prediction}",
        summary=several + " ".join(dict.fromkeys(_sentence(one) for one in found)),
        blocks=tuple(blocks),
        data={"id": prediction, "predictions": [plain(one) for one in found]},
    )


def _sentence(one: Why) -> str:
    release = f"release {one.release.id[:12]}" if one.release.id else "no release that was logged"
    counts = [
        f"{sum(i.known.value == known for i in one.incidents)} {words}"
        for known, words in (("open then", "open then"), ("found later", "found later"))
    ]
    return (
        f"Answered by {release} of {one.model}, verdict {one.guard.verdict or 'not logged'}; "
        f"incidents: {', '.join(counts)}."
    )


def _facts(one: Why) -> tuple[tuple[str, str | float | None], ...]:
    from holdfast.diagnosis.words import moment

    made, guard = one.release, one.guard
    since = None if made.champion_since is None else moment(made.champion_since)
    lineage: list[tuple[str, str | float | None]] = [
        *((f"data, {name}", digest) for name, digest in made.data.items()),
        ("code", made.code or "not given at build time"),
        ("environment", made.environment or "not kept at build time"),
    ]
    return (
        ("model", one.model),
        ("event time", moment(one.at)),
        ("answered", moment(one.received)),
        ("score", one.score),
        ("decision", one.decision or "none"),
        *((("explored", f"drawn with a chance of {one.propensity:g}"),) if one.explored else ()),
        ("label", one.label or "has not come"),
        ("release", made.id or "none logged"),
        ("stage then", made.stage or "could not tell"),
        *((("champion since", since or "could not tell"),) if made.stage == "champion" else ()),
        ("contract", one.contract or "none logged"),
        *((("lineage", f"could not tell: {made.unknown}"),) if made.unknown else lineage),
        ("verdict", guard.verdict or "none logged"),
        *(
            (name, ", ".join(fields))
            for name, fields in (
                ("repaired", guard.repaired),
                ("refused", guard.refused),
                ("fallback without", guard.fallback),
                ("noted", guard.noted),
            )
            if fields
        ),
    )
