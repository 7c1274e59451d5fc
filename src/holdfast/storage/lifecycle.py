"""The tables of the lifecycle: where each release of a model stands, and how it came there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import msgspec

from holdfast.storage.database import Database

#: the scope of a freeze of all models
EVERY_MODEL = "all"


def scope_of(model: str) -> str:
    """The scope of a freeze of one model.

    >>> scope_of("all")
    'model:all'
    """
    return f"model:{model}"


class MoveRow(msgspec.Struct, frozen=True):
    """One move of a model's lifecycle.

    Attributes:
        model: name of the model.
        rev: 1 for the first move, one more with each.
        event: number of the control event; 0 for a champion of before there was a lifecycle.
        kind: what was done, for example ``"promote"``.
        release: id of the release moved; None for moves of no release.
        key: idempotency key, if one was given.
    """

    model: str
    rev: int
    event: int
    kind: str
    release: str | None
    key: str | None


class CheckRow(msgspec.Struct, frozen=True):
    """The outcome of one check of a release.

    Attributes:
        release: id of the release.
        name: what was checked, for example ``"shadow"``.
        passed: whether it passed.
        at: when, microseconds since 1970 (UTC).
        expires: from when it no longer counts; None for never.
        event: number of the control event.
    """

    release: str
    name: str
    passed: bool
    at: int
    expires: int | None
    event: int


class LifecycleTables:
    """Stages, moves, checks and freezes; the store refuses rows that no control event tells.

    Write inside `Store.transaction`, after the control event ``lifecycle.<kind>``; see
    `holdfast.releases.lifecycle.Lifecycle`, which does.

    Example:
        >>> import tempfile, pathlib
        >>> from holdfast.storage import Store
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Store.open(pathlib.Path(folder, "holdfast.db")) as store:
        ...         store.lifecycle.rev("loan"), store.lifecycle.stages("loan")
        (0, {})
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads in the block see the store at one moment."""
        with self._database.snapshot():
            yield

    def rev(self, model: str) -> int:
        """Number of the model's last move; 0 before the first."""
        row = self._database.row("SELECT max(rev) FROM moves WHERE model = ?", (model,))
        return int(row[0] or 0) if row else 0

    def stages(self, model: str) -> dict[str, str]:
        """Release → stage; a release without one is a candidate."""
        rows = self._database.rows(
            "SELECT release, stage FROM stages WHERE model = ? ORDER BY rowid", (model,)
        )
        return dict(rows)

    def moves(self, model: str) -> list[MoveRow]:
        """All moves of a model, first to last."""
        rows = self._database.rows(
            "SELECT model, rev, event, kind, release, key FROM moves WHERE model = ? ORDER BY rev",
            (model,),
        )
        return [MoveRow(*row) for row in rows]

    def move_of(self, key: str) -> MoveRow | None:
        """The move made under an idempotency key, or None."""
        row = self._database.row(
            "SELECT model, rev, event, kind, release, key FROM moves WHERE key = ?", (key,)
        )
        return None if row is None else MoveRow(*row)

    def checks(self, model: str) -> list[CheckRow]:
        """All checks of a model's releases, in the order of their events."""
        rows = self._database.rows(
            "SELECT release, name, passed, at, expires, event FROM checks "
            "WHERE model = ? ORDER BY event",
            (model,),
        )
        return [CheckRow(r, name, bool(p), at, exp, event) for r, name, p, at, exp, event in rows]

    def freezes(self, model: str) -> tuple[str, ...]:
        """The scopes of the freezes that hold this model, sorted; empty for none."""
        rows = self._database.rows(
            "SELECT scope FROM freezes WHERE scope IN (?, ?) ORDER BY scope",
            (EVERY_MODEL, scope_of(model)),
        )
        return tuple(row[0] for row in rows)

    def add_move(self, move: MoveRow) -> None:
        """Keep a move; its control event stands already."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO moves (model, rev, event, kind, release, key) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (move.model, move.rev, move.event, move.kind, move.release, move.key),
            )

    def set_stages(self, move: MoveRow, stages: Sequence[tuple[str, str]]) -> None:
        """Bring releases to their stages, one after the other, as the move's event tells."""
        with self._database.transaction() as connection:
            for release, stage in stages:
                changed = connection.execute(
                    "UPDATE stages SET stage = ?, rev = ?, event = ? "
                    "WHERE model = ? AND release = ?",
                    (stage, move.rev, move.event, move.model, release),
                ).rowcount
                if not changed:
                    connection.execute(
                        "INSERT INTO stages (model, release, stage, rev, event) "
                        "VALUES (?, ?, ?, ?, ?)",
                        (move.model, release, stage, move.rev, move.event),
                    )

    def add_check(self, model: str, check: CheckRow) -> None:
        """Keep the outcome of a check."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO checks (model, release, name, passed, at, expires, event) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    model,
                    check.release,
                    check.name,
                    int(check.passed),
                    check.at,
                    check.expires,
                    check.event,
                ),
            )

    def freeze(self, scope: str, event: int) -> None:
        """Stop upward moves in a scope."""
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO freezes (scope, event) VALUES (?, ?)", (scope, event))

    def unfreeze(self, scope: str) -> None:
        """Let a scope move again; its control event stands already."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM freezes WHERE scope = ?", (scope,))
