"""The programs that the supervisor starts: one worker, one monitor."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.app.basics import now_us, open_store
from holdfast.app.settings import Settings
from holdfast.errors import ConfigError, HoldfastError, StoreError

if TYPE_CHECKING:
    from holdfast.records import Incident
    from holdfast.releases import Release
    from holdfast.serving.service import Page, Service
    from holdfast.storage import Store


def _child() -> tuple[Settings, int, Path, tuple[int, int, int]]:
    """What the supervisor handed to this process."""
    settings = msgspec.json.decode(os.environ["HOLDFAST_CHILD_SETTINGS"], type=Settings)
    number, _, run = os.environ["HOLDFAST_CHILD"].partition(",")
    sock, life, status = map(int, os.environ["HOLDFAST_FDS"].split(","))
    return settings, int(number), Path(run), (sock, life, status)


def _open_release(settings: Settings, store: Store) -> Callable[[str, str], Release]:
    def opened(model: str, release: str) -> Release:
        from holdfast.releases import Registry

        return Registry(store).open(model, release, allow=settings.allow_models)

    return opened


def _fold() -> Callable[[Sequence[Any]], Sequence[Incident]]:
    from holdfast.diagnosis.incidents import fold

    return fold


def make_service(settings: Settings, number: int = 0, run: Path | None = None) -> Service:
    """The service of one worker, wired to the store."""
    from holdfast.serving.desk import StoreChampions, StoreDesk
    from holdfast.serving.metrics import Metrics
    from holdfast.serving.service import Service

    store = open_store(settings, writer=f"worker-{number}")
    desk = StoreDesk(store, lambda events: _fold()(events))
    metrics = Metrics(run, number)
    tokens, reload_tokens = _token_book(settings)
    hosts = ("*",) if settings.host in ("0.0.0.0", "::") else (settings.host,)  # noqa: S104
    return Service(
        source=StoreChampions(
            store, _open_release(settings, store), clock=now_us, worker=f"worker-{number}"
        ),
        predictions=store.predictions,
        labels=store.labels,
        desk=desk,
        clock=now_us,
        durable=settings.ack == "durable",
        label_policy=settings.labels,
        tokens=tokens if settings.token_file else lambda: None,
        reload_tokens=reload_tokens,
        hosts=settings.allow_hosts or hosts,
        pages=[_dashboard(desk, metrics)],
        metrics=metrics,
        at_end=store.close,
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


def _dashboard(desk: Any, metrics: Any) -> Page:
    import asyncio

    import holdfast
    from holdfast.serving.gate import Request
    from holdfast.serving.replies import reply
    from holdfast.serving.routes import READ, Route
    from holdfast.serving.service import Page

    def render() -> tuple[bytes, Any]:
        from holdfast.web.page import dashboard, headers

        rows: dict[str, dict[str, int]] = {}
        for key, count in metrics.total().rows.items():
            model, verdict = key.rsplit(" ", 1)
            rows.setdefault(model, {})[verdict] = count
        body = dashboard(
            models=[{**model, "numbers": []} for model in desk.models()],
            incidents=desk.incidents(),
            releases=desk.releases(),
            rows=rows,
            now=now_us(),
            version=holdfast.__version__,
        )
        return body, headers()

    async def handler(request: Request) -> int:
        body, headers = await asyncio.get_running_loop().run_in_executor(None, render)
        await reply(request.send, body, headers=headers)
        return 200

    route = Route(
        method="GET",
        path="/",
        roles=READ,
        name="dashboard",
        summary="The dashboard page (browsers: HTTP Basic, any name, the token as password).",
        page=True,
    )
    return Page(route, handler)


def run_worker() -> int:
    """The program of one worker; started by the supervisor."""
    import signal
    import socket

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


def run_monitor() -> int:
    """The program of the monitor; started by the supervisor."""
    from holdfast.serving.worker import follow_parent

    settings, _, _, (_, life, status) = _child()
    follow_parent(life)
    _tell(status)
    while True:
        time.sleep(settings.monitor_every)


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
