"""The programs that the supervisor starts: one worker, one monitor."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.app.basics import now_us, open_store
from holdfast.app.housekeeping import keep_tidy
from holdfast.app.settings import CONFIG_FILE, Settings
from holdfast.errors import ConfigError, HoldfastError, ReleaseError, StoreError

if TYPE_CHECKING:
    from holdfast.monitoring.worker import MonitorWorker
    from holdfast.releases.release import Release
    from holdfast.serving.ports import ChampionSource
    from holdfast.serving.service import Service
    from holdfast.storage import Store

log = logging.getLogger("holdfast.loop")


def _child() -> tuple[Settings, int, Path, tuple[int, int, int]]:
    """What the supervisor handed to this process."""
    settings = msgspec.json.decode(os.environ["HOLDFAST_CHILD_SETTINGS"], type=Settings)
    number, _, run = os.environ["HOLDFAST_CHILD"].partition(",")
    sock, life, status = map(int, os.environ["HOLDFAST_FDS"].split(","))
    return settings, int(number), Path(run), (sock, life, status)


def release_opener(settings: Settings, store: Store) -> Callable[[str, str], Release]:
    """Opens releases of this store by model and id, verified; never one that holds a pickle."""
    folder = store.files / "releases"

    def opened(model: str, release: str) -> Release:
        from holdfast.releases.bundle import is_id

        if not is_id(release):
            raise ReleaseError(
                "this is no id of a release", expected="64 hex digits", got=release[:80]
            )
        from holdfast.releases.release import Release

        return Release.open(folder / release, expected_id=release, allow=settings.allow_models)

    return opened


def make_service(
    settings: Settings,
    number: int = 0,
    run: Path | None = None,
    *,
    source: ChampionSource | None = None,
) -> Service:
    """The service of one worker, wired to the store.

    Args:
        settings: what the operator chose.
        number: of this worker.
        run: folder where workers leave their counters.
        source: where champions come from; default the store's catalog.
    """
    from holdfast.app.cases import StoreCases
    from holdfast.app.pages import Pages
    from holdfast.app.policy import canary_bounds
    from holdfast.serving.desk import StoreChampions, StoreDesk
    from holdfast.serving.metrics import Metrics
    from holdfast.serving.service import Service

    store = open_store(settings, writer=f"worker-{number}")
    desk = StoreDesk(store, StoreCases(store, now_us))
    metrics = Metrics(run, number)
    tokens, reload_tokens = _token_book(settings)
    hosts = ("*",) if settings.host in ("0.0.0.0", "::") else (settings.host,)  # noqa: S104
    return Service(
        source=source
        or StoreChampions(
            store, release_opener(settings, store), clock=now_us, worker=f"worker-{number}"
        ),
        predictions=store.predictions,
        labels=store.labels,
        shadows=store.shadows,
        desk=desk,
        clock=now_us,
        durable=settings.ack == "durable",
        label_policy=settings.labels,
        tokens=tokens if settings.token_file else lambda: None,
        reload_tokens=reload_tokens,
        hosts=settings.allow_hosts or hosts,
        pages=Pages(store, desk, metrics, now_us).mounted(),
        metrics=metrics,
        at_end=store.close,
        exploration=settings.exploration,
        max_p99=canary_bounds(Path(CONFIG_FILE)),
    )


def _token_book(settings: Settings) -> tuple[Callable[[], Any], Callable[[], None]]:
    """The valid tokens, re-read when the file changes; an unreadable file keeps the last ones."""
    from holdfast.serving.auth import Tokens, read_tokens

    if settings.token_file is None:
        return (lambda: None), (lambda: None)
    path = Path(settings.token_file)
    state: dict[str, Any] = {"book": Tokens(read_tokens(path).tokens), "seen": path.stat()}

    def reload() -> None:
        try:
            found = path.stat()
            if (found.st_mtime_ns, found.st_ino) != (
                state["seen"].st_mtime_ns,
                state["seen"].st_ino,
            ):
                state["book"] = Tokens(read_tokens(path).tokens)
                state["seen"] = found
        except (OSError, ConfigError) as error:
            print(f"holdfast: token file not re-read: {error}", file=sys.stderr)  # noqa: T201

    return (lambda: state["book"]), reload


def run_worker() -> int:
    """The program of one worker; started by the supervisor."""
    from holdfast.models import forbid_pickle
    from holdfast.serving.worker import follow_parent, run

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor, which tells us
    settings, number, folder, (sock, life, status) = _child()
    follow_parent(life)
    forbid_pickle()
    listening = socket.socket(fileno=sock)
    run(
        lambda: make_service(settings, number, folder),
        listening,
        lambda: _tell(status),
    )
    return 0


def _tell(status: int) -> None:
    os.write(status, b"r")


def make_monitor(settings: Settings, store: Store, holder: str) -> MonitorWorker:
    """The monitor's worker, wired to the store."""
    from holdfast.monitoring.actions import ActionPolicy
    from holdfast.monitoring.worker import MonitorWorker

    opener = release_opener(settings, store)

    def found(model: str, release: str) -> Release | None:
        try:
            return opener(model, release)
        except ReleaseError:
            return None

    policy = ActionPolicy(settings.actions)
    return MonitorWorker(store, found, settings.budget, holder=holder, policy=policy)


def run_monitor() -> int:
    """The program of the monitor and of the project's loop; started by the supervisor."""
    from holdfast.app.loop.unattended import project_loop
    from holdfast.models import forbid_pickle
    from holdfast.serving.worker import follow_parent

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings, _, _, (sock, life, status) = _child()
    os.close(sock)
    follow_parent(life)
    forbid_pickle()
    with open_store(settings, writer="monitor") as store:
        monitor = make_monitor(settings, store, f"monitor-{os.getpid()}")
        loop = project_loop(store, settings, every=settings.loop_every)
        keep_tidy(settings, stop)
        _tell(status)
        while not stop.wait(settings.monitor_every):
            now = now_us()
            monitor.step(now)
            for line in loop.step(now, monitor.fence) if loop is not None else ():
                log.info("%s", line)
        monitor.close()
        if loop is not None:
            loop.close()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of `python -m holdfast.app`."""
    programs = {"worker": run_worker, "monitor": run_monitor}
    given = list(sys.argv[1:] if arguments is None else arguments)
    if len(given) != 1 or given[0] not in programs:
        print("usage: python -m holdfast.app worker|monitor", file=sys.stderr)  # noqa: T201
        return 2
    try:
        return programs[given[0]]()
    except HoldfastError as error:
        print(f"holdfast: {error}", file=sys.stderr)  # noqa: T201
        return 1 if isinstance(error, StoreError) else error.exit_code
