"""Bad input: each one clear 4xx with code, message, expected, got, remedy; never a 5xx."""

from __future__ import annotations

import json

import pytest
from tests.serving.world import World, served

from holdfast.serving.limits import Limits

PREDICT = "/v1/models/loan/predict"
SMALL = Limits(body=2_000_000, rows=50, keys=100)

BAD_PREDICT = {
    "empty body": (b"", "HF-E-REQUEST-JSON"),
    "not JSON": (b"hello", "HF-E-REQUEST-JSON"),
    "cut off": (b'{"rows": [{"a": 1}', "HF-E-REQUEST-JSON"),
    "two documents": (b'{"rows": [{"a": 1}]} {}', "HF-E-REQUEST-JSON"),
    "NaN": (b'{"rows": [{"a": NaN}]}', "HF-E-REQUEST-JSON"),
    "Infinity": (b'{"rows": [{"a": -Infinity}]}', "HF-E-REQUEST-JSON"),
    "1e400": (b'{"rows": [{"a": 1e400}]}', "HF-E-REQUEST-SCHEMA"),
    "huge integer": (b'{"rows": [{"a": ' + b"9" * 30 + b"}]}", "HF-E-REQUEST-SCHEMA"),
    "integer of 5000 digits": (b'{"rows": [{"a": ' + b"9" * 5000 + b"}]}", "HF-E-REQUEST-SCHEMA"),
    "not UTF-8": (b'{"rows": [{"a": "\xff"}]}', "HF-E-REQUEST-UTF8"),
    "key not UTF-8": (b'{"rows": [{"\xff": 1}]}', "HF-E-REQUEST-UTF8"),
    "byte order mark": (b'\xef\xbb\xbf{"rows": [{"a": 1}]}', "HF-E-REQUEST-JSON"),
    "lone surrogate": (b'{"rows": [{"a": "\\ud800"}]}', "HF-E-REQUEST-JSON"),
    "deep": (b'{"rows": [{"a": ' + b"[" * 100_000, "HF-E-REQUEST-DEPTH"),
    "deep and closed": (
        b'{"rows": [{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
        "HF-E-REQUEST-DEPTH",
    ),
    "nested row": (b'{"rows": [{"a": {"b": 1}}]}', "HF-E-REQUEST-SCHEMA"),
    "row is a number": (b'{"rows": [5]}', "HF-E-REQUEST-SCHEMA"),
    "rows is an object": (b'{"rows": {"a": 1}}', "HF-E-REQUEST-SCHEMA"),
    "no rows": (b"{}", "HF-E-REQUEST-SCHEMA"),
    "empty batch": (b'{"rows": []}', "HF-E-REQUEST-EMPTY"),
    "too many rows": (b'{"rows": [' + b"{}," * 50 + b"{}]}", "HF-E-REQUEST-ROWS"),
    "too many keys": (
        b'{"rows": [{' + b",".join(b'"k%d": 1' % i for i in range(101)) + b"}]}",
        "HF-E-REQUEST-KEYS",
    ),
    "duplicate key": (b'{"rows": [{"Job": "a", "Job": "b"}]}', "HF-E-REQUEST-DUPLICATE-KEY"),
    "duplicate key beside a colon": (
        b'{"rows": [{"Job": "a:b", "Job": "c:d"}]}',
        "HF-E-REQUEST-DUPLICATE-KEY",
    ),
    "duplicate key, escaped": (
        b'{"rows": [{"Job": "\\u003a", "Jo\\u0062": "b"}]}',
        "HF-E-REQUEST-DUPLICATE-KEY",
    ),
    "duplicate rows": (b'{"rows": [{}], "rows": [{}]}', "HF-E-REQUEST-DUPLICATE-KEY"),
    "unknown field": (b'{"rows": [{}], "row": 1}', "HF-E-REQUEST-SCHEMA"),
    "ids of another length": (b'{"rows": [{}], "ids": ["a", "b"]}', "HF-E-REQUEST-LENGTH"),
    "the same id twice": (
        b'{"rows": [{}, {}], "ids": ["a", "a"]}',
        "HF-E-REQUEST-DUPLICATE-ID",
    ),
    "empty id": (b'{"rows": [{}], "ids": [""]}', "HF-E-REQUEST-SCHEMA"),
    "long id": (b'{"rows": [{}], "ids": ["' + b"x" * 201 + b'"]}', "HF-E-REQUEST-SCHEMA"),
    "bad time": (b'{"rows": [{}], "at": ["yesterday"]}', "HF-E-REQUEST-TIME"),
    "time before 1970": (b'{"rows": [{}], "at": ["1969-01-01"]}', "HF-E-REQUEST-CLOCK"),
    "clock far ahead": (b'{"rows": [{}], "at": ["2999-01-01"]}', "HF-E-REQUEST-CLOCK"),
}


def assert_clear(status: int, answer: dict, code: str) -> None:
    assert 400 <= status < 500, answer
    assert answer["code"] == code, answer
    assert set(answer) == {"code", "message", "expected", "got", "remedy"}
    assert answer["message"]
    assert answer["expected"]
    assert answer["remedy"]


@pytest.mark.parametrize("name", BAD_PREDICT)
@served
async def test_a_bad_predict_body_is_one_clear_error(name: str):
    body, code = BAD_PREDICT[name]
    async with World(limits=SMALL) as world:
        status, _, answer = await world.ask("POST", PREDICT, body)
        assert_clear(status, answer, code)
        assert not world.log.writes


