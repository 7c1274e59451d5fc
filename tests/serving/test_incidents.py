"""Decisions of operators over HTTP, and fields switched off while serving."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.serving.test_gate import BOOK, bearer
from tests.serving.world import NOW, World, served

from holdfast.serving.auth import Role
from holdfast.serving.decide import NOBODY, VERBS

PATH = "/v1/models/loan/incidents/i1"


@served
async def test_a_decision_is_kept_with_reason_and_the_name_on_the_token():
    async with World(tokens=lambda: BOOK) as world:
        body = {"reason": "fixed upstream"}
        status, _, told = await world.ask("POST", f"{PATH}/resolve", body, bearer(Role.OPERATOR))
        assert (status, told["id"]) == (200, "i1")
        assert world.desk.decided == [
            {"verb": "resolve", "reason": "fixed upstream", "by": "operator", "until": None}
        ]


@served
async def test_without_tokens_nobody_is_named():
    async with World() as world:
        await world.ask("POST", f"{PATH}/ack", {"reason": "mine"})
        assert world.desk.decided[0]["by"] == NOBODY


@served
async def test_a_mute_takes_a_time_in_the_future():
    async with World() as world:
        body = {"reason": "known", "until": "2030-01-01T00:00:00Z"}
        assert (await world.ask("POST", f"{PATH}/mute", body))[0] == 200
        assert world.desk.decided[0]["until"] == 1_893_456_000_000_000
        assert world.desk.decided[0]["until"] > NOW
        past = {"reason": "known", "until": "2020-01-01T00:00:00Z"}
        assert (await world.ask("POST", f"{PATH}/mute", past))[0] == 422


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"{PATH}/resolve", {}, 422, "HF-E-REQUEST-SCHEMA"),
        (f"{PATH}/resolve", {"reason": "   "}, 422, "HF-E-REQUEST-DECISION"),
        (f"{PATH}/resolve", {"reason": "x", "by": "eve"}, 422, "HF-E-REQUEST-SCHEMA"),
        (f"{PATH}/mute", {"reason": "x", "until": "soon"}, 422, "HF-E-REQUEST-TIME"),
        (f"{PATH}/delete", {"reason": "x"}, 404, "HF-E-REQUEST-PATH"),
        (f"{PATH}0/resolve", {"reason": "x"}, 404, "HF-E-REQUEST-INCIDENT"),
        (f"{PATH}/unmute", {"reason": "x"}, 409, "HF-E-REQUEST-STATE"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(path, body, status, code):
    @served
    async def ask():
        async with World() as world:
            got, _, told = await world.ask("POST", path, body)
            assert (got, told["code"]) == (status, code)
            assert world.desk.decided == []

    ask()


@served
async def test_one_incident_is_shown_and_an_unknown_one_is_not():
    async with World() as world:
        assert (await world.ask("GET", PATH))[2]["id"] == "i1"
        assert (await world.ask("GET", f"{PATH}2"))[0] == 404
        assert (await world.ask("GET", "/v1/models/other/incidents/i1"))[0] == 404


def test_every_verb_of_the_domain_can_be_asked_for():
    from holdfast.diagnosis.decisions import Verb

    assert tuple(v.value for v in Verb) == VERBS


class Off:
    """Answers for the scorer of the test world while fields are off."""

    def __init__(self, fields):
        self.fields = fields

    def answer(self, rows):
        from tests.serving.world import Answer

        from holdfast.contracts.model import Outcome

        return [Answer(0.1, "refuse", Outcome.DEGRADED, (), self.fields) for _ in rows]


@served
async def test_a_switch_is_followed_within_a_second_and_back():
    body = json.dumps({"rows": [{"Income": 500, "Job": "a"}]}).encode()
    async with World() as world:
        load = world.source.load
        world.source.load = lambda *a: load(*a).__class__(
            **{f: getattr(load(*a), f) for f in load(*a).__struct_fields__} | {"without": Off}
        )
        world.service.lineup._champions.clear()
        world.service.lineup.refresh()
        plain = world.service.lineup.get("loan")

        async def verdict():
            told = (await world.ask("POST", "/v1/models/loan/predict", body))[2]
            return told["predictions"][0]["verdict"]

        assert await verdict() == "ok"
        world.source.off = {"loan": ("Job",)}
        await asyncio.sleep(0.8)
        assert await verdict() == "degraded"
        assert (await world.ask("GET", "/v1/models/loan"))[2]["switched_off"] == ["Job"]
        world.source.off = {}
        await asyncio.sleep(0.8)
        assert await verdict() == "ok"
        assert world.service.lineup.get("loan").scorer is plain.scorer


@served
async def test_a_switch_that_cannot_be_arranged_leaves_the_champion_answering():
    async with World() as world:
        world.source.off = {"loan": ("Job",)}
        world.service.lineup.refresh()
        assert world.service.lineup.get("loan").scorer is world.source.scorer
