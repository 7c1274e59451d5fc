"""Standby, canary and shadow beside the champion: who answers what, and what stops them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.world import Answer, Log, Scorer, World, served

from holdfast.contracts.model import Outcome, Policy, Violation
from holdfast.errors import ReleaseError
from holdfast.serving.canary import Canary, place
from holdfast.serving.latency import FEWEST
from holdfast.serving.ports import Champion, Roles
from holdfast.serving.shadow import WAITING, Seen, Shadows
from holdfast.stats.intervals import clopper_pearson

GOOD = {"Income": 900, "Job": "clerk"}
PREDICT = "/v1/models/loan/predict"


class Half(Scorer):
    """Says half of what the champion says."""

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        return [Answer(row["Income"] / 2000, "approve", Outcome.OK) for row in rows]


class Broken(Scorer):
    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        raise ZeroDivisionError


class Failing(Scorer):
    """A model that cannot answer, as a release's own scorer says it."""

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        said = (Violation("", "model_error", Policy.ABSTAIN),)
        return [Answer(None, None, Outcome.ABSTAINED, said) for _ in rows]


def with_canary(scorer: Scorer, share: float) -> World:
    world = World()
    world.source.scorers["r2"] = scorer
    world.source.others = {"loan": Roles(canary="r2", share=share)}
    return world


async def answers(world: World, count: int, **row: Any) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        rows = [{**GOOD, **row, "Customer": f"c{number}"}]
        _, _, answer = await world.ask("POST", PREDICT, {"rows": rows, "ids": [f"p{number}"]})
        found += answer["predictions"]
    return found


# -- canary ---------------------------------------------------------------------------------------


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_request_has_one_place_for_each_canary(salt, key):
    assert 0 <= place(salt, key) < 1
    assert place(salt, key) == place(salt, key)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 1.0])
def test_a_canary_takes_its_share_and_no_more(share):
    canary = Canary(Champion("loan", "r2", "c1", 1, Scorer(), lambda _: []), share)
    taken = sum(canary.takes(f"customer-{number}") for number in range(20_000))
    bound = clopper_pearson(taken, 20_000, 0.9999)
    assert bound.low <= share <= bound.high


def test_a_larger_share_takes_the_same_requests_and_more():
    release = Champion("loan", "r2", "c1", 1, Scorer(), lambda _: [])
    keys = [f"customer-{number}" for number in range(2_000)]
    few = {key for key in keys if Canary(release, 0.1).takes(key)}
    many = {key for key in keys if Canary(release, 0.3).takes(key)}
    assert few < many


@served
async def test_each_answer_comes_whole_from_one_release():
    async with with_canary(Half(), 0.5) as world:
        given_ = await answers(world, 60)
        assert {a["release"] for a in given_} == {"r1", "r2"}
        for answer in given_:
            assert answer["score"] == {"r1": 0.9, "r2": 0.45}[answer["release"]]
        assert world.log.column("release") == [a["release"] for a in given_]


@served
async def test_one_customer_is_always_answered_by_the_same_release():
    world = with_canary(Half(), 0.5)
    world.source.entity = "Customer"
    async with world:
        first = {a["release"] for a in await answers(world, 30)}
        assert first == {"r1", "r2"}
        for number in range(30):
            rows = [{**GOOD, "Customer": f"c{number}"}]
            seen = set()
            for _ in range(3):
                _, _, answer = await world.ask("POST", PREDICT, {"rows": rows})
                seen.add(answer["predictions"][0]["release"])
            assert len(seen) == 1


@served
async def test_a_request_of_many_rows_goes_to_one_release():
    async with with_canary(Half(), 0.5) as world:
        for number in range(20):
            body = {"rows": [GOOD] * 5, "ids": [f"a{number}-{i}" for i in range(5)]}
            _, _, answer = await world.ask("POST", PREDICT, body)
            assert len({a["release"] for a in answer["predictions"]}) == 1


