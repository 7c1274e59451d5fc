"""The profile of a window: exact counts of every column, mergeable in any order."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast import frames
from holdfast.errors import DataError, UsageError
from holdfast.frames.column import ColumnView
from holdfast.frames.table import Table
from holdfast.frames.types import Storage
from holdfast.profiles.codec import pack, unpack
from holdfast.profiles.columns import ColumnProfile, merge_columns
from holdfast.profiles.kernel import summarise
from holdfast.profiles.spec import ProfileSpec, column_spec
from holdfast.profiles.together import Together, count_together
from holdfast.profiles.workers import each


class _Data(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile as it is stored: the spec is named, not repeated."""

    spec: str
    rows: int
    columns: dict[str, ColumnProfile]
    extra: dict[str, int] = {}
    slices: dict[str, dict[str, _Data]] = {}
    together: Together = Together()


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A window of rows as counts.

    Counts, sums and sketches are exact functions of the rows: cutting the rows into parts in any
    way, profiling the parts and merging them in any order gives the same bytes as profiling all
    at once.

    Attributes:
        spec: what was counted.
        rows: rows of the window.
        columns: name -> its counts, for every column of the spec, in the spec's order.
        extra: columns that the spec does not know -> rows that had them.
        slices: column -> category -> profile of its rows (without slices of its own).
        together: co-moments of the columns the spec watches together.

    Example:
        >>> spec = ProfileSpec.learn({"x": [1.0, 2.0, 4.0]})
        >>> left, right = (Profile.of({"x": v}, spec) for v in ([1.0, None], [9.0]))
        >>> both = left.merge(right)
        >>> both.rows, both.columns["x"].null, both.columns["x"].high
        (3, 1, 9.0)
        >>> both.to_bytes() == Profile.of({"x": [9.0, 1.0, None]}, spec).to_bytes()
        True
    """

    spec: ProfileSpec
    rows: int = 0
    columns: dict[str, ColumnProfile] = {}
    extra: dict[str, int] = {}
    slices: dict[str, dict[str, Profile]] = {}
    together: Together = Together()

    @classmethod
    def of(
        cls,
        table: Any,
        spec: ProfileSpec,
        *,
        score: Any = None,
        decision: Any = None,
        label: Any = None,
        slices: bool = True,
        threads: int | None = None,
    ) -> Profile:
        """Profile some rows.

        Args:
            table: anything `holdfast.frames.read` takes; a file is read chunk by chunk, in
                constant memory.
            spec: what to count.
            score: shape (n,), the spec's score where it is not a column of the table already.
            decision: the same for the decision.
            label: the same for the label.
            slices: whether to profile the spec's slices too.
            threads: threads over columns; None takes one a core.

        Raises:
            UsageError: a part is given that the spec does not have.
        """
        given = {"score": score, "decision": decision, "label": label}
        parts = {part: values for part, values in given.items() if values is not None}
        if isinstance(table, str | Path):
            if parts:
                raise UsageError(
                    "scores cannot be given beside a file",
                    expected="a file that holds them as a column",
                    got=", ".join(parts),
                    remedy="read the file with holdfast.frames.read and pass the table",
                )
            chunks = (pa.Table.from_batches([batch]) for batch in frames.scan(table))
            return merge_profiles(
                (_profile(Table(chunk), spec, slices, threads) for chunk in chunks), spec
            )
        read = frames.read(table)
        if parts:
            read = _with_parts(read, spec, parts)
        return _profile(read, spec, slices, threads)

    @classmethod
    def empty(cls, spec: ProfileSpec) -> Profile:
        """The profile of no rows: merging it changes nothing."""
        return _profile(Table(pa.table({})), spec, True, 1)

    def merge(self, *others: Profile) -> Profile:
        """This window and others as one; associative and commutative to the last bit.

        Raises:
            DataError: the profiles count different things.
        """
        return functools.reduce(_merge, others, self)

    def to_bytes(self) -> bytes:
        """The counts as versioned bytes without code in them; the spec is only named.

        50 columns take at most 70 kB.
        """
        return pack("profile", _to_data(self, self.spec.id))

    @classmethod
    def from_bytes(cls, data: bytes, spec: ProfileSpec) -> Profile:
        """Read back `to_bytes`.

        Raises:
            DataError: damaged, of a later version, or made with another spec.
        """
        plain = unpack("profile", data, _Data)
        if plain.spec != spec.id:
            raise _other_spec(plain.spec, spec.id)
        return _from_data(plain, spec)

    def __repr__(self) -> str:
        return f"Profile(rows={self.rows}, columns={len(self.columns)})"


def merge_profiles(profiles: Iterable[Profile], spec: ProfileSpec) -> Profile:
    """Many windows as one, taken one at a time; the profile of no rows where there is none."""
    return functools.reduce(_merge, profiles, Profile.empty(spec))


def _merge(one: Profile, other: Profile) -> Profile:
    if one.spec is not other.spec and one.spec != other.spec:
        raise _other_spec(other.spec.id, one.spec.id)
    return Profile(
        spec=one.spec,
        rows=one.rows + other.rows,
        columns={
            name: merge_columns(column, other.columns[name]) for name, column in one.columns.items()
        },
        extra={
            name: one.extra.get(name, 0) + other.extra.get(name, 0)
            for name in sorted({*one.extra, *other.extra})
        },
        slices={
            name: {value: _merge(part, other.slices[name][value]) for value, part in parts.items()}
            for name, parts in one.slices.items()
        }
        if one.slices and other.slices
        else {},
        together=one.together.merge(other.together),
    )


def _profile(table: Table, spec: ProfileSpec, slices: bool, threads: int | None) -> Profile:
    names = list(spec.columns)
    rows = table.num_rows

    def count(name: str) -> ColumnProfile:
        if name in table:
            return summarise(table.column(name), column_spec(spec, name))
        nothing = summarise(ColumnView(name, pa.nulls(0)), column_spec(spec, name))
        return msgspec.structs.replace(nothing, rows=rows, absent=rows)

    return Profile(
        spec=spec,
        rows=rows,
        columns=dict(zip(names, each(count, names, threads), strict=True)),
        extra={name: rows for name in sorted(table.names) if name not in spec.columns and rows},
        slices=_slices(table, spec, threads) if slices else {},
        together=count_together(table, spec.columns, spec.together),
    )


def _slices(table: Table, spec: ProfileSpec, threads: int | None) -> dict[str, dict[str, Profile]]:
    inner = spec if not spec.slices else msgspec.structs.replace(spec, slices={})
    out: dict[str, dict[str, Profile]] = {}
    for name, values in spec.slices.items():
        there = name in table and table.column(name).storage is Storage.TEXT
        out[name] = {}
        for value in values:
            at = (
                np.flatnonzero(
                    pc.equal(table.column(name).array, pa.scalar(value, pa.large_string()))
                    .fill_null(False)
                    .to_numpy(zero_copy_only=False)
                )
                if there
                else np.empty(0, np.intp)
            )
            out[name][value] = _profile(table.take(at), inner, False, threads)
    return out


def _with_parts(table: Table, spec: ProfileSpec, parts: dict[str, Any]) -> Table:
    """The table with scores, decisions or labels as columns of the spec's names."""
    whole = table.arrow()
    for part, values in parts.items():
        name = getattr(spec, part)
        if name is None:
            raise UsageError(
                f"the spec has no {part}",
                expected=f"a ProfileSpec learned with {part}=...",
                got=f"{part}={type(values).__name__}",
                remedy=f"learn the spec from a reference that has the {part} as a column",
            )
        column = frames.read({name: values}).arrow().column(0)
        if len(column) != whole.num_rows:
            raise DataError(
                f"the {part} does not fit the table",
                expected=f"{whole.num_rows} values",
                got=f"{len(column)} values",
            )
        if name in whole.column_names:
            whole = whole.drop_columns([name])
        whole = whole.append_column(name, column)
    return frames.read(whole)


def _to_data(profile: Profile, spec_id: str) -> _Data:
    return _Data(
        spec=spec_id,
        rows=profile.rows,
        columns=profile.columns,
        extra=profile.extra,
        slices={
            name: {value: _to_data(part, "") for value, part in parts.items()}
            for name, parts in profile.slices.items()
        },
        together=profile.together,
    )


def _from_data(data: _Data, spec: ProfileSpec) -> Profile:
    inner = spec if not spec.slices else msgspec.structs.replace(spec, slices={})
    if list(data.columns) != list(spec.columns):
        raise _other_spec("other columns", spec.id)
    return Profile(
        spec=spec,
        rows=data.rows,
        columns=data.columns,
        extra=data.extra,
        slices={
            name: {value: _from_data(part, inner) for value, part in parts.items()}
            for name, parts in data.slices.items()
        },
        together=data.together,
    )


def _other_spec(got: str, expected: str) -> DataError:
    return DataError(
        "these profiles count different things",
        expected=f"spec={expected[:12]}",
        got=f"spec={got[:12]}",
        remedy="make both with the same ProfileSpec",
    )
