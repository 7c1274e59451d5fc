"""Promotions by events that were forged: sealed with the right hash, as the store would seal them.

Whoever forges here knows the tables and the chain, and tells what is to happen; not that a check
passed that never ran, that a person answered, or that a freeze was lifted: such an event bears
false witness, and the store cannot know. Nor are triggers dropped.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from holdfast.storage import Store
from holdfast.storage.control import chain

LATER = 1_000_000
_WAIVED = {"shadow": "forged", "canary": "forged"}
#: the steps to champion from each stage; those that are out have no way
_WAYS = {"candidate": ("audited", "champion")}


@contextlib.contextmanager
def written(store: Store) -> Iterator[sqlite3.Connection]:
    """A connection of its own, in one transaction."""
    connection = sqlite3.connect(store.path)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def sealed(
    connection: sqlite3.Connection, kind: str, payload: dict[str, Any], key: str | None = None
) -> int:
    """Appends an event with its hash; gives its number."""
    last, previous = connection.execute("SELECT seq, hash FROM control_head").fetchone()
    text = msgspec.json.encode(payload, order="deterministic").decode()
    digest = chain(previous, last + 1, LATER, kind, "loan", key, text)
    row = (last + 1, LATER, kind, "loan", key, text, digest)
    connection.execute("INSERT INTO control VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    connection.execute("UPDATE control_head SET seq = ?, hash = ?", (last + 1, digest))
    return last + 1


def promoted(connection: sqlite3.Connection, release: str, kind: str, waive: bool) -> None:
    """Everything that a promotion writes, under an event of this kind."""
    (rev,) = connection.execute("SELECT max(rev) + 1 FROM moves").fetchone()
    (before, revision) = connection.execute("SELECT release, revision FROM champions").fetchone()
    (now,) = connection.execute("SELECT stage FROM stages WHERE release = ?", (release,)).fetchone()
    ways = _WAYS.get(now, ("champion",))
    steps = [(before, "standby"), *((release, stage) for stage in ways)]
    told = {
        "rev": rev, "release": release, "stage": "champion", "stages": steps, "by": "eve",
        "reason": "forged", "waived": _WAIVED if waive else {},
    }  # fmt: skip
    event = sealed(connection, f"lifecycle.{kind}", told)
    connection.execute(
        "INSERT INTO moves VALUES ('loan', ?, ?, ?, ?, NULL)", (rev, event, kind, release)
    )
    for name, stage in steps:
        connection.execute(
            "UPDATE stages SET stage = ?, rev = ?, event = ? WHERE release = ?",
            (stage, rev, event, name),
        )
    connection.execute(
        "UPDATE champions SET release = ?, revision = revision + 1, changed_at = ?",
        (release, LATER),
    )
    crowned = {"release": release, "before": before, "reason": "forged", "revision": revision + 1}
    sealed(connection, "release.promoted", crowned, f"champion:loan:{revision + 1}")


def by_event(kind: str) -> Any:
    """A door: the event of a promotion, under this name."""

    def attempt(store: Store, release: str, waive: bool) -> None:
        with written(store) as connection:
            promoted(connection, release, kind, waive)

    return attempt


def by_gate(statement: str) -> Any:
    """A door: first the event of a gate that opens, and the gate itself."""

    def attempt(store: Store, release: str, waive: bool) -> None:
        with written(store) as connection:
            told = {"release": release, "state": "passed", "reasons": []}
            event = sealed(connection, "gate.decided", told, f"gate:loan:{release}:passed")
            connection.execute(statement, {"release": release, "event": event})
            promoted(connection, release, "promote", waive)

    return attempt


def by_rewriting(store: Store, release: str, waive: bool) -> None:
    """A door: the event of the last move is replaced by one that tells of this promotion."""
    with written(store) as connection:
        seq, kind, key, before = connection.execute(
            "SELECT c.seq, c.kind, c.key, c.payload FROM control AS c JOIN moves AS m "
            "ON m.event = c.seq ORDER BY c.seq DESC LIMIT 1"
        ).fetchone()
        told = msgspec.json.decode(before)
        told["stages"] = [*told["stages"], [release, "champion"]]
        told["waived"] = _WAIVED if waive else {}
        text = msgspec.json.encode(told, order="deterministic").decode()
        row = connection.execute("SELECT hash FROM control WHERE seq = ?", (seq - 1,)).fetchone()
        digest = chain(row[0], seq, LATER, kind, "loan", key, text)
        connection.execute(
            "REPLACE INTO control VALUES (?, ?, ?, 'loan', ?, ?, ?)",
            (seq, LATER, kind, key, text, digest),
        )
        connection.execute("UPDATE control_head SET seq = ?, hash = ?", (seq, digest))
        connection.execute(
            "UPDATE stages SET stage = 'champion', rev = (SELECT max(rev) FROM moves), event = ? "
            "WHERE release = ?",
            (seq, release),
        )
