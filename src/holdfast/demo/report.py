"""The story as a document: what was lost, what was kept, and why."""

from __future__ import annotations

from typing import Any

from holdfast.demo.score import rolling
from holdfast.demo.story import Story
from holdfast.demo.telling import Telling
from holdfast.reports.document import (
    BarChart,
    Bars,
    Block,
    Callout,
    Code,
    Column,
    Document,
    Format,
    Heading,
    KeyValues,
    LineChart,
    Mark,
    Series,
    Span,
    Table,
    Text,
    Tile,
    Tiles,
    Tone,
)

#: blast-radius rows in the chart
WORST = 12


def document(
    story: Story, told: Telling, when: dict[str, range], release: Any, *, brief: bool = False
) -> Document:
    """The report; `brief` is what a terminal shows at the end."""
    verdict = told.verdict
    blocks: list[Block] = [_tiles(told), _incident(told), _phases(told)]
    if not brief:
        blocks += [
            _chart(told, when),
            Heading(text="What happened"),
            *[Text(text=text) for text in _prose(story, told, when)],
            Heading(text="Why the fallback holds"),
            *_fallback(story, release),
            Heading(text="Where else this model is fragile"),
            Text(
                text="Each field was broken on purpose when the release was built, and the "
                "decisions that flip were counted. The contract's policies follow from this."
            ),
            _blast(story, release),
            Heading(text="The release"),
            _facts(story, told, release),
            Heading(text="Do it with your own table"),
            Code(
                text="holdfast init mymodel --data TABLE --target COLUMN\n"
                "cd mymodel && holdfast release build && holdfast serve"
            ),
        ]
    return Document(
        title=story.title,
        summary=_summary(story, told),
        blocks=tuple(blocks),
        passed=verdict.incident is not None and verdict.false_incidents == 0,
        data=verdict,
    )


def _summary(story: Story, told: Telling) -> str:
    naive, kept = told.verdict.naive["during"], told.verdict.holdfast["during"]
    return (
        f"{story.origin} `{story.field}` arrived NULL. The naive stack filled in "
        f"`{story.default}` and fell from {told.verdict.naive['before'].accuracy:.1%} to "
        f"{naive.accuracy:.1%} accuracy without a word. Holdfast answered without the field, "
        f"kept {kept.accuracy:.1%}, and said what was broken."
    )


def _tiles(told: Telling) -> Tiles:
    v = told.verdict
    return Tiles(
        tiles=(
            Tile(
                label="Naive accuracy during the fault",
                value=v.naive["during"].accuracy,
                format=Format.SHARE,
                note=f"{v.naive['before'].accuracy:.1%} before",
                tone=Tone.BAD,
            ),
            Tile(
                label="Holdfast accuracy during the fault",
                value=v.holdfast["during"].accuracy,
                format=Format.SHARE,
                note=f"{told.healthy.accuracy:.1%} with the field in place",
                tone=Tone.GOOD,
            ),
            Tile(
                label="Lost cost that was kept",
                value=v.recovered_cost_share,
                format=Format.SHARE,
                tone=Tone.GOOD,
            ),
            Tile(
                label="Requests until flagged",
                value=v.requests_until_flagged,
                format=Format.COUNT,
                note="1 is the first NULL's own request",
            ),
            Tile(
                label="Requests until the incident",
                value=v.requests_until_incident,
                format=Format.COUNT,
                note=f"{v.false_incidents} false incidents",
            ),
        )
    )


def _incident(told: Telling) -> Callout:
    if told.verdict.incident is None:
        return Callout(title="No incident was opened.", tone=Tone.BAD)
    field = told.verdict.incident.feature
    own = next(i for i in told.incidents if field in i["features"])
    state = "Closed after the pipe was mended." if told.closed else "Still open."
    action = own["action"].replace("_", " ")
    return Callout(title=own["sentence"], text=f"Action: {action}. {state}", tone=Tone.BAD)


def _phases(told: Telling) -> Table:
    columns = [
        Column(name="phase"),
        Column(name="stack"),
        Column(name="requests", format=Format.COUNT),
    ]
    columns += [
        Column(name="accuracy", format=Format.SHARE),
        Column(name="approved", format=Format.SHARE),
    ]
    columns.append(Column(name="expected cost", format=Format.DECIMAL))
    rows, tones = [], []
    for phase in ("before", "during", "after"):
        for name, measures in (("naive", told.verdict.naive), ("Holdfast", told.verdict.holdfast)):
            m = measures[phase]
            rows.append((phase, name, m.requests, m.accuracy, m.approval_rate, m.expected_cost))
            bad, good = (
                (phase, name) == ("during", "naive"),
                (phase, name) == ("during", "Holdfast"),
            )
            tones.append(Tone.BAD if bad else Tone.GOOD if good else Tone.NEUTRAL)
    h = told.healthy
    rows.append(
        (
            "during",
            "had the field been there",
            h.requests,
            h.accuracy,
            h.approval_rate,
            h.expected_cost,
        )
    )
    tones.append(Tone.NEUTRAL)
    return Table(
        columns=tuple(columns),
        rows=tuple(rows),
        tones=tuple(tones),
        caption="Both stacks serve the same model and got the same requests over HTTP.",
    )


