"""`POST /v1/models/{model}/labels`: outcomes by prediction id, durable, in any order and delay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from holdfast.errors import RequestError
from holdfast.serving.batching import GroupCommit
from holdfast.serving.gate import Request
from holdfast.serving.limits import BodyBudget, Limits, TooBusyError, declared_length, read_body
from holdfast.serving.lineup import Lineup
from holdfast.serving.ports import LogLike
from holdfast.serving.predict import check_json
from holdfast.serving.replies import reply
from holdfast.serving.wire import decode_labels, encoder, parse_time


class LabelJob(msgspec.Struct):
    """The labels of one request, waiting to be written."""

    model: str
    ids: list[str]
    values: list[str]
    known_at: list[int]
    received: int

    @property
    def weight(self) -> int:
        """Labels in this job."""
        return len(self.ids)


class Labels:
    """Handler of the labels route.

    Labels are kept as they come, also for ids that no prediction has (yet); the join decides by
    the store's policy which of several labels of one id counts. Two different values for one id
    within one request are a mistake of the sender and refused when the policy is ``reject``.

    Args:
        lineup: knows the models.
        log: where labels are written.
        limits, budget, clock: as for predictions.
        policy: ``last``, ``first`` or ``reject``.
    """

    def __init__(
        self,
        lineup: Lineup,
        log: LogLike,
        *,
        limits: Limits,
        budget: BodyBudget,
        clock: Callable[[], int],
        policy: str = "last",
    ) -> None:
        self._lineup = lineup
        self._log = log
        self._limits = limits
        self._budget = budget
        self._clock = clock
        self._policy = policy
        self._commit: GroupCommit[LabelJob, int] | None = None

    def start(self) -> None:
        """Start the writing thread (needs a running event loop)."""
        self._commit = GroupCommit(
            self._work, pending_rows=self._limits.pending_rows, name="holdfast-labels"
        )

    async def close(self) -> None:
        """Write what is queued, then stop."""
        if self._commit is not None:
            await self._commit.close()

    async def __call__(self, request: Request) -> int:
        """Answer one labels request."""
        check_json(request.headers)
        self._lineup.get(request.model)
        size = declared_length(request.headers, self._limits) or self._limits.body
        self._budget.take(size)
        try:
            body = await read_body(request.receive, self._limits)
            job = self._job(request.model, body)
            if self._commit is None:
                raise TooBusyError("the server is starting")
            count = await self._commit.submit(job)
        finally:
            self._budget.give(size)
        repeated = len(job.ids) - len(set(job.ids))
        await reply(
            request.send,
            encoder.encode({"accepted": count, "repeated": repeated, "policy": self._policy}),
        )
        return 200

    def _job(self, model: str, body: bytes) -> LabelJob:
        now = self._clock()
        labels = decode_labels(body, self._limits)
        values = [encoder.encode(label.value).decode() for label in labels]
        ids = [label.id for label in labels]
        if self._policy == "reject" and len(set(ids)) != len(ids):
            seen: dict[str, str] = {}
            for name, value in zip(ids, values, strict=True):
                if seen.setdefault(name, value) != value:
                    raise RequestError(
                        "two different labels for one prediction in one request",
                        code="HF-E-REQUEST-LABEL-CONFLICT",
                        expected="one value for each id (policy `reject`)",
                        got=f"id={name!r}",
                        remedy="send the right one only, or serve with --labels last",
                    )
        known_at = [
            now
            if label.known_at is None
            else parse_time(label.known_at, now, self._limits, f"labels[{index}].known_at")
            for index, label in enumerate(labels)
        ]
        return LabelJob(model, ids, values, known_at, now)

    def _work(
        self, jobs: Sequence[LabelJob], answer: Callable[[Sequence[int | BaseException]], None]
    ) -> Sequence[int]:
        columns: dict[str, list[Any]] = {
            "id": [name for job in jobs for name in job.ids],
            "model": [job.model for job in jobs for _ in job.ids],
            "value": [value for job in jobs for value in job.values],
            "known_at": [time for job in jobs for time in job.known_at],
            "received": [job.received for job in jobs for _ in job.ids],
        }
        self._log.append_columns(columns, durable=True)
        return [len(job.ids) for job in jobs]
