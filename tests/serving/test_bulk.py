"""Predictions made elsewhere: NDJSON and Arrow IPC, a verdict for each row, durable."""

from __future__ import annotations

import struct

import pyarrow as pa
import pytest
from tests.serving.test_limits import assert_clear
from tests.serving.world import NOW, World, served

from holdfast.serving.limits import Limits

PATH = "/v1/models/loan/predictions"
NDJSON = {"content-type": "application/x-ndjson"}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}


def ipc(table: pa.Table, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def rows(count: int = 3) -> pa.Table:
    return pa.table(
        {
            "id": [f"p{i}" for i in range(count)],
            "score": [0.5] * count,
            "decision": ["approve"] * count,
            "Income": [float(i) for i in range(count)],
            "Job": ["clerk"] * (count - 1) + [None],
        }
    )


@served
async def test_ndjson_lines_are_guarded_and_logged():
    body = (
        b'{"id": "a", "score": 0.5, "features": {"Income": 1, "Job": "x"}}\n'
        b'\n{"id": "b", "features": {"Income": 1}, "at": "2026-09-01T00:00:00Z", "release": "v7"}'
    )
    async with World() as world:
        status, _, answer = await world.ask("POST", PATH, body, NDJSON)
        assert status == 200
        assert answer["accepted"] == 2
        assert answer["verdicts"] == {"ok": 1, "degraded": 1}
        assert answer["rows"] == [
            {
                "row": 1,
                "id": "b",
                "verdict": "degraded",
                "violations": [{"field": "Job", "code": "null", "policy": "fallback"}],
            }
        ]
        (write,) = world.log.writes
        assert write["features"] == ['{"Income": 1, "Job": "x"}', '{"Income": 1}']
        assert write["release"] == [None, "v7"]
        assert write["at"][0] == NOW
        assert write["score"] == [0.5, None]


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@served
async def test_arrow_rows_are_guarded_and_logged(compression):
    async with World() as world:
        status, _, answer = await world.ask("POST", PATH, ipc(rows(), compression), ARROW)
        assert status == 200, answer
        assert answer["verdicts"] == {"ok": 2, "degraded": 1}
        (write,) = world.log.writes
        assert write["row"][0] == {"Income": 0.0, "Job": "clerk"}
        assert write["id"] == ["p0", "p1", "p2"]


@served
async def test_arrow_features_may_be_one_struct_column():
    table = pa.table({"id": ["a"], "features": [{"Income": 1.0, "Job": "x", "id": 5}]})
    async with World() as world:
        status, _, _ = await world.ask("POST", PATH, ipc(table), ARROW)
        assert status == 200
        assert world.log.writes[0]["row"] == [{"Income": 1.0, "Job": "x", "id": 5}]


BAD_LINES = {
    "empty": b"\n \n",
    "not JSON": b"id,score\n",
    "no id": b'{"features": {}}',
    "no features": b'{"id": "a"}',
    "nested features": b'{"id": "a", "features": {"x": {"y": 1}}}',
    "unknown key": b'{"id": "a", "features": {}, "extra": 1}',
    "duplicate key": b'{"id": "a", "features": {"x": 1, "x": 2}}',
    "not UTF-8": b'{"id": "a", "features": {"x": "\xff"}}',
    "deep": b'{"id": "a", "features": ' + b"[" * 100_000,
    "bad time": b'{"id": "a", "features": {}, "at": "x"}',
}


@pytest.mark.parametrize("name", BAD_LINES)
@served
async def test_a_bad_line_is_one_clear_error_and_nothing_is_kept(name: str):
    good = b'{"id": "g", "features": {"Income": 1}}\n' if name != "empty" else b""
    async with World() as world:
        status, _, answer = await world.ask("POST", PATH, good + BAD_LINES[name], NDJSON)
        assert_clear(status, answer, answer["code"])
        assert not world.log.writes
        if good:
            assert "line 2" in answer["message"] or "same key" in answer["message"]


def broken_bodies() -> dict[str, bytes]:
    whole = ipc(rows())
    many = pa.table({"id": ["a"] * 20, "x": [1] * 20})
    text = pa.table({"id": ["a"] * 9, "x": pa.array(["z" * 900_000] * 9).dictionary_encode()})
    bomb = pa.table({"id": ["a"], "x": ["z" * 3_000_000]})
    return {
        "empty": b"",
        "noise": b"\x00\xff" * 50,
        "cut": whole[: len(whole) // 2],
        "lengths changed": whole.replace(struct.pack("<q", 3), struct.pack("<q", 1 << 40)),
        "no rows": ipc(rows().slice(0, 0)),
        "too many rows": ipc(many),
        "no id": ipc(pa.table({"x": [1]})),
        "null id": ipc(pa.table({"id": ["a", None], "x": [1, 2]})),
        "long id": ipc(pa.table({"id": ["a" * 300], "x": [1]})),
        "no features": ipc(pa.table({"id": ["a"]})),
        "id is a number": ipc(pa.table({"id": [1], "x": [1]})),
        "score is a text": ipc(pa.table({"id": ["a"], "score": ["high"], "x": [1]})),
        "nested list": ipc(pa.table({"id": ["a"], "x": [[[1]]]})),
        "map": ipc(pa.table({"id": ["a"], "x": pa.array([[("k", 1)]], pa.map_("string", "int8"))})),
        "binary": ipc(pa.table({"id": ["a"], "x": [b"\xff"]})),
        "time ahead": ipc(
            pa.table({"id": ["a"], "x": [1], "at": pa.array([1 << 60], pa.timestamp("us"))})
        ),
        "duplicate columns": ipc(pa.Table.from_arrays([pa.array(["a"])] * 2, names=["id", "id"])),
        "dictionary that unfolds": ipc(text),
        "decompression bomb": ipc(bomb, "zstd"),
    }


BROKEN = broken_bodies()
TIGHT = Limits(rows=10, expanded_bytes=2_000_000, body=4_000_000)


@pytest.mark.parametrize("name", BROKEN)
@served
async def test_a_broken_arrow_body_is_one_clear_error(name: str):
    async with World(limits=TIGHT) as world:
        status, _, answer = await world.ask("POST", PATH, BROKEN[name], ARROW)
        assert_clear(status, answer, "HF-E-REQUEST-ARROW")
        assert not world.log.writes


@served
async def test_no_single_changed_byte_of_an_arrow_body_brings_the_server_down():
    whole = ipc(rows(5), "zstd")
    async with World() as world:
        for at in range(0, len(whole), 3):
            body = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
            status, _, _ = await world.ask("POST", PATH, body, ARROW)
            assert status in (200, 413, 422), at


@served
async def test_another_content_type_names_the_two_that_are_read():
    async with World() as world:
        status, _, answer = await world.ask("POST", PATH, b"[]", {"content-type": "text/csv"})
        assert status == 415
        assert "ndjson" in answer["expected"]
        assert "arrow" in answer["expected"]


@served
async def test_how_likely_a_decision_drawn_elsewhere_was_is_logged_with_it():
    lines = b'{"id": "a", "features": {}, "propensity": 0.02}\n{"id": "b", "features": {}}'
    async with World() as world:
        assert (await world.ask("POST", PATH, lines, NDJSON))[0] == 200
        table = rows(2).append_column("propensity", pa.array([0.98, None]))
        assert (await world.ask("POST", PATH, ipc(table), ARROW))[0] == 200
        assert world.log.column("propensity") == [0.02, None, 0.98, None]
        assert "propensity" not in world.log.writes[1]["row"][0]


@pytest.mark.parametrize("chance", [0.0, -0.5, 1.5, float("nan")])
def test_what_is_no_probability_is_refused(chance):
    @served
    async def run() -> None:
        async with World() as world:
            table = rows(2).append_column("propensity", pa.array([0.5, chance]))
            status, _, answer = await world.ask("POST", PATH, ipc(table), ARROW)
            assert_clear(status, answer, "HF-E-REQUEST-ARROW")
            line = f'{{"id": "a", "features": {{}}, "propensity": {chance}}}'.encode()
            status, _, answer = await world.ask("POST", PATH, line, NDJSON)
            no_json = chance != chance
            assert_clear(status, answer, f"HF-E-REQUEST-{'JSON' if no_json else 'SCHEMA'}")
            assert world.log.writes == []

    run()
