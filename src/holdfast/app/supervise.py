"""`holdfast serve`: the supervisor, wired to the settings."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from holdfast.app.settings import CONFIG_FILE, Settings
from holdfast.errors import ConfigError

#: the program of a worker; it finds its settings in the environment
WORKER = [sys.executable, "-m", "holdfast.app", "worker"]


def serve(settings: Settings, *, announce: Callable[[str], None] | None = None) -> int:
    """Run supervisor, workers and monitor until SIGTERM or SIGINT; returns the exit code.

    Args:
        settings: what to serve and where.
        announce: called with the URL once requests are served; default prints it.

    Raises:
        ConfigError: when the settings are unsafe (an open address without tokens) or unusable.
    """
    from holdfast.app.policy import canary_bounds
    from holdfast.serving.supervisor import Child, Supervisor, listen

    if settings.token_file is not None:
        from holdfast.serving.auth import read_tokens

        if not read_tokens(Path(settings.token_file)).tokens:
            raise ConfigError("the token file is empty", remedy="make a token first")
    elif not settings.loopback:
        raise ConfigError(
            "an address that others can reach needs tokens",
            expected="--token-file, or a loopback address",
            got=f"host={settings.host!r}",
            remedy="make a token with --new-token, or listen on 127.0.0.1",
        )
    canary_bounds(Path(CONFIG_FILE))  # a wrong policy is refused here, before a child dies of it
    host = "127.0.0.1" if settings.host == "localhost" else settings.host
    sock = listen(host, settings.port)

    def ready(url: str) -> None:
        if settings.ready_file is not None:
            place = Path(settings.ready_file)
            temporary = place.with_name(place.name + ".tmp")
            temporary.write_text(url + "\n", "utf-8")
            temporary.replace(place)
        (announce or _print_url)(url)

    with tempfile.TemporaryDirectory(prefix="holdfast-") as run:
        base = {"HOLDFAST_CHILD_SETTINGS": msgspec.json.encode(settings).decode()}
        children = [
            Child(
                f"worker {number}",
                WORKER,
                {**base, "HOLDFAST_CHILD": f"{number},{run}"},
            )
            for number in range(settings.workers)
        ]
        if settings.monitor:
            command = [sys.executable, "-m", "holdfast.app", "monitor"]
            environment = {**base, "HOLDFAST_CHILD": f"0,{run}"}
            children.append(Child("monitor", command, environment, essential=False))
        return Supervisor(children, sock, on_ready=ready).run()


def _print_url(url: str) -> None:
    print(url, flush=True)  # noqa: T201 - the first line of output is the URL
