"""What every detector is: blocks of rows in, events out, state that survives a restart.

The seam for more detectors. A detector is fitted once on the reference of a release and then sees
blocks of rows in the order of the log. It answers with *events*: a stream has left its allowed
interval (``crossed``), or is back inside it (``recovered``). Everything after that (incidents,
causes, actions) works on events alone and does not ask which detector they come from.

A new member is one file here and one line in ``holdfast.detection.DETECTORS``. Three promises make
it fit, and ``tests/detection/test_conformance.py`` tries them on every member:

1. **Share of the budget.** ``fit`` is told ``nats``: a stream of weight ``w`` (weights inside one
   detector sum to 1) may cross when its log-wealth reaches ``nats - log(w)``. The sum over all
   detectors keeps the promise of the whole, under any dependence between streams.
2. **Blocks do not matter.** Cutting the same rows into other blocks gives the same events with the
   same row numbers. That is what makes restarts, races and replays harmless. Detectors that look
   only every so many rows (profile-based ones: a CUSUM step per 20 rows) count rows themselves
   and keep the unfinished rest in their state.
3. **State is data.** ``dump`` gives bytes; ``load`` continues exactly from them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.fit import ReferenceFit
from holdfast.frames.values import FloatArray, Values

IntArray = NDArray[np.int64]


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a release knows of its normal life, as counts.

    Attributes:
        rows: rows of the reference.
        marks: marked rows by mark (``"Job:null"``); absent means zero.
        watched: every mark that the contract can set, also those never seen.
        allowed: share that the contract itself allows, by mark; a stream is silent below it.
        periods: the same counts by stretch of time, in time order, where the reference has one:
            from them a stream learns how much it moves from period to period.
        values: what the reference taught about values, scores and outcomes, or None.
    """

    rows: int
    marks: dict[str, int] = {}
    watched: tuple[str, ...] = ()
    allowed: dict[str, float] = {}
    periods: tuple[Reference, ...] = ()
    values: ReferenceFit | None = None


class Block:
    """Consecutive rows of one release, in the order of the log.

    Attributes:
        numbers: shape (n,), the model's running row number of each row, increasing.
        at: shape (n,), event times in microseconds since 1970 (UTC), in any order.
        marks: per mark the ascending positions (0 to n - 1) of the rows that carry it.
        columns: columns by name, read as the kinds of the reference, for detectors that look at
            values; None where the caller has none. Detectors of marks never touch it.
        score: shape (n,), the main model's scores, NaN where there is none; None without scores.
        timed: shape (n,), whether `at` is really the row's event time; None: it always is.
    """

    __slots__ = ("at", "columns", "marks", "numbers", "score", "timed")

    def __init__(
        self,
        numbers: IntArray,
        at: IntArray,
        marks: Mapping[str, IntArray],
        columns: Mapping[str, Values] | None = None,
        score: FloatArray | None = None,
        timed: NDArray[np.bool_] | None = None,
    ) -> None:
        self.timed = timed
        self.numbers = numbers
        self.at = at
        self.marks = marks
        self.columns = columns
        self.score = score

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def times(self) -> IntArray:
        """Shape (n,): event times, 0 where a row has none of its own."""
        return self.at if self.timed is None else np.where(self.timed, self.at, 0)


class Side(enum.StrEnum):
    """Which way a share has to move to count."""

    UP = "up"
    DOWN = "down"


class EventKind(enum.StrEnum):
    """What a detector can say."""

    CROSSED = "crossed"
    RECOVERED = "recovered"


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One yes/no question per row, with the share of yes that is allowed.

    Attributes:
        key: the question, for example ``"Job:null"``; unique inside a detector.
        field: the feature concerned; empty when the question is about the whole row.
        code: what is asked: a rule's code, or the verdict.
        side: which way the share has to move.
        share: share of yes in the reference.
        rows: reference rows to which the question applies.
        edge: end of the allowed interval on this side; nothing short of it ever counts.
        nats: log-wealth at which the stream crosses.
        muted: why the stream cannot be watched, or empty.
    """

    key: str
    field: str
    code: str
    side: Side
    share: float
    rows: int
    edge: float
    nats: float
    muted: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A stream left its allowed interval, or is back.

    Attributes:
        kind: crossed or recovered.
        stream: the stream as fitted.
        row: the model's row number at which the evidence sufficed.
        at: event time of that row, microseconds since 1970 (UTC).
        onset_row, onset_at: the row at which the trouble is estimated to begin (the row after the
            last zero of the CUSUM) and its event time.
        yes, rows: of `rows` applicable rows since the onset, `yes` were yes; for a recovery, up to
            the last row that spoke for the fault (`last_row`).
        nats: log-wealth reached.
        last_row, last_at: for a recovery, the last row that spoke for the fault.
        clean: for a recovery, applicable rows since then.
    """

    kind: EventKind
    stream: Stream
    row: int
    at: int
    onset_row: int
    onset_at: int
    yes: int
    rows: int
    nats: float
    last_row: int = -1
    last_at: int = 0
    clean: int = 0

    @property
    def share(self) -> float:
        """Share of yes since the onset."""
        return self.yes / self.rows if self.rows else 0.0


@runtime_checkable
class Detector(Protocol):
    """A family of streams watched for one release."""

    name: ClassVar[str]

    @classmethod
    def fit(cls, reference: Reference, nats: float) -> Detector:
        """A fresh detector; `nats` is its log-wealth threshold for weight 1."""
        ...

    @property
    def streams(self) -> Sequence[Stream]:
        """What is watched, with its allowed interval, muted ones included."""
        ...

    def observe(self, block: Block) -> list[Event]:
        """Takes one block and says what happened in it, in row order."""
        ...

    def observe_labels(self, block: Block, label: FloatArray, row: int, at: int) -> list[Event]:
        """Takes outcomes of earlier rows in the order in which they came.

        Args:
            block: the rows the outcomes belong to; `numbers` may come in any order.
            label: shape (n,), 0 or 1.
            row: the model's newest row number, at which events are said to happen.
            at: its event time.
        """
        ...

    def faults(self) -> list[Event]:
        """The faults going on now, each as a crossing with its counts so far."""
        ...

    def dismiss(self, key: str, side: Side) -> None:
        """Forgets a fault and starts that stream afresh (a person closed the incident)."""
        ...

    def accept(
        self, incident: str, events: Sequence[Event], block: Block, label: FloatArray | None
    ) -> int:
        """Takes what some streams show as normal from now on, and starts them afresh.

        Args:
            incident: a name, to take it back by.
            events: the faults accepted, with their counts so far.
            block: the rows since their onset, as far as they are still kept.
            label: shape (rows,), their outcomes, NaN where unknown; None without any.

        Returns:
            Rows of evidence.
        """
        ...

    def take_back(self, incident: str) -> bool:
        """What was accepted under this name is not normal after all; False: nothing was."""
        ...

    def adopt(self, event: Event) -> bool:
        """Starts with a fault already there (a new release under an open incident).

        Returns False when this detector has no such stream.
        """
        ...

    def dump(self) -> bytes:
        """The whole detector as bytes."""
        ...

    @classmethod
    def load(cls, data: bytes, reference: Reference, nats: float) -> Detector:
        """The detector that `dump` wrote, to the bit; fitted again where it was never dumped."""
        ...
