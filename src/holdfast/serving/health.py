"""Whether the log accepts writes, learned from the writes themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.errors import StoreError
from holdfast.serving.ports import LogLike

if TYPE_CHECKING:
    import pyarrow as pa

#: seconds after a failed write during which the service calls itself not ready; then it is given
#: another chance, because only a write can show that there is space again
QUARANTINE = 5.0


class WatchedLog:
    """A log that remembers when a write last failed.

    Args:
        log: the log itself.
    """

    def __init__(self, log: LogLike) -> None:
        self._log = log
        self._failed: tuple[float, StoreError] | None = None

    def append_columns(
        self, columns: Mapping[str, Sequence[Any]], *, durable: bool = True
    ) -> object:
        """Append lists; see `EventLog.append_columns`."""
        try:
            done = self._log.append_columns(columns, durable=durable)
        except StoreError as error:
            self._failed = (time.monotonic(), error)
            raise
        self._failed = None
        return done

    def append_many(self, batches: Sequence[pa.RecordBatch], *, durable: bool = True) -> object:
        """Append record batches; see `EventLog.append_many`."""
        try:
            done = self._log.append_many(batches, durable=durable)
        except StoreError as error:
            self._failed = (time.monotonic(), error)
            raise
        self._failed = None
        return done

    def flush(self) -> None:
        """Make durable what was appended without waiting; see `EventLog.flush`."""
        try:
            self._log.flush()
        except StoreError as error:
            self._failed = (time.monotonic(), error)
            raise

    def check(self) -> None:
        """Raise the last write's error while it is fresh.

        Raises:
            StoreError: the write that failed.
        """
        failed = self._failed
        if failed is not None and time.monotonic() - failed[0] < QUARANTINE:
            raise failed[1]
