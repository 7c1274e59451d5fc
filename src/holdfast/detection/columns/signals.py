"""What the detector of values says: one signal a crossing, one stream a question."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.detection.base import Side, Stream
from holdfast.detection.columns.blocks import Crossing


class Signal(NamedTuple):
    """One family of bets of one column crossed, or is calm again.

    Attributes:
        bank: ``rows``, ``ends``, ``blocks`` or ``labels``; with `place` it names the stream.
        place: place in that bank.
        field: the column; empty for whole rows, the score and all labels.
        code: ``null``, ``type``, ``unseen``, ``repeat``, ``recent``, ``duplicate``, ``adjacent``,
            ``below``, ``above``, ``values``, ``lattice``, ``dependence``, ``score`` or ``label``.
        key: the leading bet, for people.
        side: ``up`` or ``down`` for shares, else empty.
        share, edge: the reference's share and the end of the allowed interval; NaN for payoffs.
        row: number of the row at which the evidence sufficed (for labels: of labelled rows).
        onset: estimated first row of the trouble, likewise.
        nats: evidence.
        over: True when calm again.
        last: then, the last row that spoke for the trouble.
    """

    bank: str
    place: int
    field: str
    code: str
    key: str
    side: str
    share: float
    edge: float
    row: int
    onset: int
    nats: float
    over: bool
    last: int

    @property
    def name(self) -> str:
        """Names the stream inside the detector."""
        return f"{self.bank}:{self.place}"


def as_stream(
    key: str, field: str, code: str, share: float, rows: int, edge: float, muted: str
) -> Stream:
    """A stream; its threshold is filled in later."""
    return Stream(
        key=key, field=field, code=code, side=Side.UP, share=share, rows=rows, edge=edge, nats=0.0,
        muted=muted,
    )  # fmt: skip


def signal_of(
    bank: str, x: Crossing, field: str, code: str, key: str, side: str, share: float, edge: float
) -> Signal:
    """The signal of a crossing of a bank."""
    return Signal(
        bank, x.group, field, code, key, side, share, edge, x.row, x.onset, x.nats, x.over, x.last
    )
