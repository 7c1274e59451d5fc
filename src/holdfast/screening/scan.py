"""The walk over rows in the order of their times, each stretch held against what came before it.

A monitor of a release holds production against the rows that the release learned from. That is
right for the model, but in a world that drifts the reference grows old, and a fault that begins
inside an open drift is hard to tell. Before rows are learned from they are looked at again, against
the sound rows *just before* them, with the monitor's own detectors and diagnosis: a drift is slow
against such a reference, a fault is not.

Here rows are only left out, so doubt is cheap: what once looked broken stays in doubt when the
verdict is revised later, until it heals, or for so long that it must be taken as the new normal.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast import frames
from holdfast.contracts import Contract
from holdfast.contracts.marks import marked
from holdfast.diagnosis.spoiling import rows_in_doubt, spoils
from holdfast.frames.values import Values, kind_of, read_values
from holdfast.monitoring.monitor import Monitor
from holdfast.monitoring.table_reference import TableReference
from holdfast.records import IncidentStatus
from holdfast.screening.signs import JUMPS, Sign, Usual, signs
from holdfast.screening.stretch import Stretch
from holdfast.screening.values import strange

if TYPE_CHECKING:
    import pyarrow as pa

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: rows of the reference, of a part that is looked at together, and until the reference is renewed
REFERENCE, PART, RENEWED = 4_000, 250, 1_500
#: fewer sound rows than these are no reference
FEWEST = 500
#: what stays in doubt for so many rows, and so long, is taken as the new normal from then on
SETTLED, PATIENCE = 5_000, 7 * 86_400_000_000
#: the false-alarm promise of one reference; a false doubt costs some rows
BUDGET = "1 false incident per 1000 windows"
#: a join that is late shows only while it replays rows from before; then it is late all the same
_LASTING = frozenset({"stale_misaligned"})


class Screening(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a screening.

    Attributes:
        rows: how many were given.
        trusted: how many of them, the first, were taken as sound.
        stretches: those in doubt, in order.
        told: False where too few rows were trusted to tell anything.
    """

    rows: int
    trusted: int
    stretches: tuple[Stretch, ...]
    told: bool = True

    def sound(self) -> Bools:
        """Which rows are in no doubt; shape (rows,). The trusted ones never are."""
        keep = np.ones(self.rows, bool)
        for one in self.stretches:
            keep[one.begin : one.end] = False
        keep[: self.trusted] = True
        return keep


def screen(
    table: pa.Table,
    trusted: int,
    at: Ints | None = None,
    *,
    patience: int = PATIENCE,
    seed: int = 0,
) -> Screening:
    """Looks through rows for stretches that a broken pipeline seems to have written.

    Args:
        table: the features, rows in the order of their times.
        trusted: how many of the first rows are known to be sound; with fewer than 500 of them
            nothing can be told, and no stretch is found.
        at: shape (n,), event times in microseconds since 1970 (UTC), ascending; None: one second
            apart.
        patience: for how long, in microseconds, doubt lasts at least before the rows are taken as
            the new normal. It lasts for 5,000 rows in any case.
        seed: of everything random.

    Returns:
        The stretches, with up to 2,000 rows of margin before each. A fault is found with the odds
        that the detectors give; rows without a finding are not proven sound.
    """
    scan = Scan(table, trusted, at, patience=patience, seed=seed)
    scan.take(table.num_rows)
    return scan.found()


