"""Tables dropped in a folder, scored by the champion into the log: each once, in name order.

A file is taken when two looks found it unchanged; names that end like a file still being written
are left alone. All rows of a file go into the log in one write, and what was done is kept in the
store, so that a crash neither repeats nor skips a file. A file that cannot be read is told and
does not hold up the others; it is tried again when it has changed.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.app.basics import now_us
from holdfast.errors import DataError, HoldfastError, StoreError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.app.home import Home

LEASE_TTL = 600_000_000
#: ends of names of files that are still being written
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".swp", "~")
#: logged as the source of their rows: a file is no source of traffic of its own
ORIGIN = "folder"
#: files remembered; older names are forgotten first
MOST_FILES = 50_000


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file.

    Attributes:
        name: of the file.
        size, changed: bytes, and time of the last change in nanoseconds since 1970.
        rows: rows logged.
        outcomes: rows whose outcome was logged too.
        code, error: what was wrong with it; empty when it was read.
    """

    name: str
    size: int
    changed: int
    rows: int = 0
    outcomes: int = 0
    code: str = ""
    error: str = ""


class _State(msgspec.Struct, kw_only=True):
    """Files by name, and the one that was begun, with the time when."""

    files: dict[str, Taken] = {}
    begun: Taken | None = None
    begun_at: int = 0


class FolderReader:
    """Follows one folder.

    Args:
        home: the open store.
        folder: where tables are dropped.
        pattern: only names like this: ``*.parquet``.
        model: name of the model; None takes the only one.
        holder: name of this reader; of several only one reads.
        target, event_time: columns, where they are not those of the contract.
        clock: gives the current time, microseconds since 1970 (UTC).

    Raises:
        UsageError: there is no such folder.
    """

    def __init__(
        self,
        home: Home,
        folder: Path,
        *,
        pattern: str = "*",
        model: str | None = None,
        holder: str = "folder",
        target: str | None = None,
        event_time: str | None = None,
        clock: Callable[[], int] = now_us,
    ) -> None:
        if not folder.is_dir():
            raise UsageError(
                "there is no such folder",
                expected="a folder into which tables are dropped",
                got=f"folder={str(folder)!r}",
            )
        self._home = home
        self._folder = folder.resolve()
        self._pattern = pattern
        self._model = home.model(model)
        self._holder = holder
        self._target, self._event_time = target, event_time
        self._clock = clock
        digest = hashlib.sha256(f"{self._model}\n{self._folder}".encode()).hexdigest()[:16]
        self._key = f"monitor-folder/{digest}"
        self._seen: dict[str, tuple[int, int]] = {}
        self.waiting = 0

    def look(self) -> list[Taken]:
        """Reads what has arrived; `waiting` files were seen for the first time or are growing."""
        catalog = self._home.store.catalog
        lease = catalog.acquire(self._key, self._holder, LEASE_TTL, self._clock())
        if lease is None:
            return []
        found = catalog.get_state(self._key)
        state = _State() if found is None else msgspec.msgpack.decode(found[0], type=_State)
        told: list[Taken] = []
        fresh = self._fresh(state)
        self.waiting = 0
        release: Any = None
        for place, (path, at) in enumerate(fresh):
            if self._seen.get(path.name) != at:
                self._seen.update({p.name: now for p, now in fresh[place:]})
                self.waiting = len(fresh) - place
                break  # later names wait for earlier ones
            if release is None:  # without a champion nothing is taken: that is not a file's fault
                release = self._home.release(self._model, "champion")[1]
            told.append(self._take(path, at, state, release))
        return told

    def close(self) -> None:
        """Gives the lease back."""
        self._home.store.catalog.release_lease(self._key, self._holder)

    def _fresh(self, state: _State) -> list[tuple[Path, tuple[int, int]]]:
        """Files not done yet, in name order, with size and time of change."""
        from holdfast.frames.reading import FORMATS

        found = []
        for path in sorted(self._folder.iterdir(), key=lambda p: p.name):
            name = path.name
            if name.startswith(".") or name.lower().endswith(UNFINISHED):
                continue
            if not fnmatch.fnmatch(name, self._pattern) or path.suffix.lower() not in FORMATS:
                continue
            try:
                if not path.is_file():
                    continue
                stat = path.stat()
            except OSError:
                continue  # gone meanwhile
            at = stat.st_size, stat.st_mtime_ns
            known = state.files.get(name)
            if known is None or (known.code and (known.size, known.changed) != at):
                found.append((path, at))
        return found

    def _take(self, path: Path, at: tuple[int, int], state: _State, release: Any) -> Taken:
        draft = Taken(name=path.name, size=at[0], changed=at[1])
        try:
            done = self._score(path, draft, state, release)
        except StoreError:
            raise  # not the file's fault: it is tried again
        except HoldfastError as error:
            done = msgspec.structs.replace(draft, code=error.code, error=error.message)
        except OSError as error:
            code, why = DataError.default_code, f"the file cannot be read: {error.strerror}"
            done = msgspec.structs.replace(draft, code=code, error=why)
        state.files.pop(path.name, None)
        state.files[path.name] = done
        while len(state.files) > MOST_FILES:
            state.files.pop(next(iter(state.files)))
        state.begun = None
        self._keep(state)
        return done

    def _keep(self, state: _State) -> None:
        self._home.store.catalog.put_state(self._key, msgspec.msgpack.encode(state))

    def _score(self, path: Path, draft: Taken, state: _State, release: Any) -> Taken:
        """Scores a file and logs its rows, all or none; begun before, they may be there already."""
        import pyarrow as pa

        from holdfast import frames
        from holdfast.app.batch import ANSWER, logged_batch, times_in

        store, now = self._home.store, self._clock()
        again = state.begun == draft
        roles = {f.role.value: f.name for f in release.contract.fields}
        target = self._target or roles.get("target")
        event_time = self._event_time or roles.get("event_time")
        mark = f"{draft.name}\n{draft.size}\n{draft.changed}"
        run = hashlib.sha256(mark.encode()).hexdigest()[:16]
        scorer = release.scorer()
        batches: list[pa.RecordBatch] = []
        labels: list[pa.RecordBatch] = []
        done = outcomes = 0
        for batch in frames.scan(path):
            if not batch.num_rows:
                continue
            ids = _ids(batch, roles.get("id"), run, done)
            answers = scorer.answer_table(pa.Table.from_batches([batch]))
            columns = {name: answers.column(name).to_pylist() for name in ANSWER}
            at = times_in(batch, event_time, now)
            batches.append(logged_batch(release, self._model, batch, ids, columns, ORIGIN, at, now))
            if target is not None and target in batch.schema.names:
                known = _labels(batch.column(target), ids, self._model, now)
                labels.append(known)
                outcomes += known.num_rows
            done += batch.num_rows
        if not done:
            raise DataError(
                "the file has no rows", expected="at least one row", got=f"file={draft.name!r}"
            )
        if not again:
            state.begun, state.begun_at = draft, now
            self._keep(state)
        for log, rows in ((store.predictions, batches), (store.labels, labels)):
            some = [b for b in rows if b.num_rows]
            first = str(some[0].column("id")[0].as_py()) if some else ""
            if some and not (again and _holds(log, self._model, first, state.begun_at)):
                log.append_many(some, durable=True)
        return msgspec.structs.replace(draft, rows=done, outcomes=outcomes)