def _chart(told: Telling, when: dict[str, range]) -> LineChart:
    window = max(30, len(told.right["naive"]) // 15)
    tones = {"naive": Tone.BAD, "holdfast": Tone.GOOD}
    names = {"naive": "naive", "holdfast": "Holdfast"}
    during = when["during"]
    marks = []
    if told.verdict.requests_until_incident is not None:
        opened = during.start + told.verdict.requests_until_incident
        marks.append(Mark(x=float(opened), label="incident opened"))
    return LineChart(
        title=f"Accuracy of the last {window} answers",
        series=tuple(
            Series(name=names[name], points=tuple(rolling(right, window)), tone=tones[name])
            for name, right in told.right.items()
        ),
        spans=tuple(
            Span(
                start=float(rows.start),
                end=float(rows.stop),
                label=phase,
                tone=Tone.BAD if phase == "during" else Tone.NEUTRAL,
            )
            for phase, rows in when.items()
        ),
        marks=tuple(marks),
        x_label="requests",
        y_format=Format.SHARE,
        high=1.0,
    )


def _prose(story: Story, told: Telling, when: dict[str, range]) -> list[str]:
    v = told.verdict
    number = when["during"].start + 1
    return [
        f"The model was trained on {story.train.num_rows:,} rows: {told.training_accuracy:.1%} "
        f"accuracy in training, {told.cv_accuracy:.1%} in cross-validation. Then "
        f"{len(told.right['naive']):,} applications arrived at both stacks.",
        f"From request {number:,} on the upstream system sent NULL in `{story.field}`. The "
        f"naive feature service filled in `{story.default}`, a value the model knows well: nothing "
        f"failed, nothing was logged, and approvals went from "
        f"{v.naive['before'].approval_rate:.1%} to {v.naive['during'].approval_rate:.1%}.",
        "Holdfast's contract says that the field is never null. Every such answer came from a "
        "fallback made for this case when the release was built, was marked `degraded`, and named "
        "the field. The monitor opened the incident from the same marks.",
        f"Afterwards {told.labels:,} outcomes were sent, and joined to their predictions by id.",
    ]


def _fallback(story: Story, release: Any) -> list[Block]:
    own = next((f for f in release.fallbacks if f.without == (story.field,)), None)
    if own is None:
        return [Text(text="This release has no fallback for the field.")]
    accuracy = own.evaluation.value("accuracy")
    cost = own.evaluation.value("expected_cost")
    blocks: list[Block] = [
        Text(
            text=f"When the release was built, a model without `{story.field}` was made (method: "
            f"{own.method}) and measured on rows that it had not seen: {accuracy:.1%} accuracy, "
            f"{cost:.3f} expected cost a row. "
            "Whoever reads a degraded answer knows what it is worth."
        )
    ]
    if own.method in ("blend", "boosted") and release.manifest.model_kind == "linear":
        blocks.append(
            Text(
                text="Part of that is not knowledge about the missing field: the fallback has "
                "boosted trees in it, a stronger kind of model than the main one. A plain refit "
                "without the field is compared with it in the benchmarks."
            )
        )
    return blocks


def _blast(story: Story, release: Any) -> Block:
    known = [b for b in release.blast_radius if b.flipped.value]
    known.sort(key=lambda b: b.flipped.value, reverse=True)
    worst = known[:WORST]
    worst += [b for b in known[WORST:] if b.feature == story.field and b.fault == "default"]
    return BarChart(
        title="Blast radius: decisions that flip",
        categories=tuple(f"{b.feature} · {b.fault}" for b in worst),
        series=(Bars(name="flipped", values=tuple(b.flipped.value for b in worst)),),
        format=Format.SHARE,
    )


def _facts(story: Story, told: Telling, release: Any) -> KeyValues:
    single = [f for f in release.fallbacks if len(f.without) == 1]
    return KeyValues(
        items=(
            ("release", told.release),
            ("model", release.manifest.model_kind),
            ("threshold", f"{release.threshold:.3f}"),
            ("cost of refusing a good one", story.costs.false_positive),
            ("cost of accepting a bad one", story.costs.false_negative),
            ("trained on", f"{story.train.num_rows:,} rows"),
            ("fallbacks for", ", ".join(f.without[0] for f in single) or None),
            ("fallbacks for several at once", len(release.fallbacks) - len(single)),
            ("seed", story.seed),
        )
    )
