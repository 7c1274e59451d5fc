"""Decisions of operators about incidents, kept for good with their reason and who took them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Annotated

import msgspec

from holdfast.errors import RequestError, UsageError
from holdfast.serving.gate import Request
from holdfast.serving.limits import Limits, declared_length, read_body
from holdfast.serving.ports import Desk
from holdfast.serving.predict import check_json
from holdfast.serving.replies import JSON, NO_STORE, reply
from holdfast.serving.wire import encoder, malformed, parse_time

#: what can be decided; the OpenAPI document lists them
VERBS = ("ack", "mute", "unmute", "resolve", "accept", "reopen")
#: name kept where no token says who it was
NOBODY = "somebody on this machine"


class DecisionIn(msgspec.Struct, forbid_unknown_fields=True):
    """A decision: why, and for a mute until when (absent: until the cause changes)."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    until: str | None = None


_decoder = msgspec.json.Decoder(DecisionIn)


class Decisions:
    """Handler of the deciding route.

    Args:
        desk: keeps the decision.
        limits: bounds on the body.
        clock: microseconds since 1970 (UTC).
    """

    def __init__(self, desk: Desk, *, limits: Limits, clock: Callable[[], int]) -> None:
        self._desk = desk
        # a mute may lie years ahead; the body is small
        self._limits = msgspec.structs.replace(limits, body=16_384, ahead_seconds=10 * 366 * 86_400)
        self._clock = clock

    async def __call__(self, request: Request) -> int:
        """Answer one decision."""
        check_json(request.headers)
        declared_length(request.headers, self._limits)
        body = await read_body(request.receive, self._limits)
        try:
            given = _decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise malformed(error, body, self._limits) from None
        verb, name = request.names["verb"], request.names["incident"]
        if verb not in VERBS:
            raise RequestError(
                "this cannot be done to an incident",
                status=404,
                code="HF-E-REQUEST-PATH",
                expected=", ".join(VERBS),
                got=f"verb={verb[:40]!r}",
            )
        until = None
        if given.until is not None:
            until = parse_time(given.until, self._clock(), self._limits, "until")
        if not given.reason.strip() or (until is not None and until <= self._clock()):
            raise RequestError(
                "the decision cannot be kept like this",
                code="HF-E-REQUEST-DECISION",
                expected="a reason in words, and `until` in the future where it is given",
                got=f"reason of {len(given.reason.strip())} characters, until={given.until!r}",
            )
        call = functools.partial(
            self._desk.decide, request.model, name, verb,
            reason=given.reason, by=request.who or NOBODY, until=until,
        )  # fmt: skip
        try:
            found = await asyncio.get_running_loop().run_in_executor(None, call)
        except UsageError as error:
            raise RequestError(
                error.message,
                status=409,
                code="HF-E-REQUEST-STATE",
                expected=error.expected,
                got=error.got,
                remedy="look at the incident as it is now",
            ) from None
        if found is None:
            raise unknown(name)
        await reply(request.send, encoder.encode(found), headers=(JSON, NO_STORE))
        return 200


def unknown(name: str) -> RequestError:
    """The error for an incident that the model does not have."""
    return RequestError(
        "this model has no such incident",
        status=404,
        code="HF-E-REQUEST-INCIDENT",
        expected="the full id of one of its incidents",
        got=f"incident={name[:80]!r}",
        remedy="GET /v1/models/{model}/incidents lists them",
    )
