"""Everything a reference teaches about its columns, once: cells, bets, tolerances, muted streams.

The result is plain data and goes into the release. Thresholds are not in it; they follow from the
false-alarm budget of whoever watches.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdfast.detection.columns.cells import (
    Cells,
    Coder,
    code_columns,
    learn_cells,
)
from holdfast.detection.columns.entities import Entities
from holdfast.detection.columns.flags import (
    Dependence,
    Lattices,
    Residuals,
    lattice_steps,
    learn_dependence,
)
from holdfast.detection.columns.labels import Calibration, LabelFit, calibrate, learn_labels
from holdfast.detection.columns.notes import of_columns, of_entity, of_warm_up
from holdfast.detection.columns.outliers import OutlierStream
from holdfast.detection.columns.phased import fit_phased
from holdfast.detection.columns.phases import Clock, choose_clock, expanded, told
from holdfast.detection.columns.quiet import BLOCK
from holdfast.detection.columns.row_streams import (
    LEAST_ROWS,
    REPEATED,
    ends_of,
    row_streams,
    shows_order,
)
from holdfast.detection.columns.rows import RowStream
from holdfast.detection.columns.streams import (
    Bet,
    Payoff,
    Question,
    Table,
    fit_table,
    questions_of,
    tilts_of,
)
from holdfast.detection.season import DAY, find_cycles
from holdfast.errors import DataError
from holdfast.frames.values import FloatArray, IntArray, ValueKind, Values

#: shares of the bank's budget
WEIGHTS = {
    "hard": 0.12, "repeat": 0.05, "outliers": 0.05, "values": 0.28, "lattice": 0.03,
    "dependence": 0.05, "score": 0.12, "label": 0.10, "segments": 0.20,
}  # fmt: skip
#: rows of production that a shuffled reference leaves to learn from, a multiple of 20
WARM_UP = 5_000
#: rows by whose times cycles are looked for, the latest ones
MOST_TIMED = 200_000
SCORE = "score"
SCORE_ODDS = (1.4, 2.0, 4.0, 1 / 1.4, 1 / 2.0, 1 / 4.0)


class ColumnFit(msgspec.Struct, frozen=True, kw_only=True):
    """What one column taught.

    Attributes:
        name: the column; empty for the score.
        cells: how it is cut.
        lattice: steps of its lattice questions.
        steps: shape (features, bets) of its table, compressed.
        bets: its bets.
        calendar: whether it moves along with time and is watched for type and nulls only.
        clock: by which phases of the day or week it is judged, or None; its table then has the
            cells of every group one after the other (`phases`).
        phases: reference rows by group and cell, where it has a clock.
    """

    name: str
    cells: Cells
    lattice: tuple[float, ...] = ()
    steps: bytes = b""
    bets: tuple[Bet, ...] = ()
    calendar: bool = False
    clock: Clock | None = None
    phases: tuple[tuple[int, ...], ...] = ()

    @property
    def groups(self) -> int:
        """How often its cells stand in its table, one behind the other."""
        return 1 if self.clock is None else self.clock.size

    @property
    def table(self) -> Table:
        """Its bets as a table."""
        flat = np.frombuffer(zlib.decompress(self.steps))
        width = len(self.bets)
        return Table(flat.reshape(-1, width) if width else np.zeros((1, 0)), list(self.bets))


class ReferenceFit(msgspec.Struct, frozen=True, kw_only=True):
    """What a reference taught about its columns.

    Attributes:
        rows: rows of the reference.
        columns: the columns, in order.
        score: the score as one more column, or None.
        flags: flags a column: lattice steps, then the dependence residual.
        dependence: how columns follow from one another.
        streams: yes/no streams that may start at any row.
        ends: the ends of numeric columns.
        labels: what is bet on outcomes, or None.
        scale: the sensitivity knob: every floor is multiplied by it.
        notes: what a person should know: columns muted or widened, and why.
        warm_up: first rows of production that teach how rows follow one another; 0: the reference
            shows it.
        entity: column by which rows count once an entity; empty: every row counts.
        counted: share of the reference's rows that counted.
    """

    rows: int
    columns: tuple[ColumnFit, ...]
    score: ColumnFit | None = None
    flags: int = 0
    dependence: Dependence = Dependence()
    streams: tuple[RowStream, ...] = ()
    ends: tuple[OutlierStream, ...] = ()
    labels: LabelFit | None = None
    scale: float = 1.0
    notes: tuple[str, ...] = ()
    warm_up: int = 0
    entity: str = ""
    counted: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(c.name for c in self.columns)

    @property
    def kinds(self) -> dict[str, ValueKind]:
        """Kind of every column, and of that of entities."""
        aside = {self.entity: ValueKind.CATEGORY} if self.entity else {}
        return aside | {c.name: c.cells.kind for c in self.columns}

    def to_bytes(self) -> bytes:
        """The fit as msgpack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> ReferenceFit:
        """The fit that `to_bytes` wrote."""
        return msgspec.msgpack.decode(data, type=cls)


