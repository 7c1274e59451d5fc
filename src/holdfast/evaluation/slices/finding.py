"""Find slices on one half of the rows, confirm them on the other."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from holdfast import frames
from holdfast.errors import DataError, UsageError
from holdfast.evaluation.procedures import codes_of
from holdfast.evaluation.slices.codes import Coded, code
from holdfast.evaluation.slices.confirming import adjusted, at, tested
from holdfast.evaluation.slices.record import Literal, Slice, Slices
from holdfast.evaluation.slices.search import Candidate, search
from holdfast.records import Estimate
from holdfast.stats.paired import t_quantile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: rows that are searched at most; the others join the half that confirms
SEARCHED = 200_000
#: candidates that are held against the other half: each costs the others some power
CANDIDATES = 15


def slices_of(
    frame: Any,
    loss: Any,
    *,
    columns: Sequence[str] | None = None,
    entity: Any = None,
    loss_name: str = "error",
    support: int | None = None,
    smallest: float = 0.0,
    error: float = 0.04,
    show: bool | Collection[str] = False,
    level: float = 0.95,
    seed: int = 0,
) -> Slices:
    """Groups of rows with more loss than the others, confirmed on rows they were not found on.

    Every slice of one condition ("job = X", "age in (30, 41]", "income missing") and of two is
    searched on one half of the rows. The fifteen that stand out most, less those that overlap a
    better one, are tested on the other half; then the halves change places. All numbers of a slice
    are of the half that it was *not* found on.

    Args:
        frame: table of n rows; columns of text, numbers, booleans or times. Text keeps its 62 most
            frequent values, numbers of more than 10 values are cut at deciles, nulls are "missing".
        loss: shape (n,), larger is worse: 0/1 error, cost, log loss, squared error. Rows whose
            loss is null or NaN are left out; infinite losses are refused.
        columns: columns to slice by; None takes all that can be.
        entity: shape (n,), or a column of `frame`: rows of one entity go to one half and are
            counted together in every test. None takes rows as independent.
        loss_name: the word for the loss in sentences.
        support: fewest rows of a slice over both halves; None takes max(50, 1 % of the rows).
        smallest: an excess below it is not confirmed, in units of the loss.
        error: share of false slices among the confirmed, and chance of any where none is worse.
        show: whether values of columns (categories, cut points) may stand in the report; or names
            of the columns whose values may. Without, a condition says "value no. 3 by frequency".
        level: coverage of the intervals.
        seed: of the halves.

    The p-value is that of a random group of the same size: Fisher's exact tail for 0/1 losses, a
    saddlepoint or random groups for others, a t test of entity sums with `entity`; a slice that
    overlaps a surer one must be worse without those rows too. Benjamini and Hochberg's
    adjustment over the candidates, weighted by their rank in the first half, keeps the share of
    false ones at `error`, and the chance of any where no slice is worse.
    Source: Sagadeeva and Boehm, SliceLine, SIGMOD 2021 (the search).

    Raises:
        DataError: lengths differ, or a loss is infinite or not a number.
        UsageError: an unknown column, or a level outside (0, 1).

    Example:
        >>> rows = {"job": ["a", "b"] * 500, "age": list(range(1000))}
        >>> found = slices_of(rows, [0.0, 1.0] * 450 + [0.0] * 100, show=True)
        >>> found.confirmed[0].words, found.passed
        ('job = b', False)
    """
    if not 0 < error < 1 or not 0 < level < 1:
        raise UsageError(
            "a probability is out of range", expected="0 < error, level < 1",
            got=f"error={error}, level={level}",
        )  # fmt: skip
    table = frames.read(frame)
    values = _losses(loss, table.num_rows)
    owners = _owners(entity, table)
    known = ~np.isnan(values)
    if not known.all():
        keep = np.flatnonzero(known)
        table, values = table.take(keep), values[keep]
        owners = None if owners is None else owners[keep]
    n = len(values)
    least = max(50, math.ceil(0.01 * n)) if support is None else int(support)
    if isinstance(entity, str) and columns is None:
        columns = [name for name in table.names if name != entity]
    coded, skipped = _coded(table, columns)
    first, second = _halves(n, owners, seed)
    blank = Slices(
        rows=n, loss_name=loss_name, overall=_mean(values, level),
        columns=tuple(c.name for c in coded), skipped=skipped, support=least, error=error,
    )  # fmt: skip
    why = _why_not(n, least, coded, values, second)
    if why:
        return _because(blank, why)
    told: list[tuple[Slice, Candidate]] = []
    tried = 0
    for here, there in ((first, second), (second[:SEARCHED], first)):
        found, count = search(
            [at(c, here) for c in coded], values[here],
            support=max(2, math.ceil(least * len(here) / n)), most=CANDIDATES,
        )  # fmt: skip
        tried = max(tried, count)
        tests = tested(found, coded, values, owners, there, level)
        levels = adjusted([p for _, _, p, _ in tests])
        told += [
            (_slice(c, coded, values[there], inside, p, q, excess, error, smallest, show), c)
            for (c, inside, p, excess), q in zip(tests, levels, strict=True)
        ]
    return _with(blank, tried, _distinct(told, coded))


def _losses(loss: Any, n: int) -> Floats:
    if hasattr(loss, "to_pylist"):
        loss = loss.to_pylist()
    try:
        values = np.array(loss, dtype=np.float64)
    except (TypeError, ValueError) as wrong:
        raise DataError(
            "the losses are not numbers", expected="one number a row", got=type(loss).__name__
        ) from wrong
    if values.shape != (n,):
        raise DataError(
            "frame and losses differ in length", expected=f"{n} losses", got=f"shape={values.shape}"
        )
    if np.isinf(values).any():
        raise DataError(
            "some losses are infinite",
            expected="finite numbers, or NaN where there is none",
            got=f"infinite={int(np.isinf(values).sum())}",
            remedy="clip the scores before a log loss is taken",
        )
    return values


def _owners(entity: Any, table: frames.Table) -> Ints | None:
    """Codes of the entities; a missing entity is one of its own."""
    if entity is None:
        return None
    codes = codes_of(table.column(entity).array if isinstance(entity, str) else entity)
    if len(codes) != table.num_rows:
        raise DataError(
            "frame and entities differ in length",
            expected=f"{table.num_rows} entities",
            got=f"{len(codes)}",
        )
    return codes


def _coded(
    table: frames.Table, columns: Sequence[str] | None
) -> tuple[list[Coded], dict[str, str]]:
    coded: list[Coded] = []
    skipped: dict[str, str] = {}
    for name in dict.fromkeys(table.names if columns is None else columns):
        if name not in table:
            raise UsageError(
                "there is no such column to slice by",
                expected=f"some of {', '.join(table.names[:12])}",
                got=f"column={name!r}",
            )
        found = code(table.column(name))
        if isinstance(found, str):
            skipped[name] = found
        else:
            coded.append(found)
    return coded, skipped


def _halves(n: int, owners: Ints | None, seed: int) -> tuple[Ints, Ints]:
    """Rows to search and rows to confirm; an entity is in one of them."""
    rng = np.random.default_rng(seed)
    if owners is None:
        order = rng.permutation(n)
        cut = min(n // 2, SEARCHED)
        return np.sort(order[:cut]), np.sort(order[cut:])
    count = int(owners.max(initial=-1)) + 1
    rank = rng.permutation(count)[owners]
    sizes = np.bincount(rank, minlength=count).cumsum()
    cut = int(np.searchsorted(sizes, min(n // 2, SEARCHED), side="right"))
    return np.flatnonzero(rank < cut), np.flatnonzero(rank >= cut)


def _why_not(n: int, least: int, coded: Sequence[Coded], values: Floats, second: Ints) -> str:
    if n < 4 * least:
        return f"{n:,} rows are too few, {4 * least:,} are needed"
    if not coded:
        return "no column can be sliced by"
    if values.var() <= 0.0:
        return "the loss is the same in every row"
    if not 0.25 * n <= len(second) or len(second) == n:
        return "the entities cannot be parted into two halves"
    return ""


def _mean(there: Floats, level: float) -> Estimate:
    if len(there) < 2:
        return Estimate(value=None, level=level, n=len(there), unit="loss", why_not="too few rows")
    mean = float(there.mean())
    half = t_quantile(level, len(there) - 1) * float(there.std(ddof=1)) / math.sqrt(len(there))
    return Estimate(
        value=mean, low=mean - half, high=mean + half, level=level, n=len(there), unit="loss",
        method="t",
    )  # fmt: skip


def _distinct(told: Sequence[tuple[Slice, Candidate]], coded: Sequence[Coded]) -> tuple[Slice, ...]:
    """Confirmed ones first, the most costly first; of two that share half their rows, one."""
    order = sorted(told, key=lambda t: (not t[0].confirmed, t[1].rank, t[1].literals))
    kept: list[tuple[Slice, npt.NDArray[np.bool_]]] = []
    for s, candidate in order:
        mask = candidate.rows(coded)
        if all((mask & other).sum() <= 0.5 * (mask | other).sum() for _, other in kept):
            kept.append((s, mask))
    return tuple(
        sorted(
            (s for s, _ in kept), key=lambda s: (not s.confirmed, -(s.excess.value or 0.0) * s.rows)
        )
    )


def _slice(
    candidate: Candidate,
    coded: Sequence[Coded],
    loss: Floats,
    inside: npt.NDArray[np.bool_],
    p: float,
    adjusted: float,
    excess: Estimate,
    error: float,
    smallest: float,
    show: bool | Collection[str],
) -> Slice:
    literals = []
    for place, value in candidate.literals:
        column = coded[place]
        shown = show if isinstance(show, bool) else column.name in show
        words = column.labels if shown else column.covers
        literals.append(Literal(column=column.name, condition=words[value]))
    return Slice(
        literals=tuple(literals), rows=int(inside.sum()), share=float(inside.mean()),
        inside=float(loss[inside].mean()), outside=float(loss[~inside].mean()), excess=excess, p=p,
        adjusted=adjusted,
        # the interval must agree with the test: losses with a heavy tail can part them
        confirmed=adjusted <= error
        and (excess.value or 0.0) >= max(smallest, 1e-300)
        and (excess.low is None or excess.low > 0.0),
        found_z=candidate.z,
    )  # fmt: skip


def _because(blank: Slices, why: str) -> Slices:
    return msgspec.structs.replace(blank, why_not=why)


def _with(blank: Slices, tried: int, slices: tuple[Slice, ...]) -> Slices:
    return msgspec.structs.replace(blank, tried=tried, slices=slices)
