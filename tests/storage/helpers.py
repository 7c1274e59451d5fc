"""Rows for the tests of the storage."""

from __future__ import annotations

from typing import Any

from holdfast.storage import Store


def admit(store: Store, model: str, release: str, *, at: int = 0, gate: str = "passed") -> None:
    """Make a release known, with a gate that says so."""
    store.catalog.add_release(model, release, at=at)
    store.decide_gate(model, release, gate, at=at)


def rows(first: int, count: int, *, model: str = "loan", at: int | None = None) -> dict[str, Any]:
    """`count` predictions with ids p<first>, p<first+1> ..., one microsecond apart."""
    numbers = range(first, first + count)
    start = first if at is None else at
    return {
        "id": [f"p{number}" for number in numbers],
        "model": [model] * count,
        "at": [start + step for step in range(count)],
        "received": [start + step for step in range(count)],
        "score": [number / 7 for number in numbers],
        "verdict": ["ok"] * count,
        "marks": [["~Income:null"] if number % 3 == 0 else [] for number in numbers],
        "features": [f'{{"Age":{number},"Job":"fixed"}}' for number in numbers],
    }


def labels(
    ids: list[str], values: list[str], *, known_at: int = 0, model: str = "loan"
) -> dict[str, Any]:
    """Labels for these ids."""
    return {
        "id": ids,
        "model": [model] * len(ids),
        "value": values,
        "known_at": [known_at] * len(ids),
        "received": [known_at] * len(ids),
    }


def ids_of(table: Any) -> list[str]:
    """Ids of the rows of a table or of several batches."""
    if isinstance(table, list):
        return [name for batch in table for name in batch.column("id").to_pylist()]
    return list(table.column("id").to_pylist())


def names(first: int, count: int) -> list[str]:
    """The ids that `rows` gives."""
    return [f"p{number}" for number in range(first, first + count)]