class Scan:
    """A screening that goes on as rows come.

    Args:
        table, trusted, at, patience, seed: as for `screen`.
    """

    def __init__(
        self,
        table: pa.Table,
        trusted: int,
        at: Ints | None = None,
        *,
        patience: int = PATIENCE,
        seed: int = 0,
    ) -> None:
        self._read(table, at)
        self._trusted = self.upto = trusted
        self._patience = patience
        self._seed = seed
        self._done: list[Stretch] = []
        self._open: dict[str | Sign, Stretch] = {}  # by incident, and by sign
        self._normal = range(0)  # rows in doubt that show what is normal now; none older count
        self._monitor: Monitor | None = None
        if trusted >= FEWEST:
            self._renew(np.arange(trusted))

    def _read(self, table: pa.Table, at: Ints | None) -> None:
        self._table = table
        self._at = np.arange(table.num_rows, dtype=np.int64) * 1_000_000 if at is None else at
        frame = frames.read(table)
        self._columns: dict[str, Values] = {
            name: read_values(kind_of(frame.column(name)), frame.column(name))
            for name in frame.names
        }
        self._signs = signs(self._columns)

    def fork(self, table: pa.Table, at: Ints | None = None) -> Scan:
        """The same so far, over a table that may differ in rows that were not looked at yet."""
        other = copy.copy(self)
        other._read(table, at)
        other._done, other._open = list(self._done), dict(self._open)
        other._monitor = None if self._monitor is None else self._monitor.fork()
        return other

    def found(self) -> Screening:
        """What was found so far."""
        stretches = sorted([*self._done, *self._open.values()], key=lambda s: s.begin)
        return Screening(
            rows=self._table.num_rows,
            trusted=self._trusted,
            stretches=tuple(stretches),
            told=self._monitor is not None,
        )

    def take(self, upto: int) -> None:
        """Looks at the rows up to a position."""
        while (monitor := self._monitor) is not None and self.upto < upto:
            part = np.arange(self.upto, min(self.upto + PART, upto))
            self.upto = int(part[-1]) + 1
            columns = {name: values.take(part) for name, values in self._columns.items()}
            self._note_incidents(monitor, part, columns)
            self._note_signs(part, columns)
            self._go_on()

    # -- what is seen -------------------------------------------------------------------------

    def _note_incidents(self, monitor: Monitor, part: Ints, columns: Mapping[str, Values]) -> None:
        marks = marked(self._contract.data, frames.read(self._table.slice(int(part[0]), len(part))))
        for one in monitor.observe_columns(columns, at=self._at[part], marks=marks):
            closed = one.status is IncidentStatus.CLOSED
            known = self._open.get(one.id)
            if spoils(one):
                begin = max(0, self._began + one.onset_row - rows_in_doubt(one))
                begin = begin if known is None else min(begin, known.begin)
                known = Stretch(begin=begin, end=None, kind=one.kind, features=tuple(one.features))
            if known is not None:
                end = self.upto if closed else None
                self._open[one.id] = msgspec.structs.replace(known, end=end)

    def _note_signs(self, part: Ints, columns: Mapping[str, Values]) -> None:
        if len(part) < PART:
            return
        seen = [
            sign
            for sign, known in self._usual.items()
            if known.exceeded(float(self._signs[sign][part].mean()), PART, JUMPS[sign.kind])
        ]
        for name, known in self._reference.items():
            kind = strange(columns[name], known)
            seen += [Sign(kind, name)] if kind is not None else []
        for sign in seen:
            features = (sign.feature,) if sign.feature else ()
            begin = max(0, int(part[0]) - 2 * PART)
            new = Stretch(begin=begin, end=None, kind=sign.kind, features=features)
            self._open.setdefault(sign, new)
        for key, one in list(self._open.items()):
            if isinstance(key, Sign) and key not in seen and key.kind not in _LASTING:
                del self._open[key]
                self._done.append(msgspec.structs.replace(one, end=self.upto))

    # -- the reference ------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Renews the reference when it is time, and ends doubt that has lasted long enough.

        What settled is the new normal: its rows may be a reference, though not be learned from.
        Younger doubt ends with it, and begins again at once where the new reference says so.
        """
        lasting = [one for one in self._open.values() if one.end is None]
        settled = [one for one in lasting if self._settled(one)]
        if not settled and (lasting or self.upto - self._began < RENEWED):
            return
        for one in self._open.values():
            end = self.upto if one.end is None else one.end
            self._done.append(msgspec.structs.replace(one, end=end, settled=one in settled))
        self._open = {}
        for one in settled:  # not its margin, nor its last rows: something may have broken since
            self._normal = range(one.begin + 2 * PART, one.begin + SETTLED // 2)
        sound = self.found().sound()[: self.upto]
        sound[: self._normal.start] = False
        sound[self._normal.start : self._normal.stop] = True
        self._renew(np.flatnonzero(sound))

    def _settled(self, one: Stretch) -> bool:
        waited = int(self._at[self.upto - 1] - self._at[one.begin])
        return self.upto - one.begin >= SETTLED and waited >= self._patience

    def _renew(self, sound: Ints) -> None:
        import pyarrow as pa

        rows = sound[-REFERENCE:]
        self._began = self.upto
        table = self._table.take(pa.array(rows))
        self._contract = Contract.learn(table, name="screening")
        columns = {name: values.take(rows) for name, values in self._columns.items()}
        marks = marked(self._contract.data, frames.read(table))
        reference = TableReference.of(
            columns, seed=self._seed, contract=self._contract.data,
            marks={mark: len(where) for mark, where in marks.items()},
        )  # fmt: skip
        self._monitor = Monitor(reference, budget=BUDGET, clock=lambda: 0)
        self._reference = columns
        self._usual = {sign: Usual.of(there[rows], PART) for sign, there in self._signs.items()}
