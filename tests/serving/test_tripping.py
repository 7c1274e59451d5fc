"""A canary that goes bad in a real server of two workers: stopped in both, told once, put away."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.releases.conftest import FEATURES, lender, pipeline
from tests.serving.live import live

from holdfast.app.basics import now_us
from holdfast.app.home import opened
from holdfast.app.loop.driver import Loop
from holdfast.app.policy import policy_of
from holdfast.app.retrain import Ask, Retrained
from holdfast.contracts import Contract
from holdfast.evaluation import Costs
from holdfast.releases import Registry, Release
from holdfast.releases.lifecycle import Lifecycle
from holdfast.serving.client import Client
from holdfast.serving.desk import TRIPPED
from holdfast.storage import Store

CONFIG = """
model = "loan"
[serve]
allow_models = ["callable"]
[policy]
automatic = true
[policy.canary]
max_p99 = "100ms"
"""
ROW = {"job": "fixed", "sector": "office", "age": 41, "income": 1200.0, "noise": 0.1}
#: microseconds after which no worker asks a canary that was stopped, and more for a busy machine
BOUND, NOISE = 1_000_000, 5_000_000


@pytest.fixture
def canary(tmp_path: Path) -> str:
    """A project in `tmp_path`: a champion, and a canary that gets half of the requests."""
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    train, held_out = lender(600, 1), lender(300, 2)
    by, why = "a test", "to see it stopped"
    ids = []
    for model in (pipeline().fit(train[FEATURES], train.status), "tests.serving.moody:score"):
        release = Release.build(
            model,
            train=train,
            validation=held_out,
            contract=Contract.learn(train, target="status"),
            costs=Costs(1, 3),
            positive="bad",
            features=FEATURES if ids else None,
            fallbacks=[],
            name="loan",
            allow_callable=True,
            directory=tmp_path / "built",
        )
        with Registry(tmp_path / "holdfast.db") as registry:
            ids.append(registry.add("loan", release))
    with Registry(tmp_path / "holdfast.db") as registry:
        registry.promote("loan", ids[0], reason=why)
    with Store.open(tmp_path / "holdfast.db") as store:
        loan, how = Lifecycle(store, "loan"), {"at": now_us(), "by": by, "reason": why}
        if loan.state().stage(ids[1]) == "candidate":
            loan.audit(ids[1], **how)
        loan.shadow(ids[1], **how)
        loan.canary(ids[1], 0.5, **how)
    return ids[1]


class Answer(NamedTuple):
    """An answer: when it was asked for, microseconds since 1970, and whose it is."""

    sent: int
    worker: str
    release: str


class Load:
    """Four clients, each request on a connection of its own, so that both workers get some."""

    def __init__(self, url: str) -> None:
        self.answers: list[Answer] = []
        self._url = url
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            sent = now_us()
            with Client(self._url, timeout=30.0) as client:
                (answer,) = client.predict("loan", [ROW])
            time.sleep(0.005)
            worker = answer["id"].partition("-")[0]
            self.answers.append(Answer(sent, worker, answer["release"]))

    def by(self, release: str) -> list[Answer]:
        return [a for a in self.answers if a.release == release]

    def without(self, release: str) -> int:
        """Answers of others that each of two workers gave since the last one of this release."""
        answers, last = list(self.answers), self.by(release)[-1]
        after = Counter(a.worker for a in answers[answers.index(last) + 1 :])
        return min(after.values()) if len(after) == 2 else 0

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def wait_for(what, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("mood", "guard", "why"),
    [("raises", "error_rate", "answers failed"), ("slow", "latency", "more than 100.0 ms a row")],
)
def test_a_canary_that_goes_bad_is_stopped_in_every_worker_and_quarantined(
    tmp_path: Path, canary: str, mood: str, guard: str, why: str
):
    with (
        live(tmp_path, worker="", workers=2) as running,
        opened(tmp_path / "holdfast.db", config=tmp_path / "holdfast.toml") as home,
    ):
        load = Load(running.url)
        try:
            wait_for(lambda: len({a.worker for a in load.by(canary)}) == 2)
            assert home.store.control.events("loan", [TRIPPED]) == []
            (tmp_path / "mood").write_text(mood)
            wait_for(lambda: home.store.control.events("loan", [TRIPPED]))
            (tmp_path / "mood").unlink()
            [told] = home.store.control.events("loan", [TRIPPED])
            wait_for(lambda: load.without(canary) >= 100)
        finally:
            load.stop()
        assert max(a.sent for a in load.by(canary)) <= told.at + BOUND + NOISE
        assert (told.payload["release"], told.payload["guard"]) == (canary, guard)
        assert why in told.payload["why"]
        assert len(home.store.control.events("loan", [TRIPPED])) == 1

        def train(_: Ask) -> Future[Retrained]:
            raise AssertionError("nothing asks for a retraining")

        loop = Loop(home, "loan", policy_of(tmp_path / "holdfast.toml"), train)
        [said] = [line for line in loop.step(now_us()) if canary[:12] in line]
        assert f"quarantine: {guard}: " in said
        assert home.registry.lifecycle("loan").state().stage(canary) == "quarantined"
