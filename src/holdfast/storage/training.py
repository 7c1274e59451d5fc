"""What each release learned from, and the rows that nothing may learn from: store and intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.errors import StoreError
from holdfast.storage.control import ControlLog
from holdfast.storage.database import Database
from holdfast.storage.training_schema import overlapping

SPOILED = "rows.spoiled"
CLEARED = "rows.cleared"
TRAINED = "release.trained"


class Interval(msgspec.Struct, frozen=True, order=True):
    """Event times [since, until) in microseconds since 1970 (UTC).

    Attributes:
        since: the first time that is in it.
        until: the first time that no longer is, later than `since`; None while it goes on.

    Example:
        >>> Interval(3, 7).meets(Interval(6, 9)), Interval(3, 7).meets(Interval(7, None))
        (True, False)
    """

    since: int
    until: int | None = None

    def meets(self, other: Interval) -> bool:
        """Whether a time is in both."""
        return (other.until is None or self.since < other.until) and (
            self.until is None or other.since < self.until
        )


class SpoiledRow(msgspec.Struct, frozen=True):
    """Rows of one model that one episode of an incident spoiled.

    Attributes:
        model, incident, episode: of which model, by which incident and return of it.
        interval: event times of the rows.
        standing: False once a person said that these rows are sound after all.
    """

    model: str
    incident: str
    episode: str
    interval: Interval
    standing: bool


def without(window: Interval, spoiled: Iterable[Interval]) -> tuple[Interval, ...]:
    """What is left of a window when some intervals are cut out of it, in order of time.

    Args:
        window: with an end.
        spoiled: in any order; they may overlap and reach beyond the window.

    Raises:
        ValueError: the window has no end.

    Example:
        >>> [(i.since, i.until) for i in without(Interval(0, 9), [Interval(2, 4), Interval(8)])]
        [(0, 2), (4, 8)]
    """
    if window.until is None:
        raise ValueError("a window that is learned from has an end")
    left, since = [], window.since
    for cut in sorted(spoiled, key=lambda i: i.since):
        if not cut.meets(Interval(since, window.until)):
            continue
        if since < cut.since:
            left.append(Interval(since, cut.since))
        if cut.until is None or cut.until >= window.until:
            return tuple(left)
        since = max(since, cut.until)
    if since < window.until:
        left.append(Interval(since, window.until))
    return tuple(left)


def outside(times: NDArray[np.int64], spoiled: Iterable[Interval]) -> NDArray[np.bool_]:
    """Which times lie in none of the intervals.

    Args:
        times: microseconds since 1970 (UTC), shape (n,).
        spoiled: in any order; they may overlap.

    Returns:
        Shape (n,).

    Example:
        >>> outside(np.array([1, 2, 4, 8]), [Interval(2, 4), Interval(8)]).tolist()
        [True, False, True, False]
    """
    sound = np.ones(len(times), bool)
    for interval in spoiled:
        end = np.iinfo(np.int64).max if interval.until is None else interval.until
        sound &= (times < interval.since) | (times >= end)
    return sound


class TrainingTables:
    """Spoiled rows and what releases learned from; the store refuses that the two meet.

    A release that learned from rows found to be spoiled later is *tainted*: the store lets it
    neither be promoted nor go further towards it.

    Example:
        >>> import tempfile, pathlib
        >>> from holdfast.storage import Store
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Store.open(pathlib.Path(folder, "holdfast.db")) as store:
        ...         store.catalog.add_release("loan", "a1", at=0)
        ...         store.training.record("loan", "a1", [Interval(0, 50)], at=60)
        ...         _ = store.training.spoil("loan", "i1", Interval(40, 45), at=70)
        ...         store.training.tainted("loan")
        {'a1': ('i1',)}
    """

    def __init__(self, database: Database, control: ControlLog) -> None:
        self._database = database
        self._control = control

    def spoil(
        self,
        model: str,
        incident: str,
        interval: Interval,
        *,
        at: int,
        episode: str = "",
        text: str = "",
    ) -> bool:
        """Keep that an incident spoiled rows; what it is said again of an episode replaces it.

        Args:
            model: name of the model.
            incident: id of the incident.
            interval: event times of the rows.
            at: when this was found, microseconds since 1970 (UTC).
            episode: which return of the incident; empty for the first.
            text: the incident in words.

        Returns:
            Whether anything changed.
        """
        with self._database.transaction() as connection:
            known = connection.execute(
                "SELECT since, until, standing FROM spoiled "
                "WHERE model = ? AND incident = ? AND episode = ?",
                (model, incident, episode),
            ).fetchone()
            if known == (interval.since, interval.until, 1):
                return False
            payload = {
                "incident": incident,
                "episode": episode,
                "since": interval.since,
                "until": interval.until,
                "text": text,
            }
            event = self._control.append(SPOILED, model, payload, at=at)
            if known is None:
                connection.execute(
                    "INSERT INTO spoiled (model, incident, episode, since, until, standing, event)"
                    " VALUES (?, ?, ?, ?, ?, 1, ?)",
                    (model, incident, episode, interval.since, interval.until, event),
                )
            else:
                connection.execute(
                    "UPDATE spoiled SET since = ?, until = ?, standing = 1, event = ? "
                    "WHERE model = ? AND incident = ? AND episode = ?",
                    (interval.since, interval.until, event, model, incident, episode),
                )
        return True

    def clear(self, model: str, incident: str, *, at: int, by: str, reason: str) -> bool:
        """Keep that a person holds the rows of an incident for sound after all.

        Args:
            model: name of the model.
            incident: id of the incident; all its episodes are meant.
            at: microseconds since 1970 (UTC).
            by: who says so.
            reason: why.

        Returns:
            Whether anything changed.
        """
        with self._database.transaction() as connection:
            if not connection.execute(
                "SELECT 1 FROM spoiled WHERE model = ? AND incident = ? AND standing = 1",
                (model, incident),
            ).fetchone():
                return False
            payload = {"incident": incident, "by": by, "reason": reason}
            event = self._control.append(CLEARED, model, payload, at=at)
            connection.execute(
                "UPDATE spoiled SET standing = 0, event = ? "
                "WHERE model = ? AND incident = ? AND standing = 1",
                (event, model, incident),
            )
        return True

    def spoiled(self, model: str) -> list[SpoiledRow]:
        """Everything that was found spoiled of a model, also what was cleared since."""
        rows = self._database.rows(
            "SELECT model, incident, episode, since, until, standing FROM spoiled "
            "WHERE model = ? ORDER BY since, incident, episode",
            (model,),
        )
        return [
            SpoiledRow(name, incident, episode, Interval(since, until), bool(standing))
            for name, incident, episode, since, until, standing in rows
        ]

    def standing(self, model: str) -> tuple[Interval, ...]:
        """The event times that nothing may learn from, in order; they may overlap."""
        return tuple(row.interval for row in self.spoiled(model) if row.standing)

    def record(
        self,
        model: str,
        release: str,
        pieces: Sequence[Interval],
        *,
        at: int,
        rows: int | None = None,
    ) -> None:
        """Keep what a release learned from; told once per release.

        Args:
            model: name of the model.
            release: id of a release known to it.
            pieces: event times, each with an end; see `without`.
            at: microseconds since 1970 (UTC).
            rows: how many rows it learned from; None where nobody counted.

        Raises:
            StoreError: a piece meets spoiled rows (``HF-E-STORE-SPOILED``), the release is not
                known, or it was told otherwise before.
        """
        with self._database.transaction() as connection:
            before = self.pieces(model, release)
            if before and before == tuple(sorted(pieces)):
                return
            bad = [
                row
                for row in self.spoiled(model)
                if row.standing and any(piece.meets(row.interval) for piece in pieces)
            ]
            if bad:
                raise StoreError(
                    "this release learned from spoiled rows",
                    code="HF-E-STORE-SPOILED",
                    expected="rows outside of every incident that spoiled them",
                    got=f"rows of {', '.join(sorted({row.incident[:12] for row in bad}))}",
                    remedy="train without these rows, or accept the incident if they are sound",
                )
            if before:
                raise StoreError(
                    "what a release learned from is told once",
                    expected=f"{len(before)} intervals as told before",
                    got=f"{len(pieces)} intervals",
                    remedy="build another release",
                )
            told = [[p.since, p.until] for p in pieces]
            payload = {"release": release, "pieces": told, "rows": rows}
            event = self._control.append(
                TRAINED, model, payload, at=at, key=f"trained:{model}:{release}"
            )
            connection.executemany(
                "INSERT INTO trained (model, release, since, until, event) VALUES (?, ?, ?, ?, ?)",
                [(model, release, p.since, p.until, event) for p in pieces],
            )

    def rows(self, model: str, release: str) -> int | None:
        """How many rows a release learned from; None where nobody told."""
        for event in self._control.events(model, [TRAINED]):
            if event.payload["release"] == release:
                rows = event.payload.get("rows")
                return None if rows is None else int(rows)
        return None

    def pieces(self, model: str, release: str) -> tuple[Interval, ...]:
        """What a release learned from, in order of time; empty where nobody told."""
        rows = self._database.rows(
            "SELECT since, until FROM trained WHERE model = ? AND release = ? ORDER BY since",
            (model, release),
        )
        return tuple(Interval(since, until) for since, until in rows)

    def tainted(self, model: str) -> dict[str, tuple[str, ...]]:
        """Release → incidents that spoiled rows it learned from, both sorted."""
        rows = self._database.rows(
            "SELECT DISTINCT t.release, s.incident FROM trained AS t "  # noqa: S608
            "JOIN spoiled AS s ON s.model = t.model "
            f"WHERE t.model = ? AND {overlapping('t.since', 't.until')} "
            "ORDER BY t.release, s.incident",
            (model,),
        )
        found: dict[str, tuple[str, ...]] = {}
        for release, incident in rows:
            found[release] = (*found.get(release, ()), incident)
        return found
