"""A column as at most 64 codes: its values, its quantile bins, and "missing"."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage

#: codes of a column, "missing" and "any other" included
MOST_CODES = 64
#: numbers of more distinct values than this are cut at quantiles, into so many parts
BINS = 10

Codes = npt.NDArray[np.int64]


class Coded(msgspec.Struct, frozen=True, kw_only=True):
    """A column cut into codes.

    Attributes:
        name: the column.
        codes: shape (n,), 0 to ``len(labels) - 1``.
        labels: what each code means, in words that hold values of the column.
        covers: the same without values: the part or the rank by frequency.
        usable: whether a code may make a slice; "any other" may not, since it means nothing.
    """

    name: str
    codes: Codes
    labels: tuple[str, ...]
    covers: tuple[str, ...]
    usable: tuple[bool, ...]


def code(view: ColumnView) -> Coded | str:
    """The column in codes, or why it cannot be sliced.

    Numbers and times of more than 10 distinct values are cut at their deciles; of categories the
    62 most frequent stay and the others become "any other". Nulls and NaN are "missing".
    """
    if view.storage is Storage.LIST:
        return "lists are not sliced"
    if not view.present_count:
        return "no value at all"
    found = _of_texts(view) if view.storage is Storage.TEXT else _of_numbers(view)
    return found if len(found.labels) > 1 else "one value only"


def _of_texts(view: ColumnView) -> Coded:
    counts = np.bincount(view.codes + 1, minlength=len(view.dictionary) + 1)
    missing, counts = int(counts[0]), counts[1:]
    order = np.argsort(-counts, kind="stable")
    kept = order[: MOST_CODES - 2]
    place = np.full(len(counts) + 1, len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    labels = [str(view.dictionary[int(i)].as_py()) for i in kept]
    covers = [f"value no. {rank + 1} by frequency" for rank in range(len(kept))]
    usable = [True] * len(kept)
    if len(order) > len(kept):
        labels.append("any other")
        covers.append("any other")
        usable.append(False)
    place[-1] = len(labels)  # -1, a null, looks up the last place
    if missing:
        labels.append("missing")
        covers.append("missing")
        usable.append(True)
    return Coded(
        name=view.name, codes=place[view.codes], labels=tuple(f"= {x}" if x not in covers else x
        for x in labels), covers=tuple(covers), usable=tuple(usable),
    )  # fmt: skip


def _of_numbers(view: ColumnView) -> Coded:
    present = view.present
    exact = view.storage in {Storage.BOOL}
    distinct = np.unique(present)
    if exact or len(distinct) <= BINS:
        codes = np.searchsorted(distinct, present)
        labels = [f"= {_written(view, x)}" for x in distinct]
        covers = [f"value no. {i + 1} in order" for i in range(len(distinct))]
    else:
        wide = present.astype(np.float64)
        wide = np.clip(wide, -np.finfo(np.float64).max, np.finfo(np.float64).max)
        cuts = np.unique(np.quantile(wide, np.arange(1, BINS) / BINS, method="lower"))
        cuts = cuts[cuts < wide.max()]
        codes = np.searchsorted(cuts, wide, side="left")  # (previous cut, cut]
        ends = [_written(view, x) for x in cuts]
        labels = [f"<= {ends[0]}"] if ends else ["any"]
        labels += [f"in ({a}, {b}]" for a, b in pairwise(ends)]
        labels += [f"> {ends[-1]}"] if ends else []
        covers = [f"part {i + 1} of {len(labels)} by size" for i in range(len(labels))]
    whole = np.full(len(view), len(labels), dtype=np.int64)
    if view.missing is None:
        whole = codes.astype(np.int64)
    else:
        whole[~view.missing] = codes
        labels.append("missing")
        covers.append("missing")
    return Coded(
        name=view.name, codes=whole, labels=tuple(labels), covers=tuple(covers),
        usable=(True,) * len(labels),
    )  # fmt: skip


def _written(view: ColumnView, value: object) -> str:
    """A number as people write it; a time as a date."""
    number = float(value)  # type: ignore[arg-type]
    if view.storage is Storage.BOOL:
        return "true" if number else "false"
    if view.storage is Storage.TIME:
        return str(pc.strftime(_moment(int(number)), format="%Y-%m-%d %H:%M").as_py())
    if number.is_integer() and math.fabs(number) < 1e15:
        return str(int(number))
    return f"{number:.6g}"


def _moment(micros: int) -> object:
    import pyarrow as pa

    return pa.scalar(micros, pa.timestamp("us"))
