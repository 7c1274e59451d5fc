"""The loop of the project in the working folder, driven beside the monitor."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.app.home import Home
from holdfast.app.loop.driver import Loop
from holdfast.app.policy import policy_of
from holdfast.app.project import read_project
from holdfast.app.retrain import Ask, Retrained, retrain
from holdfast.app.settings import CONFIG_FILE, Settings, named_model
from holdfast.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.storage import Store

#: a look is followed by a pause of so many times as long as it took
REST = 20.0


class Unattended:
    """Steps a project's loop when it is time; a trouble is told and does not stop the monitor.

    Args:
        loop: the loop.
        every: seconds between two looks.
        close: called at the end.
    """

    def __init__(self, loop: Loop, every: float, close: Callable[[], None]) -> None:
        self.loop = loop
        self._every = every
        self._close = close
        self._due = 0.0

    def step(self, now: int, fence: tuple[str, int] | None) -> list[str]:
        """One look, if it is time and this process is in charge.

        Args:
            now: microseconds since 1970 (UTC).
            fence: lease and token of the monitor; None: another process is in charge.

        Returns:
            What was done, a sentence each.
        """
        begun = time.monotonic()
        if fence is None or begun < self._due:
            return []
        try:
            said = self.loop.step(now, fence)
        except HoldfastError as error:
            said = [f"the loop of {self.loop.model} could not go on: {error}"]
        took = time.monotonic() - begun
        self._due = begun + max(self._every, REST * took)
        return said

    def close(self) -> None:
        """Lets go of a retraining that still runs: it is found again under its key."""
        self._close()


def project_loop(
    store: Store,
    settings: Settings,
    *,
    config: Path = Path(CONFIG_FILE),
    every: float,
    wait: bool = False,
) -> Unattended | None:
    """The loop of a project; None where the settings file describes none.

    Args:
        store: open for writing.
        settings: what the operator chose.
        config: the settings file.
        every: seconds between two looks.
        wait: train inside of the step, and not beside it.

    Raises:
        ConfigError: the project or its policy cannot be used.
    """
    if not is_project(config):
        return None
    project, policy = read_project(config), policy_of(config)
    pool = ThreadPoolExecutor(1, thread_name_prefix="retrain")

    def train(ask: Ask) -> Future[Retrained]:
        job = pool.submit(retrain, config.resolve(), ask)
        if wait:
            job.exception()  # waits for the end; the result is taken by the next step
        return job

    home = Home(store, settings, named_model(config))
    loop = Loop(home, project.model, policy, train)
    return Unattended(loop, every, lambda: pool.shutdown(wait=False, cancel_futures=True))


def is_project(config: Path) -> bool:
    """Whether a settings file describes a project: a model and its tables."""
    try:
        table = tomllib.loads(config.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    return "model" in table and "data" in table