@pytest.mark.parametrize("scorer", [Broken(), Failing()])
def test_where_a_canary_fails_the_champion_answers_and_soon_it_is_stopped(scorer):
    @served
    async def run() -> None:
        async with with_canary(scorer, 1.0) as world:
            given_ = await answers(world, 20)
            assert {(a["release"], a["score"], a["verdict"]) for a in given_} == {("r1", 0.9, "ok")}
            assert world.log.column("release") == ["r1"] * 20
            canary = world.service.lineup.canary("loan")
            assert canary is not None
            assert canary.tripped == "5 of its last 5 answers failed"
            world.service.lineup.stop_canaries()
            assert world.source.told == [("r2", "error_rate", "5 of its last 5 answers failed")]

    run()


def test_few_failures_do_not_stop_a_canary():
    canary = Canary(Champion("loan", "r2", "c1", 1, Scorer(), lambda _: []), 1.0)
    for _ in range(500):
        canary.count(100, 2)
    assert canary.tripped == ""
    canary.count(100, 5)
    assert "7 of its last 200" in canary.tripped
    assert not canary.takes("anybody")


class Lazy(Half):
    """Takes 30 ms for each row."""

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        time.sleep(0.03 * len(rows))
        return super().answer(rows)


def with_lazy_canary(bound: int) -> World:
    world = with_canary(Lazy(), 1.0)
    world.settings["max_p99"] = {"loan": bound}
    return world


@served
async def test_a_canary_that_is_too_slow_is_stopped_and_what_waits_for_it_is_the_champions():
    async with with_lazy_canary(5_000) as world:
        rows = [world.ask("POST", PREDICT, {"rows": [GOOD]}) for _ in range(FEWEST + 30)]
        given_ = [answer["predictions"][0] for _, _, answer in await asyncio.gather(*rows)]
        by = [(a["release"], a["score"]) for a in given_]
        assert by.count(("r2", 0.45)) == FEWEST  # all were asked for before it was stopped
        assert by.count(("r1", 0.9)) == 30
        assert {a["release"] for a in await answers(world, 5)} == {"r1"}
        world.service.lineup.stop_canaries()
        [(release, guard, why)] = set(world.source.told)
        assert (release, guard) == ("r2", "latency")
        assert why.startswith("20 of its last 20 requests took more than 5.0 ms a row")


@served
async def test_the_time_of_a_request_of_many_rows_is_told_by_the_row():
    async with with_lazy_canary(60_000) as world:
        for number in range(FEWEST):
            body = {"rows": [GOOD] * 3, "ids": [f"a{number}-{i}" for i in range(3)]}
            await world.ask("POST", PREDICT, body)
        canary = world.service.lineup.canary("loan")
        assert canary is not None
        assert not canary.tripped


@served
async def test_without_a_bound_a_canary_takes_its_time():
    async with with_canary(Lazy(), 1.0) as world:
        assert {a["release"] for a in await answers(world, FEWEST + 5)} == {"r2"}


@served
async def test_a_canary_that_another_worker_stopped_answers_no_more_while_a_release_is_opened():
    world = with_canary(Half(), 1.0)
    opening, go_on = threading.Event(), threading.Event()
    load = world.source.load

    def slowly(model: str, release: str, revision: int) -> Champion:
        if release == "r3":
            opening.set()
            go_on.wait(30)
        return load(model, release, revision)

    world.source.load = slowly  # type: ignore[method-assign]
    async with world:
        assert {a["release"] for a in await answers(world, 3)} == {"r2"}
        world.source.others = {"loan": Roles(canary="r2", share=1.0, shadow="r3")}
        try:
            assert await asyncio.to_thread(opening.wait, 30)
            world.source.elsewhere = {("loan", "r2"): ("latency", "too slow")}
            canary = world.service.lineup.canary("loan")
            assert canary is not None
            async with asyncio.timeout(30):
                while not canary.tripped:
                    await asyncio.sleep(0.02)
            assert {a["release"] for a in await answers(world, 3)} == {"r1"}
            assert (canary.guard, canary.tripped) == ("latency", "too slow")
        finally:
            go_on.set()


