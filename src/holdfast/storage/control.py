"""Control events: what was decided and seen, append-only, each sealed by the hash of all before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from holdfast.errors import DataError, StoreError
from holdfast.findings import Finding, Severity
from holdfast.storage.database import Database, Row

_START = "0" * 64
_COLUMNS = "seq, at, kind, model, key, payload, hash"


class ControlEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One control event.

    Attributes:
        seq: its place in the store, 1, 2, 3 ... without gaps.
        at: when, microseconds since 1970 (UTC), as the caller said.
        kind: for example ``"incident.opened"``.
        model: name of the model concerned, ``""`` for none.
        key: idempotency key, if one was given.
        payload: plain data.
        hash: sha256 over this event and the hash of the event before.
    """

    seq: int
    at: int
    kind: str
    model: str
    key: str | None
    payload: dict[str, Any]
    hash: str


def plain_json(value: dict[str, Any], what: str) -> str:
    """`value` as JSON text that can be read again, or a refusal.

    >>> plain_json({"b": 1, "a": [None, 0.5]}, "the payload")
    '{"a":[null,0.5],"b":1}'
    """
    try:
        text = msgspec.json.encode(value, order="deterministic")
        msgspec.json.decode(text)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(
            f"{what} is not plain data",
            expected="JSON: dict, list, str, int, float, bool, None",
            got=type(error).__name__,
        ) from error
    return text.decode()


def chain(
    previous: str, seq: int, at: int, kind: str, model: str, key: str | None, text: str
) -> str:
    """The hash that seals an event: sha256 of the JSON list of all its parts.

    >>> chain("0" * 64, 1, 0, "a", "m", None, "{}")[:8]
    'e18df3c1'
    """
    content = msgspec.json.encode([previous, seq, at, kind, model, key, text])
    return hashlib.sha256(content).hexdigest()


class ControlLog:
    """The control events of a store. State is a fold over them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self, kind: str, model: str, payload: dict[str, Any], *, at: int, key: str | None = None
    ) -> int:
        """Add an event; durable on return.

        Args:
            kind: for example ``"release.promoted"``.
            model: name of the model, ``""`` for none.
            payload: plain data (JSON).
            at: microseconds since 1970 (UTC).
            key: the same key again adds nothing and returns the first event's number.

        Returns:
            The event's number in the store.

        Raises:
            DataError: the payload is not plain data.
            StoreError: the key was used for an event of another kind or model.
        """
        text = plain_json(payload, "the payload of a control event")
        with self._database.transaction() as connection:
            if key is not None:
                known = connection.execute(
                    "SELECT seq, kind, model FROM control WHERE key = ?", (key,)
                ).fetchone()
                if known is not None:
                    return self._same(known, kind, model)
            head = connection.execute("SELECT seq, hash FROM control_head").fetchone()
            last, previous = head or (0, _START)
            seq = last + 1
            digest = chain(previous, seq, at, kind, model, key, text)
            connection.execute(
                f"INSERT INTO control ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (seq, at, kind, model, key, text, digest),
            )
            connection.execute(
                "INSERT INTO control_head (one, seq, hash) VALUES (1, ?, ?) "
                "ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
                (seq, digest),
            )
        return seq

    @staticmethod
    def _same(known: Row, kind: str, model: str) -> int:
        if known[1:] != (kind, model):
            raise StoreError(
                "an idempotency key was used for two different events",
                code="HF-E-STORE-KEY",
                expected=f"kind={known[1]!r} model={known[2]!r}",
                got=f"kind={kind!r} model={model!r}",
                remedy="give every event its own key",
            )
        return int(known[0])

    def events(
        self,
        model: str | None = None,
        kinds: Sequence[str] | None = None,
        after: int = 0,
        limit: int = -1,
    ) -> list[ControlEvent]:
        """Events in their order.

        Args:
            model: only of this model.
            kinds: only of these kinds.
            after: only those with a larger number.
            limit: at most so many; -1 for all.
        """
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM control WHERE seq > :after"  # noqa: S608
            " AND (:model IS NULL OR model = :model)"
            " AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds)))"
            " ORDER BY seq LIMIT :limit",
            {
                "after": after,
                "model": model,
                "kinds": None if kinds is None else msgspec.json.encode(list(kinds)).decode(),
                "limit": limit,
            },
        )
        return [
            ControlEvent(
                seq=seq,
                at=at,
                kind=kind,
                model=name,
                key=key,
                payload=msgspec.json.decode(text),
                hash=digest,
            )
            for seq, at, kind, name, key, text, digest in rows
        ]

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event; note it elsewhere to detect a rewritten history."""
        row = self._database.row("SELECT seq, hash FROM control_head")
        return (0, _START) if row is None else (int(row[0]), str(row[1]))

    def verify(self, expected: tuple[int, str] | None = None) -> list[Finding]:
        """Walk the chain; an empty list means that no event was changed, removed or put in.

        Args:
            expected: number and hash noted earlier from `head`; the event must still be there.
        """
        previous, seen = _START, 0
        hashes: dict[int, str] = {}
        for row in self._database.rows(f"SELECT {_COLUMNS} FROM control ORDER BY seq"):  # noqa: S608
            seq, at, kind, model, key, text, digest = row
            if seq != seen + 1:
                return [_broken(seen + 1, "is missing")]
            if chain(previous, seq, at, kind, model, key, text) != digest:
                return [_broken(seq, "does not match its hash")]
            previous, seen = digest, seq
            hashes[seq] = digest
        if self.head() != (seen, previous):
            return [_broken(max(seen, self.head()[0]), "is not what the head of the log says")]
        if expected is not None and hashes.get(expected[0], _START) != expected[1]:
            return [_broken(expected[0], "is not the one noted outside")]
        return []


def _broken(seq: int, what: str) -> Finding:
    return Finding(
        code="HF-STORE-CONTROL-CHAIN",
        severity=Severity.CRITICAL,
        sentence=f"The history of control events is broken: event {seq} {what}.",
        evidence={"seq": seq},
        remedy="Restore the store from a backup and find out who changed the file.",
    )