def _ids(batch: pa.RecordBatch, column: str | None, run: str, done: int) -> list[str]:
    """Ids of the rows: the contract's where every row has one, else made from the file."""
    if column is not None and column in batch.schema.names:
        values = batch.column(column)
        if values.null_count == 0:
            return [str(v) for v in values.to_pylist()]
    return [f"{run}-{done + i}" for i in range(batch.num_rows)]


def _labels(column: pa.Array, ids: list[str], model: str, now: int) -> pa.RecordBatch:
    """Outcomes as rows of the label log; rows without one are left out."""
    import pyarrow as pa

    known = [(i, v) for i, v in zip(ids, column.to_pylist(), strict=True) if v is not None]
    kind = pa.timestamp("us", tz="UTC")
    when = pa.array([now] * len(known), pa.int64()).cast(kind)
    texts = [msgspec.json.encode(v, enc_hook=str).decode() for _, v in known]
    return pa.record_batch(
        {
            "id": pa.array([i for i, _ in known], pa.string()),
            "model": pa.array([model] * len(known), pa.string()),
            "value": pa.array(texts, pa.string()),
            "known_at": when,
            "received": when,
        }
    )


def _holds(log: Any, model: str, name: str, since: int) -> bool:
    """Whether a log got a row of this id since then (a crash came after it was written)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = log.read(model=model, columns=["id", "received"])
    late = pc.greater_equal(table.column("received").cast(pa.int64()), since)
    return bool(pc.any(pc.and_(pc.equal(table.column("id"), name), late)).as_py())
