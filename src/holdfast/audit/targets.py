"""The target as numbers: which task it sets, and what becomes of rows without one."""

from __future__ import annotations

import msgspec
import numpy as np

from holdfast.audit.columns import Floats, Rows
from holdfast.errors import DataError
from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage

#: whole numbers with at most so many values are classes
_FEW = 10
#: larger numbers have no square, and no place in the model's 32 bits
_LARGEST = 1e30
#: classes that are told apart; the rarer ones are put together
MOST_CLASSES = 12


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The target of the rows that have one.

    Attributes:
        name: its column.
        task: ``binary``, ``multiclass``, ``regression``, or ``none`` when all rows agree.
        y: shape (n,), 0/1, number of the class, or the value.
        classes: labels of the classes as texts, in the order of their numbers; the second one of
            two is the one scored.
        kept: positions of the rows that have a target.
    """

    name: str
    task: str
    y: Floats
    classes: tuple[str, ...]
    kept: Rows


def read_target(
    view: ColumnView, *, positive: str | None = None, like: Target | None = None
) -> Target:
    """The target of a column.

    Two values are a binary task, texts and up to ten whole numbers a multi-class one, other
    numbers a regression. With `positive` that label stands against the rest.

    Args:
        view: the column.
        positive: label to score; the larger (later in the alphabet) of two when None.
        like: the training target whose classes a test target takes over.

    Raises:
        DataError: no row has a target, the type cannot be predicted, or no row holds `positive`.
    """
    if view.storage in {Storage.LIST, Storage.TIME}:
        raise DataError(
            f"the target {view.name!r} cannot be predicted by these checks",
            expected="a label, a yes/no or a number",
            got=f"storage={view.storage.value}",
            remedy="make one label or number of it, for example a delay in days",
        )
    present = ~view.missing if view.missing is not None else np.ones(len(view), dtype=bool)
    if view.storage is Storage.FLOAT:
        present &= np.isfinite(np.where(present, view.values, 0.0))
    kept = np.flatnonzero(present)
    if view.storage is Storage.NULL or not len(kept):
        if like is not None:
            return Target(name=view.name, task="none", y=np.zeros(0), classes=(), kept=kept[:0])
        raise DataError(
            f"no row has a target: {view.name!r} is empty",
            expected="labels or numbers",
            got=f"{len(view)} rows without one",
            remedy="name another column as target",
        )
    if like is not None and like.task == "regression":
        return Target(name=view.name, task=like.task, y=_values(view, kept), classes=(), kept=kept)
    labels, codes = _labels(view, kept)
    if like is not None:
        place = {label: i for i, label in enumerate(like.classes)}
        other = place.get("other", 0)
        table = np.array([place.get(label, other) for label in labels], dtype=np.float64)
        return Target(
            name=view.name, task=like.task, y=table[codes], classes=like.classes, kept=kept
        )
    if positive is not None:
        return _against_rest(view.name, labels, codes, positive, kept)
    if len(labels) < 2:
        return Target(
            name=view.name, task="none", y=np.zeros(len(kept)), classes=tuple(labels), kept=kept
        )
    if len(labels) > 2 and _is_number(view, kept, len(labels)):
        return Target(
            name=view.name, task="regression", y=_values(view, kept), classes=(), kept=kept
        )
    if len(labels) > MOST_CLASSES:
        labels, codes = _most_frequent(labels, codes)
    task = "binary" if len(labels) == 2 else "multiclass"
    return Target(
        name=view.name, task=task, y=codes.astype(np.float64), classes=tuple(labels), kept=kept
    )


def _values(view: ColumnView, kept: Rows) -> Floats:
    if view.storage is Storage.TEXT:
        raise DataError(
            f"the target {view.name!r} is a number in one table and a text in the other",
            expected="numbers in both",
            got="storage=text",
        )
    values = np.asarray(view.values[kept], dtype=np.float64)
    return np.clip(values, -_LARGEST, _LARGEST)


def _is_number(view: ColumnView, kept: Rows, distinct: int) -> bool:
    if view.storage in {Storage.TEXT, Storage.BOOL}:
        return False
    values = view.values[kept].astype(np.float64)
    whole = bool(np.all(values == np.round(values)))
    return not (whole and distinct <= _FEW)


def _labels(view: ColumnView, kept: Rows) -> tuple[list[str], Rows]:
    """Labels as sorted texts (numbers in their own order), and each kept row's label."""
    if view.storage is Storage.TEXT:
        used, codes = np.unique(view.codes[kept], return_inverse=True)
        texts = [view.dictionary[int(i)].as_py() for i in used]
        order = sorted(range(len(texts)), key=lambda i: texts[i])
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order))
        return [texts[i] for i in order], place[codes]
    values, place_of = np.unique(view.values[kept], return_inverse=True)
    return [_text(value.item()) for value in values], place_of


def _text(value: bool | float) -> str:
    if isinstance(value, bool):
        return str(value)
    return str(int(value)) if float(value).is_integer() else repr(value)


def _against_rest(name: str, labels: list[str], codes: Rows, positive: str, kept: Rows) -> Target:
    wanted = [i for i, label in enumerate(labels) if label.lower() == str(positive).lower()]
    if not wanted:
        raise DataError(
            f"no row of {name!r} holds the positive label",
            expected="one of the target's labels",
            got=f"positive={positive!r}, {len(labels)} other labels",
            remedy="check the spelling of --positive",
        )
    y = (codes == wanted[0]).astype(np.float64)
    task = "binary" if 0.0 < y.mean() < 1.0 else "none"
    return Target(name=name, task=task, y=y, classes=("rest", labels[wanted[0]]), kept=kept)


def _most_frequent(labels: list[str], codes: Rows) -> tuple[list[str], Rows]:
    counts = np.bincount(codes, minlength=len(labels))
    top = np.sort(np.argsort(-counts, kind="stable")[: MOST_CLASSES - 1])
    place = np.full(len(labels), len(top), dtype=np.intp)
    place[top] = np.arange(len(top))
    return [*(labels[i] for i in top), "other"], place[codes]
