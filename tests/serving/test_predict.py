from __future__ import annotations

import asyncio

from tests.serving.world import NOW, World, served

from holdfast.errors import StoreFullError

GOOD = {"Income": 900, "Job": "clerk"}


@served
async def test_a_clean_row_is_scored_and_logged_before_it_is_answered():
    async with World() as world:
        status, _, answer = await world.ask(
            "POST", "/v1/models/loan/predict", {"rows": [GOOD], "ids": ["a1"], "source": "web"}
        )
        assert status == 200
        assert answer["predictions"] == [
            {
                "id": "a1",
                "release": "r1",
                "score": 0.9,
                "decision": "approve",
                "verdict": "ok",
                "fallback": None,
                "violations": [],
            }
        ]
        (write,) = world.log.writes
        assert write["features"] == ['{"Income": 900, "Job": "clerk"}']
        assert write["at"] == [NOW]
        assert (write["source"], write["marks"]) == (["web"], [None])


@served
async def test_a_degraded_answer_says_why_and_what_it_did_without():
    async with World() as world:
        _, _, answer = await world.ask(
            "POST", "/v1/models/loan/predict", {"rows": [{"Income": 900, "Job": None}]}
        )
        (given,) = answer["predictions"]
        assert given["verdict"] == "degraded"
        assert given["fallback"] == ["Job"]
        assert given["violations"] == [{"field": "Job", "code": "null", "policy": "fallback"}]
        assert world.log.column("marks") == [["Job:null"]]
        assert world.log.column("fallback") == ["Job"]


@served
async def test_many_requests_share_one_scoring_call_and_one_write():
    async with World() as world:
        answers = await asyncio.gather(
            *(
                world.ask("POST", "/v1/models/loan/predict", {"rows": [GOOD], "ids": [f"a{i}"]})
                for i in range(50)
            )
        )
        assert [a[2]["predictions"][0]["id"] for a in answers] == [f"a{i}" for i in range(50)]
        assert len(world.log.writes) < 10
        assert sorted(world.log.column("id")) == sorted(f"a{i}" for i in range(50))


@served
async def test_a_row_that_breaks_the_model_is_abstained_and_does_not_harm_its_neighbours():
    async with World() as world:
        status, _, answer = await world.ask(
            "POST",
            "/v1/models/loan/predict",
            {"rows": [GOOD, {"Income": "much", "Job": "clerk"}, GOOD]},
        )
        assert status == 200
        assert [p["verdict"] for p in answer["predictions"]] == ["ok", "abstained", "ok"]
        assert answer["predictions"][1]["score"] is None
        assert answer["predictions"][1]["violations"][0]["code"] == "model_error"


@served
async def test_a_full_disk_is_503_with_retry_after_and_recovers():
    async with World() as world:
        world.log.error = StoreFullError("no space")
        status, headers, answer = await world.ask(
            "POST", "/v1/models/loan/predict", {"rows": [GOOD]}
        )
        assert (status, headers["retry-after"]) == (503, "10")
        assert answer["code"] == "HF-E-STORE-FULL"
        world.log.error = None
        assert (await world.ask("POST", "/v1/models/loan/predict", {"rows": [GOOD]}))[0] == 200


@served
async def test_ack_fast_answers_even_when_the_write_fails_later_and_counts_it():
    async with World(durable=False) as world:
        world.log.error = StoreFullError("no space")
        status, _, _ = await world.ask("POST", "/v1/models/loan/predict", {"rows": [GOOD]})
        assert status == 200
        await world.service.close()
        assert world.service.metrics.now.unwritten == 1


@served
async def test_a_promoted_release_answers_without_a_restart_and_is_acknowledged():
    async with World() as world:
        world.source.now = {"loan": ("r2", 2)}
        world.service.lineup.refresh()
        _, _, answer = await world.ask("POST", "/v1/models/loan/predict", {"rows": [GOOD]})
        assert answer["predictions"][0]["release"] == "r2"
        assert world.source.acknowledged == ["r1", "r2"]


@served
async def test_more_rows_than_may_wait_are_429_and_told_when_to_return():
    from holdfast.serving.limits import Limits

    async with World(limits=Limits(pending_rows=3)) as world:
        answers = await asyncio.gather(
            *(
                world.ask("POST", "/v1/models/loan/predict", {"rows": [GOOD, GOOD]})
                for _ in range(5)
            )
        )
        statuses = sorted(a[0] for a in answers)
        assert statuses[0] == 200
        assert statuses[-1] == 429
        refused = next(a for a in answers if a[0] == 429)
        assert refused[1]["retry-after"] == "1"
        assert refused[2]["code"] == "HF-E-REQUEST-BUSY"