def learn_reference(
    columns: Mapping[str, Values],
    *,
    score: FloatArray | None = None,
    label: FloatArray | None = None,
    scale: float = 1.0,
    at: IntArray | None = None,
    ordered: bool | None = True,
    entity: tuple[str, Values] | None = None,
) -> ReferenceFit:
    """Learns what is normal from rows in their natural order.

    Args:
        columns: the columns, all of the same length.
        score: shape (n,), the model's scores; NaN where there is none.
        label: shape (n,), outcomes, 0 or 1; NaN where unknown.
        scale: multiplies every floor: below 1 is more sensitive, above 1 more relaxed.
        at: shape (n,), event times in microseconds since 1970 (UTC), ascending; 0 where unknown,
            None without any. Columns that follow the hour or the weekday then get a reference for
            each, as far as the rows suffice.
        ordered: whether the rows stand in the order in which they came; None: told by whether
            neighbouring rows resemble each other. A shuffled reference makes the first rows of
            production a warm-up (`warmup`).
        entity: column that says whose row it is, and its values: rows of one entity count once in
            200 rows, here and in production (`entities`). It is not watched itself.

    Raises:
        DataError: fewer than 30 rows.
    """
    rows = min((len(v) for v in columns.values()), default=0)
    if rows < LEAST_ROWS:
        raise DataError(
            "the reference has too few rows to tell what is normal",
            expected=f"at least {LEAST_ROWS} rows and one column",
            got=f"rows={rows}, columns={len(columns)}",
            remedy="give a larger reference; a few thousand rows make a good one",
        )
    names = list(columns)
    cells = [learn_cells(columns[n]) for n in names]
    coders = {n: Coder(c) for n, c in zip(names, cells, strict=True)}
    coded = code_columns(coders, columns, rows)
    every, everything, given = columns, coded, rows
    kept = None if entity is None else np.flatnonzero(Entities().counted(entity[1]))
    thinned = kept is not None and LEAST_ROWS <= len(kept) < rows
    if kept is not None and thinned:
        columns, coded, rows = {n: v.take(kept) for n, v in columns.items()}, coded[kept], len(kept)
        cells = [_recounted(c, coded[:, i]) for i, c in enumerate(cells)]
        score, label = (None if x is None else x[kept] for x in (score, label))
        at = None if at is None else at[kept]
    known_score = score is not None and bool(np.isfinite(score).any())
    scored = score if known_score else None
    log_odds = _row_log_odds(scored, label, rows)
    dependence = learn_dependence(cells, coded)
    lattices = [
        lattice_steps(columns[n]) if c.kind is ValueKind.NUMBER and c.inner > 4 else ()
        for n, c in zip(names, cells, strict=True)
    ]
    flags = max((len(x) for x in lattices), default=0) + 1
    lit = flag_array(
        [columns[n] for n in names], rows, Lattices(lattices, flags - 1),
        Residuals(dependence, cells), coded, flags,
    )  # fmt: skip
    calendar = [_is_calendar(coded[:, i], c) for i, c in enumerate(cells)]
    own = None if scored is None else _score_cells(scored)
    clocks = _clocks(cells, coded, calendar, own, at)
    fitted = []
    for i, name in enumerate(names):
        features = cells[i].size + flags
        asked, tilts = [], []
        if not calendar[i]:
            odds = None if log_odds is None else _cell_log_odds(cells[i], coded[:, i], log_odds)
            asked = questions_of(cells[i], features)
            tilts = tilts_of(cells[i], features, odds)
            asked += _lattice_questions(cells[i], lattices[i], features)
            if i in dependence.targets:
                asked.append(_dependence_question(cells[i], flags, features))
        draft = ColumnFit(
            name=name, cells=cells[i], lattice=lattices[i], calendar=calendar[i], clock=clocks[i]
        )
        fitted.append(_with_bets(draft, coded[:, i], lit[:, i], asked, tilts, scale, at))
    clumps = {
        c.name: max((b.deff for b in c.bets if not b.muted), default=1.0)
        for c in fitted
        if c.cells.kind is ValueKind.CATEGORY
    }
    streams = row_streams(columns, names, cells, coded, calendar, scale, clumps)
    if thinned:  # what repeats shows in neighbouring rows: all of them
        whole = row_streams(every, names, cells, everything, calendar, scale, clumps)
        again = {(s.field, s.code): s for s in whole if s.code in REPEATED}
        streams = [again.get((s.field, s.code), s) for s in streams]
    labels = None
    if scored is not None and label is not None:
        labels = learn_labels(names, cells, coded, scored, label, scale=scale)
    warm_up = 0 if (shows_order(cells, coded) if ordered is None else ordered) else WARM_UP
    return ReferenceFit(
        rows=given,
        entity="" if entity is None else entity[0],
        counted=rows / given,
        warm_up=warm_up,
        columns=tuple(fitted),
        score=None
        if scored is None or own is None
        else _fit_score(scored, own, label, flags, scale, clocks[-1], at),
        flags=flags,
        dependence=dependence,
        streams=tuple(streams),
        ends=tuple(ends_of(names, cells, coded, calendar, [c.bets for c in fitted])),
        labels=labels,
        scale=scale,
        notes=(
            *of_warm_up(warm_up),
            *of_entity("" if entity is None else entity[0], rows, given),
            *told([*names, ""], clocks),
            *of_columns(fitted, streams, calendar, names),
        ),
    )


