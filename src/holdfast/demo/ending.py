"""How the report ends: the diagnosis as the engine gave it, what was done, and a short drill."""

from __future__ import annotations

from typing import Any

from holdfast.demo.story import Story
from holdfast.demo.telling import Telling, own_incident
from holdfast.drill import summary
from holdfast.drill.tables import faults_table
from holdfast.reports.document import (
    Block,
    Callout,
    Cell,
    Column,
    Format,
    Heading,
    KeyValues,
    Table,
    Text,
    Tone,
)

#: alternatives shown, the likeliest first
ALTERNATIVES = 4
#: events that say what an incident is and what was done about it, and a word for each
TOLD = {
    "incident.opened": "opened",
    "alert.raised": "alert",
    "field.fallback": "switch",
    "action.skipped": "not done",
    "incident.closed": "closed",
}


def diagnosis(story: Story, told: Telling, during: range) -> list[Block]:
    """What the engine says is wrong, how sure it is, what it ruled out, and what was done."""
    own = own_incident(told.incidents, story, during)
    blocks: list[Block] = [Heading(text="The diagnosis")]
    if own is None:
        return [*blocks, Callout(title="No incident was opened.", tone=Tone.BAD)]
    asked = own["action"].replace("_", " ")
    blocks += [
        Callout(title=own["sentence"], text=f"Action: {asked}. {state(told)}", tone=Tone.BAD),
        KeyValues(items=_facts(own, told)),
    ]
    if own["ruled_out"]:
        blocks += [
            Heading(text="Ruled out, or less likely", level=3),
            Text(
                text="Other causes were weighed on the same rows, in nats of evidence. A few nats "
                "are a hint, hundreds settle it."
            ),
            *(Text(text=f"{text}.") for text in own["ruled_out"][:ALTERNATIVES]),
        ]
    blocks += [Heading(text="What was done without asking", level=3), _done(own)]
    others = [i for i in told.incidents if i["id"] != own["id"]]
    if others:
        blocks += [
            Heading(text="Other incidents", level=3),
            *(Text(text=i["sentence"]) for i in others),
        ]
    return blocks


def drilled(told: Telling, *, brief: bool) -> list[Block]:
    """The drill in a few blocks; nothing where there was none."""
    if told.drill is None:
        return []
    blocks = list(summary(told.drill))
    if not brief and told.drill.expected:
        blocks += [Heading(text="Fault by fault", level=3), faults_table(told.drill.expected)]
    return blocks


def state(told: Telling) -> str:
    """Whether the incident is over, and the field in use again."""
    if not told.closed:
        return "Still open."
    return "Closed after the pipe was mended" + (
        ", but the field is still switched off." if told.off else "."
    )


def _facts(own: dict[str, Any], told: Telling) -> tuple[tuple[str, Cell], ...]:
    because = own["evidence"].get("because")
    sure = own["confidence"]
    return (
        ("kind", own["kind"].replace("_", " ")),
        ("class", own["class"]),
        ("culprit", ", ".join(own["features"])),
        ("because", str(because) if because else None),
        ("confidence", None if sure is None else f"{sure:.0%}"),
        ("requests until the evidence sufficed", told.verdict.requests_until_incident),
        ("requests until the fallback answered", told.verdict.requests_until_fallback),
        ("requests from the mend until the field counted again", told.verdict.requests_until_back),
    )


def _done(own: dict[str, Any]) -> Table:
    """The history without the updates, each with the time since the incident was opened."""
    begun = own["history"][0]["at"] if own["history"] else 0
    return Table(
        columns=(
            Column(name="seconds", format=Format.DECIMAL),
            Column(name="what"),
            Column(name="in words"),
        ),
        rows=tuple(
            (
                (moment["at"] - begun) / 1e6,
                TOLD[moment["kind"]],
                moment["text"].replace("`", ""),
            )
            for moment in own["history"]
            if moment["kind"] in TOLD
        ),
        caption="Seconds since the incident was opened; the replay is much faster than life. Which "
        "actions need no asking is a policy in `holdfast.toml`.",
    )
