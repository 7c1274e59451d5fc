"""What is compared: tables, files or profiles, each as a profile and, where there are any, rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from holdfast import frames
from holdfast.errors import UsageError
from holdfast.frames.table import Table
from holdfast.profiles.learn import thinned
from holdfast.profiles.profile import Profile
from holdfast.profiles.spec import ProfileSpec

#: rows of a file that are looked at one by one, for scores; every k-th of a longer one
MOST_ROWS = 200_000


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """The two sides.

    Attributes:
        reference, current: their profiles, of one spec.
        reference_rows, current_rows: their rows (of long files a part); None for a profile.
    """

    reference: Profile
    current: Profile
    reference_rows: Any = None
    current_rows: Any = None


def sides(
    reference: Any, current: Any, *, columns: Sequence[str] | None, skip: Collection[str]
) -> Sides:
    """Profile both sides by what the reference shows.

    Args:
        reference: a table of any sort, a path, or a `Profile`.
        current: the same; a profile only beside a reference profile of the same spec.
        columns: only these columns; None takes all.
        skip: columns that are not profiled.

    Raises:
        UsageError: a profile against a table that it cannot be compared with.
    """
    if isinstance(reference, Profile):
        spec = reference.spec
        profiled = current
        if not isinstance(current, Profile):
            profiled = Profile.of(current, spec, slices=False)
        if isinstance(current, Profile) and current.spec != spec:
            raise UsageError(
                "these two profiles count different things",
                expected=f"both of spec {spec.id[:12]}",
                got=f"current of spec {current.spec.id[:12]}",
                remedy="profile both with the ProfileSpec of the reference",
            )
        rows = None if isinstance(current, Profile) else _rows(current)
        return Sides(reference=reference, current=profiled, current_rows=rows)
    if isinstance(current, Profile):
        raise UsageError(
            "a current profile needs a reference profile",
            expected="two profiles, two tables, or a reference profile and a table",
            got=f"reference={type(reference).__name__}, current=Profile",
            remedy="compare with the profile of the reference, made with the same ProfileSpec",
        )
    known = _read(reference)
    wanted = [name for name in (known.names if columns is None else columns) if name not in skip]
    spec = ProfileSpec.learn(known, columns=wanted)
    whole = reference if isinstance(reference, str | Path) else known
    now = current if isinstance(current, str | Path) else frames.read(current)
    return Sides(
        reference=Profile.of(whole, spec),
        current=Profile.of(now, spec),
        reference_rows=known,
        current_rows=_rows(now),
    )


def _read(source: Any) -> Table:
    return thinned(source) if isinstance(source, str | Path) else frames.read(source)


def _rows(source: Any) -> Table:
    return thinned(source, MOST_ROWS) if isinstance(source, str | Path) else frames.read(source)


def some_rows(table: Table, most: int = MOST_ROWS) -> Table:
    """At most so many rows, evenly spread.

    >>> some_rows(frames.read({"x": [1, 2, 3, 4]}), 2).num_rows
    2
    """
    if table.num_rows <= most:
        return table
    import numpy as np

    step = -(-table.num_rows // most)
    return table.take(np.arange(0, table.num_rows, step))
