"""The monitor as a command: over a store, once or until it is stopped."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from holdfast.app.basics import now_us, open_store
from holdfast.app.programs import make_monitor
from holdfast.app.settings import Settings, load_settings, named_model

if TYPE_CHECKING:
    from holdfast.app.folder import FolderReader, Taken
    from holdfast.app.loop.unattended import Unattended
    from holdfast.monitoring import MonitorWorker
    from holdfast.records import Incident
    from holdfast.storage import Store

#: seconds between two looks into a folder
APART = 1.0


class Folder(NamedTuple):
    """A folder of tables to take in, and the columns where they are not the contract's."""

    path: Path
    pattern: str = "*"
    model: str | None = None
    target: str | None = None
    event_time: str | None = None


@contextlib.contextmanager
def _watching(
    store: Path | None, budget: str | None, folder: Folder | None = None, *, wait: bool = False
) -> Iterator[tuple[Store, MonitorWorker, FolderReader | None, Unattended | None]]:
    from holdfast.app.loop.unattended import project_loop

    flags = {"store": str(store) if store is not None else None, "budget": budget}
    settings = load_settings(flags)
    with open_store(settings) as found:
        holder = f"monitor-{os.getpid()}"
        worker = make_monitor(settings, found, holder)
        reader = None if folder is None else _reader(settings, found, folder, holder)
        loop = project_loop(found, settings, every=settings.loop_every, wait=wait)
        try:
            yield found, worker, reader, loop
        finally:
            worker.close()
            if loop is not None:
                loop.close()
            if reader is not None:
                reader.close()


def _reader(settings: Settings, store: Store, folder: Folder, holder: str) -> FolderReader:
    from holdfast.app.folder import FolderReader
    from holdfast.app.home import Home

    return FolderReader(
        Home(store, settings, named_model()),
        folder.path,
        pattern=folder.pattern,
        model=folder.model,
        target=folder.target,
        event_time=folder.event_time,
        holder=holder,
    )


def monitor_once(
    *, store: Path | None = None, budget: str | None = None, folder: Folder | None = None
) -> tuple[list[Incident], list[Taken]]:
    """Takes in what lies in the folder, reads what is in the logs, and steps the project's loop.

    A retraining that its policy asks for is waited for, and what came of it is brought on.

    Returns:
        The incidents that changed, as they are now; and what became of the files.
    """
    changed: dict[str, Incident] = {}
    files: list[Taken] = []
    with _watching(store, budget, folder, wait=True) as (found, worker, reader, loop):
        if reader is not None:
            files += reader.look()
            if reader.waiting:
                time.sleep(APART)
                files += reader.look()
        position: bytes | None = b"not begun"
        while True:
            changed.update((incident.id, incident) for incident in worker.step(now_us()))
            state = found.catalog.get_state("monitor")
            before, position = position, state[0] if state is not None else None
            if position == before or position is None:
                break  # nothing more in the log
        while loop is not None and loop.loop.step(now_us(), worker.fence):
            pass
    return list(changed.values()), files


def monitor_forever(
    *,
    store: Path | None = None,
    budget: str | None = None,
    folder: Folder | None = None,
    say: Callable[[str], object],
) -> int:
    """Follows logs, folder and loop until Ctrl-C; says what is done, and incidents not muted."""
    pause = threading.Event()
    every = load_settings().monitor_every
    with _watching(store, budget, folder) as (_, worker, reader, loop):
        looked = 0
        while True:
            if reader is not None and now_us() - looked >= APART * 1_000_000:
                for file in reader.look():
                    say(told(file))
                looked = now_us()
            now = now_us()
            for incident in worker.step(now):
                if not incident.silent(now):
                    say(f"{incident.state(now).value}: {incident.sentence}")
            for line in loop.step(now, worker.fence) if loop is not None else ():
                say(line)
            pause.wait(every)


def told(file: Taken) -> str:
    """What became of a file, in words."""
    if file.error:
        return f"not read: {file.name}: [{file.code}] {file.error}"
    with_outcome = f", {file.outcomes:,} with their outcome" if file.outcomes else ""
    return f"read: {file.name}: {file.rows:,} rows{with_outcome}"
