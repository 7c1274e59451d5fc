"""The middleware: what the application sees, what the client gets, and every body it may send."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from holdfast.contracts import model as m
from holdfast.integrations import GuardMiddleware

RULES = (m.NullRule(), m.TypeRule(), m.RangeRule(low=0, high=9))


def contract(policy=m.Policy.ABSTAIN):
    return m.ContractData(
        fields=(
            m.Field(name="x", kind=m.Kind.INTEGER, rules=RULES, policy=policy, impute=4),
            m.Field(name="é", kind=m.Kind.TEXT, rules=(m.NullRule(rows=False),)),
        )
    )


class Model:
    """An application that answers each row with its x, and remembers what it saw."""

    def __init__(self, reply=None, status=200):
        self.seen = []
        self.reply = reply
        self.status = status

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.seen.append(body)
        length = dict(scope["headers"]).get(b"content-length")
        assert length is None or int(length) == len(body)
        if self.reply is None:
            rows = json.loads(body)["rows"]
            text = json.dumps({"model": "m", "predictions": [row["x"] for row in rows]}).encode()
        else:
            text = self.reply
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": text})


def post(app, content, path="/predict", **headers):
    async def run():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            given = {"content-type": "application/json", **headers}
            return await client.post(path, content=content, headers=given)

    return asyncio.run(run())


def rows(*values):
    return json.dumps({"rows": [{"x": v, "é": "a"} for v in values], "trace": 1}).encode()


def test_clean_rows_reach_the_model_and_its_answer_the_client():
    model = Model()
    answer = post(GuardMiddleware(model, contract()), rows(1, 2))
    assert answer.json() == {"model": "m", "predictions": [1, 2]}
    assert json.loads(model.seen[0]) == json.loads(rows(1, 2))
    assert answer.headers["holdfast-marks"] == "rows=2"


def test_a_refused_row_is_answered_here_and_the_model_not_asked():
    model = Model()
    answer = post(GuardMiddleware(model, contract()), rows(1, 99))
    assert (answer.status_code, model.seen) == (422, [])
    assert answer.json()["predictions"] == [
        {"verdict": "ok", "violations": []},
        {
            "verdict": "abstained",
            "violations": [{"field": "x", "code": "range", "policy": "abstain"}],
        },
    ]
    assert answer.headers["holdfast-marks"] == "rows=2; x:range=1"


def test_refusals_take_their_places_among_the_models_answers():
    model = Model()
    app = GuardMiddleware(model, contract(), answers_key="predictions")
    answer = post(app, rows(99, 1, None, 2))
    assert [a if isinstance(a, int) else a["verdict"] for a in answer.json()["predictions"]] == [
        "abstained", 1, "abstained", 2,
    ]  # fmt: skip
    assert [row["x"] for row in json.loads(model.seen[0])["rows"]] == [1, 2]
    assert post(app, rows(99)).status_code == 200
    assert len(model.seen) == 1


@pytest.mark.parametrize(
    "reply", [b"no json", b"[]", b'{"predictions": [1, 2, 3]}', b"[" * 100_000]
)
def test_answers_that_cannot_be_matched_are_a_502(reply):
    app = GuardMiddleware(Model(reply=reply), contract(), answers_key="predictions")
    assert post(app, rows(99, 1)).status_code == 502


def test_an_error_of_the_model_is_passed_on():
    app = GuardMiddleware(Model(reply=b"busy", status=503), contract(), answers_key="predictions")
    answer = post(app, rows(99, 1))
    assert (answer.status_code, answer.content) == (503, b"busy")


def test_repaired_rows_are_passed_on_repaired():
    model = Model()
    answer = post(GuardMiddleware(model, contract(m.Policy.IMPUTE)), rows(None, 2.0))
    assert answer.json()["predictions"] == [4, 2]
    assert json.loads(model.seen[0])["trace"] == 1


def test_a_row_for_a_fallback_is_never_guessed_here():
    answer = post(GuardMiddleware(Model(), contract(m.Policy.FALLBACK)), rows(None))
    assert answer.status_code == 422
    assert answer.json()["predictions"][0]["verdict"] == "abstained"


def test_shadow_mode_passes_every_byte_and_adds_a_header():
    model = Model(reply=b"as ever")
    app = GuardMiddleware(model, contract(), mode="shadow", max_body=2_000)
    body = b' {"rows": [{"x": 99, "x": 98}, {}]}  '
    answer = post(app, body)
    assert (answer.content, model.seen) == (b"as ever", [body])
    assert answer.headers["holdfast-marks"] == "rows=2; %C3%A9:null=2; x:range=1; x:null=1"
    for odd in (b"no json", b"x" * 5_000, b"", b"[" * 1_500):
        answer = post(app, odd)
        assert (answer.content, model.seen[-1]) == (b"as ever", odd)
        assert answer.headers["holdfast-marks"] == "unread"


def test_a_row_or_a_list_may_be_the_body_itself():
    model = Model(reply=b"{}")
    app = GuardMiddleware(model, contract(), rows_key=None)
    assert post(app, b'{"x": 1}').status_code == 200
    assert post(app, b'[{"x": 1}, {"x": 2}]').status_code == 200
    assert post(app, b'{"x": 99}').status_code == 422
    assert [json.loads(seen) for seen in model.seen] == [{"x": 1}, [{"x": 1}, {"x": 2}]]


def test_other_paths_and_methods_pass_unseen():
    model = Model(reply=b"ok")
    app = GuardMiddleware(model, contract(), paths=["/predict"])
    assert post(app, rows(99), path="/other").content == b"ok"
    assert post(app, rows(99)).status_code == 422


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {}, 422),
        (b"{", {}, 422),
        (b"\xff\xfe", {}, 422),
        (b"null", {}, 422),
        (b'{"rows": {}}', {}, 422),
        (b'{"rows": [NaN]}', {}, 422),
        (b'{"rows": [{"x": 1e400}]}', {}, 422),
        (b'{"rows": ' + b"[" * 100_000, {}, 422),
        (b'{"rows": [null, 5, "row", []]}', {}, 422),
        (b'{"rows": [{"x": ' + b"9" * 5_000 + b"}]}", {}, 422),
        (b'{"rows": [{"x": 1, "y": ' + b"9" * 5_000 + b"}]}", {}, None),
        (b'{"rows": [' + b",".join([b"{}"] * 10_001) + b"]}", {}, 413),
        (b"x" * 1_000_001, {}, 413),
        (b"{}", {"content-type": "text/csv"}, 415),
        (b"{}", {"content-encoding": "gzip"}, 415),
    ],
    ids=lambda part: repr(part)[:40],
)
def test_every_body_has_a_clear_answer(content, headers, status):
    answer = post(GuardMiddleware(Model(reply=b"{}"), contract()), content, **headers)
    assert answer.status_code == status or (status is None and answer.status_code < 500)
    if "error" in answer.json():
        assert answer.json()["error"]["expected"]


def serve(app, messages):
    """The messages that an application sends when it is given these."""
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_body_in_pieces_is_put_together_and_limited():
    app = GuardMiddleware(Model(), contract(), max_body=100)
    text = rows(1)
    pieces = [
        {"type": "http.request", "body": text[i : i + 7], "more_body": True}
        for i in range(0, len(text), 7)
    ]
    assert serve(app, [*pieces, {"type": "http.request"}])[0]["status"] == 200
    endless = [{"type": "http.request", "body": b"x" * 60, "more_body": True}] * 2
    assert serve(app, endless)[0]["status"] == 413


def test_a_client_that_leaves_gets_nothing():
    assert serve(GuardMiddleware(Model(), contract()), [{"type": "http.disconnect"}]) == []


def test_a_large_body_streams_through_in_shadow_mode():
    model = Model(reply=b"ok")
    app = GuardMiddleware(model, contract(), mode="shadow", max_body=100)
    piece = {"type": "http.request", "body": b"x" * 60, "more_body": True}
    sent = serve(app, [piece, piece, piece, {"type": "http.request", "body": b"y"}])
    assert model.seen == [b"x" * 180 + b"y"]
    assert sent[1]["body"] == b"ok"


def test_the_integrations_load_the_standard_library_and_msgspec_only():
    script = (
        "import sys; before = set(sys.modules); import holdfast.integrations;"
        "new = {n.partition('.')[0] for n in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names) - {'typing_extensions'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )  # fmt: skip
    assert done.stdout.strip() == "['holdfast', 'msgspec']"
