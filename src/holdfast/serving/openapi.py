"""The OpenAPI document, made from the table of routes and the types that travel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from holdfast.serving.bulk import ARROW, NDJSON, BulkOut
from holdfast.serving.decide import VERBS, DecisionIn
from holdfast.serving.limits import Limits
from holdfast.serving.replies import ErrorOut
from holdfast.serving.routes import Route
from holdfast.serving.wire import LabelIn, LoggedLine, PredictionOut

_VALUE: dict[str, Any] = {
    "anyOf": [
        {"type": "null"},
        {"type": "boolean"},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "number", "minimum": -1.7e308, "maximum": 1.7e308},
        {"type": "string"},
    ]
}
_TIME = {
    "type": "string",
    "description": "ISO-8601; without a zone it is UTC; not ahead of the server's clock.",
    "format": "date-time",
}


def document(routes: Sequence[Route], limits: Limits, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a service with these routes and limits."""
    _, parts = msgspec.json.schema_components(
        [PredictionOut, BulkOut, LabelIn, LoggedLine, DecisionIn, ErrorOut],
        ref_template="#/components/schemas/{name}",
    )
    schemas: dict[str, Any] = {**parts, **_bodies(limits)}
    schemas["LoggedLine"]["properties"]["features"] = {"$ref": "#/components/schemas/Row"}
    schemas["LoggedLine"]["properties"]["at"] = {"anyOf": [_TIME, {"type": "null"}]}
    schemas["DecisionIn"]["properties"]["until"] = {
        "anyOf": [_TIME | {"description": "End of a mute, in the future."}, {"type": "null"}]
    }
    schemas["LabelIn"]["properties"]["known_at"] = {"anyOf": [_TIME, {"type": "null"}]}
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": (
                "Guarded predictions. A prediction is answered only after it is in the log "
                "(`--ack durable`). Malformed requests are 4xx with one error object; rows that "
                "break the contract are 200 with their verdict."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _bodies(limits: Limits) -> dict[str, Any]:
    name = {"type": "string", "minLength": 1, "maxLength": limits.text}
    return {
        "Row": {
            "type": "object",
            "description": "One row: field name to value. An absent key is a null.",
            "maxProperties": limits.keys,
            "additionalProperties": {
                "anyOf": [*_VALUE["anyOf"], {"type": "array", "items": _VALUE}]
            },
        },
        "PredictBody": {
            "type": "object",
            "required": ["rows"],
            "additionalProperties": False,
            "properties": {
                "rows": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": limits.rows,
                    "items": {"$ref": "#/components/schemas/Row"},
                },
                "ids": {
                    "type": ["array", "null"],
                    "description": "One id for each row, all different; made up when absent.",
                    "uniqueItems": True,
                    "items": name,
                },
                "source": {"anyOf": [name, {"type": "null"}]},
                "at": {
                    "type": ["array", "null"],
                    "description": "Event time of each row; the time of arrival when absent.",
                    "items": _TIME,
                },
            },
        },
        "LabelsBody": {
            "type": "object",
            "required": ["labels"],
            "additionalProperties": False,
            "properties": {
                "labels": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": limits.rows,
                    "items": {"$ref": "#/components/schemas/LabelIn"},
                }
            },
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _listed(key: str) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"type": "array", "items": {"type": "object"}}},
    }


_PAGE: dict[str, Any] = {"text/html": {"schema": {"type": "string"}}}
_ANSWERS: dict[str, dict[str, Any]] = {
    "predict": _json(
        {
            "type": "object",
            "required": ["predictions"],
            "properties": {"predictions": {"type": "array", "items": _ref("PredictionOut")}},
        }
    ),
    "log_predictions": _json(_ref("BulkOut")),
    "log_labels": _json(
        {
            "type": "object",
            "required": ["accepted", "repeated", "policy"],
            "properties": {
                "accepted": {"type": "integer"},
                "repeated": {"type": "integer"},
                "policy": {"type": "string"},
            },
        }
    ),
    "list_models": _json(_listed("models")),
    "list_releases": _json(_listed("releases")),
    "list_incidents": _json(_listed("incidents")),
    "metrics": {"text/plain": {"schema": {"type": "string"}}},
}


def _operation(route: Route) -> dict[str, Any]:
    error: dict[str, Any] = {"description": "Error", "content": _json(_ref("ErrorOut"))}
    answers: dict[str, Any] = {
        "200": {
            "description": "Done",
            "content": _PAGE if route.page else _ANSWERS.get(route.name, _json({"type": "object"})),
        }
    }
    if route.writes and route.page:
        answers = {"303": {"description": "Done; goes on to the page of the `location` header"}}
    codes = ["421"]
    if not route.public:
        codes += ["401", "403"]
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    if names:
        codes += ["404"] if route.page else ["404", "503"]
    if route.writes:
        codes += ["400", "403", "408", "413", "415", "422", "429"]
    if route.name == "decide_incident":
        codes += ["409"]
    if route.name == "ready":
        answers["503"] = {"description": "Not ready", "content": _json({"type": "object"})}
    answers.update(dict.fromkeys(sorted(set(codes)), error))
    if route.writes and route.page:
        shown = {"description": "The page says why", "content": _PAGE | error["content"]}
        answers.update({"409": shown, "422": shown})
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": answers,
        "description": "Public."
        if route.public
        else f"Roles, where tokens are in use: {', '.join(sorted(route.roles))}.",
        "security": [] if route.public else [{"token": []}, {}],
    }
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in route.query.items()
    ]
    if names or parameters:
        operation["parameters"] = parameters + [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1}
                | ({"enum": list(VERBS)} if name == "verb" else {}),
            }
            for name in names
        ]
    content: dict[str, Any] | None = {
        "predict": _json(_ref("PredictBody")),
        "log_labels": _json(_ref("LabelsBody")),
        "decide_incident": _json(_ref("DecisionIn")),
        "log_predictions": {
            NDJSON[0].decode(): {
                "schema": {
                    "type": "string",
                    "description": "One LoggedLine object per line (#/components/schemas).",
                }
            },
            ARROW.decode(): {"schema": {"type": "string", "format": "binary"}},
        },
    }.get(route.name)
    if route.form:
        fields = {"type": "object", "required": sorted(route.form), "properties": route.form}
        content = {"application/x-www-form-urlencoded": {"schema": fields}}
    if content is not None:
        operation["requestBody"] = {"required": True, "content": content}
    return operation
