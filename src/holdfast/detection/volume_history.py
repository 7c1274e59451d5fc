"""A normal time of arrivals, as a detector is fitted on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from holdfast.detection.base import IntArray
from holdfast.detection.volume_counts import Counts
from holdfast.detection.volume_rows import KeyMemory, RowNormal, normal_delays
from holdfast.errors import DataError

#: the whole of the traffic, as a source
ALL = ""


class VolumeReference(msgspec.Struct, kw_only=True):
    """The arrivals of a normal time, as counts.

    Attributes:
        counts: history by source; the whole under the empty name.
        duplicates: rows whose key had come before.
        late: delays of event times behind arrival.
    """

    counts: dict[str, Counts] = {}
    duplicates: RowNormal = RowNormal()
    late: RowNormal = RowNormal()

    @classmethod
    def learn(
        cls,
        received: IntArray,
        *,
        at: IntArray | None = None,
        keys: IntArray | None = None,
        sources: Sequence[str | None] | None = None,
    ) -> VolumeReference:
        """Counts a history.

        Args:
            received: shape (n,), arrival times in microseconds since 1970 (UTC), in any order.
                They must be times of arrival: the times of a training table say nothing of
                traffic.
            at: shape (n,), event times, to learn how late rows normally are.
            keys: shape (n,), 64-bit hashes of prediction ids or row keys.
            sources: n names of where the rows come from; None is left to the whole.

        Less than 50 rows or an hour of history are too little; then the detector learns from life.

        Example:
            >>> from holdfast.detection.season import DAY
            >>> from holdfast.detection.volume import VolumeDetector
            >>> a_week = np.arange(0, 7 * DAY, 30_000_000)          # a row every half minute
            >>> detector = VolumeDetector.fit(VolumeReference.learn(a_week), nats=14.0)
            >>> print(detector.promises()[0].sentence)
            all traffic: 120 rows an hour are normal (84 to 156); silence is noticed after about \
12 minutes, half the rows after 4 hours, twice the rows after 55 minutes
        """
        received = np.asarray(received, np.int64)
        order = np.argsort(received, kind="stable")
        times = received[order]
        counts = {ALL: Counts()}
        counts[ALL].add(times)
        if sources is not None:
            for name, places in by_source(sources, len(received)).items():
                counts[name] = Counts()
                counts[name].add(np.sort(received[places]))
        duplicates = late = RowNormal()
        if keys is not None:
            again = KeyMemory().repeated(np.asarray(keys, np.int64)[order])
            duplicates = RowNormal(int(again.sum()), len(again))
        if at is not None:
            late = normal_delays(times - np.asarray(at, np.int64)[order])
        return cls(counts=counts, duplicates=duplicates, late=late)


def by_source(sources: Sequence[str | None], rows: int) -> dict[str, IntArray]:
    """Positions of each named source."""
    found: dict[str, list[int]] = {}
    names = sources.tolist() if hasattr(sources, "tolist") else sources
    if len(names) != rows:
        raise _unequal(rows, len(names))
    for i, name in enumerate(names):
        if name:
            found.setdefault(str(name), []).append(i)
    return {name: np.array(at, np.int64) for name, at in sorted(found.items())}


def require_equal(
    received: IntArray, at: IntArray, keys: Any, sources: Sequence[str | None] | None
) -> None:
    """Raises unless the columns of some rows have one length and times that can be."""
    for other in (at, keys, sources):
        if other is not None and len(other) != len(received):
            raise _unequal(len(received), len(other))
    if len(received) and int(received.min()) < 0:
        raise DataError(
            "a row arrived before 1970",
            expected="arrival times in microseconds since 1970 (UTC)",
            got=f"received={int(received.min())}",
            remedy="check the unit and the clock of the log",
        )


def _unequal(rows: int, other: int) -> DataError:
    return DataError(
        "the columns of these rows have different lengths",
        expected=f"{rows} values in each",
        got=f"{other}",
    )
