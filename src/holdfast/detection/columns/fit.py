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
from holdfast.detection.columns.entities import WINDOW as ENTITY_WINDOW
from holdfast.detection.columns.entities import Entities
from holdfast.detection.columns.flags import (
    Dependence,
    Keys,
    Lattices,
    Repeats,
    Residuals,
    lattice_steps,
    learn_dependence,
)
from holdfast.detection.columns.labels import Calibration, LabelFit, calibrate, learn_labels
from holdfast.detection.columns.outliers import CLUMPED_FLOOR, FLOOR, OutlierStream
from holdfast.detection.columns.phased import fit_phased
from holdfast.detection.columns.phases import Clock, choose_clock, expanded, told
from holdfast.detection.columns.quiet import BLOCK, ERRORS, Spread, settle, spread
from holdfast.detection.columns.rows import RowStream, steps_of
from holdfast.detection.columns.streams import (
    DEAD_HIGH,
    TOO_VARIABLE,
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
#: reference rows from which a column is watched at all
LEAST_ROWS = 30
#: a column is free text, not categories, when so many of its rows show a category once only
FREE_TEXT = 0.2
#: evidence divided by this much is told
TOLD_DEFF = 4.0
#: codes of row streams that look at neighbouring rows
REPEATED = frozenset({"repeat", "recent", "duplicate", "adjacent"})
#: rows of production that a shuffled reference leaves to learn from, a multiple of 20
WARM_UP = 5_000
#: rows by whose times cycles are looked for, the latest ones
MOST_TIMED = 200_000
SCORE = "score"
SCORE_ODDS = (1.4, 2.0, 4.0, 1 / 1.4, 1 / 2.0, 1 / 4.0)


#: a row stream to be: column, code, shape (n,) yes and applies, floor, least share, newcomers
_Draft = tuple[
    str, str, NDArray[np.bool_], NDArray[np.bool_], float, float, NDArray[np.bool_] | None
]


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
    streams = _row_streams(columns, names, cells, coded, calendar, scale)
    if thinned:  # what repeats shows in neighbouring rows: all of them
        whole = _row_streams(every, names, cells, everything, calendar, scale)
        again = {(s.field, s.code): s for s in whole if s.code in REPEATED}
        streams = [again.get((s.field, s.code), s) for s in streams]
    labels = None
    if scored is not None and label is not None:
        labels = learn_labels(names, cells, coded, scored, label, scale=scale)
    warm_up = 0 if (_shows_order(cells, coded) if ordered is None else ordered) else WARM_UP
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
        ends=tuple(_ends(names, cells, coded, calendar, fitted)),
        labels=labels,
        scale=scale,
        notes=(
            *_of_warm_up(warm_up),
            *_of_entity("" if entity is None else entity[0], rows, given),
            *told([*names, ""], clocks),
            *_notes(fitted, streams, calendar, names),
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


def _row_streams(
    columns: Mapping[str, Values],
    names: Sequence[str],
    cells: Sequence[Cells],
    coded: IntArray,
    calendar: Sequence[bool],
    scale: float,
) -> list[RowStream]:
    """Yes/no streams over all columns, in a fixed order."""
    rows = len(coded)
    keys = Keys().of([columns[n] for n in names], rows)
    same, recent, again = Repeats(len(names)).observe(keys)
    drafts: list[_Draft] = []
    for i, name in enumerate(names):
        c, at = cells[i], coded[:, i]
        every = np.ones(rows, np.bool_)
        present = (at != c.missing) & (at != c.wrong)
        p = float((at == c.missing).mean())
        drafts.append((name, "null", at == c.missing, every, 0.003 + 0.25 * p, 0.0, None))
        if c.kind is ValueKind.NUMBER:
            p = float((at == c.wrong).mean())
            drafts.append(
                (name, "type", at == c.wrong, at != c.missing, 0.003 + 0.25 * p, 0.0, None)
            )
        else:
            p = _unseen_rate(columns[name])
            new = _newcomers(columns[name])
            drafts.append((name, "unseen", at == c.unseen, present, 0.003 + 0.25 * p, p, new))
        if calendar[i]:
            continue
        p = float(same[:, i].mean())
        number = c.kind is ValueKind.NUMBER
        least = 0.02 + 0.25 * p if number else 0.04 + 0.25 * p * (1.0 - p)
        drafts.append((name, "repeat", same[:, i], present, least, 0.0, None))
        if number and c.inner > 16:
            p = float(recent[:, i].mean())
            drafts.append((name, "recent", recent[:, i], present, 0.02 + 0.25 * p, 0.0, None))
    whole = np.ones(rows, np.bool_)
    for k, (code, least) in enumerate((("duplicate", 0.006), ("adjacent", 0.004))):
        p = float(again[:, k].mean())
        drafts.append(("", code, again[:, k], whole, least + 0.5 * p, 0.0, None))
    return _fit_streams(drafts, scale)


def _fit_streams(
    drafts: Sequence[_Draft],
    scale: float,
) -> list[RowStream]:
    yes = np.array([d[2] & d[3] for d in drafts]).T
    applies = np.array([d[3] for d in drafts]).T
    blocks = len(yes) // BLOCK
    n = np.maximum(applies.sum(axis=0), 1)
    p = np.maximum(yes.sum(axis=0) / n, [d[5] for d in drafts])
    floor = np.array([d[4] for d in drafts]) * scale
    used = blocks * BLOCK
    hits = yes[:used].reshape(blocks, BLOCK, -1).sum(axis=1).astype(float)
    asked = applies[:used].reshape(blocks, BLOCK, -1).sum(axis=1).astype(float)
    ups = spread(hits, asked, np.maximum(p * (1.0 - p), 1e-12))
    for i, d in enumerate(drafts):
        if d[6] is not None:
            _clump(ups, i, d[6], asked[:, i])
    error = ERRORS * np.sqrt(p * (1.0 - p) / n) + 8.0 / n
    wide = np.maximum(floor, 4.0 * ups.between)

    def edge_at(mult: FloatArray | float, chosen: IntArray) -> FloatArray:
        margin = np.maximum(wide[chosen] * mult, error[chosen])
        result: FloatArray = np.minimum(p[chosen] + margin, 1.0 - 1e-4)
        return result

    def steps_at(mult: float, chosen: IntArray) -> FloatArray:
        # the bets of a stream one after the other; the loudest decides
        gain, loss = steps_of(edge_at(mult, chosen), ups.deff[chosen])
        wide_yes = np.repeat(yes[:, chosen], gain.shape[1], axis=1)
        wide_on = np.repeat(applies[:, chosen], gain.shape[1], axis=1)
        return np.where(wide_yes, gain.ravel(), np.where(wide_on, loss.ravel(), 0.0))

    mult, loud = settle(len(drafts), steps_at)
    edge = edge_at(mult, np.arange(len(drafts)))
    out = []
    for i, (field, code, *_rest) in enumerate(drafts):
        why = ""
        if loud[i]:
            why = TOO_VARIABLE
        elif code == "unseen" and p[i] > FREE_TEXT:
            why = "nearly every row brings a new value: free text or an identifier"
        elif edge[i] >= DEAD_HIGH:
            why = f"up to {edge[i]:.0%} is normal in the reference"
        elif n[i] < LEAST_ROWS:
            why = f"only {int(n[i])} rows of the reference have a value"
        out.append(
            RowStream(
                field=field, code=code, share=float(p[i]), rows=int(n[i]), edge=float(edge[i]),
                deff=float(ups.deff[i]), muted=why,
            )
        )  # fmt: skip
    return out


def _clump(ups: Spread, place: int, new: NDArray[np.bool_], asked: FloatArray) -> None:
    """Ups and downs of an unseen stream, from what its own second half brought that was new.

    No row of the reference is unseen by itself, but its new categories may come in bunches: the
    lines of one order, the calls of one campaign.
    """
    half, blocks = len(asked) // 2, len(asked)
    hits = new[: blocks * BLOCK].reshape(blocks, BLOCK).sum(axis=1).astype(float)[half:, None]
    rows = asked[half:, None]
    share = float(hits.sum() / max(rows.sum(), 1.0))
    own = spread(hits, rows, np.array([max(share * (1.0 - share), 1e-12)]))
    ups.between[place] = max(ups.between[place], own.between[0])
    ups.deff[place] = max(ups.deff[place], own.deff[0])


def _newcomers(values: Values) -> NDArray[np.bool_]:
    """Shape (n,): rows of the second half with a category that the first half did not have."""
    half = len(values.codes) // 2
    seen = np.zeros(len(values.names) + 1, np.bool_)  # the last place is for missing
    seen[values.codes[:half]] = True
    new = ~seen[values.codes] & (values.codes >= 0)
    new[:half] = False
    return new


def _unseen_rate(values: Values) -> float:
    """Share of rows that will bring a category the reference lacks (Good-Turing; by halves too)."""
    codes = values.codes[values.codes >= 0]
    if not len(codes):
        return 0.0
    counts = np.bincount(codes)
    rate = float((counts == 1).sum()) / len(codes)
    half = len(codes) // 2
    seen = np.zeros(len(values.names), np.bool_)
    seen[codes[:half]] = True
    late = float((~seen[codes[half:]]).mean()) if half else 0.0
    # a later half that brings many new categories shows a reference that has not seen them all
    return max(rate, late / 2.0 if late > 0.01 else 0.0)


def _ends(
    names: Sequence[str],
    cells: Sequence[Cells],
    coded: IntArray,
    calendar: Sequence[bool],
    fitted: Sequence[ColumnFit],
) -> list[OutlierStream]:
    """Both ends of every numeric column; clumped columns are thinned as their other bets are."""
    out = []
    for i, (name, c) in enumerate(zip(names, cells, strict=True)):
        if c.kind is not ValueKind.NUMBER or c.inner < 2 or calendar[i]:
            continue
        n = int(sum(c.counts[: c.inner]))
        clumped = _clumped(coded[:, i], c)
        floor = CLUMPED_FLOOR if clumped else FLOOR
        deff = float(np.median([b.deff for b in fitted[i].bets] or [1.0])) if clumped else 1.0
        why = "" if n >= LEAST_ROWS else f"only {n} rows of the reference have a value"
        out += [
            OutlierStream(
                field=name,
                code=code,
                beyond=int(c.counts[cell]),
                rows=n,
                floor=floor,
                deff=deff,
                muted=why,
            )
            for code, cell in (("below", c.below), ("above", c.above))
        ]
    return out


def _recounted(cells: Cells, coded: IntArray) -> Cells:
    """The same cells with the counts of fewer rows."""
    counts = np.bincount(coded, minlength=cells.size)
    return msgspec.structs.replace(cells, counts=tuple(counts.tolist()))


def _of_entity(name: str, counted: int, rows: int) -> list[str]:
    """What counting once an entity means, in a sentence."""
    if not name:
        return []
    return [
        f"rows of the same {name!r} count once in {ENTITY_WINDOW} rows: {counted:,} of {rows:,} "
        "rows of the reference did"
    ]


def _shows_order(cells: Sequence[Cells], coded: IntArray) -> bool:
    """Whether some column's neighbouring rows resemble each other, as they do in natural order."""
    return any(
        _clumped(coded[:, i], c)
        if c.kind is ValueKind.NUMBER
        else any(_clumped((coded[:, i] == k).astype(np.int64), c) for k in range(min(c.inner, 3)))
        for i, c in enumerate(cells)
    )


def _of_warm_up(rows: int) -> list[str]:
    """What a warm-up means, in a sentence."""
    if not rows:
        return []
    return [
        f"warm-up: the reference shows nothing of how rows follow one another (a shuffled table?), "
        f"so the first {rows:,} rows of production teach it; until then values, score and "
        "dependence may move three times as far, need eight times the rows to be noticed, and "
        "repeated values are not watched; nulls, wrong "
        "types, unseen categories, outliers and the contract's rules are watched from row one"
    ]


def _clumped(coded: IntArray, cells: Cells) -> bool:
    """Whether neighbouring rows of a numeric column resemble each other."""
    x = coded[coded < cells.inner].astype(float)
    if len(x) < 400 or x.std() == 0.0:
        return False
    x = x - x.mean()
    lag = float(np.mean(x[1:] * x[:-1])) / float(np.mean(x**2))
    return bool(lag > 5.0 / np.sqrt(len(x)) + 0.02)


def _notes(
    fitted: Sequence[ColumnFit],
    streams: Sequence[RowStream],
    calendar: Sequence[bool],
    names: Sequence[str],
) -> list[str]:
    """What was muted or widened, in words."""
    notes = [
        f"{name!r} moves along with time like a date or a counter: watched for nulls and type only"
        for name, yes in zip(names, calendar, strict=True)
        if yes
    ]
    notes += [
        f"{s.field or 'rows'}: {s.code} is not watched: {s.muted}" for s in streams if s.muted
    ]
    for column in fitted:
        muted = sorted({b.key for b in column.bets if b.muted})
        if muted:
            notes.append(f"{column.name!r}: not watched ({TOO_VARIABLE}): {', '.join(muted[:4])}")
        wide = max((b.mult for b in column.bets if not b.muted), default=1.0)
        if wide > 1.0:
            notes.append(
                f"{column.name!r}: tolerances widened up to {wide:g} times, because the reference "
                "moves that much itself"
            )
        values = sum(count > 0 for count in column.cells.counts[: column.cells.inner])
        if values > 1 and not column.calendar and all(b.muted for b in column.bets):
            notes.append(
                f"{column.name!r}: the mix of its values is not watched: nearly any mix is normal "
                "in the reference, or it has too few rows to tell"
            )
        divided = max((b.deff for b in column.bets if not b.muted), default=1.0)
        if divided >= TOLD_DEFF:
            notes.append(
                f"{column.name!r}: evidence divided by up to {divided:.0f}, because neighbouring "
                "rows of the reference resemble each other; changes are noticed that much later"
            )
    return notes