def _clocks(
    cells: Sequence[Cells],
    coded: IntArray,
    calendar: Sequence[bool],
    score: tuple[Cells, IntArray] | None,
    at: IntArray | None,
) -> list[Clock | None]:
    """By which phases each column, and last the score, is judged; None: by all rows together."""
    none: list[Clock | None] = [None] * (len(cells) + 1)
    if at is None or not (at > 0).all() or (np.diff(at) < 0).any():
        return none
    every = [*cells, *([] if score is None else [score[0]])]
    both = coded if score is None else np.column_stack((coded, score[1]))
    inner = np.array([c.inner for c in every])
    latest = slice(-MOST_TIMED, None)
    found = find_cycles(at[latest], np.where(both < inner, both, -1)[latest])
    for i, (c, cycle) in enumerate(zip(every, found, strict=True)):
        if i >= len(cells) or not calendar[i]:
            none[i] = choose_clock(c, both[:, i], at, cycle.period)
    return none


def _with_bets(
    draft: ColumnFit,
    coded: IntArray,
    lit: NDArray[np.bool_],
    asked: Sequence[Question],
    tilts: Sequence[Payoff],
    scale: float,
    at: IntArray | None,
) -> ColumnFit:
    """A column with its bets settled, by phase where it has a clock."""
    size, rows, groups = draft.cells.size, len(coded), draft.groups
    clock = draft.clock
    group = None if clock is None else clock.of(at, rows)
    wide = coded if group is None else expanded(coded, group, size)
    blocks, counts = feature_counts(wide, lit, groups * size + lit.shape[1], groups * size)
    if clock is None or group is None or at is None:
        table = fit_table(blocks, counts, rows, asked, tilts, scale=scale)
        phases: tuple[tuple[int, ...], ...] = ()
    else:
        span = (int(at[-1]) - int(at[0])) / (DAY if clock.week == 1 else 7 * DAY)
        table = fit_phased(
            blocks, counts, rows, groups, size, asked, tilts, scale=scale, periods=max(span, 3.0)
        )
        by = counts[: groups * size].reshape(groups, size).astype(int)
        phases = tuple(tuple(line) for line in by.tolist())
    return msgspec.structs.replace(
        draft,
        phases=phases,
        bets=tuple(table.bets),
        steps=zlib.compress(np.ascontiguousarray(table.steps).tobytes(), 6),
    )


