"""The whole loop on one lender: broken pipe, veto, mended, real drift, retraining, rollback.

A project in a folder, a real server with its monitor and its loop, and clients that send
applications and their outcomes. Nobody but the policy decides, until the rollback at the end,
which is forced to show how fast it is.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import pyarrow.parquet as pq

from holdfast.app.basics import now_us
from holdfast.app.home import opened
from holdfast.app.project import as_toml, build_release
from holdfast.app.retrain import Ask, retrain
from holdfast.app.retrain_key import LEASE
from holdfast.demo.hammering import hammering, mixed
from holdfast.demo.loop_story import LoopStory
from holdfast.demo.loop_telling import Told, counted
from holdfast.demo.processes import running
from holdfast.demo.replay import MODEL
from holdfast.errors import HoldfastError
from holdfast.releases import Registry
from holdfast.releases.lifecycle import Stage
from holdfast.serving.client import Client
from holdfast.storage import Store
from holdfast.storage.training import Interval

#: rows sent at a time, and clients that send them
GROUP, CLIENTS = 50, 4
#: rows that are asked for without a pause while the rollback happens
HAMMERED = 500
#: seconds to wait for the monitor or the loop, and between two groups while waiting
PATIENCE, PAUSE = 100.0, 0.5
MARGIN = 1.0

SETTINGS = """\
model = "loan"
store = "holdfast.db"
seed = {seed}
[data]
train = "train.parquet"
target = {target}
positive = {positive}
event_time = "applied_at"
ids = {ids}
[costs]
false_positive = {false_positive}
false_negative = {false_negative}
[serve]
monitor_every = 0.1
loop_every = 0.3
[policy]
automatic = true
metric = "log_loss"
[policy.when]
growth = false
maturity = "0s"
loss_increase = {{ min = 0.25 }}
[policy.unless]
matured_labels = 300
cooldown = "0s"
[policy.limits]
per_model = "20/1h"
[policy.gates]
decide_at = 300
slice_support = 150
slice_drop = 0.5
[policy.shadow]
min = "0s"
requests = 100
max_error_rate = 0.0
[policy.canary]
steps = [0.2, 0.5]
min = "0s"
requests = 20
"""


def play(story: LoopStory, folder: Path, say: Callable[[str], None] = lambda _: None) -> Told:
    """Plays the story in a folder; every process it started has ended afterwards.

    Args:
        story: the lender.
        folder: an empty folder for the project; rows of the story stay in it.
        say: is told what is going on, a line at a time.

    Raises:
        HoldfastError: the loop did not get where the story goes, in time.
    """
    config = _project(story, folder)
    say(story.origin)
    release, _ = build_release(config, promote=False)
    _answer(story, config, release.id)
    say(f"Release {release.id[:12]} is the champion.")
    words = [
        "holdfast",
        "serve",
        "--store",
        "holdfast.db",
        "--port",
        "0",
        "--ready-file",
        "{ready}",
    ]
    with running(words, folder, "holdfast") as url, Traffic(story, url) as traffic:
        say(f"Server, monitor and loop run: {url}")
        traffic.send(300)
        begin = now_us()
        say(f"The pipe breaks: {story.field} arrives NULL.")
        traffic.send(200, broken=True)
        until = _wait(lambda: _open(traffic, "pipeline"), "an incident", traffic, broken=True)
        say(f"Incident: {until[0]['sentence']}")
        vetoed = retrain(config, Ask(since_log=True, reason="the nightly job"))
        say(f"The nightly job asks for a retraining: {vetoed.outcome}.")
        end = now_us()
        say("The pipe is mended.")
        _wait(lambda: not _open(traffic, "pipeline") or None, "its end", traffic)
        broken = Interval(begin, end)
        say("The incident is closed; a quiet week.")
        traffic.send(story.quiet)
        say("Now the world itself changes.")
        second = _learned(folder, traffic, say)
        say(f"Release {second[:12]} is the champion, after shadow and canary.")
        seconds, mixed = _rollback(folder, url, story, say)
        sent = traffic.sent
    return counted(folder, broken, seconds, mixed + traffic.mixed, sent)


class Traffic:
    """Applications and their outcomes, through real HTTP clients.

    Args:
        story: whose rows are sent.
        url: of the server.
    """

    def __init__(self, story: LoopStory, url: str) -> None:
        self._story = story
        self._url = url
        self._rng = np.random.default_rng(story.seed)
        self._clients: list[Client] = []
        self._pool = ThreadPoolExecutor(CLIENTS)
        self.sent = 0
        self.mixed = 0

    def __enter__(self) -> Self:
        self._clients = [Client(self._url) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        for client in self._clients:
            client.close()

    @property
    def client(self) -> Client:
        """One of the clients, between two sendings."""
        return self._clients[0]

    def send(self, rows: int, *, broken: bool = False, drifted: bool = False) -> None:
        """Sends applications one by one, and then their outcomes."""
        for _ in range(0, rows, GROUP):
            table = self._story.later(self.sent, GROUP)
            outcomes = self._story.outcomes(table, self._rng, drifted=drifted)
            sent = self._story.rows(table)
            if broken:
                sent = [{**row, self._story.field: None} for row in sent]
            ids = [f"application-{self.sent + i:06d}" for i in range(GROUP)]
            parts = [range(i, GROUP, CLIENTS) for i in range(CLIENTS)]
            jobs = [
                self._pool.submit(_ask, client, [(sent[i], ids[i]) for i in part])
                for client, part in zip(self._clients, parts, strict=True)
            ]
            for job in jobs:
                job.result()
            labels = [{"id": i, "value": v} for i, v in zip(ids, outcomes, strict=True)]
            self.client.log_labels(MODEL, labels)
            self.sent += GROUP


def _ask(client: Client, rows: list[tuple[dict[str, Any], str]]) -> None:
    for row, name in rows:
        client.predict(MODEL, [row], ids=[name], source="application-form")


def _project(story: LoopStory, folder: Path) -> Path:
    """Settings, training code and training table, as a user's project has them."""
    pq.write_table(story.train, folder / "train.parquet")
    (folder / "train.py").write_text(story.code, "utf-8")
    config = folder / "holdfast.toml"
    text = SETTINGS.format(
        seed=story.seed,
        target=as_toml(story.target),
        positive=as_toml(story.positive),
        ids=msgspec.json.encode(list(story.ids)).decode(),
        false_positive=story.costs.false_positive,
        false_negative=story.costs.false_negative,
    )
    config.write_text(text, "utf-8")
    return config


