"""The OpenAPI document is true: what it allows is answered, what it forbids is a clear 4xx."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.serving.live import live
from tests.serving.world import World, served

from holdfast.serving.limits import Limits
from holdfast.serving.openapi import document
from holdfast.serving.routes import ROUTES

DOCUMENT = document(ROUTES, Limits(), "0")


@served
async def test_the_document_is_served_and_names_every_route():
    async with World() as world:
        status, _, told = await world.ask("GET", "/openapi.json")
        assert status == 200
        named = {
            (method.upper(), path)
            for path, operations in told["paths"].items()
            for method in operations
        }
        assert {(route.method, route.path) for route in ROUTES} <= named


def test_every_reference_in_the_document_resolves():
    text = json.dumps(DOCUMENT)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        name = name.split(")")[0]
        assert name in DOCUMENT["components"]["schemas"], name


def test_a_real_answer_fits_its_schema():
    async def ask() -> Any:
        async with World() as world:
            body = {"rows": [{"Income": 1, "Job": None}, {"Income": 1, "Job": "a"}]}
            return (await world.ask("POST", "/v1/models/loan/predict", body))[2]

    operation = DOCUMENT["paths"]["/v1/models/{model}/predict"]["post"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(asyncio.run(ask()), {**schema, "components": DOCUMENT["components"]})


@schemathesis.serializer("application/x-ndjson", "application/vnd.apache.arrow.stream")
def as_sent(ctx: Any, value: Any) -> bytes:
    """Bulk bodies are bytes or texts; anything else is sent as JSON."""
    value = getattr(value, "data", value)
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.filterwarnings("ignore")
def test_schemathesis_finds_no_5xx_and_no_undocumented_answer(tmp_path):
    answered: list[int] = []
    with live(tmp_path) as running:
        loaded = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
        for found in loaded.get_all_operations():
            operation = found.ok()
            for mode in GenerationMode:

                @settings(
                    max_examples=25,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(operation.as_strategy(generation_mode=mode))
                def try_out(case: Any) -> None:
                    if case.path_parameters and len(answered) % 4:
                        case.path_parameters["model"] = "loan"
                    answer = case.call()
                    answered.append(answer.status_code)
                    case.validate_response(answer, checks=CHECKS)

                with contextlib.suppress(Unsatisfiable):  # nothing to break in a bare GET
                    try_out()
    assert len(answered) > 150
    assert {200, 404, 422} <= set(answered)
