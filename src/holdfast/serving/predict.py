"""`POST /v1/models/{model}/predict`: decode, score, log, answer; in batches, durable first.

The event loop decodes bodies and writes answers. One thread scores all rows that are waiting, in
one call per model, writes one record batch per model, and only then (``--ack durable``) lets the
answers go. With ``--ack fast`` the answers go first and the write follows: a crash in between
loses the log entries of a few milliseconds, never the answers' correctness.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from holdfast.contracts.model import Outcome, Policy, Violation
from holdfast.errors import RequestError
from holdfast.releases.scorer import MODEL, MODEL_ERROR
from holdfast.serving.batching import GroupCommit
from holdfast.serving.canary import Canary
from holdfast.serving.exploring import Drawn, Explorer
from holdfast.serving.gate import Request
from holdfast.serving.limits import BodyBudget, Limits, TooBusyError, declared_length, read_body
from holdfast.serving.lineup import Lineup
from holdfast.serving.logrows import PLAIN, Columns, marks_of
from holdfast.serving.metrics import Metrics
from holdfast.serving.ports import AnswerLike, Champion, LogLike
from holdfast.serving.replies import reply
from holdfast.serving.shadow import Seen, Shadows, failed
from holdfast.serving.wire import (
    PredictionOut,
    ViolationOut,
    decode_predict,
    encoder,
)

log = logging.getLogger("holdfast.serving")

_JSON_TYPES = (b"application/json", b"application/json; charset=utf-8")


class PredictJob(msgspec.Struct):
    """The rows of one request, waiting to be scored and logged."""

    champion: Champion
    rows: list[dict[str, Any]]
    raws: Sequence[Raw]
    ids: list[str] | None
    source: str | None
    at: list[int] | None
    received: int
    canary: Canary | None = None

    @property
    def weight(self) -> int:
        """Rows in this job."""
        return len(self.rows)


class Unscored(msgspec.Struct, frozen=True):
    """The answer for a row that the model raised an error on: nobody guesses, a person decides."""

    score: float | None = None
    decision: str | None = None
    verdict: Outcome = Outcome.ABSTAINED
    violations: tuple[Violation, ...] = (Violation(MODEL, MODEL_ERROR, Policy.ABSTAIN),)
    fallback: tuple[str, ...] | None = None


class Ids:
    """Prediction ids: unique over workers and restarts, in order within one worker.

    Example:
        >>> ids = Ids()
        >>> ids.take(2)[0] != ids.take(1)[0]
        True
    """

    __slots__ = ("_count", "_prefix")

    def __init__(self) -> None:
        self._prefix = f"{time.time_ns() // 1000:015x}{os.urandom(6).hex()}-"
        self._count = 0

    def take(self, count: int) -> list[str]:
        """The next `count` ids."""
        start = self._count
        self._count = start + count
        prefix = self._prefix
        return [f"{prefix}{number:x}" for number in range(start, start + count)]


def check_json(headers: dict[bytes, bytes]) -> None:
    """Refuse a body that says it is not JSON (browsers cannot send JSON across sites unasked).

    Raises:
        RequestError: 415, for any other declared type.
    """
    given = headers.get(b"content-type")
    if given is None or given in _JSON_TYPES:
        return
    if given.partition(b";")[0].strip().lower() != b"application/json":
        raise RequestError(
            "the body's type is not read here",
            status=415,
            code="HF-E-REQUEST-TYPE",
            expected="content-type: application/json",
            got=f"content-type={given[:80].decode('latin-1')!r}",
            remedy="send JSON and say so in the header",
        )


def answered_marks(marks: Sequence[Violation]) -> list[ViolationOut]:
    """Violations as answered; mere notes stay in the log."""
    return [ViolationOut(mark.field, mark.code, mark.policy) for mark in marks if not mark.note]


def _whose(champion: Champion, row: dict[str, Any], name: str) -> str:
    """What makes requests belong together: the row's entity, else the id of the prediction."""
    entity = row.get(champion.entity) if champion.entity is not None else None
    return name if entity is None else str(entity)