def test_the_first_guard_that_stops_a_canary_stays_the_reason():
    canary = Canary(Champion("loan", "r2", "c1", 1, Scorer(), lambda _: []), 1.0)
    canary.stop("latency", "too slow")
    canary.count(5, 5)
    assert (canary.guard, canary.tripped) == ("latency", "too slow")


@served
async def test_a_canary_that_does_not_open_leaves_the_champion_alone():
    world = with_canary(Half(), 1.0)
    load = world.source.load

    def refuse(model: str, release: str, revision: int) -> Champion:
        if release == "r2":
            raise ReleaseError("damaged")
        return load(model, release, revision)

    world.source.load = refuse  # type: ignore[method-assign]
    async with world:
        assert {a["release"] for a in await answers(world, 10)} == {"r1"}


# -- standby --------------------------------------------------------------------------------------


@served
async def test_after_a_rollback_the_standby_answers_without_being_opened_again():
    world = World()
    world.source.scorers["r0"] = Half()
    world.source.others = {"loan": Roles(standby="r0")}
    async with world:
        assert world.source.loaded == ["r1", "r0"]
        world.source.now = {"loan": ("r0", 2)}
        world.source.others = {"loan": Roles()}
        world.service.lineup.refresh()
        [answer] = await answers(world, 1)
        assert (answer["release"], answer["score"]) == ("r0", 0.45)
        assert world.source.loaded == ["r1", "r0"]
        assert world.source.acknowledged == ["r1", "r0"]


@served
async def test_a_request_in_flight_keeps_the_release_it_began_with():
    world = World()
    world.source.scorers["r0"] = Half()
    async with world:
        champion = world.service.lineup.get("loan")
        world.source.now = {"loan": ("r0", 2)}
        world.service.lineup.refresh()
        assert champion.release == "r1"
        assert champion.scorer.answer([GOOD])[0].score == 0.9


# -- shadow ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scorer", "expected"),
    [(Half(), (0.45, False)), (Broken(), (None, True)), (Failing(), (None, True))],
)
def test_a_shadow_scores_what_was_answered_and_nobody_sees_it(scorer, expected):
    @served
    async def run() -> None:
        out = Log()
        world = World(shadows=out)
        world.source.scorers["r2"] = scorer
        world.source.others = {"loan": Roles(shadow="r2")}
        async with world:
            given_ = await answers(world, 10)
            assert {(a["release"], a["score"]) for a in given_} == {("r1", 0.9)}
        assert out.column("id") == [f"p{number}" for number in range(10)]
        kept = set(zip(out.column("score"), out.column("failed"), strict=True))
        assert kept == {expected}
        assert set(out.column("release")) == {"r2"}
        assert min(out.column("micros")) >= 0

    run()


@served
async def test_without_a_shadow_nothing_is_logged_for_one():
    out = Log()
    async with World(shadows=out) as world:
        await answers(world, 3)
    assert out.writes == []


def test_a_slow_shadow_drops_rows_and_never_waits():
    release = Champion("loan", "r2", "c1", 1, Slow(), lambda _: [])
    shadows = Shadows(Log(), lambda: 0)
    for number in range(WAITING + 50):
        shadows.offer(Seen(release, [f"p{number}"], [GOOD], [0]))
    assert shadows.dropped >= 40
    Slow.wait.set()
    shadows.close()


def test_a_log_that_fails_costs_the_shadow_only():
    out = Log()
    out.error = OSError("disk full")
    shadows = Shadows(out, lambda: 0)
    release = Champion("loan", "r2", "c1", 1, Half(), lambda _: [])
    shadows.offer(Seen(release, ["p1"], [GOOD], [0]))
    shadows.close()
    assert shadows.dropped == 1


class Slow(Half):
    wait = threading.Event()

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        self.wait.wait(5)
        return super().answer(rows)


def test_closing_without_any_shadow_is_quiet():
    Shadows(Log(), lambda: 0).close()
