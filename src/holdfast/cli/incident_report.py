"""Incidents as documents: the list, one of them, its rows, and those rows scored again."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from holdfast.reports.cells import moment
from holdfast.reports.document import (
    Block,
    Callout,
    Cell,
    Column,
    Document,
    Format,
    Heading,
    KeyValues,
    Table,
    Text,
    Tone,
)
from holdfast.reports.to_json import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from holdfast.app.cases import Case
    from holdfast.app.rescore import Rescored
    from holdfast.records import Incident

#: columns of the evidence table
_STREAM = ("feature", "code", "affected", "rows", "share", "reference_share", "allowed")


def listed(found: Sequence[Incident], path: str, now: int) -> Document:
    """The incidents as a table, and whether one wants attention."""
    from holdfast.diagnosis.storms import storms

    standing = [i for i in found if i.standing(now)]
    names = ("id", "model", "state", "opened", "what", "action")
    block = Table(
        columns=tuple(
            Column(name=n, format=Format.TIME if n == "opened" else Format.PLAIN) for n in names
        ),
        rows=tuple(
            (i.id[:12], i.model, i.state(now).value, i.opened_at, i.sentence, i.action.value)
            for i in found
        ),
        tones=tuple(Tone.BAD if i.standing(now) else Tone.NEUTRAL for i in found),
    )
    muted = sum(i.silent(now) for i in found)
    told = f", {muted} muted" if muted else ""
    closed = len(found) - len(standing) - muted
    return Document(
        title="Incidents",
        summary=f"{len(standing)} open{told}, {closed} closed, in {path}.",
        blocks=(
            *(Callout(title=storm.sentence, tone=Tone.BAD) for storm in storms(standing)),
            *((block,) if found else ()),
        ),
        passed=not standing,
        data={"incidents": [plain(i) | {"state": i.state(now).value} for i in found]},
    )


def one(case: Case, now: int) -> Document:
    """One incident with its history."""
    from holdfast.app.cases import as_plain

    incident = case.incident
    state = incident.state(now)
    standing = incident.standing(now)
    blocks: list[Block] = [
        Callout(
            title=incident.sentence,
            text=f"Action: {incident.action.value.replace('_', ' ')}.",
            tone=Tone.BAD if standing else Tone.NEUTRAL,
        ),
        KeyValues(items=_facts(incident)),
    ]
    if incident.impact is not None:
        from holdfast.diagnosis.words import impact_in_words

        blocks += [
            Heading(text="Impact"),
            KeyValues(items=tuple(impact_in_words(incident.impact))),
            *(Text(text=t) for t in incident.impact.basis),
        ]
    blocks += _evidence(incident)
    if incident.ruled_out:
        blocks += [Heading(text="Ruled out"), *(Text(text=t) for t in incident.ruled_out)]
    if case.off or case.aside:
        done = [f"`{f}` is switched off: its fallback answers" for f in case.off]
        done += ["its rows are quarantined"] if case.aside else []
        blocks += [Heading(text="In force"), *(Text(text=t) for t in done)]
    if case.history:
        table = Table(
            columns=(Column(name="when", format=Format.TIME), Column(name="what"),
                     Column(name="by"), Column(name="in words")),
            rows=tuple(
                (m.at, m.what, m.by or "monitor", m.text)
                for m in case.history
            ),
        )  # fmt: skip
        blocks += [Heading(text="History"), table]
    return Document(
        title=f"Incident {incident.id[:12]}",
        summary=f"{state.value.capitalize()}{_mute(incident, now)}.",
        blocks=tuple(blocks),
        passed=not standing,
        data=as_plain(case, now),
    )


def _facts(incident: Incident) -> tuple[tuple[str, Cell], ...]:
    return (
        ("id", incident.id),
        ("model", incident.model),
        ("release", incident.release[:12]),
        ("class", incident.class_),
        ("kind", incident.kind),
        ("confidence", incident.confidence),
        ("features", ", ".join(incident.features)),
        ("since", moment(incident.since)),
        ("opened", moment(incident.opened_at)),
        ("closed", moment(incident.closed_at) if incident.closed_at else None),
        ("came back", ", ".join(map(moment, incident.reopened)) or None),
        ("rows until opened", incident.opened_row - incident.onset_row),
    )


def _mute(incident: Incident, now: int) -> str:
    mute = incident.muted
    if mute is None or not incident.silent(now):
        return ""
    end = "its cause changes" if mute.until is None else moment(mute.until)
    return f" by {mute.by} until {end}: {mute.reason}"


def _evidence(incident: Incident) -> list[Block]:
    if not incident.evidence:
        return []
    streams = [s for s in incident.evidence.get("streams", ()) if isinstance(s, dict)]
    rest = {k: v for k, v in incident.evidence.items() if k != "streams"}
    blocks: list[Block] = [Heading(text="Evidence")]
    if rest:
        blocks.append(KeyValues(items=tuple((k, _cell(v)) for k, v in rest.items())))
    if streams:
        shares = {"share", "reference_share", "allowed"}
        blocks.append(
            Table(
                columns=tuple(
                    Column(
                        name=n.replace("_", " "),
                        format=Format.SHARE if n in shares else Format.PLAIN,
                    )
                    for n in _STREAM
                ),
                rows=tuple(tuple(_cell(s.get(n)) for n in _STREAM) for s in streams),
            )
        )
    return blocks


def _cell(value: object) -> Cell:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def spoiled(incident: Incident, rows: pa.Table, limit: int) -> Document:
    """The affected predictions; their inputs are not shown."""
    shown = rows.slice(0, limit).to_pylist()
    names = ("id", "at", "source", "release", "verdict", "score", "decision", "marks")
    found = [
        tuple(
            " ".join(row[n] or ()) if n == "marks"
            else _micros(row[n]) if n == "at"
            else (row[n] or "")[:12] if n == "release"
            else row[n]
            for n in names
        )
        for row in shown
    ]  # fmt: skip
    more = f"; the first {limit:,} are shown" if rows.num_rows > limit else ""
    return Document(
        title=f"Rows of incident {incident.id[:12]}",
        summary=f"{rows.num_rows:,} predictions of {incident.model}{more}.",
        blocks=(
            Table(
                columns=tuple(
                    Column(
                        name=n,
                        format=Format.TIME if n == "at"
                        else Format.DECIMAL if n == "score" else Format.PLAIN,
                    )
                    for n in names
                ),
                rows=tuple(found),
            ),
        )
        if found
        else (),
        data={
            "incident": incident.id,
            "rows": rows.num_rows,
            "predictions": [dict(zip(names, row, strict=True)) for row in found],
        },
    )  # fmt: skip


def _micros(when: datetime.datetime) -> int:
    since = when - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return since // datetime.timedelta(microseconds=1)


def rescored(done: Rescored) -> Document:
    """What scoring the rows again changed."""
    inputs = (
        "as logged" if done.mended is None else f"mended for {done.mended:,} of {done.rows:,} rows"
    )
    return Document(
        title=f"{done.rows:,} rows of incident {done.incident[:12]} scored again",
        summary=f"{done.decisions_changed:,} of {done.rows:,} decisions are others now; "
        f"old and new answers are in {done.out}.",
        blocks=(
            KeyValues(
                items=(
                    ("release", done.release[:12]),
                    ("inputs", inputs),
                    *((f"verdict {name}", count) for name, count in done.verdicts.items()),
                )
            ),
        ),
        data=done,
    )
