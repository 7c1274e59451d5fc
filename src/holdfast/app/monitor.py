"""The monitor as a command: over a store, once or until it is stopped."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.app.basics import now_us, open_store
from holdfast.app.programs import make_monitor
from holdfast.app.settings import load_settings

if TYPE_CHECKING:
    from holdfast.monitoring import MonitorWorker
    from holdfast.records import Incident
    from holdfast.storage import Store


@contextlib.contextmanager
def _watching(store: Path | None, budget: str | None) -> Iterator[tuple[Store, MonitorWorker]]:
    flags = {"store": str(store) if store is not None else None, "budget": budget}
    settings = load_settings(flags)
    with open_store(settings) as found:
        worker = make_monitor(settings, found, f"monitor-{os.getpid()}")
        try:
            yield found, worker
        finally:
            worker.close()


def monitor_once(*, store: Path | None = None, budget: str | None = None) -> list[Incident]:
    """Reads what is in the log; gives the incidents that changed, as they are now."""
    changed: dict[str, Incident] = {}
    with _watching(store, budget) as (found, worker):
        position: bytes | None = b"not begun"
        while True:
            changed.update((incident.id, incident) for incident in worker.step(now_us()))
            state = found.catalog.get_state("monitor")
            before, position = position, state[0] if state is not None else None
            if position == before or position is None:
                break  # nothing more in the log
    return list(changed.values())


def monitor_forever(
    *, store: Path | None = None, budget: str | None = None, say: Callable[[str], object]
) -> int:
    """Follows the log until Ctrl-C; says each change of an incident that nobody muted."""
    pause = threading.Event()
    every = load_settings().monitor_every
    with _watching(store, budget) as (_, worker):
        while True:
            now = now_us()
            for incident in worker.step(now):
                if not incident.silent(now):
                    say(f"{incident.state(now).value}: {incident.sentence}")
            pause.wait(every)
