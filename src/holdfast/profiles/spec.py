"""What a profile counts, column by column: learned from a reference, the same for every window."""

from __future__ import annotations

import enum
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from holdfast.errors import DataError
from holdfast.profiles.sums import Grid

FORMAT_VERSION = 1


class ColumnKind(enum.StrEnum):
    """What the values of a column are."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    CATEGORY = "category"
    TEXT = "text"
    EMBEDDING = "embedding"


class NumberSpec(msgspec.Struct, frozen=True, kw_only=True, tag="number"):
    """How a column of numbers, booleans (0 and 1) or times (microseconds) is counted.

    The edges cut the numbers into ``len(edges) + 1`` cells: cell i holds ``edges[i - 1] <= x <
    edges[i]``. Quantiles of the reference are edges, and its tails, its range, each frequent value
    (an edge at it and one just above, so that it has a cell of its own) and each sentinel.

    Attributes:
        kind: number, boolean or time.
        rows: finite reference values it was learned from.
        edges: ascending.
        values: numbers with a cell of their own.
        complete: the reference holds no other numbers than `values`.
        low, high: smallest and largest reference number, sentinels left out; None without any.
        sentinels: numbers outside the body of the reference that are known to stand for "nothing".
        steps: exponents k; how many numbers are multiples of 10^k is counted.
        grid: where sums are added, see `holdfast.profiles.sums`.
        whole: every reference number is a whole number.
    """

    kind: ColumnKind = ColumnKind.NUMBER
    rows: int = 0
    edges: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    complete: bool = False
    low: float | None = None
    high: float | None = None
    sentinels: tuple[float, ...] = ()
    steps: tuple[int, ...] = ()
    grid: Grid = Grid()
    whole: bool = False

    @property
    def limits(self) -> tuple[float, float]:
        """A number x is out of range where x < the first or x >= the second."""
        if self.low is None or self.high is None:
            return -math.inf, math.inf
        return limits(self.low, self.high)


class TextSpec(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """How a column of categories or free text is counted.

    Attributes:
        kind: category or text.
        rows: reference rows with a value.
        categories: the most frequent values, equally frequent ones in the order of their hash.
        complete: the reference holds no other values than `categories`.
        singletons, doubletons: values the reference holds exactly once and twice: what they say
            about values it does not hold is the Good-Turing estimate.
        known: different values in the reference.
    """

    kind: ColumnKind = ColumnKind.CATEGORY
    rows: int = 0
    categories: tuple[str, ...] = ()
    complete: bool = True
    singletons: int = 0
    doubletons: int = 0
    known: int = 0


class EmbeddingSpec(msgspec.Struct, frozen=True, kw_only=True, tag="embedding"):
    """How a column of lists of numbers is counted.

    Attributes:
        kind: embedding.
        rows: reference rows with a value.
        length: the usual number of entries; lists of other lengths are counted apart.
        norm: how the Euclidean norms are counted.
        grids: for each of the first dimensions (64 at most), where its sums are added.
    """

    kind: ColumnKind = ColumnKind.EMBEDDING
    rows: int = 0
    length: int = 0
    norm: NumberSpec = NumberSpec()
    grids: tuple[Grid, ...] = ()


ColumnSpec = NumberSpec | TextSpec | EmbeddingSpec


class ProfileSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile counts; two profiles merge and compare when their specs are the same.

    Attributes:
        version: format version.
        rows: reference rows it was learned from.
        columns: name -> how it is counted, in table order.
        score, decision, label: columns that play these parts; None where there is none.
        slices: column -> its categories that get a profile of their own.
        together: number columns whose moving together is counted.

    Example:
        >>> spec = ProfileSpec.learn({"age": [31, 40, 52], "job": ["a", "b", "a"]})
        >>> spec.columns["job"].categories
        ('a', 'b')
        >>> ProfileSpec.from_bytes(spec.to_bytes()) == spec
        True
    """

    version: int = FORMAT_VERSION
    rows: int = 0
    columns: dict[str, ColumnSpec] = {}
    score: str | None = None
    decision: str | None = None
    label: str | None = None
    slices: dict[str, tuple[str, ...]] = {}
    together: tuple[str, ...] = ()

    @classmethod
    def learn(
        cls,
        table: Any,
        *,
        columns: Sequence[str] | None = None,
        score: str | None = None,
        decision: str | None = None,
        label: str | None = None,
        slices: Sequence[str] = (),
        sentinels: Mapping[str, Sequence[float]] | None = None,
        threads: int | None = None,
    ) -> ProfileSpec:
        """Learn what to count from a table that is known to be normal.

        Args:
            table: anything `holdfast.frames.read` takes. Of a file of more than half a million rows
                every k-th row is used.
            columns: only these; None takes all.
            score: column that holds the model's score.
            decision: column that holds the decision.
            label: column that holds the outcome.
            slices: category columns; each of their 8 most frequent values gets a profile.
            sentinels: column -> numbers that stand for "nothing" there; where a column is not
                named, well-known ones (-999, 9999, ...) outside the body of the reference.
            threads: threads over columns; None takes one a core.

        Raises:
            DataError: a named column is not in the table.
        """
        from holdfast.profiles.learn import learn_spec

        return learn_spec(
            table,
            columns=columns,
            score=score,
            decision=decision,
            label=label,
            slices=slices,
            sentinels=sentinels or {},
            threads=threads,
        )

    @property
    def id(self) -> str:
        """sha256 over everything above."""
        return hashlib.sha256(msgspec.msgpack.encode(self)).hexdigest()

    def to_bytes(self) -> bytes:
        """The spec as versioned bytes without code in them."""
        from holdfast.profiles.codec import pack

        return pack("spec", self)

    @classmethod
    def from_bytes(cls, data: bytes) -> ProfileSpec:
        """Read back `to_bytes`.

        Raises:
            DataError: damaged, of a later version, or not a spec.
        """
        from holdfast.profiles.codec import unpack

        return unpack("spec", data, cls)


def limits(low: float, high: float) -> tuple[float, float]:
    """Where "out of range" begins: 2 % of the range outside it, and just above that.

    >>> limits(0.0, 100.0)
    (-2.0, 102.00000000000001)
    """
    margin = 0.02 * (high - low) if math.isfinite(high - low) else 0.0
    return low - margin, math.nextafter(high + margin, math.inf)


def column_spec(spec: ProfileSpec, name: str) -> ColumnSpec:
    """How a column is counted.

    Raises:
        DataError: the spec has no such column.
    """
    found = spec.columns.get(name)
    if found is None:
        raise DataError(
            f"the profile has no column {name!r}",
            expected=f"one of {', '.join(map(repr, list(spec.columns)[:12]))}",
            got=f"column={name!r}",
            remedy="learn the ProfileSpec from a table that has this column",
        )
    return found