def _answer(story: LoopStory, config: Path, release: str) -> None:
    """What the audit asks is answered with the story's words; then the first release answers."""
    with opened(config.parent / "holdfast.db", config=config) as home:
        questions = home.registry.open(release).gate
        for question in questions.questions if questions is not None else ():
            reasons = {story.answers[c] for c in question.columns if c in story.answers}
            if len(reasons) == 1:
                [reason] = reasons
                home.registry.answer(MODEL, release, question.key, reason=reason, by="the demo")
        home.registry.promote(MODEL, release, reason="the first release", by="the demo")


def _open(traffic: Traffic, class_: str) -> list[dict[str, Any]]:
    """Open incidents of a class."""
    found = traffic.client.incidents(MODEL)
    return [i for i in found if i["class"] == class_ and i["status"] == "open"]


def _wait(found: Callable[[], Any], what: str, traffic: Traffic, *, broken: bool = False) -> Any:
    """Sends on until something is found."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if (seen := found()) is not None and seen != []:
            return seen
        traffic.send(GROUP, broken=broken)
        time.sleep(PAUSE)
    raise HoldfastError(
        f"the demo waited in vain for {what}",
        code="HF-E-DEMO-WAIT",
        got=f"{PATIENCE:g} seconds",
        remedy="run it again on a machine with less to do",
    )


def _learned(folder: Path, traffic: Traffic, say: Callable[[str], None]) -> str:
    """Sends drifted applications until another release is champion; gives its id."""
    until, told = time.monotonic() + PATIENCE, ""
    with Store.open(folder / "holdfast.db", read_only=True) as store:
        before = store.catalog.champion(MODEL)
        for _ in itertools.count():
            now = store.catalog.champion(MODEL)
            if now is not None and before is not None and now.release != before.release:
                return now.release
            stages = store.lifecycle.stages(MODEL).values()
            stage = next((s for s in ("canary", "shadow") if s in stages), "")
            if stage != told:
                told = stage
                say(f"A challenger is in {stage}." if stage else "It is out.")
            busy = store.catalog.held_leases(LEASE, now_us())
            if time.monotonic() > until:
                break
            time.sleep(2 * PAUSE)  # a lender does not hurry, and a replay should not either
            if not busy:
                traffic.send(GROUP, drifted=True)
    raise HoldfastError(
        "the demo waited in vain for a new champion",
        code="HF-E-DEMO-WAIT",
        got=f"{traffic.sent} applications",
        remedy="run it again on a machine with less to do",
    )


def _rollback(
    folder: Path, url: str, story: LoopStory, say: Callable[[str], None]
) -> tuple[float, int]:
    """Rolls back while clients ask without a pause: seconds until all is the standby's, mixed."""
    rows = story.rows(story.replay.slice(story.replay.num_rows - HAMMERED))
    with Registry(folder / "holdfast.db") as registry:
        state = registry.lifecycle(MODEL).state()
        old, new = state.holder(Stage.CHAMPION), state.holder(Stage.STANDBY)
        if old is None or new is None:
            raise HoldfastError("there is nothing to roll back to", code="HF-E-DEMO-WAIT")
        scores = {
            name: [answer.score for answer in registry.open(name).scorer().answer(rows)]
            for name in (old, new)
        }
        # from here on the loop stands still, or it would learn again; a rollback is never frozen
        registry.lifecycle(MODEL).freeze(at=now_us(), by="the demo", reason="the story ends here")
        with hammering(url, MODEL, rows) as seen:
            time.sleep(MARGIN)
            registry.rollback(MODEL, reason="forced, to show how fast it is", by="the demo")
            at = time.monotonic()
            time.sleep(MARGIN)
    late = [one.at for one in seen if one.at > at and one.release != new]
    seconds = max(late, default=at) - at
    say(f"Rolled back: after {seconds:.2f} s every answer was the standby's.")
    return seconds, mixed(seen, scores)
