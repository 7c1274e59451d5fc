"""``holdfast release``: build, list, show, promote, roll back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import options, output, release_history, release_moves, table

if TYPE_CHECKING:
    from holdfast.releases import Release
    from holdfast.reports.document import Block, Document

app = table.new("Build, list, show, promote and roll back releases.")
release_moves.add_to(app)
app.command()(release_history.history)

#: state of the gate → whether a build passed: 0, 1 for what failed or waits
_PASSED = {"passed": True, "waiting": None, "failed": False}

#: rows of the blast radius that are shown unless all are asked for
WORST = 20

Id = Annotated[str, typer.Argument(help="Its id, the beginning of one, `champion` or `latest`.")]


@app.command()
def build(
    config: Annotated[
        Path, typer.Option("--config", help="The project's settings.", metavar="PATH")
    ] = Path("holdfast.toml"),
    promote: Annotated[
        bool | None,
        typer.Option(
            "--promote/--no-promote",
            help="Make it the champion; by default only the first release of a model is.",
        ),
    ] = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Train the project's model and build a release with contract, fallbacks and blast radius.

    Reads holdfast.toml and calls the function `train` of train.py beside it; `holdfast init`
    writes both.
    """
    output.known_format(format)
    from holdfast.app.project import build_release

    with output.steps("building") as step:
        release, model = build_release(config, promote=promote, progress=step)
    output.emit(_shown(release, model, watched=True), format, json=json)


