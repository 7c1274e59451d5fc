"""A share of the refused is approved all the same, drawn by whose row it is, and logged."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.serving.world import Answer, Scorer, World, guard_row, served

from holdfast.contracts.model import Outcome
from holdfast.serving.canary import Canary
from holdfast.serving.exploring import Drawn, Exploration, Explorer
from holdfast.serving.ports import Champion, Roles
from holdfast.stats.intervals import clopper_pearson
from holdfast.storage import Store

PREDICT = "/v1/models/loan/predict"
TWO = ("approve", "refuse")
CHAMPION = Champion("loan", "r1", "c1", 1, Scorer(), lambda _: [], decisions=TWO)
REFUSED = Answer(0.9, "refuse", Outcome.OK)


class Lender(Scorer):
    """Refuses below 500; without a Job a fallback refuses everybody."""

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        answers = []
        for row in rows:
            verdict = guard_row(row)
            said = "refuse" if verdict.missing or row["Income"] < 500 else "approve"
            without = ("Job",) if verdict.missing else None
            answers.append(
                Answer(row["Income"] / 1000, said, verdict.outcome, verdict.violations, without)
            )
        return answers


def lender(share: float = 0.25, **settings: Any) -> World:
    world = World(exploration=Exploration(share=share, decision="approve"), **settings)
    world.source.scorer = Lender()
    return world


async def ask(world: World, rows: list[dict[str, Any]], **body: Any) -> list[dict[str, Any]]:
    _, _, answer = await world.ask("POST", PREDICT, {"rows": rows, **body})
    found: list[dict[str, Any]] = answer["predictions"]
    return found


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_share_is_explored_and_no_more_than_chance_adds(share):
    explorer = Explorer(Exploration(share=share, decision="approve"))
    taken = sum(explorer.draw(CHAMPION, REFUSED, f"c{n}").explored for n in range(20_000))
    bound = clopper_pearson(taken, 20_000, 0.9999)
    assert bound.low <= share <= bound.high


def test_both_decisions_carry_the_probability_with_which_they_were_given():
    explorer = Explorer(Exploration(share=0.25, decision="approve"))
    drawn = {explorer.draw(CHAMPION, REFUSED, f"c{n}") for n in range(100)}
    assert drawn == {Drawn("approve", True, 0.25), Drawn("refuse", False, 0.75)}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(0.1, "approve", Outcome.OK),
        Answer(0.9, "refuse", Outcome.DEGRADED),
        Answer(0.9, "refuse", Outcome.OK, fallback=("Job",)),
        Answer(None, None, Outcome.ABSTAINED),
        Answer(None, None, Outcome.REJECTED),
    ],
)
def test_what_is_no_whole_refusal_is_never_explored(answer):
    explorer = Explorer(Exploration(share=0.5, decision="approve"))
    drawn = {explorer.draw(CHAMPION, answer, f"c{n}") for n in range(100)}
    assert drawn == {Drawn(answer.decision, False, 1.0)}


def test_while_a_field_is_switched_off_nothing_is_explored():
    explorer = Explorer(Exploration(share=0.5, decision="approve"))
    off = msgspec.structs.replace(CHAMPION, off=("Job",))
    assert not any(explorer.draw(off, REFUSED, f"c{n}").explored for n in range(100))


def test_a_decision_that_the_release_does_not_know_is_never_given_and_told_once(caplog):
    explorer = Explorer(Exploration(share=0.5, decision="aprove"))
    with caplog.at_level(logging.WARNING, "holdfast.serving"):
        drawn = {explorer.draw(CHAMPION, REFUSED, f"c{n}") for n in range(100)}
    assert drawn == {Drawn("refuse", False, 1.0)}
    assert [record.getMessage() for record in caplog.records] == [
        "'loan' is not explored: its release decides 'approve' or 'refuse', never 'aprove'"
    ]


def independent(first: list[bool], second: list[bool]) -> bool:
    """Whether the correlation of two draws is within four standard errors of none."""
    n = len(first)
    p, q = sum(first) / n, sum(second) / n
    both = sum(a and b for a, b in zip(first, second, strict=True)) / n
    return abs(both - p * q) < 4 * math.sqrt(p * (1 - p) * q * (1 - q) / n)


def test_another_key_another_model_and_a_canary_draw_others():
    names = [f"c{n}" for n in range(20_000)]

    def drawn(key: str, model: str = "loan") -> list[bool]:
        explorer = Explorer(Exploration(share=0.2, decision="approve", key=key))
        champion = msgspec.structs.replace(CHAMPION, model=model)
        return [explorer.draw(champion, REFUSED, name).explored for name in names]

    first = drawn("a")
    assert first == drawn("a")
    canary = Canary(CHAMPION, 0.2)
    for other in (drawn("b"), drawn("a", "car"), [canary.takes(name) for name in names]):
        assert independent(first, other)


@served
async def test_answer_and_log_say_the_same_decision_and_how_likely_it_was():
    async with lender() as world:
        rows = [{"Income": 100 + n % 800, "Job": "clerk"} for n in range(0, 800, 8)]
        answers = await ask(world, rows, ids=[f"p{n}" for n in range(100)])
    for name in ("id", "decision", "explored", "propensity"):
        assert world.log.column(name) == [a[name] for a in answers]
    kinds = {(a["score"] < 0.5, a["decision"], a["explored"], a["propensity"]) for a in answers}
    assert kinds == {
        (True, "refuse", False, 0.75),
        (True, "approve", True, 0.25),
        (False, "approve", False, 1.0),
    }


@served
async def test_the_answer_of_a_fallback_is_not_explored():
    async with lender(share=0.5) as world:
        answers = await ask(world, [{"Income": 100, "Job": None}] * 50)
    told = {(a["decision"], a["explored"], a["propensity"]) for a in answers}
    assert told == {("refuse", False, 1.0)}


@served
async def test_one_customer_gets_one_decision_whichever_release_answers():
    world = lender()
    world.source.entity = "Customer"
    world.source.others = {"loan": Roles(canary="r2", share=0.5)}
    async with world:
        seen: dict[str, set[str]] = {}
        for turn in range(3):
            rows = [{"Income": 100, "Job": "x", "Customer": f"c{n}"} for n in range(40)]
            for row, answer in zip(rows, await ask(world, rows[turn:] + rows[:turn]), strict=True):
                assert answer["explored"] == (answer["decision"] == "approve")
                place = (int(row["Customer"][1:]) + turn) % 40
                seen.setdefault(f"c{place}", set()).add(answer["decision"])
    assert all(len(decisions) == 1 for decisions in seen.values())
    assert {decision for decisions in seen.values() for decision in decisions} == set(TWO)


@served
async def test_without_exploration_neither_answer_nor_log_speaks_of_it():
    async with World() as world:
        (answer,) = await ask(world, [{"Income": 900, "Job": "clerk"}])
        assert not {"explored", "propensity"} & (set(answer) | set(world.log.writes[0]))


def test_what_was_explored_can_be_read_again_beside_rows_from_before(tmp_path):
    row = {"id": ["a"], "model": ["loan"], "at": [1], "received": [1]}
    drawn = {**row, "id": ["b"], "explored": [True], "propensity": [0.25]}
    with Store.open(tmp_path / "holdfast.db") as store:
        store.predictions.append_columns(row)
        store.compact()
        store.predictions.append_columns(drawn)

        def kept() -> list[dict[str, Any]]:
            found = store.predictions.read(columns=["id", "explored", "propensity"])
            rows: list[dict[str, Any]] = found.sort_by("id").to_pylist()
            return rows

        told = [
            {"id": "a", "explored": None, "propensity": None},
            {"id": "b", "explored": True, "propensity": 0.25},
        ]
        assert kept() == told
        store.compact()
        assert kept() == told
