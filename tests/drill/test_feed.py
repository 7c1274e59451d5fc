"""Rows arrive in the types in which production would send them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from holdfast.drill import feed
from holdfast.drill.faults.base import Injected
from holdfast.errors import DataError


def mixed():
    hit = np.array([False, False, True, True, False, True])
    texts = pa.array(["", "", "3 EUR", "4 EUR", "", "6 EUR"])
    table = pa.table({"x": [1, 2, 3, 4, 5, 6], "y": list("abcdef")})
    return Injected(table, ("x",), "as text", 1.0, hit, mixed={"x": texts})


class Strict:
    """Takes tables only, as a monitor that refuses columns of mixed types."""

    def __init__(self):
        self.seen = []

    def observe(self, table):
        if isinstance(table, list) and len({type(row["x"]) for row in table}) > 1:
            raise DataError("mixed")
        rows = table if isinstance(table, list) else table.to_pylist()
        self.seen += [row["x"] for row in rows]
        return []


class Lenient(Strict):
    def observe(self, table):
        self.seen += [row["x"] for row in (table if isinstance(table, list) else
                                           table.to_pylist())]  # fmt: skip
        return []


@pytest.mark.parametrize("monitor", [Strict, Lenient])
def test_only_affected_rows_carry_the_other_type_in_the_same_order(monitor):
    watcher = monitor()
    feed.observe(watcher, mixed(), 0, 4)
    feed.observe(watcher, mixed(), 4, 6)
    assert watcher.seen == [1, 2, "3 EUR", "4 EUR", 5, "6 EUR"]


def test_single_rows_are_taken_by_position():
    rows = feed.records(mixed(), np.array([5, 0]))
    assert rows == [{"x": "6 EUR", "y": "f"}, {"x": 1, "y": "a"}]
