"""Keeping the store small: sealed log files become Parquet, old rows go."""

from __future__ import annotations

import sys
import threading

from holdfast.app.basics import now_us, open_store
from holdfast.app.settings import Settings
from holdfast.errors import HoldfastError

#: sealed rows that must wait before a log is archived; many small archives are slow to read
ARCHIVE_ROWS = 50_000


def tidy(settings: Settings, now: int) -> None:
    """Archive what is sealed and let go of what is older than ``retain_days``, once.

    Two processes that tidy one store at a time do no harm: the second finds it busy and leaves.
    """
    with open_store(settings, writer="housekeeping") as store:
        store.compact(now, min_rows=ARCHIVE_ROWS)
        if settings.retain_days is not None:
            store.retain(settings.retain_days, now)


def keep_tidy(settings: Settings, stop: threading.Event) -> threading.Thread:
    """Tidy every ``tidy_every`` seconds in a thread of its own, until `stop` is set.

    A refusal (a full disk, say) is told on standard error and tried again the next time: archiving
    is never what a prediction waits for.
    """

    def work() -> None:
        while not stop.wait(settings.tidy_every):
            try:
                tidy(settings, now_us())
            except HoldfastError as error:
                print(f"holdfast: housekeeping: {error}", file=sys.stderr)  # noqa: T201

    thread = threading.Thread(target=work, name="housekeeping", daemon=True)
    thread.start()
    return thread
