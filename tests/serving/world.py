"""A small world to serve in: a scorer of one rule, a log in memory, and a live service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Self

import msgspec

from holdfast.contracts.model import Outcome, Policy, Verdict, Violation
from holdfast.errors import UsageError
from holdfast.serving.ports import Champion, Roles
from holdfast.serving.service import Service

NOW = 1_790_000_000_000_000


class Answer(msgspec.Struct, frozen=True):
    score: float | None
    decision: str | None
    verdict: Outcome
    violations: tuple[Violation, ...] = ()
    fallback: tuple[str, ...] | None = None


def guard_row(row: dict[str, Any]) -> Verdict:
    if row.get("Job") is None:
        return Verdict(
            Outcome.DEGRADED, row, (Violation("Job", "null", Policy.FALLBACK),), ("Job",)
        )
    return Verdict(Outcome.OK, row)


class Scorer:
    """Score = Income / 1000; without a Job the fallback says half of it."""

    calls = 0

    def answer(self, rows: Sequence[dict[str, Any]]) -> list[Answer]:
        self.calls += 1
        answers = []
        for row in rows:
            verdict = guard_row(row)
            score = row["Income"] / 1000
            if verdict.missing:
                answers.append(
                    Answer(score / 2, "refuse", verdict.outcome, verdict.violations, ("Job",))
                )
            else:
                answers.append(Answer(score, "approve", Outcome.OK))
        return answers


class Source:
    def __init__(self) -> None:
        self.now = {"loan": ("r1", 1)}
        self.off: dict[str, tuple[str, ...]] = {}
        self.acknowledged: list[str] = []
        self.scorer = Scorer()
        self.scorers: dict[str, Any] = {}
        self.entity: str | None = None
        self.loaded: list[str] = []
        self.others: dict[str, Roles] = {}
        self.told: list[tuple[str, str, str]] = []
        self.elsewhere: dict[tuple[str, str], tuple[str, str]] = {}

    def pointers(self) -> dict[str, tuple[str, int]]:
        return self.now

    def switches(self) -> dict[str, tuple[str, ...]]:
        return self.off

    def load(self, model: str, release: str, revision: int) -> Champion:
        self.loaded.append(release)
        return Champion(
            model,
            release,
            "c1",
            revision,
            self.scorers.get(release, self.scorer),
            lambda rows: [guard_row(row) for row in rows],
            {"features": ["Income", "Job"]},
            entity=self.entity,
            decisions=("approve", "refuse"),
        )

    def roles(self) -> dict[str, Roles]:
        return self.others

    def acknowledge(self, champion: Champion) -> None:
        self.acknowledged.append(champion.release)

    def tripped(self, canary: Champion, guard: str, why: str) -> None:
        self.told.append((canary.release, guard, why))

    def stopped(self) -> dict[tuple[str, str], tuple[str, str]]:
        return self.elsewhere


class Log:
    def __init__(self) -> None:
        self.writes: list[Any] = []
        self.error: Exception | None = None

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    def append_columns(self, columns: Any, *, durable: bool = True) -> None:
        self._check()
        self.writes.append(columns)

    def append_many(self, batches: Any, *, durable: bool = True) -> None:
        self._check()
        self.writes += [batch.to_pydict() for batch in batches]

    def flush(self) -> None:
        self._check()

    def column(self, name: str) -> list[Any]:
        return [value for write in self.writes for value in write[name]]


class Desk:
    def models(self) -> list[dict[str, Any]]:
        return [{"model": "loan", "release": "r1"}]

    def releases(self, model: str | None = None) -> list[dict[str, Any]]:
        return [{"id": "r1"}] if model == "loan" else []

    def __init__(self) -> None:
        self.decided: list[dict[str, Any]] = []

    def incidents(self, model: str | None = None) -> list[dict[str, Any]]:
        return []

    def incident(self, model: str, name: str) -> dict[str, Any] | None:
        return {"id": name, "model": model} if (model, name) == ("loan", "i1") else None

    def decide(self, model: str, name: str, verb: str, **details: Any) -> dict[str, Any] | None:
        if verb == "unmute":
            raise UsageError("the incident is not muted", expected="a muted incident")
        found = self.incident(model, name)
        if found is not None:
            self.decided.append({"verb": verb, **details})
        return found


class World:
    """A service driven through ASGI, without a socket."""

    def __init__(self, **settings: Any) -> None:
        self.source = Source()
        self.log = Log()
        self.labels = Log()
        self.desk = Desk()
        self.settings = settings

    async def __aenter__(self) -> Self:
        self.service = Service(
            **{
                "source": self.source,
                "predictions": self.log,
                "labels": self.labels,
                "desk": self.desk,
                "clock": lambda: NOW,
                **self.settings,
            }
        )
        await self.service.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.service.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | object = b"",
        headers: dict[str, str] | None = None,
        chunks: list[bytes] | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        parts = chunks if chunks is not None else [raw]
        given = {"host": "127.0.0.1:8000", **(headers or {})}
        if chunks is None:
            given.setdefault("content-length", str(len(raw)))
        if method == "POST":
            given.setdefault("content-type", "application/json")
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in given.items()],
        }
        sent: list[dict[str, Any]] = []
        messages = [
            {"type": "http.request", "body": part, "more_body": index < len(parts) - 1}
            for index, part in enumerate(parts)
        ]

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.service.app(scope, receive, send)
        status = sent[0]["status"]
        found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        content = b"".join(m.get("body", b"") for m in sent[1:])
        json_type = found.get("content-type", "").startswith("application/json")
        return status, found, json.loads(content) if json_type else content


def served(test: Any) -> Any:
    """Run an async test in an event loop of its own (no plugin needed)."""
    import functools
    import inspect

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]
    return run
