"""Tells a story end to end: real release, real store, real servers, real clients."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa

from holdfast.contracts import Contract
from holdfast.demo import live, replay, report, train
from holdfast.demo.processes import SETTINGS, refuse_too_few, running
from holdfast.demo.replay import MODEL, Stack
from holdfast.demo.score import Measure, measure
from holdfast.demo.story import Story, phases
from holdfast.demo.telling import Telling, judge
from holdfast.drill import DrillReport, drill
from holdfast.releases import Registry, Release
from holdfast.reports import render
from holdfast.reports.document import Document
from holdfast.storage import Store

SOURCE = "application-form"
#: the drill at the end: pipeline faults that are common, and a change that is none
FAULTS = (
    "missing", "prefilled", "zero_filled", "unit_scale", "category_renamed", "encoding_permuted",
    "stuck", "prior_shift",
)  # fmt: skip
SEVERITIES = (2, 3)
DRILL_ROWS = 1_500

Working = Callable[[str], AbstractContextManager[Callable[[str], None]]]


@contextlib.contextmanager
def _quietly(_: str) -> Iterator[Callable[[str], None]]:
    yield lambda _: None


def tell(
    story: Story,
    *,
    out: Path,
    requests: int | None = None,
    keep: Path | None = None,
    drilled: bool = True,
    say: Callable[[str], None] = lambda _: None,
    working: Working = _quietly,
    stay: Callable[[str], None] | None = None,
) -> Document:
    """Runs the story and writes its report; every process it started has ended afterwards.

    Args:
        story: what to tell.
        out: path of the HTML report.
        requests: applications to replay; None takes the story's own number.
        keep: an empty or new folder that store and release stay in; None takes one that goes.
        drilled: whether a short drill of the release ends the story.
        say: is told what is going on, a line at a time.
        working: shows that long work is going on; gives the function that is told each step.
        stay: called with the dashboard's URL at the end, while the servers still run.
    """
    number = story.requests if requests is None else requests
    refuse_too_few(number, story.replay.num_rows)
    with _folder(keep) as folder, _ends_on_termination():
        say(story.origin)
        with working("building the release") as step:
            release = build(story, folder, step, say)
        say(f"Built release {release.id[:12]} with {len(release.fallbacks)} fallbacks.")
        with (
            running(_serve(folder), folder, "holdfast") as url,
            running(_naive(release, story), folder, "naive") as naive_url,
        ):
            say(f"Dashboard: {url}")
            told = _replay(
                story, release, number, url, naive_url, out, say, working, drilled=drilled
            )
            document = report.document(story, told, phases(number), release)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(render(document, "html"), "utf-8")
            if stay is not None:
                stay(url)
    return report.document(story, told, phases(number), release, brief=True)


def build(
    story: Story,
    folder: Path,
    step: Callable[[str], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Release:
    """Learns the contract, trains, builds the release, and makes it champion of a fresh store.

    What the audit asks is answered with the story's own words; a question that the story has no
    answer to stops the demo, as it would stop a project.
    """
    (folder / "holdfast.toml").write_text(SETTINGS, "utf-8")
    step("learning the contract")
    contract = Contract.learn(
        story.train,
        target=story.target,
        event_time=story.event_time,
        ids=story.ids,
        name=MODEL,
        seed=story.seed,
    )
    step("training the model")
    model = story.fit(story.train, story.features)
    release = Release.build(
        model,
        train=story.train,
        contract=contract,
        costs=story.costs,
        fit=story.fit,
        positive=story.positive,
        seed=story.seed,
        name=MODEL,
        directory=folder / "built",
        progress=step,
    )
    store = Store.open(folder / "holdfast.db")
    try:
        registry = Registry(store)
        registry.add(MODEL, release)
        for question in release.gate.questions if release.gate is not None else ():
            reasons = {story.answers[c] for c in question.columns if c in story.answers}
            if len(reasons) == 1:
                [reason] = reasons
                say(f"The audit asks: {question.sentence}. Answer: {reason}.")
                registry.answer(MODEL, release.id, question.key, reason=reason, by="the demo")
        registry.promote(MODEL, release.id, reason="the demo's first release")
    finally:
        store.close()
    return release


def healthy(story: Story, release: Release, rows: pa.Table) -> Measure:
    """The release on rows whose field is in place: what the fault took away."""
    bad = release.model.predict_table(rows) >= release.threshold
    return measure([not decision for decision in bad.tolist()], story.truth(rows), story.costs)


def _replay(
    story: Story,
    release: Release,
    number: int,
    url: str,
    naive_url: str,
    out: Path,
    say: Callable[[str], None],
    working: Working,
    *,
    drilled: bool,
) -> Telling:
    when = phases(number)
    table = story.replay.slice(0, number)
    bad = story.truth(table)
    rows = story.rows(table)
    for i in when["during"]:
        rows[i] = story.broken(rows[i])
    stacks = {"naive": Stack("naive", naive_url), "holdfast": Stack("holdfast", url)}
    approve = release.decisions[0]
    say(f"Replaying {number:,} applications to both stacks.")
    answers = stacks["holdfast"].answers

    def behind(i: int) -> bool:
        if not answers:
            return False
        if i in when["during"]:
            return not replay.by_fallback(answers[-1], story.field)
        return replay.named(answers[-1], story.field)

    with live.table(story, stacks, bad, when, approve, url) as seen:
        replay.send(list(stacks.values()), rows, SOURCE, seen, behind)
    with working("sending the outcomes, measuring the model by itself"):
        labels = replay.send_labels(url, table[story.target].to_pylist())
        incidents, off = replay.watch(url, story.field, _all_closed)
        training, validated = (
            train.training_accuracy(story, release.model),
            train.cv_accuracy(story),
        )
    during = table.slice(when["during"].start, len(when["during"]))
    unharmed = healthy(story, release, during)
    drill_report = _drill(story, release, working) if drilled else None
    verdict = judge(
        story,
        stacks,
        bad,
        when,
        approve=approve,
        healthy=unharmed,
        incidents=incidents,
        drill=drill_report,
        report=str(out),
    )
    return Telling(
        verdict=verdict,
        healthy=unharmed,
        training_accuracy=training,
        cv_accuracy=validated,
        incidents=incidents,
        closed=_all_closed(incidents),
        off=off,
        drill=drill_report,
        right={
            name: [
                yes is not None and yes != wrong
                for yes, wrong in zip(stack.approved(approve), bad.tolist(), strict=True)
            ]
            for name, stack in stacks.items()
        },
        labels=labels,
        url=url,
        release=release.id,
    )


def _drill(story: Story, release: Release, working: Working) -> DrillReport:
    """A few known faults in applications that the model has not seen."""
    with working("drilling the release") as step:
        return drill(
            release,
            story.replay,
            faults=FAULTS,
            severities=SEVERITIES,
            target=story.target,
            seed=story.seed,
            rows=min(DRILL_ROWS, story.replay.num_rows),
            progress=step,
        )


def _all_closed(incidents: list[dict[str, Any]]) -> bool:
    return bool(incidents) and all(i["status"] == "closed" for i in incidents)


def _serve(folder: Path) -> list[str]:
    store = str(folder / "holdfast.db")
    return ["holdfast", "serve", "--store", store, "--port", "0", "--ready-file", "{ready}"]


def _naive(release: Release, story: Story) -> list[str]:
    place = str(Path(release.directory).resolve())
    return ["holdfast.demo.naive", place, story.field, story.default, "{ready}"]


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="holdfast-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _ends_on_termination() -> Iterator[None]:
    """A SIGTERM ends the block like Ctrl-C does, so that the servers are ended too."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever runs us looks after signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
