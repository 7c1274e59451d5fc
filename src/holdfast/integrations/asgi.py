"""ASGI middleware that guards a model served by any other application.

    app = GuardMiddleware(app, "contract.json", paths=["/predict"], rows_key="rows")

Rows that the contract rejects, abstains from, or would hand to a fallback model never reach the
application. Repaired rows do. In shadow mode every request passes as it came and the answer
gains a header with what would have been said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import quote

import msgspec

from holdfast.contracts.model import Outcome, Verdict
from holdfast.errors import RequestError
from holdfast.integrations.body import Body, Replay, capture, read_body, reply
from holdfast.integrations.sources import guard_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_REFUSED = frozenset({Outcome.ABSTAINED, Outcome.REJECTED})
#: most entries in the header of marks
_HEADER_MARKS = 20


class GuardMiddleware:
    """Guards the rows in the JSON bodies of POST requests.

    Args:
        app: the ASGI application that serves the model.
        contract: a `Contract`, its data, or the path of a ``contract.json``.
        paths: paths that are guarded; every POST request when None.
        rows_key: key of the list of rows in the body; None when the body is itself a row, or a
            list of rows.
        answers_key: key of the list of answers in the application's reply. With it, a request
            whose rows are refused in part reaches the application with the others, and the
            refusals are put in their places in its reply. Without it such a request is answered
            here, with status 422, and the application is not asked.
        mode: ``enforce`` or ``shadow``.
        on_error: what a failure of the guard itself means, ``closed`` or ``open``.
        max_body: most bytes of a body.
        max_rows: most rows of a request.
    """

    def __init__(
        self,
        app: App,
        contract: Any,
        *,
        paths: Iterable[str] | None = None,
        rows_key: str | None = "rows",
        answers_key: str | None = None,
        mode: str = "enforce",
        on_error: str = "closed",
        max_body: int = 1_000_000,
        max_rows: int = 10_000,
    ) -> None:
        self.app = app
        self.guard = guard_of(contract, mode=mode, on_error=on_error)
        self.paths = None if paths is None else frozenset(paths)
        self.rows_key = rows_key
        self.answers_key = answers_key
        self.shadow = mode == "shadow"
        self.max_body = max_body
        self.max_rows = max_rows

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serves one connection."""
        guarded = scope["type"] == "http" and scope["method"] == "POST"
        if not guarded or (self.paths is not None and scope["path"] not in self.paths):
            await self.app(scope, receive, send)
            return
        body = await read_body(scope, receive, self.max_body)
        if body.left:
            return
        try:
            document, rows = self._rows(body)
        except RequestError as error:
            if self.shadow:
                await self.app(scope, Replay(body, receive), _adding(send, "unread"))
            else:
                await reply(send, error.status, {"error": error.to_dict()})
            return
        verdicts = self.guard.batch(rows)
        if self.shadow:
            await self.app(scope, Replay(body, receive), _adding(send, _marks(verdicts)))
            return
        await self._enforce(scope, receive, send, document, rows, verdicts)

    async def _enforce(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        document: Any,
        rows: list[Any],
        verdicts: list[Verdict],
    ) -> None:
        """Passes on what was judged, never the bytes: both sides read the same rows."""
        kept = [v.values for v in verdicts if not _refused(v)]
        some_refused = len(kept) < len(rows)
        if some_refused and (self.answers_key is None or not kept):
            status = 422 if self.answers_key is None else 200
            answers = [_answer(verdict) for verdict in verdicts]
            await reply(
                send, status, {self.answers_key or "predictions": answers}, _marks(verdicts)
            )
            return
        text = msgspec.json.encode(self._with_rows(document, kept))
        headers = [(k, v) for k, v in scope["headers"] if k.lower() != b"content-length"]
        inner = {
            **scope,
            "extensions": {},
            "headers": [*headers, (b"content-length", str(len(text)).encode())],
        }
        again = Replay(Body(text, complete=True), receive)
        if not some_refused:
            await self.app(inner, again, _adding(send, _marks(verdicts)))
            return
        got = await capture(self.app, inner, again, 16 * self.max_body)
        if got.status >= 400:
            await got.send_on(send)
            return
        merged = self._merged(got.body, verdicts, len(kept))
        if merged is None:
            error = RequestError(
                "the application's answers cannot be matched to the rows",
                status=502,
                expected=f"a JSON object with {len(kept)} answers at {self.answers_key!r}",
                remedy="set answers_key to the key of the list of answers",
            )
            await reply(send, 502, {"error": error.to_dict()})
            return
        await reply(send, got.status, merged, _marks(verdicts))

    def _rows(self, body: Body) -> tuple[Any, list[Any]]:
        """The decoded document and its rows.

        Raises:
            RequestError: with the HTTP status to answer.
        """
        if body.problem is not None:
            raise body.problem
        try:
            document = msgspec.json.decode(body.content)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise RequestError(
                "the body is not JSON that can be read",
                expected="a JSON document",
                got=str(error)[:120],
            ) from None
        rows: Any = document
        if self.rows_key is not None:
            rows = document.get(self.rows_key) if isinstance(document, dict) else None
        elif isinstance(document, dict):
            rows = [document]
        if not isinstance(rows, list):
            where = "the body" if self.rows_key is None else f"key {self.rows_key!r} of the body"
            raise RequestError("the request has no rows", expected=f"a list of rows at {where}")
        if len(rows) > self.max_rows:
            raise RequestError(
                "the request has too many rows",
                status=413,
                expected=f"at most {self.max_rows}",
                got=f"rows={len(rows)}",
                remedy="send them in several requests",
            )
        return document, rows

    def _with_rows(self, document: Any, rows: list[Any]) -> Any:
        if self.rows_key is not None:
            return {**document, self.rows_key: rows}
        return rows[0] if isinstance(document, dict) else rows

    def _merged(self, text: bytes, verdicts: list[Verdict], asked: int) -> Any:
        """The application's reply with the refusals in their places; None when it has no such."""
        try:
            document = msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        answers = document.get(self.answers_key) if isinstance(document, dict) else None
        if not isinstance(answers, list) or len(answers) != asked:
            return None
        rest = iter(answers)
        merged = [_answer(v) if _refused(v) else next(rest) for v in verdicts]
        return {**document, self.answers_key: merged}


def _refused(verdict: Verdict) -> bool:
    """Whether nobody behind the middleware may answer: it has no fallback models."""
    return verdict.outcome in _REFUSED or bool(verdict.missing)


def _answer(verdict: Verdict) -> dict[str, Any]:
    outcome = verdict.outcome
    if outcome not in _REFUSED and verdict.missing:
        outcome = Outcome.ABSTAINED
    return {
        "verdict": outcome.value,
        "violations": [
            {"field": v.field, "code": v.code, "policy": v.policy.value}
            for v in verdict.violations
            if not v.note
        ],
    }


def _marks(verdicts: list[Verdict]) -> str:
    """The marks of a request as header text: ``rows=3; Job:null=1``."""
    marks = Counter(f"{quote(v.field[:80])}:{v.code}" for one in verdicts for v in one.violations)
    named = [f"{mark}={count}" for mark, count in marks.most_common(_HEADER_MARKS)]
    return "; ".join([f"rows={len(verdicts)}", *named])


def _adding(send: Send, marks: str) -> Send:
    """Sends with the header of marks added to the reply."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), (b"holdfast-marks", marks.encode("ascii"))]
            message = {**message, "headers": headers}
        await send(message)

    return sending
