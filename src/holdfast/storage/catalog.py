"""The catalog: models, their releases, the champion, detector states and leases."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from holdfast.errors import StoreError
from holdfast.storage.control import plain_json
from holdfast.storage.database import Database


class Champion(msgspec.Struct, frozen=True):
    """Which release of a model answers.

    Attributes:
        model: name of the model.
        release: id of the release.
        revision: 1 for the first champion, one more with every change.
        changed_at: microseconds since 1970 (UTC).
    """

    model: str
    release: str
    revision: int
    changed_at: int


class ReleaseRow(msgspec.Struct, frozen=True):
    """A release known to the catalog; its files are found by its id."""

    model: str
    id: str
    added_at: int
    details: dict[str, Any]


class Catalog:
    """Small facts that change, each guarded by a revision or a fence.

    Example:
        >>> import tempfile, pathlib
        >>> from holdfast.storage import Store
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Store.open(pathlib.Path(folder, "holdfast.db")) as store:
        ...         store.catalog.add_release("loan", "a1", at=0)
        ...         store.decide_gate("loan", "a1", "passed", at=0)
        ...         store.catalog.compare_and_set("loan", 0, "a1", at=0)
        1
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- models and releases ------------------------------------------------------------------

    def add_model(self, name: str, *, at: int) -> None:
        """Make a model known; one that is known already stays as it is."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO models (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (name, at),
            )

    def models(self) -> list[str]:
        """Names of all models, in the order they came."""
        return [row[0] for row in self._database.rows("SELECT name FROM models ORDER BY rowid")]

    def add_release(
        self, model: str, release: str, *, at: int, details: dict[str, Any] | None = None
    ) -> None:
        """Make a release of a model known; adding it twice changes nothing."""
        text = plain_json(details or {}, "the details of a release")
        with self._database.transaction() as connection:
            self.add_model(model, at=at)
            connection.execute(
                "INSERT INTO releases (model, id, added_at, details) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (model, release, at, text),
            )

    def releases(self, model: str | None = None) -> list[ReleaseRow]:
        """Releases of a model (or all), oldest first."""
        rows = self._database.rows(
            "SELECT model, id, added_at, details FROM releases "
            "WHERE :model IS NULL OR model = :model ORDER BY rowid",
            {"model": model},
        )
        return [ReleaseRow(m, i, at, msgspec.json.decode(text)) for m, i, at, text in rows]

    # -- gates --------------------------------------------------------------------------------

    def gate(self, model: str, release: str) -> str | None:
        """What the gate of a release says: ``passed``, ``waiting``, ``failed``; None: undecided."""
        row = self._database.row(
            "SELECT state FROM gates WHERE model = ? AND release = ?", (model, release)
        )
        return None if row is None else str(row[0])

    def set_gate(self, model: str, release: str, state: str, *, event: int) -> None:
        """Keep what the gate of a release decided.

        Args:
            model: name of the model.
            release: id of a release known to it.
            state: ``passed``, ``waiting`` or ``failed``; a gate that failed stays failed.
            event: number of the control event ``gate.decided`` that says so.

        Raises:
            StoreError: unknown release, no such event, or the gate failed before
                (``HF-E-GATE``).
        """
        with self._database.transaction() as connection:
            try:
                connection.execute(
                    "INSERT INTO gates (model, release, state, event) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (model, release) DO UPDATE "
                    "SET state = excluded.state, event = excluded.event",
                    (model, release, state, event),
                )
            except sqlite3.IntegrityError as error:
                raise StoreError(
                    "the gate of this release cannot be set so",
                    code="HF-E-GATE",
                    expected="a known release, the event that decided it, and no earlier failure",
                    got=f"state={state}: {error}",
                    remedy="build and audit a new release",
                ) from error

    # -- champion -----------------------------------------------------------------------------

    def champion(self, model: str) -> Champion | None:
        """The champion of a model, or None if none was set."""
        row = self._database.row(
            "SELECT model, release, revision, changed_at FROM champions WHERE model = ?", (model,)
        )
        return None if row is None else Champion(*row)

    def champions(self) -> list[Champion]:
        """The champions of all models."""
        rows = self._database.rows(
            "SELECT model, release, revision, changed_at FROM champions ORDER BY model"
        )
        return [Champion(*row) for row in rows]

    def compare_and_set(
        self, model: str, expected_revision: int, release: str, *, at: int
    ) -> int | None:
        """Set the champion if nobody did so meanwhile.

        Args:
            model: name of the model.
            expected_revision: revision of the champion the caller saw, 0 for none.
            release: id of a release known for this model.
            at: microseconds since 1970 (UTC).

        Returns:
            The new revision, or None if the champion is no longer at `expected_revision`.

        Raises:
            StoreError: the release is unknown for this model.
        """
        with self._database.transaction() as connection:
            known = connection.execute(
                "SELECT 1 FROM releases WHERE model = ? AND id = ?", (model, release)
            ).fetchone()
            if known is None:
                raise StoreError(
                    f"release {release[:12]} is not known for model {model!r}",
                    expected="a release added to this model before",
                    remedy="add the release first",
                )
            gate = self.gate(model, release)
            if gate != "passed":
                raise StoreError(
                    f"the gate of release {release[:12]} is not open",
                    code="HF-E-GATE",
                    expected="gate=passed",
                    got=f"gate={gate}",
                    remedy="`holdfast release show` says what it waits for or why it failed",
                )
            if expected_revision == 0:
                changed = connection.execute(
                    "INSERT INTO champions (model, release, revision, changed_at) "
                    "VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING",
                    (model, release, at),
                ).rowcount
            else:
                changed = connection.execute(
                    "UPDATE champions SET release = ?, revision = revision + 1, changed_at = ? "
                    "WHERE model = ? AND revision = ?",
                    (release, at, model, expected_revision),
                ).rowcount
        return expected_revision + 1 if changed else None

    # -- states -------------------------------------------------------------------------------

    def get_state(self, key: str) -> tuple[bytes, int] | None:
        """A state and its revision, or None if there is none."""
        row = self._database.row("SELECT value, revision FROM states WHERE key = ?", (key,))
        return None if row is None else (bytes(row[0]), int(row[1]))

    def put_state(
        self,
        key: str,
        value: bytes,
        *,
        expected_revision: int | None = None,
        fence: tuple[str, int] | None = None,
    ) -> int:
        """Keep a state; durable on return.

        Args:
            key: name of the state.
            value: the bytes.
            expected_revision: refuse if the state was changed since (0: must not exist).
            fence: name of a lease and its token; refuse if the lease was taken over since.

        Returns:
            The new revision.

        Raises:
            StoreError: another writer was faster (``HF-E-STORE-REVISION``) or the lease is
                lost (``HF-E-STORE-FENCED``).
        """
        with self._database.transaction() as connection:
            if fence is not None:
                self.check_fence(*fence)
            row = connection.execute("SELECT revision FROM states WHERE key = ?", (key,)).fetchone()
            revision = 0 if row is None else int(row[0])
            if expected_revision is not None and revision != expected_revision:
                raise StoreError(
                    f"the state {key!r} was changed by another writer",
                    code="HF-E-STORE-REVISION",
                    expected=f"revision {expected_revision}",
                    got=f"revision {revision}",
                    remedy="read the state again and repeat the step",
                )
            connection.execute(
                "INSERT INTO states (key, value, revision) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
                "revision = excluded.revision",
                (key, value, revision + 1),
            )
        return revision + 1

    # -- leases -------------------------------------------------------------------------------

    def acquire(self, name: str, holder: str, ttl: int, now: int) -> int | None:
        """Take or renew a lease.

        Args:
            name: what the lease is for, for example ``"monitor"``.
            holder: who asks; the same holder renews and keeps its token.
            ttl: how long it lasts, microseconds.
            now: microseconds since 1970 (UTC).

        Returns:
            The fencing token, larger with every new holder; None if another holds the lease.
        """
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT holder, expires, fence FROM leases WHERE name = ?", (name,)
            ).fetchone()
            if row is not None and row[0] != holder and row[1] > now:
                return None
            fence = 1 if row is None else int(row[2])
            if row is not None and (row[0] != holder or row[1] <= now):
                fence += 1
            connection.execute(
                "INSERT INTO leases (name, holder, expires, fence) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, "
                "expires = excluded.expires, fence = excluded.fence",
                (name, holder, now + ttl, fence),
            )
        return fence

    def held_leases(self, prefix: str, now: int) -> list[str]:
        """Names of the leases that begin with `prefix` and are held at `now`, sorted."""
        rows = self._database.rows(
            "SELECT name FROM leases WHERE substr(name, 1, ?) = ? AND expires > ? ORDER BY name",
            (len(prefix), prefix, now),
        )
        return [row[0] for row in rows]

    def release_lease(self, name: str, holder: str) -> None:
        """Give a lease back; giving back what is not held does nothing."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE leases SET expires = 0 WHERE name = ? AND holder = ?", (name, holder)
            )

    def check_fence(self, name: str, fence: int) -> None:
        """Refuse if the lease was given to another since this token was handed out.

        Call it inside `Store.transaction`, together with the writes it protects.
        """
        row = self._database.row("SELECT fence FROM leases WHERE name = ?", (name,))
        if row is None or int(row[0]) != fence:
            raise StoreError(
                f"the lease {name!r} is held by another process now",
                code="HF-E-STORE-FENCED",
                expected=f"token {fence}",
                got=f"token {None if row is None else row[0]}",
                remedy="stop this step; the other process continues it",
            )
