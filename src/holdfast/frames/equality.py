"""Are two columns the same, row by row? Within a stated tolerance, whatever types they come in."""

from __future__ import annotations

import datetime
import enum
import math
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdfast.errors import UsageError
from holdfast.frames.column import ColumnView
from holdfast.frames.types import Storage

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_NUMBERS = {Storage.BOOL, Storage.INT, Storage.FLOAT}
#: times are the same within a millisecond: systems cut digits there
TIME_TOLERANCE = 1_000
_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """When two numbers count as equal.

    Equal means ``|a - b| <= absolute + relative * max(|a|, |b|)``, or the same number in 32 bits.
    Integers are compared exactly, times to the millisecond, texts letter by letter.

    Example:
        >>> Tolerance().equal(np.array([0.1, 1.0]), np.array([np.float32(0.1), 1.1])).tolist()
        [True, False]
    """

    relative: float = 1e-6
    absolute: float = 1e-9

    def __post_init__(self) -> None:
        for name in ("relative", "absolute"):
            value = getattr(self, name)
            if not (0.0 <= value < math.inf):
                raise UsageError(
                    "a tolerance is a number of 0 or more",
                    expected=f"{name} >= 0",
                    got=f"{name}={value}",
                )

    def equal(self, left: FloatArray, right: FloatArray) -> BoolArray:
        """Which pairs are equal; a NaN equals nothing, an infinity itself."""
        with np.errstate(invalid="ignore", over="ignore"):
            room = self.absolute + self.relative * np.maximum(np.abs(left), np.abs(right))
            near = np.abs(left - right) <= room
            single = left.astype(np.float32) == right.astype(np.float32)
        finite = np.isfinite(left) & np.isfinite(right)
        return np.asarray(np.where(finite, near | single, left == right))


