"""The story as a document: what was lost, what was kept, and why."""

from __future__ import annotations

from typing import Any

from holdfast.demo import prose
from holdfast.demo.ending import diagnosis, drilled, state
from holdfast.demo.score import rolling
from holdfast.demo.story import Story
from holdfast.demo.telling import Telling, own_incident
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
    during = when["during"]
    blocks: list[Block] = [_tiles(story, told), _phases(told)]
    if not brief:
        blocks += [
            _incident(story, told, during),
            _chart(told, when),
            Heading(text="What happened"),
            *[Text(text=text) for text in prose.paragraphs(story, told, when)],
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
        ]
    blocks += [*diagnosis(story, told, during), *drilled(told, brief=brief)]
    if not brief:
        blocks += [
            Heading(text="Do it with your own table"),
            Code(
                text="holdfast init mymodel --data TABLE --target COLUMN\n"
                "cd mymodel && holdfast release build && holdfast serve\n"
                "holdfast drill"
            ),
        ]
    return Document(
        title=story.title,
        summary=prose.summary(story, told),
        blocks=tuple(blocks),
        passed=verdict.incident is not None
        and verdict.requests_until_fallback is not None
        and verdict.false_incidents == 0,
        data=verdict,
    )


def _tiles(story: Story, told: Telling) -> Tiles:
    v = told.verdict
    null = story.fault == "null"
    flagged = Tile(
        label="Requests until flagged",
        value=v.requests_until_flagged,
        format=Format.COUNT,
        note="1 is the first NULL's own request",
    )
    answered = Tile(
        label="Requests until the fallback answered",
        value=v.requests_until_fallback,
        format=Format.COUNT,
        note="row by row nothing looks wrong",
    )
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
            *((flagged,) if null else ()),
            Tile(
                label="Requests until the incident",
                value=v.requests_until_incident,
                format=Format.COUNT,
                note=f"{v.false_incidents} false incidents",
            ),
            *(() if null else (answered,)),
        )
    )


def _incident(story: Story, told: Telling, during: range) -> Callout:
    own = own_incident(told.incidents, story, during)
    if own is None:
        return Callout(title="No incident was opened.", tone=Tone.BAD)
    action = own["action"].replace("_", " ")
    return Callout(title=own["sentence"], text=f"Action: {action}. {state(told)}", tone=Tone.BAD)


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
    v = told.verdict
    for phase in ("before", "during", "after"):
        for name, measures in (("naive", told.verdict.naive), ("Holdfast", told.verdict.holdfast)):
            m = measures[phase]
            rows.append((phase, name, m.requests, m.accuracy, m.approval_rate, m.expected_cost))
            bad, good = (
                (phase, name) == ("during", "naive"),
                (phase, name) == ("during", "Holdfast"),
            )
            tones.append(Tone.BAD if bad else Tone.GOOD if good else Tone.NEUTRAL)
        if phase == "during" and v.fault == "prefilled" and v.on_fallback is not None:
            for name, key, tone in (
                ("naive", "naive", Tone.BAD),
                ("Holdfast", "holdfast", Tone.GOOD),
            ):
                m = v.on_fallback[key]
                part = (m.requests, m.accuracy, m.approval_rate, m.expected_cost)
                rows.append(("of it since the switch", name, *part))
                tones.append(tone)
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
    back = told.verdict.requests_until_back
    if told.verdict.fault == "prefilled" and back is not None:
        marks.append(Mark(x=float(when["after"].start + back), label="field counts again"))
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
        low=0.0,
        high=1.0,
    )


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
