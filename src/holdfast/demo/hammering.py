"""Clients that ask without a pause while something happens, and what they saw of it."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.serving.client import Client

#: clients that ask at the same time
CLIENTS = 8
#: scores of one release that differ by more are not of one release
TOLERANCE = 1e-9


class Seen(NamedTuple):
    """One answer: when it came (monotonic seconds), whose it is, of which row, and its score."""

    at: float
    release: str
    row: int
    score: float | None


@contextlib.contextmanager
def hammering(url: str, model: str, rows: Sequence[dict[str, Any]]) -> Iterator[list[Seen]]:
    """Asks for rows again and again, each client for rows of its own, until the block ends.

    Args:
        url: of a server.
        model: name of the model.
        rows: what is asked for, in turns.

    Yields:
        What was seen, in the order in which it came; it grows meanwhile.
    """
    stop, seen = threading.Event(), list[Seen]()

    def ask(first: int) -> None:
        with Client(url) as client:
            for number in itertools.count(first, CLIENTS):
                if stop.is_set():
                    return
                row = number % len(rows)
                answer = client.predict(model, [rows[row]])[0]
                seen.append(Seen(time.monotonic(), answer["release"], row, answer["score"]))

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def mixed(seen: Sequence[Seen], scores: Mapping[str, Sequence[float | None]]) -> int:
    """How many answers carry a score that is not the score of the release that they name.

    A row that a release abstains on has no score, and an answer to it must have none.

    Args:
        seen: answers.
        scores: release → its score of each row; an answer of another release is mixed.

    Example:
        >>> mixed([Seen(0.0, "a1", 0, 0.5), Seen(0.1, "a1", 1, None)], {"a1": [0.5, 0.2]})
        1
    """
    return sum(
        one.release not in scores or _differs(one.score, scores[one.release][one.row])
        for one in seen
    )


def _differs(given: float | None, own: float | None) -> bool:
    if given is None or own is None:
        return given is not own
    return abs(given - own) > TOLERANCE
