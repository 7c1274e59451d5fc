"""The detector of values: all banks of a release under one share of the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.base import Stream
from holdfast.detection.columns.accepting import (
    Accepted,
    beyond_of,
    edge_of,
    ends_accepted,
    in_words,
    labels_after,
    of_column,
    of_labels,
    streams_accepted,
)
from holdfast.detection.columns.adapt import widened
from holdfast.detection.columns.blocks import BlockBank, Group, in_blocks
from holdfast.detection.columns.cells import Coder, code_columns
from holdfast.detection.columns.entities import Entities
from holdfast.detection.columns.fit import (
    SCORE,
    WEIGHTS,
    ColumnFit,
    ReferenceFit,
    flag_array,
)
from holdfast.detection.columns.flags import Keys, Lattices, Repeats, Residuals
from holdfast.detection.columns.labels import NAMES, LabelBank, Members
from holdfast.detection.columns.outliers import STAKES as END_STAKES
from holdfast.detection.columns.outliers import OutlierBank
from holdfast.detection.columns.phases import Clock, expanded
from holdfast.detection.columns.row_streams import REPEATED
from holdfast.detection.columns.rows import BETS as ROW_BETS
from holdfast.detection.columns.rows import RowBank
from holdfast.detection.columns.signals import Signal, as_stream, signal_of
from holdfast.detection.columns.streams import Table
from holdfast.detection.columns.warmup import (
    Warm,
    at_first,
    streams_after,
    streams_at_first,
    told,
)
from holdfast.frames.values import FloatArray, IntArray, ValueKind, Values

END_BETS = len(END_STAKES)
#: codes of the row streams that count as hard: nothing but a fault does this
HARD = frozenset({"null", "type", "unseen"})


class _State(msgspec.Struct, array_like=True):
    warm: bytes
    accepted: dict[str, Accepted]
    entities: tuple[bytes, bytes]
    rows: int
    blocks: bytes
    streams: bytes
    ends: bytes
    repeats: bytes
    labels: bytes


class ValueDetector:
    """Watches the values, scores and outcomes of one release.

    Args:
        fit: what the reference taught.
        nats: wealth at which a bet of weight 1 crosses.
    """

    def __init__(self, fit: ReferenceFit, nats: float) -> None:
        self.fit = fit
        self.nats = nats
        self._cells = [c.cells for c in fit.columns]
        self._coders = {c.name: Coder(c.cells) for c in fit.columns}
        self._lattices = Lattices([c.lattice for c in fit.columns], fit.flags - 1)
        self._inner = np.array([c.inner for c in self._cells], np.int64)
        self._missing = np.array([c.missing for c in self._cells], np.int64)
        self._wrong = np.array([c.wrong for c in self._cells], np.int64)
        self._unseen = np.array([c.unseen for c in self._cells], np.int64)
        self._residuals = Residuals(fit.dependence, self._cells)
        self._keys = Keys()
        self._repeats = Repeats(len(fit.columns))
        self._score = None if fit.score is None else Coder(fit.score.cells)
        self.rows = 0
        self._warm = Warm(fit.warm_up) if fit.warm_up else None
        self._accepted: dict[str, Accepted] = {}
        self._entities, self._labelled_entities = Entities(), Entities()
        self._make_blocks()
        self._make_rows()
        self._make_ends()
        place = {name: i for i, name in enumerate(fit.names)}
        self._end_columns = np.array([place[e.field] for e in fit.ends], np.int64)
        self._end_cells = np.array(
            [
                self._cells[place[e.field]].below if e.code == "below"
                else self._cells[place[e.field]].above
                for e in fit.ends
            ],
            np.int64,
        )  # fmt: skip
        self._make_labels()

    @property
    def _judged(self) -> list[ColumnFit]:
        """All columns, and last the score."""
        score = self.fit.score
        return [*self.fit.columns, *([] if score is None else [score])]

    def _tables(self, plain: Sequence[Table]) -> list[Table]:
        """The bets of all columns, as learned, with what is tolerated now."""
        found = []
        for i, (column, table) in enumerate(zip(self._judged, plain, strict=True)):
            more, warm = None, self._warm
            if warm is not None:
                more = warm.taught.columns[i] if warm.over else at_first(column)
            for accepted in self._accepted.values():
                mine = accepted.columns.get(i)
                if mine is not None:
                    more = mine if more is None else more | mine
            found.append(table if more is None else widened(column, table, more))
        return found

    def _remake(self) -> None:
        """The same evidence under other tolerances."""
        blocks, rows, ends = self._blocks.dump(), self._rows.dump(), self._ends.dump()
        labels = None if self._labels is None else self._labels.dump()
        self._make()
        self._blocks.load(blocks)
        self._rows.load(rows)
        self._ends.load(ends)
        if self._labels is not None and labels is not None:
            self._labels.load(labels)

    def _make(self) -> None:
        self._make_blocks()
        self._make_rows()
        self._make_ends()
        self._make_labels()

    def _make_ends(self) -> None:
        weight = WEIGHTS["outliers"] / (len(self.fit.ends) or 1)
        ends = ends_accepted(self.fit.ends, list(self._accepted.values()))
        self._ends = OutlierBank(
            [msgspec.structs.replace(e, weight=weight) for e in ends], self.nats
        )

    def _make_labels(self) -> None:
        fit = self.fit.labels
        self._labels = (
            None
            if fit is None
            else LabelBank(
                labels_after(fit, list(self._accepted.values())), self._cells, self.nats,
                overall=WEIGHTS["label"], segments=WEIGHTS["segments"],
            )
        )  # fmt: skip

    def _make_blocks(self) -> None:
        columns = self._judged
        families: dict[str, int] = {}
        present = []
        for i, column in enumerate(columns):
            for code in dict.fromkeys(b.code for b in column.bets if not b.muted):
                families[code] = families.get(code, 0) + 1
                present.append((i, column.name, code))
        groups = [
            Group(column=i, field=name, code=code, weight=WEIGHTS[code] / families[code])
            for i, name, code in present
        ]
        self._clocks = [c.clock for c in columns]
        plain = [c.table for c in columns]
        sizes = [c.groups * c.cells.size for c in columns]
        self._blocks = BlockBank(self._tables(plain), groups, sizes, self.nats, first=plain)

    def _make_rows(self) -> None:
        streams = list(self.fit.streams)
        live = [s for s in streams if not s.muted]
        warm = self._warm
        if warm is not None:
            streams = (
                streams_after(streams, warm.taught) if warm.over else streams_at_first(streams)
            )
        streams = streams_accepted(streams, list(self._accepted.values()))
        hard = sum(s.code in HARD for s in live) or 1
        soft = (len(live) - hard) or 1
        weighted = [
            msgspec.structs.replace(
                s,
                weight=WEIGHTS["hard"] / hard if s.code in HARD else WEIGHTS["repeat"] / soft,
            )
            for s in streams
        ]
        self._rows = RowBank(weighted, self.nats)
        place = {name: i for i, name in enumerate(self.fit.names)}
        self._stream_columns = np.array([place.get(s.field, -1) for s in streams], np.int64)
        self._by_code = {
            code: np.array([i for i, s in enumerate(streams) if s.code == code], np.int64)
            for code in dict.fromkeys(s.code for s in streams)
        }

    def read(self, columns: Mapping[str, Values], rows: int) -> IntArray:
        """Shape (rows, columns): the cells of some rows, for `observe_labels` later on."""
        return code_columns(self._coders, columns, rows)

    def observe(
        self,
        columns: Mapping[str, Values],
        rows: int,
        score: FloatArray | None = None,
        at: IntArray | None = None,
    ) -> list[Signal]:
        """Takes rows in the order in which they came.

        Args:
            columns: their columns, read as the kinds of the fit; absent ones count as missing.
            rows: how many.
            score: shape (rows,), NaN where there is none.
            at: shape (rows,), event times in microseconds since 1970 (UTC), 0 where unknown: those
                rows are judged by all hours together. None: no row has one.
        """
        if rows == 0:
            return []
        warm = self._warm
        left = 0 if warm is None or warm.over else warm.rows - self.rows
        if 0 < left < rows:  # what comes after the warm-up is judged by what it taught
            return [
                x
                for low, high in ((0, left), (left, rows))
                for x in self._observe(columns, low, high, score, at)
            ]
        return self._take(columns, rows, score, at)

    def _observe(
        self,
        columns: Mapping[str, Values],
        low: int,
        high: int,
        score: FloatArray | None,
        at: IntArray | None,
    ) -> list[Signal]:
        places = np.arange(low, high)
        return self._take(
            {name: values.take(places) for name, values in columns.items()},
            high - low,
            None if score is None else np.asarray(score, float)[low:high],
            None if at is None else at[low:high],
        )

    def _take(
        self,
        columns: Mapping[str, Values],
        rows: int,
        score: FloatArray | None,
        at: IntArray | None,
    ) -> list[Signal]:
        first = self.rows
        coded = self.read(columns, rows)
        given = [columns.get(name) for name in self._coders]
        lit = flag_array(given, rows, self._lattices, self._residuals, coded, self.fit.flags)
        keys = self._keys.of(given, rows)
        found: list[Signal] = []
        counted = self._counted(self._entities, columns, rows)
        asked = self._asked(coded, keys, counted)
        if not counted.all():  # no bet on these: as if they had no value
            coded, lit = np.where(counted[:, None], coded, self._missing), lit.copy()
            lit[~counted] = False
            score = None if score is None else np.where(counted, score, np.nan)
        for x in self._rows.observe(*asked, first):
            s = self._rows.streams[x.group]
            found.append(signal_of("rows", x, s.field, s.code, "", "up", s.share, s.edge))
        if len(self._end_columns):
            mine = coded[:, self._end_columns]
            inner = self._inner[self._end_columns]
            for x in self._ends.observe(mine == self._end_cells, mine < inner, first):
                end = self._ends.streams[x.group]
                found.append(
                    signal_of("ends", x, end.field, end.code, "", "up", end.share, end.edge)
                )
        if self._score is not None:
            coded, lit = self._with_score(coded, lit, score, rows)
        coded = self._by_phase(coded, at)
        for x in self._blocks.observe(coded, lit):
            group, bet = self._blocks.groups[x.group], self._blocks.bet(x.group, x.bet)
            found.append(
                signal_of(
                    "blocks", x, group.field, group.code, bet.key, bet.side, bet.share, bet.edge
                )
            )
        self.rows += rows
        if self._warm is not None and not self._warm.over:
            self._warm.take(coded, lit, *asked)
            if self.rows >= self._warm.rows:
                self._warm.learn(self._judged, self.fit.streams)
                self._remake()
        return sorted(found, key=lambda s: (s.row, s.bank, s.place))

    def _by_phase(self, coded: IntArray, at: IntArray | None) -> IntArray:
        """The cells of columns that go by the clock, moved to those of each row's phase."""
        if not any(self._clocks):
            return coded
        coded = coded.copy()
        groups: dict[Clock, IntArray] = {}
        for i, clock in enumerate(self._clocks):
            if clock is None:
                continue
            group = groups.get(clock)
            if group is None:
                group = groups[clock] = clock.of(at, len(coded))
            column = self.fit.columns[i] if i < len(self.fit.columns) else self.fit.score
            size = 0 if column is None else column.cells.size
            coded[:, i] = expanded(coded[:, i], group, size)
        return coded

    def _counted(
        self, entities: Entities, columns: Mapping[str, Values], rows: int
    ) -> NDArray[np.bool_]:
        """Shape (rows,): which rows are bet on."""
        name = self.fit.entity
        return entities.counted(columns.get(name) if name else None, rows)

    def _asked(
        self, coded: IntArray, keys: IntArray, counted: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Shape (rows, streams) each: the answers of the row streams, and where they are asked."""
        rows = len(coded)
        same, recent, again = (x.T for x in self._repeats.observe(keys))
        # a stream after the other in memory, as the bank reads them
        cells, shape = coded.T, (len(self._rows.streams), rows)
        yes, applies = np.zeros(shape, np.bool_), np.ones(shape, np.bool_)
        absent, bad = cells == self._missing[:, None], cells == self._wrong[:, None]
        holes, faulty = bool(absent.any()), bool(bad.any())
        for code, places in self._by_code.items():
            at = self._stream_columns[places]
            if code == "null":
                if holes:
                    yes[places] = absent[at]
                continue
            if code == "type":
                if faulty:
                    yes[places] = bad[at]
            elif code == "unseen":
                yes[places] = cells[at] == self._unseen[at, None]
            elif code in ("repeat", "recent"):
                yes[places] = (same if code == "repeat" else recent)[at]
                if faulty:
                    applies[places] = ~(absent | bad)[at]
                    continue
            else:
                yes[places] = again[0 if code == "duplicate" else 1]
                continue
            if holes:
                applies[places] = ~absent[at]
        if not counted.all():
            for code, places in self._by_code.items():
                if code not in REPEATED:
                    applies[places] &= counted
        return yes.T, applies.T

    def _with_score(
        self, coded: IntArray, lit: NDArray[np.bool_], score: FloatArray | None, rows: int
    ) -> tuple[IntArray, NDArray[np.bool_]]:
        coder = self._score
        if coder is None:
            return coded, lit
        numbers = np.full(rows, np.nan) if score is None else np.asarray(score, float)
        state = np.isnan(numbers).astype(np.uint8)
        cell = coder.code(Values(ValueKind.NUMBER, state, numbers=numbers))
        coded = np.concatenate((coded, cell[:, None]), axis=1)
        lit = np.concatenate((lit, np.zeros((rows, 1, lit.shape[2]), np.bool_)), axis=1)
        return coded, lit

    def observe_labels(self, coded: IntArray, score: FloatArray, label: FloatArray) -> list[Signal]:
        """Takes outcomes in the order in which they came; `coded` as `read` gave it.

        Rows and onsets of the signals count labelled rows.
        """
        if self._labels is None:
            return []
        out = []
        for x in self._labels.observe(coded, score, label):
            segment = self._labels.fit.segments[x.group]
            key = f"{segment.words}: {NAMES[x.bet]}"
            out.append(signal_of("labels", x, segment.field, "label", key, "", np.nan, np.nan))
        return out

    def counted_outcomes(self, columns: Mapping[str, Values], rows: int) -> NDArray[np.bool_]:
        """Shape (rows,): whose outcomes are bet on, once an entity; they must come in order."""
        return self._counted(self._labelled_entities, columns, rows)

    @property
    def labelled(self) -> int:
        """Labelled rows in whole blocks so far."""
        return 0 if self._labels is None else self._labels.rows

    def forget(self, name: str) -> None:
        """Starts a stream afresh, by the `name` of its signals (a person closed the incident)."""
        bank, _, place = name.partition(":")
        if bank == "rows":
            self._rows.forget(int(place))
        elif bank == "ends":
            self._ends.forget(int(place))
        elif bank == "blocks":
            self._blocks.forget(int(place))
        elif self._labels is not None:
            self._labels.forget(int(place))

    def accept(
        self,
        incident: str,
        names: Sequence[str],
        columns: Mapping[str, Values],
        score: FloatArray | None = None,
        label: FloatArray | None = None,
        at: IntArray | None = None,
    ) -> int:
        """Takes what some streams show as normal from now on, on the evidence of given rows.

        The bets of the columns concerned tolerate what these rows look like; so do the ends of
        their ranges, and the score and outcomes where they are among the streams. The streams start
        afresh.

        Args:
            incident: a name, to take it back by.
            names: the streams, by the `name` of their signals.
            columns: the rows since the onset.
            score: shape (n,), their scores; None without any.
            label: shape (n,), their outcomes, NaN where unknown; None without any.
            at: shape (n,), their event times; None without any.

        Returns:
            Rows of evidence.
        """
        rows = len(next(iter(columns.values()), ()))
        streams: dict[int, float] = {}
        fields: set[str] = set()
        scored = labelled = False
        for name in names:
            bank, _, number = name.partition(":")
            place = int(number)
            if bank == "rows":
                seen = self._rows.since_onset(place)
                streams[place] = edge_of(self._rows.streams[place], *seen)
                fields.add(self._rows.streams[place].field)
            elif bank == "ends":
                fields.add(self._ends.streams[place].field)
            elif bank == "blocks":
                fields.add(self._blocks.groups[place].field)
                scored |= not self._blocks.groups[place].field
            else:
                labelled = True
        self._accepted[incident] = self._settled(
            rows, fields, streams, columns, score if scored else None,
            (score, label) if labelled else None, at,
        )  # fmt: skip
        for name in names:
            self.forget(name)
        self._remake()
        return rows

    def _settled(
        self,
        rows: int,
        fields: set[str],
        streams: dict[int, float],
        columns: Mapping[str, Values],
        score: FloatArray | None,
        outcomes: tuple[FloatArray | None, FloatArray | None] | None,
        at: IntArray | None,
    ) -> Accepted:
        """What acceptance of some columns changes."""
        if not rows:
            return Accepted(rows=0, streams=streams)
        coded = self.read(columns, rows)
        given = [columns.get(name) for name in self._coders]
        lit = flag_array(given, rows, self._lattices, self._residuals, coded, self.fit.flags)
        ends = {}
        for i, end in enumerate(self._ends.streams):
            mine = coded[:, self._end_columns[i]]
            if end.field in fields:
                beyond = int((mine == self._end_cells[i]).sum())
                asked = int((mine < self._inner[self._end_columns[i]]).sum())
                ends[i] = beyond_of(end, beyond, asked)
        labels = None
        if self.fit.labels is not None and outcomes is not None:
            known, label = outcomes
            if known is not None and label is not None:
                members = Members(self.fit.labels.segments, self._cells)
                labels = of_labels(self.fit.labels, members, coded, known, label)
        if self._score is not None:
            coded, lit = self._with_score(coded, lit, score, rows)
        wide = self._by_phase(coded, at)
        more = {
            i: found
            for i, column in enumerate(self._judged)
            if (column.name in fields if column.name else score is not None)
            and (found := of_column(column, wide[:, i], lit[:, i])) is not None
        }
        return Accepted(rows=rows, columns=more, streams=streams, ends=ends, labels=labels)

    def take_back(self, incident: str) -> bool:
        """What was accepted under this name is not normal after all; False: nothing was."""
        if self._accepted.pop(incident, None) is None:
            return False
        self._remake()
        return True

    @property
    def notes(self) -> list[str]:
        """What a person should know now: of the fit, of a warm-up."""
        warm = self._warm
        found = list(self.fit.notes)
        if warm is not None and warm.over:
            found = found[1:] + told(self._judged, warm.taught)
        return found + in_words(self._accepted.values(), self._judged, self.fit.streams)

    def streams(self) -> list[Stream]:
        """What is watched: one stream a question, one a column and family of bets; muted ones too.

        A family of bets has no single share: its `share` is 0 and its `edge` 1.
        """
        found = [
            as_stream(f"rows:{i}", s.field, s.code, s.share, s.rows, s.edge, s.muted)
            for i, s in enumerate(self._rows.streams)
        ]
        found += [
            as_stream(f"ends:{i}", s.field, s.code, s.share, s.rows, s.edge, s.muted)
            for i, s in enumerate(self._ends.streams)
        ]
        found += [
            as_stream(f"blocks:{i}", g.field, g.code, 0.0, self.fit.rows, 1.0, "")
            for i, g in enumerate(self._blocks.groups)
        ]
        if self._labels is not None:
            found += [
                as_stream(f"labels:{i}", s.field, "label", 0.0, self._labels.fit.rows, 1.0, "")
                for i, s in enumerate(self._labels.fit.segments)
            ]
        thresholds = self.thresholds()
        return [msgspec.structs.replace(s, nats=thresholds[s.key]) for s in found]

    def spent(self) -> float:
        """Sum of the weights of all bets: at most 1 keeps the promise."""
        parts = [np.exp(self.nats - self._rows.threshold[self._rows.live]) * ROW_BETS]
        parts.append(np.exp(self.nats - np.array(self._ends.threshold or [np.inf])) * END_BETS)
        parts.append(np.exp(in_blocks(self.nats) - self._blocks.thresholds))
        if self._labels is not None:
            parts.append(np.exp(in_blocks(self.nats) - self._labels.thresholds))
        return float(sum(p.sum() for p in parts))

    def thresholds(self) -> dict[str, float]:
        """Evidence at which each stream crosses, the lowest of its bets, by name."""
        found = {f"rows:{i}": x for i, x in enumerate(self._rows.threshold.tolist())}
        found |= {f"ends:{i}": x for i, x in enumerate(self._ends.threshold)}
        found |= {f"blocks:{i}": self._blocks.threshold(i) for i in range(len(self._blocks.groups))}
        if self._labels is not None:
            count = len(self._labels.fit.segments)
            found |= {f"labels:{i}": self._labels.threshold(i) for i in range(count)}
        return found

    def dump(self) -> bytes:
        """The running state; the fit is kept apart."""
        return msgspec.msgpack.encode(
            _State(
                b"" if self._warm is None else self._warm.dump(), self._accepted,
                (self._entities.dump(), self._labelled_entities.dump()), self.rows,
                self._blocks.dump(), self._rows.dump(), self._ends.dump(),
                self._repeats.dump(), b"" if self._labels is None else self._labels.dump(),
            )
        )  # fmt: skip

    def load(self, data: bytes) -> None:
        """Goes on from what `dump` wrote."""
        state = msgspec.msgpack.decode(data, type=_State)
        self.rows = state.rows
        if self._warm is not None and state.warm:
            self._warm = Warm.load(state.warm)
        self._accepted = state.accepted
        self._entities, self._labelled_entities = map(Entities.load, state.entities)
        if self._accepted or (self._warm is not None and self._warm.over):
            self._make()
        self._blocks.load(state.blocks)
        self._rows.load(state.streams)
        self._ends.load(state.ends)
        self._repeats.load(state.repeats)
        if self._labels is not None and state.labels:
            self._labels.load(state.labels)


__all__ = ["SCORE", "Signal", "ValueDetector"]
