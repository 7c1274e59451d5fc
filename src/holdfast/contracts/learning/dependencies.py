"""Candidates for dependency rules: one column decides another (sub-grade decides grade)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from holdfast.contracts.model import DependencyRule, Field, Kind, Role

if TYPE_CHECKING:
    import numpy.typing as npt

    from holdfast.frames import Table

MAX_DETERMINANTS = 500
MAX_INTEGERS = 200
MIN_ROWS_EACH = 5
MAJORITY = 0.95
_HEAD = 256
#: log-probability, under independence, that a dependency must stay below
CHANCE = math.log(1e-9)
_KINDS = frozenset({Kind.CATEGORICAL, Kind.BOOLEAN, Kind.INTEGER})


@dataclass(frozen=True, slots=True)
class Coded:
    """A column as codes into its distinct values; -1 is null."""

    name: str
    codes: npt.NDArray[np.int64]
    words: list[Any]


def dependency_candidates(
    table: Table, fields: Sequence[Field], rows: npt.NDArray[np.int64]
) -> list[DependencyRule]:
    """Pairs in which each determinant value was seen with one dependent value only.

    By chance that happens with probability ``prod_a sum_b p_b ** n_a`` (n_a rows of determinant
    value a, p_b share of dependent value b); it must be below 1e-9. Values seen fewer than five
    times are left out of the mapping; of two columns that decide each other, the first is taken
    as determinant; what follows from two other dependencies is left out.

    Args:
        table: the whole table.
        fields: its fields.
        rows: the rows of the sample that proposes pairs.
    """
    eligible = [f for f in fields if f.kind in _KINDS and f.role is not Role.IGNORED]
    sample = table.take(rows)
    coded = [c for c in (_coded(sample, f.name, small=True) for f in eligible) if c is not None]
    if not coded:
        return []
    found: list[DependencyRule] = []
    pairs: set[tuple[str, str]] = set()
    whole: dict[str, Coded | None] = {}
    heads = np.array([c.codes[:_HEAD] for c in coded])
    for left in sorted(coded, key=lambda c: len(c.words)):
        for place in _possible(left.codes[:_HEAD], heads):
            right = coded[place]
            if left is right or len(right.words) > len(left.words):
                continue
            if (right.name, left.name) in pairs or not _decides(left, right):
                continue
            for name in (left.name, right.name):
                if name not in whole:
                    whole[name] = _coded(table, name, small=False)
            rule = _rule(whole[left.name], whole[right.name])
            if rule is not None:
                found.append(rule)
                pairs.add((left.name, right.name))
    return [r for r in found if not _implied(r, pairs)]


def _possible(left: npt.NDArray[np.int64], heads: npt.NDArray[np.int64]) -> list[int]:
    """Places of the columns that never differ, in the first rows, where the left one does not."""
    order = np.argsort(left, kind="stable")
    first, second = order[:-1], order[1:]
    same = (left[first] == left[second]) & (left[first] >= 0)
    a, b = heads[:, first[same]], heads[:, second[same]]
    return [int(i) for i in np.flatnonzero(~((a != b) & (a >= 0) & (b >= 0)).any(axis=1))]


def _implied(rule: DependencyRule, pairs: set[tuple[str, str]]) -> bool:
    return any(
        first == rule.determinant and second != rule.dependent and (second, rule.dependent) in pairs
        for first, second in pairs
    )


def _coded(table: Table, name: str, *, small: bool) -> Coded | None:
    column = table.column(name)
    if not column.present_count or column.storage.value not in {"text", "int", "bool"}:
        return None
    if column.storage.value == "int":  # a wide span cannot be a code: spare the encoding
        low, high = column.bounds
        if int(high) - int(low) > 100 * MAX_INTEGERS:
            return None
    if column.storage.value == "text":
        codes, words = column.codes.astype(np.int64), column.dictionary.to_pylist()
    else:
        encoded = column.array.dictionary_encode()
        codes = np.asarray(encoded.indices.fill_null(-1)).astype(np.int64)
        words = pa.array(encoded.dictionary).to_pylist()
    limit = MAX_DETERMINANTS if column.storage.value == "text" else MAX_INTEGERS
    if not (1 if small else 2) <= len(words) <= limit:
        return None
    return Coded(name, codes, words)


def _decides(left: Coded, right: Coded) -> bool:
    """Whether, in the sample, each left value comes with one right value and that says much."""
    both = (left.codes >= 0) & (right.codes >= 0)
    if both.sum() < 200 or len(right.words) < 2:
        return False
    a, b = left.codes[both], right.codes[both]
    if not _pure(a, b, len(right.words)):
        return False
    shares = np.bincount(b) / len(b)
    if shares.max() > MAJORITY:
        return False
    sizes = np.bincount(a)
    sizes = sizes[sizes > 0]
    logs = sizes[:, None] * np.log(shares[shares > 0])[None, :]
    return float(np.logaddexp.reduce(logs, axis=1).sum()) < CHANCE


def _pure(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], width: int) -> bool:
    return len(np.unique(a * width + b)) == len(np.unique(a))


def _rule(left: Coded | None, right: Coded | None) -> DependencyRule | None:
    """The rule with its mapping from every row; one odd row in a thousand is tolerated."""
    if left is None or right is None:
        return None
    both = (left.codes >= 0) & (right.codes >= 0)
    width = len(right.words)
    joint = np.bincount(
        left.codes[both] * width + right.codes[both], minlength=len(left.words) * width
    ).reshape(len(left.words), width)
    total = joint.sum(axis=1)
    if joint.sum() - joint.max(axis=1).sum() > 0.001 * joint.sum():
        return None
    mapping = [
        (left.words[i], right.words[int(joint[i].argmax())])
        for i in np.flatnonzero(total >= MIN_ROWS_EACH)
    ]
    if len(mapping) < 2:
        return None
    mapping.sort(key=lambda pair: (str(pair[0].__class__), pair[0]))
    return DependencyRule(determinant=left.name, dependent=right.name, mapping=tuple(mapping))