def flag_array(
    columns: Sequence[Values | None],
    rows: int,
    lattices: Lattices,
    residuals: Residuals,
    coded: IntArray,
    flags: int,
) -> NDArray[np.bool_]:
    """Shape (rows, columns, flags): on a multiple of each lattice step; residual too large."""
    out = np.zeros((rows, len(columns), flags), np.bool_)
    lattices.flags(columns, rows, out)
    if len(residuals.targets):
        out[:, residuals.targets, flags - 1] = residuals.flags(coded)
    return out


def feature_counts(
    coded: IntArray, lit: NDArray[np.bool_], features: int, size: int
) -> tuple[FloatArray, FloatArray]:
    """Counts of cells and flags: by block of 20 rows (whole ones), and over all rows."""
    blocks = len(coded) // BLOCK
    used = blocks * BLOCK
    index = (np.arange(used) // BLOCK) * features + coded[:used]
    counts = np.bincount(index, minlength=blocks * features).astype(np.float64)
    counts = counts.reshape(blocks, features)
    counts[:, size:] = lit[:used].reshape(blocks, BLOCK, -1).sum(axis=1)
    whole = np.bincount(coded, minlength=features).astype(np.float64)
    whole[size:] = lit.sum(axis=0)
    return counts, whole


def _row_log_odds(
    score: FloatArray | None, label: FloatArray | None, rows: int
) -> FloatArray | None:
    """Shape (rows,): log-odds of the calibrated score; of the rank where nothing calibrates it."""
    if score is None:
        return None
    known = np.isfinite(score)
    if label is not None:
        both = known & np.isfinite(label)
        if both.sum() >= 200 and 20 <= (label[both] > 0.5).sum() <= both.sum() - 20:
            p = calibrate(score[both], (label[both] > 0.5).astype(float)).chance(score)
            out: FloatArray = np.log(p / (1.0 - p))
            return out
    order = np.argsort(np.argsort(np.where(known, score, -np.inf)))
    rank = np.clip((order + 0.5) / rows, 0.01, 0.99)
    return np.where(known, np.log(rank / (1.0 - rank)), np.nan)


def _cell_log_odds(cells: Cells, coded: IntArray, log_odds: FloatArray) -> FloatArray:
    """Shape (cells,): mean log-odds in each cell less the overall mean, shrunk by 20 rows."""
    known = np.isfinite(log_odds)
    count = np.bincount(coded[known], minlength=cells.size).astype(float)
    total = np.bincount(coded[known], weights=log_odds[known], minlength=cells.size)
    centre = float(log_odds[known].mean()) if known.any() else 0.0
    mean = total / np.maximum(count, 1.0) - centre
    shrunk: FloatArray = np.where(count > 0, mean * count / (count + 20.0), 0.0)
    return shrunk


def _lattice_questions(cells: Cells, steps: Sequence[float], features: int) -> list[Question]:
    made = []
    for k, step in enumerate(steps):
        yes, applies = np.zeros(features, np.bool_), np.zeros(features, np.bool_)
        yes[cells.size + k] = True
        applies[: cells.inner] = True
        made.append(Question("lattice", f"multiple of {step:g}", yes, applies, 0.06))
    return made


def _dependence_question(cells: Cells, flags: int, features: int) -> Question:
    yes, applies = np.zeros(features, np.bool_), np.zeros(features, np.bool_)
    yes[cells.size + flags - 1] = True
    applies[: cells.inner] = True
    key = "does not fit the rest of the row"
    return Question("dependence", key, yes, applies, 0.03, down=False)


def _score_cells(score: FloatArray) -> tuple[Cells, IntArray]:
    """How the score is cut, and the cell of every row."""
    state = np.where(np.isfinite(score), 0, 1).astype(np.uint8)
    values = Values(ValueKind.NUMBER, state, numbers=np.where(state == 0, score, np.nan))
    cells = learn_cells(values)
    return cells, Coder(cells).code(values)


def _fit_score(
    score: FloatArray,
    own: tuple[Cells, IntArray],
    label: FloatArray | None,
    flags: int,
    scale: float,
    clock: Clock | None,
    at: IntArray | None,
) -> ColumnFit:
    """The score as a column: tilts of its rank, and label shifts where it can be calibrated."""
    cells, coded = own
    features = cells.size + flags
    asked = [q._replace(code=SCORE) for q in questions_of(cells, features)]
    tilts = tilts_of(cells, features, None, code=SCORE)
    tilts += _prior_shifts(cells, coded, score, label, features)
    lit = np.zeros((len(score), flags), np.bool_)
    draft = ColumnFit(name="", cells=cells, clock=clock)
    return _with_bets(draft, coded, lit, asked, tilts, scale, at)


def _prior_shifts(
    cells: Cells, coded: IntArray, score: FloatArray, label: FloatArray | None, features: int
) -> list[Payoff]:
    """What a changed base rate does to the score, exactly: ``pi'/pi p + (1-pi')/(1-pi) (1-p)``."""
    if label is None:
        return []
    known = np.isfinite(score) & np.isfinite(label)
    y = (label[known] > 0.5).astype(float)
    if len(y) < 200 or min(y.sum(), len(y) - y.sum()) < 20:
        return []
    calibration: Calibration = calibrate(score[known], y)
    chance = calibration.chance(score)
    used = np.isfinite(chance)
    count = np.bincount(coded[used], minlength=cells.size)
    total = np.bincount(coded[used], weights=chance[used], minlength=cells.size)
    base = float(chance[used].mean())
    p = np.where(count > 0, total / np.maximum(count, 1), base)
    applies = np.zeros(features, np.bool_)
    applies[: cells.inner] = True
    made = []
    for ratio in SCORE_ODDS:
        shifted = base * ratio / (1.0 - base + base * ratio)
        pay = np.ones(features)
        pay[: cells.size] = shifted / base * p + (1.0 - shifted) / (1.0 - base) * (1.0 - p)
        made.append(Payoff(SCORE, f"base rate odds x{ratio:.2g}", np.log(pay), applies))
    return made


def _is_calendar(coded: IntArray, cells: Cells) -> bool:
    """Whether a column only moves along with the order of the rows, as dates and counters do."""
    if cells.kind is not ValueKind.NUMBER or cells.inner < 10:
        return False
    known = coded < cells.inner
    if known.sum() < 200:
        return False
    x = coded[known].astype(float)
    order = np.arange(len(x), dtype=float)
    spread_x = float(x.std())
    if spread_x == 0.0:
        return False
    corr = float(np.mean((x - x.mean()) * (order - order.mean())) / (spread_x * order.std()))
    return abs(corr) > 0.97


def _recounted(cells: Cells, coded: IntArray) -> Cells:
    """The same cells with the counts of fewer rows."""
    counts = np.bincount(coded, minlength=cells.size)
    return msgspec.structs.replace(cells, counts=tuple(counts.tolist()))