class State(enum.IntEnum):
    """How a pair of values compares."""

    SAME = 0
    DIFFERENT = 1
    NULL_LOGGED = 2
    NULL_TRAINING = 3


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Two columns of joined rows, compared.

    Attributes:
        state: shape (n,), a `State` each; two nulls are the same.
        logged, training: shape (n,), the values as numbers (times in microseconds), NaN where
            there is none; empty for texts and lists.
        logged_codes, training_codes: shape (n,), places in `names`, -1 for null; empty otherwise.
        names: the texts of both sides.
        kind: ``number``, ``time``, ``text`` or ``list``: how they were compared.
        types: stored types of both sides, as words.
        mixed: whether the types differ so that a strict reader would not take one for the other.
    """

    state: NDArray[np.uint8]
    logged: FloatArray
    training: FloatArray
    logged_codes: IntArray
    training_codes: IntArray
    names: tuple[str, ...]
    kind: str
    types: tuple[str, str]
    mixed: bool

    def take(self, rows: IntArray | BoolArray) -> Compared:
        """Some of the pairs."""
        arrays = ("state", "logged", "training", "logged_codes", "training_codes")
        cut: dict[str, Any] = {
            name: getattr(self, name)[rows] for name in arrays if len(getattr(self, name))
        }
        return msgspec.structs.replace(self, **cut)


_NONE = np.empty(0)
_NO_CODES = np.empty(0, np.int64)


def compare_columns(
    logged: ColumnView, training: ColumnView, tolerance: Tolerance | None = None
) -> Compared:
    """Compares two columns of the same length, row by row.

    Numbers written as texts, and times written as texts or as seconds since 1970, are read before
    they are compared; that the types differ is said (`Compared.mixed`).

    Example:
        >>> left = ColumnView("x", pa.array(["1.50", None, "n/a"]).cast(pa.large_string()))
        >>> right = ColumnView("x", pa.array([1.5, 2.0, 3.0]))
        >>> compared = compare_columns(left, right)
        >>> compared.state.tolist(), compared.mixed
        ([0, 2, 1], True)
    """
    tolerance = tolerance or Tolerance()
    kinds = {logged.storage, training.storage} - {Storage.NULL}
    null_logged, null_training = _null(logged), _null(training)
    types = logged.storage.value, training.storage.value
    mixed = len(kinds) > 1 and not kinds <= _NUMBERS
    left = right = _NONE
    left_codes = right_codes = _NO_CODES
    names: tuple[str, ...] = ()
    if kinds <= {Storage.TEXT}:
        kind = "text"
        left_codes, right_codes, names = _shared_codes(logged, training)
        same = left_codes == right_codes
    elif Storage.LIST in kinds:
        kind = "list"
        same = _lists(logged, training, tolerance)
    elif Storage.TIME in kinds:
        kind = "time"
        left, right = _as_time(logged, training), _as_time(training, logged)
        with np.errstate(invalid="ignore"):
            same = np.abs(left - right) < TIME_TOLERANCE
    else:
        kind = "number"
        left, right = _as_number(logged), _as_number(training)
        if kinds <= {Storage.BOOL, Storage.INT}:
            same = logged.values.astype(np.int64) == training.values.astype(np.int64)
        else:
            same = tolerance.equal(left, right)
    state = np.where(same, State.SAME, State.DIFFERENT).astype(np.uint8)
    state[null_logged & ~null_training] = State.NULL_LOGGED
    state[~null_logged & null_training] = State.NULL_TRAINING
    state[null_logged & null_training] = State.SAME
    return Compared(
        state=state, logged=left, training=right, logged_codes=left_codes,
        training_codes=right_codes, names=names, kind=kind, types=types, mixed=mixed,
    )  # fmt: skip


def _null(view: ColumnView) -> BoolArray:
    return np.zeros(len(view), np.bool_) if view.missing is None else view.missing


def _shared_codes(
    left: ColumnView, right: ColumnView
) -> tuple[IntArray, IntArray, tuple[str, ...]]:
    both = pa.chunked_array(
        [view.array.cast(pa.large_string()) for view in (left, right)], pa.large_string()
    )
    view = ColumnView("", both)
    codes = view.codes.astype(np.int64)
    return codes[: len(left)], codes[len(left) :], tuple(view.encoded[1])


def _as_number(view: ColumnView) -> FloatArray:
    """Numbers of a column; texts are read, NaN where there is none."""
    if view.storage is Storage.TEXT:
        return _read_texts(view, _number)
    if view.storage not in _NUMBERS:
        return np.full(len(view), np.nan)
    values = view.values.astype(np.float64)
    return values if view.missing is None else np.where(view.missing, np.nan, values)


def _as_time(view: ColumnView, other: ColumnView) -> FloatArray:
    """Microseconds since 1970; whole seconds or milliseconds are recognised by their size."""
    if view.storage is Storage.TIME:
        values = view.values.astype(np.float64)
        return values if view.missing is None else np.where(view.missing, np.nan, values)
    if view.storage is Storage.TEXT:
        return _read_texts(view, _moment)
    values = _as_number(view)
    target = _as_time(other, other) if other.storage is Storage.TIME else values
    usual, wanted = _middle(values), _middle(target)
    if usual > 0.0 and wanted > 0.0:
        scale = min((1.0, 1e3, 1e6), key=lambda s: abs(math.log(usual * s / wanted)))
        return np.asarray(values * scale)
    return values


def _middle(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _read_texts(view: ColumnView, read: Any) -> FloatArray:
    codes, names = view.encoded
    table = np.array([*(read(name) for name in names), math.nan])
    return np.asarray(table[codes])


def _number(text: str) -> float:
    stripped = text.strip()
    if stripped.lower() in _WORDS:
        return _WORDS[stripped.lower()]
    try:
        return float(stripped) if "_" not in stripped else math.nan
    except ValueError:
        return math.nan


def _moment(text: str) -> float:
    try:
        when = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return math.nan
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return (when - _EPOCH) / datetime.timedelta(microseconds=1)


def _lists(left: ColumnView, right: ColumnView, tolerance: Tolerance) -> BoolArray:
    """Lists are the same with the same length and equal numbers at every place."""
    same = np.zeros(len(left), np.bool_)
    if left.storage is not Storage.LIST or right.storage is not Storage.LIST:
        return same
    for i, (a, b) in enumerate(zip(left.array, right.array, strict=True)):
        if a.is_valid and b.is_valid and len(a) == len(b):
            one, two = (
                np.asarray(x.values.to_numpy(zero_copy_only=False), np.float64) for x in (a, b)
            )
            both = np.isnan(one) & np.isnan(two)
            same[i] = bool(np.all(tolerance.equal(one, two) | both))
    return same
