"""`POST /v1/models/{model}/predictions`: predictions made elsewhere, guarded and logged in bulk.

Two forms: NDJSON (one object per line: ``id``, ``features`` and what else is known) and an Arrow
IPC stream (columns ``id``, ``score`` …; every other column is a feature, or one struct column
``features`` holds them). Every row gets the guard's verdict; the answer comes after the write is
durable.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pyarrow as pa

from holdfast.contracts.model import Verdict
from holdfast.errors import RequestError
from holdfast.serving.arrow_body import read_batch
from holdfast.serving.gate import Request
from holdfast.serving.limits import BodyBudget, Limits, declared_length, read_body
from holdfast.serving.lineup import Lineup
from holdfast.serving.logrows import PLAIN, TIME, arrow_rows, marks_of
from holdfast.serving.metrics import Metrics
from holdfast.serving.ports import Champion, LogLike
from holdfast.serving.predict import answered_marks
from holdfast.serving.replies import reply
from holdfast.serving.wire import ViolationOut, decode_lines, encoder, parse_time

NDJSON = (b"application/x-ndjson", b"application/ndjson", b"application/jsonl")
ARROW = b"application/vnd.apache.arrow.stream"
_KNOWN = ("id", "score", "decision", "at", "source", "release", "features", "propensity")
#: rows that are described one by one in the answer; all of them are in the log
_DESCRIBED = 100


class RowOut(msgspec.Struct):
    """One row of a bulk body that was not clean."""

    row: int
    id: str
    verdict: str
    violations: Sequence[ViolationOut]


class BulkOut(msgspec.Struct):
    """Answer to a bulk body: how many rows, their verdicts, and the first that were not clean."""

    accepted: int
    verdicts: dict[str, int]
    rows: list[RowOut]


class Bulk:
    """Handler of the bulk route.

    Args:
        lineup, log, limits, budget, clock, metrics: as for `Predict`.
        threads: bodies worked on at the same time.
    """

    def __init__(
        self,
        lineup: Lineup,
        log: LogLike,
        *,
        limits: Limits,
        budget: BodyBudget,
        clock: Callable[[], int],
        metrics: Metrics,
        threads: int = 2,
    ) -> None:
        self._lineup = lineup
        self._log = log
        self._limits = limits
        self._budget = budget
        self._clock = clock
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(threads, "holdfast-bulk")

    async def close(self) -> None:
        """Finish what was begun."""
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)

    async def __call__(self, request: Request) -> int:
        """Answer one bulk request."""
        kind = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind not in NDJSON and kind != ARROW:
            raise RequestError(
                "the body's type is not read here",
                status=415,
                code="HF-E-REQUEST-TYPE",
                expected=f"content-type {NDJSON[0].decode()} or {ARROW.decode()}",
                got=f"content-type={kind[:80].decode('latin-1')!r}",
                remedy="send NDJSON or an Arrow IPC stream and say which in the header",
            )
        champion = self._lineup.get(request.model)
        size = declared_length(request.headers, self._limits) or self._limits.body
        self._budget.take(size)
        try:
            body = await read_body(request.receive, self._limits)
            work = self._arrow if kind == ARROW else self._ndjson
            answer = await asyncio.get_running_loop().run_in_executor(
                self._pool, work, champion, body
            )
        finally:
            self._budget.give(size)
        await reply(request.send, answer)
        return 200

    def _ndjson(self, champion: Champion, body: bytes) -> bytes:
        now = self._clock()
        lines, rows = decode_lines(body, self._limits)
        at = [
            now
            if line.at is None
            else parse_time(line.at, now, self._limits, f"line {index + 1}: at")
            for index, line in enumerate(lines)
        ]
        return self._finish(
            champion,
            now,
            rows,
            ids=[line.id for line in lines],
            at=at,
            source=[line.source for line in lines],
            score=[line.score for line in lines],
            decision=[line.decision for line in lines],
            release=[line.release for line in lines],
            features=[str(line.features, "utf-8") for line in lines],
            propensity=[line.propensity for line in lines],
        )

    def _arrow(self, champion: Champion, body: bytes) -> bytes:
        now = self._clock()
        batch = read_batch(body, self._limits)
        names = batch.schema.names
        count = batch.num_rows
        if "features" in names and pa.types.is_struct(batch.schema.field("features").type):
            row = batch.column("features")
        else:
            inner = [name for name in names if name not in _KNOWN]
            if not inner:
                raise _column("features", "feature columns, or a struct column `features`", "none")
            row = pa.StructArray.from_arrays([batch.column(name) for name in inner], inner)
        ids = _typed(batch, "id", pa.string())
        if ids is None or ids.null_count:
            raise _column("id", "a text column `id` without nulls", "nulls or no such column")
        id_list: list[str] = ids.to_pylist()
        longest = max(map(len, id_list))
        if not min(map(len, id_list)) or longest > self._limits.text:
            raise _column("id", f"1 to {self._limits.text} characters", f"up to {longest}")
        times = _typed(batch, "at", TIME)
        at = [now] * count
        if times is not None:
            at = [now if at is None else at for at in times.cast(pa.int64()).to_pylist()]
            if min(at) < 0 or max(at) > now + self._limits.ahead_seconds * 1_000_000:
                raise _column("at", "times since 1970, not ahead of the server's clock", "others")
        score = _typed(batch, "score", pa.float64())
        source, decision, release = (
            [None] * count if column is None else column.to_pylist()
            for column in (
                _typed(batch, name, pa.string()) for name in ("source", "decision", "release")
            )
        )
        propensity = _typed(batch, "propensity", pa.float64())
        if propensity is not None and not _drawn(propensity):
            raise _column("propensity", "probabilities above 0 and up to 1, or null", "others")
        fields = [field.name for field in row.type]
        columns = [column.to_pylist() for column in row.flatten()]
        rows = [dict(zip(fields, values, strict=True)) for values in zip(*columns, strict=True)]
        return self._finish(
            champion,
            now,
            rows,
            ids=id_list,
            at=at,
            source=source,
            score=[None] * count if score is None else score,
            decision=decision,
            release=release,
            propensity=[None] * count if propensity is None else propensity,
            row=row,
        )

    def _finish(
        self,
        champion: Champion,
        now: int,
        rows: list[dict[str, Any]],
        *,
        ids: list[str],
        release: Sequence[str | None],
        **columns: Any,
    ) -> bytes:
        verdicts: Sequence[Verdict] = champion.guard(rows)
        outcomes = [PLAIN[verdict.outcome] for verdict in verdicts]
        count = len(ids)
        logged: dict[str, Any] = {
            "id": ids,
            "model": [champion.model] * count,
            "release": release,
            "contract": [champion.contract] * count,
            "received": [now] * count,
            "verdict": outcomes,
            "marks": [
                marks_of(verdict.violations) if verdict.violations else None for verdict in verdicts
            ],
            **columns,
        }
        if "row" in logged:
            self._log.append_many([arrow_rows(logged)], durable=True)
        else:
            self._log.append_columns(logged, durable=True)
        self._metrics.answered(champion.model, outcomes)
        described: list[RowOut] = []
        for index, verdict in enumerate(verdicts):
            if verdict.violations and (marks := answered_marks(verdict.violations)):
                described.append(RowOut(index, ids[index], outcomes[index], marks))
                if len(described) == _DESCRIBED:
                    break
        return encoder.encode(BulkOut(len(ids), dict(Counter(outcomes)), described))


def _column(name: str, expected: str, got: str) -> RequestError:
    return RequestError(
        f"column `{name}` cannot be used",
        code="HF-E-REQUEST-ARROW",
        expected=expected,
        got=got,
        remedy="see `log_predictions` in GET /openapi.json",
    )


def _drawn(propensity: pa.Array) -> bool:
    """Whether every value that is not null is a probability above 0."""
    known = propensity.drop_null().to_numpy()
    return bool(((known > 0) & (known <= 1)).all())


def _typed(batch: pa.RecordBatch, name: str, kind: pa.DataType) -> pa.Array | None:
    if name not in batch.schema.names:
        return None
    column = batch.column(name)
    if column.type == kind:
        return column
    try:
        if pa.types.is_string(kind) and not (
            pa.types.is_dictionary(column.type)
            or pa.types.is_large_string(column.type)
            or pa.types.is_null(column.type)
        ):
            raise pa.ArrowInvalid("not a text")
        return column.cast(kind)
    except pa.ArrowException:
        raise _column(name, f"type {kind}", f"type {column.type}") from None