@pytest.mark.parametrize(
    ("body", "fragment"),
    [
        (b'{"rows": [{"Income": 1e400}]}', "'Income' holds a number beyond"),
        (b'{"rows": [{"Income": ' + b"9" * 40 + b"}]}", "'Income' holds an integer of 40 digits"),
        (b'{"rows": [{"Income": {"x": 1}}]}', "'Income' holds a nested"),
    ],
)
@served
async def test_the_field_at_fault_is_named_but_never_its_value(body: bytes, fragment: str):
    async with World() as world:
        _, _, answer = await world.ask("POST", PREDICT, body)
        assert fragment in answer["got"]
        assert "9999" not in json.dumps(answer)


@served
async def test_texts_with_colons_and_escapes_are_no_duplicates():
    async with World() as world:
        rows = [{"Income": 1, "Job": 'a:"b\\:c"', "t:x": "12:30:00", "l": ["a:b", "c"]}]
        status, _, _ = await world.ask(
            "POST", PREDICT, {"rows": rows, "at": ["2026-01-01T10:00:00+01:00"], "ids": ["i:1"]}
        )
        assert status == 200


BAD_LABELS = {
    "empty": (b'{"labels": []}', "HF-E-REQUEST-EMPTY"),
    "null value": (b'{"labels": [{"id": "a", "value": null}]}', "HF-E-REQUEST-SCHEMA"),
    "no id": (b'{"labels": [{"value": 1}]}', "HF-E-REQUEST-SCHEMA"),
    "unknown key": (b'{"labels": [{"id": "a", "value": 1, "x": 1}]}', "HF-E-REQUEST-SCHEMA"),
    "duplicate key": (
        b'{"labels": [{"id": "a", "value": 1, "value": 0}]}',
        "HF-E-REQUEST-DUPLICATE-KEY",
    ),
    "bad time": (
        b'{"labels": [{"id": "a", "value": 1, "known_at": "soon"}]}',
        "HF-E-REQUEST-TIME",
    ),
}


@pytest.mark.parametrize("name", BAD_LABELS)
@served
async def test_a_bad_labels_body_is_one_clear_error(name: str):
    body, code = BAD_LABELS[name]
    async with World() as world:
        status, _, answer = await world.ask("POST", "/v1/models/loan/labels", body)
        assert_clear(status, answer, code)


@served
async def test_labels_for_unknown_ids_are_kept_and_repeated_ones_counted():
    async with World() as world:
        status, _, answer = await world.ask(
            "POST",
            "/v1/models/loan/labels",
            {"labels": [{"id": "x", "value": True}, {"id": "x", "value": "late"}]},
        )
        assert status == 200
        assert answer == {"accepted": 2, "repeated": 1, "policy": "last"}
        assert world.labels.column("value") == ["true", '"late"']


@served
async def test_conflicting_labels_are_refused_under_the_policy_reject():
    async with World(label_policy="reject") as world:
        labels = [{"id": "x", "value": 1}, {"id": "x", "value": 0}]
        status, _, answer = await world.ask("POST", "/v1/models/loan/labels", {"labels": labels})
        assert_clear(status, answer, "HF-E-REQUEST-LABEL-CONFLICT")


@served
async def test_a_declared_body_above_the_limit_is_refused_unread():
    async with World() as world:
        status, _, answer = await world.ask(
            "POST", PREDICT, b"{}", {"content-length": str(1_000_000_000)}
        )
        assert_clear(status, answer, "HF-E-REQUEST-SIZE")
        assert status == 413


@served
async def test_a_streamed_body_is_counted_while_it_comes():
    async with World(limits=Limits(body=1000)) as world:
        status, _, answer = await world.ask("POST", PREDICT, chunks=[b"x" * 400] * 5)
        assert_clear(status, answer, "HF-E-REQUEST-SIZE")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": "text/plain"}, 415, "HF-E-REQUEST-TYPE"),
        ({"content-encoding": "gzip"}, 415, "HF-E-REQUEST-ENCODING"),
        ({"content-length": "many"}, 400, "HF-E-REQUEST"),
    ],
)
@served
async def test_headers_that_promise_something_else_are_refused(headers, status, code):
    async with World() as world:
        got, _, answer = await world.ask("POST", PREDICT, b'{"rows": [{}]}', headers)
        assert (got, answer["code"]) == (status, code)


@served
async def test_an_unknown_model_is_404_and_lists_the_known_ones():
    async with World() as world:
        status, _, answer = await world.ask("POST", "/v1/models/lone/predict", {"rows": [{}]})
        assert status == 404
        assert_clear(status, answer, "HF-E-REQUEST-MODEL")
        assert "loan" in answer["expected"]


TRAVERSALS = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%252e%252e%252f",
    "..\\..\\windows",
    "/etc/passwd",
    "\\\\server\\share",
    "loan\x00.db",
    "file:///etc/passwd",
    "C:\\x",
    "<script>alert(1)</script>",
    "'; DROP TABLE models;--",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "a" * 5000,
]


@pytest.mark.parametrize("payload", TRAVERSALS)
@served
async def test_hostile_names_are_only_ever_names(payload: str):
    async with World() as world:
        for tail in ("predict", "labels", "predictions"):
            status, _, answer = await world.ask(
                "POST", f"/v1/models/{payload}/{tail}", {"rows": [{}]}
            )
            assert status in (404, 415), answer
        status, _, _ = await world.ask("GET", f"/v1/models/{payload}")
        assert status == 404
        name = payload[:200]
        row = {"Income": 1, "Job": payload, payload[:100]: payload}
        status, _, answer = await world.ask(
            "POST", PREDICT, {"rows": [row], "ids": [name], "source": name}
        )
        assert status == 200
        assert answer["predictions"][0]["id"] == name
        assert world.log.column("source") == [name]
