"""A reference without a release: a table of normal rows, with scores and outcomes if there are any.

For models that are served elsewhere: what is watched is learned from the table alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from holdfast import frames
from holdfast.contracts.model import ContractData
from holdfast.detection.columns.fit import ReferenceFit, learn_reference
from holdfast.errors import DataError
from holdfast.frames.values import FloatArray, IntArray, ValueKind, Values, kind_of, read_values
from holdfast.profiles.portrait import Portrait


class _Contract:
    """A contract as far as monitoring reads it."""

    def __init__(self, data: ContractData) -> None:
        self.data = data


class TableReference:
    """What a table of normal rows taught; stands where a release does for a `Monitor`.

    Attributes:
        id: hash of what was learned.
        contract: asks for nothing, if none was given.
        reference: counts of its marks.
        values: what is watched.
        portrait: what diagnosis compares with.
    """

    def __init__(
        self,
        values: ReferenceFit,
        portrait: Portrait,
        contract: ContractData | None = None,
        marks: Mapping[str, int] | None = None,
    ) -> None:
        self.values = values
        self.portrait = portrait
        self.contract = _Contract(contract or ContractData(name="", fields=()))
        self.reference: dict[str, Any] = {"rows": values.rows, "marks": dict(marks or {})}
        self.id = hashlib.sha256(values.to_bytes()).hexdigest()

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Values],
        *,
        score: FloatArray | None = None,
        label: FloatArray | None = None,
        importance: Mapping[str, float] | None = None,
        floor: float = 1.0,
        seed: int = 0,
        at: IntArray | None = None,
        ordered: bool | None = True,
        entity: tuple[str, Values] | None = None,
        contract: ContractData | None = None,
        marks: Mapping[str, int] | None = None,
    ) -> TableReference:
        """Learns from columns that were read already, rows in their natural order.

        Args:
            columns: by name, all of one length.
            score: shape (n,), the model's scores.
            label: shape (n,), outcomes, 0 or 1, NaN where unknown.
            importance: share of the score by column, where it is known.
            floor: multiplies the smallest change that matters.
            seed: of everything random.
            at: shape (n,), event times in microseconds since 1970 (UTC), 0 where unknown. Rows are
                put in their order, and what follows the clock is learned by the clock.
            ordered: False where the rows were shuffled: then the first rows of production are a
                warm-up; None: judged by whether neighbouring rows resemble each other.
            entity: name and values of the column that says whose row it is: its rows count once in
                200, here and when they are watched.
            contract: whose marks are watched too; None: nothing is checked.
            marks: how many rows carry each of its marks.
        """
        if at is not None and (np.diff(at) < 0).any():
            order = np.argsort(at, kind="stable")
            columns = {name: v.take(order) for name, v in columns.items()}
            score = None if score is None else score[order]
            label = None if label is None else label[order]
            entity = None if entity is None else (entity[0], entity[1].take(order))
            at = at[order]
        ordered = True if at is not None and (at > 0).all() else ordered
        fit = learn_reference(
            columns,
            score=score,
            label=label,
            scale=floor,
            at=at,
            ordered=ordered,
            entity=entity,
        )
        portrait = Portrait.of(columns, score=score, label=label, importance=importance, seed=seed)
        return cls(fit, portrait, contract, marks)

    @classmethod
    def learn(
        cls,
        table: Any,
        *,
        score: str | None = None,
        target: str | None = None,
        positive: Any = None,
        ignore: tuple[str, ...] = (),
        floor: float = 1.0,
        seed: int = 0,
        event_time: str | None = None,
        ordered: bool | None = True,
        entity: str | None = None,
    ) -> TableReference:
        """Learns from a table.

        Args:
            table: anything `holdfast.frames.read` takes, in its natural order.
            score: column of the model's scores.
            target: column of outcomes.
            positive: the outcome that is scored; 1, True or the only other value than 0 by default.
            ignore: columns that are not watched (identifiers, times).
            floor: multiplies the smallest change that matters.
            seed: of everything random.
            event_time: column of event times; it is not watched itself.
            ordered: as in `of`.
            entity: column that says whose row it is; it is not watched itself.

        Raises:
            DataError: a column is not there, or the outcomes are not two.
        """
        frame = frames.read(table)
        names = [n for n in frame.names if n not in {score, target, event_time, entity, *ignore}]
        columns = {n: read_values(kind_of(frame.column(n)), frame.column(n)) for n in names}
        scores = None if score is None else numbers_of(frame, score)
        labels = None if target is None else outcomes_of(frame, target, positive)
        at = None if event_time is None else _times_of(frame, event_time)
        whose = (
            None
            if entity is None
            else (entity, read_values(ValueKind.CATEGORY, frame.column(entity)))
        )
        return cls.of(
            columns, score=scores, label=labels, floor=floor, seed=seed, at=at, ordered=ordered,
            entity=whose,
        )  # fmt: skip


def _times_of(frame: frames.Table, name: str) -> IntArray | None:
    """Event times in microseconds since 1970 (UTC); None where a row has none."""
    values = read_values(ValueKind.NUMBER, frame.column(name))
    return None if values.state.any() else values.numbers.astype(np.int64)


def numbers_of(frame: frames.Table, name: str) -> FloatArray:
    """A column of numbers; NaN where there is none."""
    return read_values(ValueKind.NUMBER, frame.column(name)).numbers


def outcomes_of(frame: frames.Table, name: str, positive: Any = None) -> FloatArray:
    """A column of outcomes as 0, 1 and NaN."""
    return outcomes(frame.column(name).to_pylist(), positive)


def outcomes(values: list[Any], positive: Any = None) -> FloatArray:
    """Outcomes as 0, 1, and NaN where there is none.

    Args:
        values: as they came.
        positive: what counts as 1; without it the values must be 0 and 1, or true and false.

    Raises:
        DataError: without `positive`, something else than 0 and 1 is among them.

    Example:
        >>> outcomes(["yes", None, "no"], "yes").tolist()[0::2]
        [1.0, 0.0]
    """
    out = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if value is None or (isinstance(value, float) and np.isnan(value)):
            continue
        if positive is not None:
            out[i] = float(value == positive or str(value) == str(positive))
        elif value in (0, 1):
            out[i] = float(value)
        else:
            raise DataError(
                "which outcome is the one that is scored?",
                expected="0 and 1, or positive= one of the outcomes",
                got=f"{type(value).__name__} among the outcomes",
                remedy="name it: positive='yes'",
            )
    return out
