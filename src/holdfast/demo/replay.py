"""The replay: every application goes to both stacks at once, through real HTTP clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import msgspec

from holdfast.serving.client import Client

MODEL = "loan"
#: label bodies of this many rows
LABELS_AT_ONCE = 500
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
) -> None:
    """Sends row after row to all stacks side by side; `seen` is told how many are answered."""
    with ExitStack() as clean:
        clients = [clean.enter_context(Client(stack.url)) for stack in stacks]
        pool = clean.enter_context(ThreadPoolExecutor(len(stacks)))
        for number, row in enumerate(rows):
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


def watch(url: str, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """The incidents, as soon as they are `enough`, or after some patience as they are."""
    with Client(url) as client:
        until = time.monotonic() + PATIENCE
        while True:
            incidents = client.incidents(MODEL)
            if enough(incidents) or time.monotonic() > until:
                return incidents
            time.sleep(0.1)


def first_flag(answers: Sequence[dict[str, Any]], field: str, since: int) -> int | None:
    """How many requests from `since` on until one answer names `field` as null; the first is 1."""
    for number, answer in enumerate(answers[since:], 1):
        if any(v["field"] == field and v["code"] == "null" for v in answer["violations"]):
            return number
    return None


def chunks(total: int, size: int) -> Iterator[range]:
    """Ranges of at most `size` that cover `total`."""
    for start in range(0, total, size):
        yield range(start, min(start + size, total))