class Predict:
    """Handler of the predict route and the work behind it.

    Args:
        lineup: which release answers.
        log: where predictions are written.
        limits: bounds on requests and queues.
        budget: bytes of bodies in memory.
        clock: microseconds since 1970 (UTC).
        metrics: counts.
        durable: whether answers wait for the write (``--ack durable``).
        shadows: takes rows for shadows; None: there are none.
        explorer: draws rows that get the other decision; None: every decision is the model's.
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
        durable: bool,
        shadows: Shadows | None = None,
        explorer: Explorer | None = None,
    ) -> None:
        self._lineup = lineup
        self._explorer = explorer
        self._shadows = shadows
        self._log = log
        self._limits = limits
        self._budget = budget
        self._clock = clock
        self._metrics = metrics
        self._durable = durable
        self._ids = Ids()
        self._commit: GroupCommit[PredictJob, bytes] | None = None

    def start(self) -> None:
        """Start the committing thread (needs a running event loop)."""
        self._commit = GroupCommit(self._work, pending_rows=self._limits.pending_rows)

    async def close(self) -> None:
        """Write and answer what is queued, then stop."""
        if self._commit is not None:
            await self._commit.close()

    @property
    def waiting_rows(self) -> int:
        """Rows waiting to be scored."""
        return 0 if self._commit is None else self._commit.waiting_rows

    async def __call__(self, request: Request) -> int:
        """Answer one predict request."""
        limits = self._limits
        headers = request.headers
        check_json(headers)
        champion = self._lineup.get(request.model)
        size = declared_length(headers, limits) or limits.body
        budget = self._budget
        budget.take(size)
        try:
            body = await read_body(request.receive, limits)
            now = self._clock()
            parsed = decode_predict(body, now, limits)
            if self._commit is None:
                raise TooBusyError("the server is starting")
            canary = self._canary(champion, parsed.rows, parsed.ids)
            answer = await self._commit.submit(
                PredictJob(
                    champion if canary is None else canary.release,
                    parsed.rows,
                    parsed.raws,
                    parsed.ids,
                    parsed.source,
                    parsed.at,
                    now,
                    canary,
                )
            )
        finally:
            budget.give(size)
        await reply(request.send, answer)
        return 200

    def _canary(
        self, champion: Champion, rows: list[dict[str, Any]], ids: list[str] | None
    ) -> Canary | None:
        """The canary if it answers the whole request: by its first row's entity, else by its id."""
        canary = self._lineup.canary(champion.model)
        if canary is None or not rows:
            return None
        first = ids[0] if ids else self._ids.take(1)[0]
        return canary if canary.takes(_whose(champion, rows[0], first)) else None

    def _work(
        self,
        jobs: Sequence[PredictJob],
        answer: Callable[[Sequence[bytes | BaseException]], None],
    ) -> Sequence[bytes | BaseException]:
        """Score, log and answer a batch; runs in the committing thread."""
        groups: dict[int, list[PredictJob]] = {}
        for job in jobs:
            alone = job.canary is not None and job.canary.timed
            groups.setdefault(id(job if alone else job.champion), []).append(job)
        columns = Columns()
        replies: dict[int, bytes] = {}
        for group in groups.values():
            self._score(group, columns, replies)
        results: list[bytes | BaseException] = [replies[id(job)] for job in jobs]
        if self._durable:
            self._log.append_columns(columns.lists(), durable=True)
        else:
            answer(results)
            try:
                self._log.append_columns(columns.lists(), durable=False)
            except Exception as error:  # noqa: BLE001 - answered already: count it and say so
                self._metrics.now.unwritten += len(columns.id)
                log.error("answers were not written to the log: %s", type(error).__name__)
        numbers = self._metrics.now
        numbers.batches += 1
        numbers.batch_rows += len(columns.id)
        return results

    def _score(self, group: list[PredictJob], columns: Columns, replies: dict[int, bytes]) -> None:
        """Score the jobs of one release; adds to what is logged and answered.

        What waited for a canary while it was stopped is the champion's.
        """
        champion, canary = group[0].champion, group[0].canary
        if canary is not None and canary.tripped and champion.instead is not None:
            champion, canary = champion.instead, None
        rows = [row for job in group for row in job.rows]
        total = len(rows)
        begun = time.perf_counter()
        answers = self._answer(champion, rows)
        by: Sequence[Champion] = [champion] * total
        if canary is not None:
            canary.took(time.perf_counter() - begun, total)
            wrong = [index for index, given in enumerate(answers) if failed(given)]
            canary.count(total, len(wrong))
            answers, by = self._covered(champion, rows, answers, wrong)
        ids = self._ids.take(total)
        start = 0
        for job in group:
            end = start + len(job.rows)
            if job.ids is not None:
                ids[start:end] = job.ids
            start = end
        drawn = self._drawn(by, rows, ids, answers, columns)
        verdicts = [PLAIN[given.verdict] for given in answers]
        columns.model += [champion.model] * total
        columns.release += [one.release for one in by]
        columns.contract += [one.contract for one in by]
        columns.score += [given.score for given in answers]
        columns.decision += [given.decision for given in (answers if drawn is None else drawn)]
        columns.verdict += verdicts
        columns.features += [str(raw, "utf-8") for job in group for raw in job.raws]
        if all(verdict == "ok" for verdict in verdicts) and not any(
            given.violations for given in answers
        ):
            columns.fallback += [None] * total
            columns.marks += [None] * total
        else:
            columns.fallback += [
                None if given.fallback is None else ",".join(given.fallback) for given in answers
            ]
            columns.marks += [
                marks_of(given.violations) if given.violations else None for given in answers
            ]
        encode = encoder.encode
        start = 0
        for job in group:
            count = len(job.rows)
            end = start + count
            received = job.received
            columns.at += job.at if job.at is not None else [received] * count
            columns.received += [received] * count
            columns.source += [job.source] * count
            replies[id(job)] = b'{"predictions":%b}' % encode(
                [
                    PredictionOut(
                        ids[index],
                        by[index].release,
                        given.score,
                        given.decision if drawn is None else drawn[index].decision,
                        verdicts[index],
                        given.fallback,
                        answered_marks(given.violations) if given.violations else (),
                        UNSET if drawn is None else drawn[index].explored,
                        UNSET if drawn is None else drawn[index].propensity,
                    )
                    for index, given in enumerate(answers[start:end], start)
                ]
            )
            start = end
        columns.id += ids
        self._metrics.answered(champion.model, verdicts)
        shadow = self._lineup.shadow(champion.model)
        if shadow is not None and self._shadows is not None:
            self._shadows.offer(Seen(shadow, ids, rows, columns.at[-total:]))

    def _drawn(
        self,
        by: Sequence[Champion],
        rows: list[dict[str, Any]],
        ids: list[str],
        answers: Sequence[AnswerLike],
        columns: Columns,
    ) -> list[Drawn] | None:
        """The decisions that are given; None where nothing is explored. Adds to what is logged."""
        explorer = self._explorer
        if explorer is None:
            return None
        drawn = [
            explorer.draw(one, given, _whose(one, row, name))
            for one, given, row, name in zip(by, answers, rows, ids, strict=True)
        ]
        columns.explored += [one.explored for one in drawn]
        columns.propensity += [one.propensity for one in drawn]
        return drawn

    def _covered(
        self,
        canary: Champion,
        rows: list[dict[str, Any]],
        answers: Sequence[AnswerLike],
        wrong: Sequence[int],
    ) -> tuple[Sequence[AnswerLike], Sequence[Champion]]:
        """The canary's answers, and the champion's where it failed; and whose each is."""
        champion = canary.instead
        if champion is None or not wrong:
            return answers, [canary] * len(rows)
        covered, by = list(answers), [canary] * len(rows)
        instead = self._answer(champion, [rows[index] for index in wrong])
        for index, given in zip(wrong, instead, strict=True):
            covered[index], by[index] = given, champion
        return covered, by

    def _answer(self, champion: Champion, rows: list[dict[str, Any]]) -> Sequence[AnswerLike]:
        """Score rows; one that breaks the model is answered alone, and does not harm the rest."""
        try:
            return champion.scorer.answer(rows)
        except Exception as error:  # noqa: BLE001 - any model may raise anything
            if len(rows) == 1:
                self._metrics.now.scoring_errors += 1
                log.error("the model of %r raised %s", champion.model, type(error).__name__)
                return [Unscored()]
            middle = len(rows) // 2
            return [
                *self._answer(champion, rows[:middle]),
                *self._answer(champion, rows[middle:]),
            ]