@app.command(name="list")
def list_(
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """List the releases of a store, the newest first."""
    output.known_format(format)
    from holdfast.app.home import opened
    from holdfast.reports.document import Column, Document, Format, Table, Tone

    with opened(store, read_only=True) as home:
        champions = {(c.model, c.release) for c in home.store.catalog.champions()}
        rows = list(reversed(home.store.catalog.releases(model)))
    document = Document(
        title="Releases",
        summary=f"{len(rows)} in {home.path}." if rows else f"None in {home.path} yet.",
        blocks=(
            Table(
                columns=(
                    Column(name="model"),
                    Column(name="release"),
                    Column(name="added", format=Format.TIME),
                    Column(name="champion"),
                ),
                rows=tuple(
                    (r.model, r.id[:12], r.added_at, "yes" if (r.model, r.id) in champions else "")
                    for r in rows
                ),
                tones=tuple(
                    Tone.GOOD if (r.model, r.id) in champions else Tone.NEUTRAL for r in rows
                ),
            ),
        )
        if rows
        else (),
        data={
            "releases": [
                {
                    "model": r.model,
                    "id": r.id,
                    "added_at": r.added_at,
                    "champion": (r.model, r.id) in champions,
                }
                for r in rows
            ]
        },
    )
    output.emit(document, format, json=json)


@app.command()
def show(
    release: Id = "champion",
    store: options.Store = None,
    model: options.Model = None,
    every: Annotated[
        bool, typer.Option("--all", help="The whole blast radius, not only its worst part.")
    ] = False,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Show one release: its numbers, its fallbacks and its blast radius.

    The blast radius is what each fault in each field would do to the decisions of the unguarded
    model: it says which pipes to watch, and it set the contract's policies.
    """
    output.known_format(format)
    from holdfast.app.home import opened

    with opened(store, read_only=True) as home:
        name, found = home.release(model, release)
        document = _shown(found, name, every=every)
    output.emit(document, format, json=json)


@app.command()
def answer(
    finding: Annotated[
        str,
        typer.Argument(
            help="The audit's question: its code, with `:column,column` if several share it."
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why this is no leak; kept for good.")],
    by: Annotated[str, typer.Option("--by", help="Who says so.")],
    release: Annotated[
        str, typer.Option("--release", help="Its id, the beginning of one, or `latest`.")
    ] = "latest",
    store: options.Store = None,
    model: options.Model = None,
    json: options.Json = False,
    format: options.Format = "text",  # noqa: A002
) -> None:
    """Answer a suspicion of the leakage audit, so that the release can be promoted.

    The answer belongs to this release alone and stays in the log of control events. What the
    audit has proven cannot be answered away.
    """
    output.known_format(format)
    from holdfast.app.home import opened
    from holdfast.reports.document import Document

    with opened(store) as home:
        name, chosen = home.find(model, release)
        home.registry.answer(name, chosen, finding, reason=reason, by=by)
        state, reasons = home.registry.gate(name, chosen)
    document = Document(
        title=f"Model {name}",
        summary=f"Answered {finding}. The gate of release {chosen[:12]} is {state}"
        + (f": {'; '.join(reasons)}." if reasons else "."),
        data={"model": name, "release": chosen, "gate": state.value, "reasons": reasons},
    )
    output.emit(document, format, json=json)


def _shown(release: Release, model: str, *, every: bool = False, watched: bool = False) -> Document:
    from holdfast.reports.document import Document, Heading, Text

    evaluation = release.evaluation
    word = {True: "better than", False: "worse than", None: "not clearly better than"}
    blocks: list[Block] = [
        *_gate(release),
        _facts(release),
        Heading(text="Numbers on held-out rows"),
        evaluation.table(),
    ]
    blocks.append(
        Text(
            text=f"By expected cost it is {word[evaluation.passed]} deciding "
            f"{evaluation.baseline.decision} every time ({evaluation.baseline.expected_cost:.3f})."
        )
    )
    if release.fallbacks:
        blocks += [Heading(text="Fallbacks"), _fallbacks(release)]
    blocks += [Heading(text="Blast radius"), *_blast(release, every=every)]
    if watched:
        blocks += [Heading(text="What the monitor will notice"), *_watched(release, model)]
    return Document(
        title=f"Release {release.id[:12]} of {model}",
        summary=f"{release.manifest.model_kind}, {len(release.features)} inputs, "
        f"{len(release.fallbacks)} fallbacks.",
        blocks=tuple(blocks),
        passed=_PASSED[release.gate.state()] if watched and release.gate is not None else True,
        data={"model": model, **release.to_dict()},
    )


def _watched(release: Release, model: str) -> list[Block]:
    """A short form of `holdfast monitor promise`."""
    from holdfast.app.settings import load_settings
    from holdfast.monitoring.promise_report import SHORT, promised
    from holdfast.reports.document import Text

    report = promised(release, load_settings().budget, model=model)
    said = report.unwatched()
    blocks: list[Block] = [Text(text=f"{report.sentence[:1].upper()}{report.sentence[1:]}.")]
    if report.noticed:
        blocks.append(report.delays(SHORT))
    if said:
        blocks.append(
            Text(text=f"Muted or widened: {len(said)}; `holdfast monitor promise` says which.")
        )
    return blocks


def _gate(release: Release) -> list[Block]:
    """What the gate says by itself; answers are the store's."""
    from holdfast.releases.gate import GateState
    from holdfast.reports.document import Callout, Code, Tone

    if release.gate is None:
        return [Callout(title="Built before audits were kept.", tone=Tone.NEUTRAL)]
    state, reasons = release.gate.state(), release.gate.reasons()
    words = {
        GateState.PASSED: ("The gate is open: nothing that was tested speaks against it.", "good"),
        GateState.WAITING: ("The gate waits for an answer.", "neutral"),
        GateState.FAILED: ("The gate is shut: this release cannot be promoted.", "bad"),
    }
    title, tone = words[state]
    untested = len(release.gate.not_tested)
    said = "; ".join(reasons) or f"{untested} kinds of leak could not be tested."
    blocks: list[Block] = [Callout(title=title, text=said, tone=Tone(tone))]
    if state is GateState.WAITING:
        asked = "\n".join(
            f"holdfast release answer {q.key} --reason '…' --by '…'" for q in release.gate.questions
        )
        blocks.append(Code(text=f"{asked}\nholdfast release promote"))
    return blocks


def _facts(release: Release) -> Block:
    from holdfast.reports.document import KeyValues

    m = release.manifest
    return KeyValues(
        items=(
            ("id", release.id),
            ("decisions", f"{m.decisions[0]} below {m.threshold:.4g}, else {m.decisions[1]}"),
            ("threshold from", m.threshold_from),
            ("cost of a false positive", m.costs.false_positive),
            ("cost of a false negative", m.costs.false_negative),
            ("contract", m.contract[:12]),
            ("seed", m.seed),
            ("parent", m.parent[:12] if m.parent else None),
        )
    )


def _fallbacks(release: Release) -> Block:
    from holdfast.reports.document import Column, Format, Table

    return Table(
        columns=(
            Column(name="without"),
            Column(name="method"),
            Column(name="accuracy", format=Format.SHARE),
            Column(name="expected cost", format=Format.DECIMAL),
            Column(name="main model fed nulls", format=Format.DECIMAL),
        ),
        rows=tuple(
            (
                ", ".join(f.without),
                f.method,
                f.evaluation.value("accuracy"),
                f.evaluation.value("expected_cost"),
                f.main_when_missing,
            )
            for f in release.fallbacks
        ),
    )


def _blast(release: Release, *, every: bool) -> list[Block]:
    from holdfast.reports.document import Column, Format, Table, Text

    shown = release.blast_radius if every else release.blast_radius[:WORST]
    left = len(release.blast_radius) - len(shown)
    policies = {field.name: field.policy.value for field in release.contract.fields}
    rows = tuple(
        (
            b.feature,
            b.fault,
            b.flipped.value,
            b.accuracy_change,
            b.cost_change,
            b.error or policies.get(b.feature, ""),
        )
        for b in shown
    )
    return [
        Text(text="What each fault would do to the decisions of the unguarded model, worst first."),
        Table(
            columns=(
                Column(name="field"),
                Column(name="fault"),
                Column(name="decisions that flip", format=Format.SHARE),
                Column(name="accuracy", format=Format.DECIMAL),
                Column(name="cost a row", format=Format.DECIMAL),
                Column(name="policy"),
            ),
            rows=rows,
        ),
        *([Text(text=f"{left} more do less; `holdfast release show --all`.")] if left else []),
    ]
