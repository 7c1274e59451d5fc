"""The replay: every application goes to both stacks at once, through real HTTP clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import msgspec

from holdfast.serving.client import Client

MODEL = "loan"
#: label bodies of this many rows
LABELS_AT_ONCE = 500
#: requests a second while the answers do not follow yet what happens upstream; see `send`
UNHURRIED = 100.0
#: seconds to wait for the monitor, which reads the log a moment behind the requests
PATIENCE = 20.0


class Stack(msgspec.Struct):
    """The answers of one stack, in the order of the requests."""

    name: str
    url: str
    answers: list[dict[str, Any]] = []

    def approved(self, approve: str) -> list[bool | None]:
        """True, False, or None where nothing was decided."""
        return [None if a["decision"] is None else a["decision"] == approve for a in self.answers]


def identify(number: int) -> str:
    """The id of a request; labels name it later.

    >>> identify(7)
    'request-000007'
    """
    return f"request-{number:06d}"


def send(
    stacks: Sequence[Stack],
    rows: Sequence[dict[str, Any]],
    source: str,
    seen: Callable[[int], None],
    behind: Callable[[int], bool] = lambda _: False,
) -> None:
    """Sends row after row to all stacks side by side, as fast as they answer.

    The monitor and the switch work by the clock, not by the request: a lender sees an application
    every few minutes, a replay sends hundreds a second. So that a second does not swallow hundreds
    of applications, at most `UNHURRIED` are sent a second while the answers are `behind`.

    Args:
        stacks: who answers.
        rows: what is sent.
        source: named with each request.
        seen: told how many are answered.
        behind: asked before each row whether answers do not follow yet what happens upstream.
    """
    with ExitStack() as clean:
        clients = [clean.enter_context(Client(stack.url)) for stack in stacks]
        pool = clean.enter_context(ThreadPoolExecutor(len(stacks)))
        last = 0.0
        for number, row in enumerate(rows):
            if behind(number):
                time.sleep(max(0.0, last + 1 / UNHURRIED - time.monotonic()))
            last = time.monotonic()
            calls = [
                pool.submit(client.predict, MODEL, [row], ids=[identify(number)], source=source)
                for client in clients
            ]
            for stack, call in zip(stacks, calls, strict=True):
                stack.answers.append(call.result()[0])
            seen(number + 1)


def send_labels(url: str, outcomes: Sequence[str]) -> int:
    """Sends the outcomes of all requests, as a bank would months later; gives how many."""
    with Client(url) as client:
        for start in range(0, len(outcomes), LABELS_AT_ONCE):
            part = outcomes[start : start + LABELS_AT_ONCE]
            client.log_labels(
                MODEL,
                [{"id": identify(start + i), "value": value} for i, value in enumerate(part)],
            )
    return len(outcomes)


def watch(
    url: str, field: str, enough: Callable[[list[dict[str, Any]]], bool]
) -> tuple[list[dict[str, Any]], bool]:
    """The incidents with their histories, and whether the field is still switched off.

    Asked again until the incidents are `enough` and no field is off, or patience ends.
    """
    with Client(url) as client:
        until = time.monotonic() + PATIENCE
        while True:
            incidents = client.incidents(MODEL)
            off = field in client.model(MODEL)["switched_off"]
            if (enough(incidents) and not off) or time.monotonic() > until:
                break
            time.sleep(0.1)
        return [client.incident(MODEL, i["id"]) for i in incidents], off


def named(answer: dict[str, Any], field: str) -> bool:
    """Whether an answer names `field`: it was broken, or is switched off.

    >>> named({"verdict": "ok", "violations": []}, "job")
    False
    """
    return any(violation["field"] == field for violation in answer["violations"])


def by_fallback(answer: dict[str, Any], field: str) -> bool:
    """Whether an answer was given without `field`, and says so.

    >>> by_fallback({"verdict": "degraded", "violations": [{"field": "job"}]}, "job")
    True
    """
    return answer["verdict"] == "degraded" and named(answer, field)


def first(
    answers: Sequence[dict[str, Any]], rows: range, holds: Callable[[dict[str, Any]], bool]
) -> int | None:
    """How many requests of `rows` until one whose answer `holds`; the first is 1. None: never.

    >>> first([{"n": 1}, {"n": 2}, {"n": 3}], range(1, 3), lambda answer: answer["n"] == 3)
    2
    """
    found = (n for n, answer in enumerate(answers[rows.start : rows.stop], 1) if holds(answer))
    return next(found, None)


def flags_null(answer: dict[str, Any], field: str) -> bool:
    """Whether an answer names `field` as null."""
    return any(v["field"] == field and v["code"] == "null" for v in answer["violations"])
