"""Random rows for a contract: mostly what it expects, with every edge that breaks such code."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from holdfast.contracts import model as m

if TYPE_CHECKING:
    from holdfast.frames import Table

_FLOATS = (
    math.nan, math.inf, -math.inf, 0.0, -0.0, 3.0, 2.5, 0.1, -5.0, 99.0, 1.0, 1e300, -1e308,
    2.0**53, 2.0**53 + 2, 1.7976931348623157e308, 5e-324, 9999.0, -999.0,
)  # fmt: skip
_INTS = (0, 1, 2, 3, 5, 10, 99, -5, -999, 9999, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, -(2**63))
_TEXTS = (
    "fixed", "others", "partime", "unknown", "", "é", "A-1", "a b", "abab", "ES-12", "3", "nan",
    "2020-01-01", "2020-06-01", "1900-01-01", "2020-02-30", "2020-01-01T10:00:00Z", "x" * 500,
    "2020-01-01T10:00:00+05:30", "20200101", "a\n", "ES12\n", "None", "Fixed", "日本", "\u2028x",
)  # fmt: skip
_MOMENTS = (
    datetime(1900, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2019, 12, 31, 22, 30, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC),
    datetime(2020, 6, 1, tzinfo=UTC), datetime(2020, 6, 1, 12, 0, 0, 1, tzinfo=UTC),
)  # fmt: skip
_LISTS: tuple[list[Any], ...] = (
    [],
    [1.0],
    [1.0, 2.0, 3.0],
    [math.nan],
    [0.5, None],
    [math.inf, 1.0],
    [1e300] * 6,
)
#: what JSON, or a caller, may put anywhere
_WILD: tuple[Any, ...] = (
    None, True, False, 10**400, -(10**30), {}, {"a": [1]}, ["a"], [[1.0]], [True], (1, 2.0), b"a",
    date(2020, 1, 1), datetime(2020, 1, 1), 1j, "\x00", "9" * 5000, [10**400],  # noqa: DTZ001
)  # fmt: skip


def _float(rng: random.Random) -> Any:
    return rng.choice(_FLOATS) if rng.random() < 0.4 else rng.gauss(3, 6)


def _int(rng: random.Random) -> Any:
    return rng.choice(_INTS) if rng.random() < 0.5 else rng.randrange(-10, 20)


def _text(rng: random.Random) -> Any:
    return rng.choice(_TEXTS)


def _bool(rng: random.Random) -> Any:
    return rng.random() < 0.5


def _moment(rng: random.Random) -> Any:
    if rng.random() < 0.4:
        return rng.choice(_MOMENTS)
    return datetime(2019, 12, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(20_000_000))


def _list(rng: random.Random) -> Any:
    return rng.choice(_LISTS)


#: storage -> how its values are drawn
_DRAWS: dict[str, Callable[[random.Random], Any]] = {
    "double": _float, "int64": _int, "string": _text, "bool": _bool,
    "timestamp": _moment, "list": _list,
}  # fmt: skip
#: kind -> storages that can hold it
_STORAGES = {
    m.Kind.NUMERIC: ("double", "int64"),
    m.Kind.INTEGER: ("int64", "double"),
    m.Kind.BOOLEAN: ("bool",),
    m.Kind.CATEGORICAL: ("string", "int64", "bool", "double"),
    m.Kind.TEXT: ("string",),
    m.Kind.TIME: ("timestamp", "string"),
    m.Kind.ID: ("string", "int64", "double"),
    m.Kind.LIST: ("list",),
}


def random_table(data: m.ContractData, rows: int, seed: int) -> Table:
    """A table of the contract's fields; each column has one storage, right or wrong.

    Args:
        data: the contract.
        rows: how many rows.
        seed: the same seed gives the same table.
    """
    import pyarrow as pa

    from holdfast.frames import read

    rng = random.Random(seed)  # noqa: S311 - no secrets are made
    types = {
        "double": pa.float64(), "int64": pa.int64(), "string": pa.string(), "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"), "list": pa.list_(pa.float64()),
    }  # fmt: skip
    arrays = {}
    for field in data.fields:
        fitting = rng.random() < 0.85
        storage = rng.choice(_STORAGES[field.kind] if fitting else tuple(_DRAWS))
        draw, nulls = _DRAWS[storage], rng.choice([0.0, 0.02, 0.3])
        values = [None if rng.random() < nulls else draw(rng) for _ in range(rows)]
        arrays[field.name] = pa.array(values, type=types[storage])
    return read(pa.table(arrays))


def random_rows(data: m.ContractData, rows: int, seed: int) -> list[dict[str, Any]]:
    """Rows as they come over the wire: any value anywhere, keys absent, keys too many.

    Args:
        data: the contract.
        rows: how many rows.
        seed: the same seed gives the same rows.
    """
    rng = random.Random(seed)  # noqa: S311 - no secrets are made
    draws = list(_DRAWS.values())
    made = []
    for _ in range(rows):
        row: dict[str, Any] = {}
        for field in data.fields:
            luck = rng.random()
            if luck < 0.04:
                continue
            if luck < 0.08:
                row[field.name] = rng.choice(_WILD)
            elif luck < 0.15:
                row[field.name] = rng.choice(draws)(rng)
            else:
                row[field.name] = _DRAWS[rng.choice(_STORAGES[field.kind])](rng)
        if rng.random() < 0.05:
            row[rng.choice(["extra", "\ud800", "x" * 1000])] = rng.choice(_WILD)
        made.append(row)
    return made
